"""Dialects: the JSON message forms of media sockets. Pure encoding and decoding."""
