"""Calls, legs, tracks and streams: takes a call's audio and forks it to the customer's sockets."""
