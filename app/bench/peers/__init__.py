"""Bare relays by other means: what the service is measured beside."""
