"""The thin I/O shells: sockets, clocks, HTTP. What they do is decided in the pure modules."""
