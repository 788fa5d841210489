"""The load in Python, for where there is no C compiler."""
