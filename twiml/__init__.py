"""Twilio's markup language for voice: parse it, explain it, step through it, translate it.

Everything here is pure: no network, no clock, no event loop.
"""
