"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes is the machine's affair; speed is for `twiml-bridge bench`.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
