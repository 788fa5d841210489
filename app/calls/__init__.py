"""Calls that this service runs itself: the shells around the script."""
