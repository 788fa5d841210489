"""What waits for a customer: while a socket opens, and when its owner reads too slowly."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class WhenSlow(StrEnum):
    """What becomes of a call's audio that a customer does not take in time (31930)."""

    DROP_OLDEST = "drop-oldest"
    DROP_NEWEST = "drop-newest"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Audio of a track, or something that may not be lost: `kind` says which, `data` what."""

    kind: str
    data: bytes
    timestamp: int = 0
    is_audio: bool = True


class Backlog:
    """A bounded queue. `limit` counts frames of audio; what may not be lost comes on top.

    `overrun`: more than may be kept has come; the stream it is for should end.
    """

    def __init__(self, limit: int) -> None:
        self.policy = WhenSlow.DROP_OLDEST
        self._limit = limit
        self._queue: deque[Waiting] = deque()
        self.frames = 0
        self.overrun = False

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, waiting: Waiting) -> int:
        """Keep it behind the rest; returns how many frames are thrown away for it."""
        if not waiting.is_audio:
            self.overrun |= len(self._queue) - self.frames >= self._limit
            self._queue.append(waiting)
            return 0
        lost = 0
        if self.frames >= self._limit:
            lost = 1
            self.overrun |= self.policy is WhenSlow.CLOSE
            if self.policy is not WhenSlow.DROP_OLDEST or not self.frames:
                return lost
            self._drop_oldest()
        self._queue.append(waiting)
        self.frames += 1
        return lost

    def take(self) -> Iterator[Waiting]:
        """All that waits, in order; it waits no longer."""
        while self._queue:
            waiting = self._queue.popleft()
            self.frames -= waiting.is_audio
            yield waiting

    def _drop_oldest(self) -> None:
        for index, waiting in enumerate(self._queue):
            if waiting.is_audio:
                del self._queue[index]
                self.frames -= 1
                return
