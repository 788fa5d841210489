"""Twilio's identifiers: two letters and 32 lower-case hex digits (T section 12)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

RandomBytes = Callable[[int], bytes]
"""A source of random bytes, such as `secrets.token_bytes`; handed in so that tests can fix it."""

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.I)
_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


def mint(prefix: str, random_bytes: RandomBytes) -> str:
    """A fresh identifier such as `MZ…`."""
    return prefix + random_bytes(16).hex()


def alias(prefix: str, foreign: str) -> str:
    """Twilio's form of a carrier's identifier; the same input always gives the same alias.

    SignalWire's ids are UUIDs, whose 32 digits are kept so that an operator can read one id from
    the other. Anything else is hashed. An id that already has Twilio's form passes unchanged.
    """
    if is_sid(foreign, prefix):
        return foreign
    if _UUID.fullmatch(foreign):
        return prefix + foreign.replace("-", "").lower()
    return prefix + hashlib.sha256(foreign.encode()).hexdigest()[:32]


def is_sid(text: str, prefix: str) -> bool:
    return text.startswith(prefix) and _SID.fullmatch(text) is not None
