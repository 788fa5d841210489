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

    Nothing is lost: what is not read waits in the network. Call `look` when `COUNTED` messages or
    more have come since the last time. `slowed` is told why, each time that reading rests.
    """

    def __init__(self, source: Source, rate: int, slowed: Callable[[str], None], what: str) -> None:
        self._source = source
        self._rate = rate
        self._why = f"more than {rate:,} {what} a second: they are read more slowly"
        self._slowed = slowed
        self._loop = asyncio.get_running_loop()
        self._looked = self._due = self._loop.time()
        self._resting: asyncio.TimerHandle | None = None

    def look(self, count: int = COUNTED) -> None:
        """So many messages have come since the last look."""
        now = self._loop.time()
        self._due = max(self._due, self._looked) + count / self._rate
        self._looked = now
        if now < self._due and self._resting is None:
            self._source.pause_reading()
            self._resting = self._loop.call_at(self._due, self._read_on)
            self._slowed(self._why)

    def end(self) -> None:
        """Read on at once: the peer's close frame is yet to come."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
            self._source.resume_reading()

    def _read_on(self) -> None:
        if self._loop.time() < self._due:  # more came of what had been read before the rest
            self._resting = self._loop.call_at(self._due, self._read_on)
        else:
            self._resting = None
            self._source.resume_reading()


class Paced:
    """One whose peer has a pace, from `_keep_pace` to `_end_pace`.

    Each message takes 1 from `_left`, one larger than a frame of audio 1 more for each KiB, since
    it takes as much more time; when nothing is left, `_look` is called. What a socket gets
    besides messages is counted the same by `_frame_came`.
    """

    def __init__(self) -> None:
        self._left = COUNTED
        self._pace: Pace | None = None

    def _keep_pace(
        self, source: Source, rate: int, slowed: Callable[[str], None], *, what: str = "messages"
    ) -> None:
        self._pace = Pace(source, rate, slowed, what)

    def _end_pace(self) -> None:
        if self._pace is not None:
            self._pace.end()
            self._pace = None

    def _frame_came(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self._look()

    def _look(self) -> None:
        count = COUNTED - self._left
        self._left = COUNTED
        if self._pace is not None:
            self._pace.look(count)
