"""Overrides for one URL, written in its fragment, which is neither sent nor signed.

A webhook's time limits and retries are Twilio's: `https://example.com/voice#ct=2000&rc=2&rp=4xx,ct`
(T section 9). What becomes of audio that a stream's customer does not take in time is ours:
`wss://example.com/media#slow=drop-newest`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from bridge.backlog import WhenSlow

_RETRY_WORDS = frozenset({"4xx", "5xx", "ct", "rt", "all"})


@dataclass(frozen=True, slots=True)
class Overrides:
    """Limits of one webhook request; the defaults are Twilio's documented ones.

    Times are in milliseconds: to connect, to read the answer, and in total.
    """

    connect: int = 5_000
    read: int = 15_000
    total: int = 15_000
    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})

    def retries_on(self, reason: str) -> bool:
        """Whether a failure (`ct` connect or TLS, `rt` read, `4xx`, `5xx`) is tried again."""
        return reason in self.retry_on or "all" in self.retry_on


def split(url: str) -> tuple[str, Overrides, tuple[str, ...]]:
    """The URL to request, its limits, and the override keys that were not understood.

    Values out of range fall back to the default and are named among the latter.
    """
    base, _, fragment = url.partition("#")
    numbers: dict[str, int] = {}
    retry_on = Overrides().retry_on
    unknown: list[str] = []
    for key, value in parse_qsl(fragment, keep_blank_values=True):
        if key in _RANGES:
            low, high = _RANGES[key]
            if re.fullmatch("[0-9]{1,5}", value) and low <= int(value) <= high:
                numbers[key] = int(value)
            else:
                unknown.append(f"{key}={value}")
        elif key == "rp" and (words := frozenset(value.split(","))) <= _RETRY_WORDS:
            retry_on = words
        elif key not in ("sni", "e"):  # Twilio's TLS and edge choices have no meaning here
            unknown.append(f"{key}={value}")
    defaults = Overrides()
    return (
        base,
        Overrides(
            connect=numbers.get("ct", defaults.connect),
            read=numbers.get("rt", defaults.read),
            total=numbers.get("tt", defaults.total),
            retries=numbers.get("rc", defaults.retries),
            retry_on=retry_on,
        ),
        tuple(unknown),
    )


def when_slow(url: str, default: WhenSlow) -> WhenSlow:
    """The policy that a stream's URL asks for; the default where it asks for none that exists."""
    asked = dict(parse_qsl(url.partition("#")[2])).get("slow")
    return next((policy for policy in WhenSlow if policy == asked), default)


_RANGES = {"ct": (100, 10_000), "rt": (100, 15_000), "tt": (100, 15_000), "rc": (0, 5)}
