"""How quickly a peer's messages are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

COUNTED = 256
"""Messages of a peer between two looks at their rate."""


class Source(Protocol):
    """What a peer's messages are read from."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Pace:
    """Reads a peer that sends too quickly more slowly: `rate` messages a second, in the mean.

    Nothing is lost: what is not read waits in the network. The owner counts the messages, and calls
    `look` at each one that `COUNTED` divides. `slowed` is told why, each time that reading rests.
    """

    def __init__(self, source: Source, rate: int, slowed: Callable[[str], None]) -> None:
        self._source = source
        self._rate = rate
        self._slowed = slowed
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._resting: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """As many messages have come as are counted between two looks."""
        due = self._since + COUNTED / self._rate
        self._since = self._loop.time()
        # What had been read before a rest still comes in it.
        if self._since < due and self._resting is None:
            self._source.pause_reading()
            self._resting = self._loop.call_at(due, self._read_on)
            self._slowed(f"more than {self._rate:,} messages a second: they are read more slowly")

    def end(self) -> None:
        """Read on at once: the peer's close frame is yet to come."""
        if self._resting is not None:
            self._resting.cancel()
            self._read_on()

    def _read_on(self) -> None:
        self._resting = None
        self._since = self._loop.time()
        self._source.resume_reading()
