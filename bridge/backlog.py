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
    """A bounded queue. `limit` counts frames of audio; what may not be lost comes on top, `keep`
    of it at most.

    `overrun`: more than may be kept has come; the stream it is for should end.
    """

    def __init__(self, limit: int, *, keep: int) -> None:
        self.policy = WhenSlow.DROP_OLDEST
        self._limit = limit
        self._keep = keep
        self._audio: deque[tuple[int, Waiting]] = deque()  # each with its place in the order
        self._kept: deque[tuple[int, Waiting]] = deque()
        self._place = 0
        self.overrun = False

    def __len__(self) -> int:
        return len(self._audio) + len(self._kept)

    @property
    def frames(self) -> int:
        return len(self._audio)

    def add(self, waiting: Waiting) -> int:
        """Keep it behind the rest; returns how many frames are thrown away for it."""
        self._place += 1
        if not waiting.is_audio:
            self.overrun |= len(self._kept) >= self._keep
            self._kept.append((self._place, waiting))
            return 0
        lost = 0
        if len(self._audio) >= self._limit:
            lost = 1
            self.overrun |= self.policy is WhenSlow.CLOSE
            if self.policy is not WhenSlow.DROP_OLDEST or not self._audio:
                return lost
            self._audio.popleft()
        self._audio.append((self._place, waiting))
        return lost

    def take(self) -> Iterator[Waiting]:
        """All that waits, in order; it waits no longer."""
        audio, kept = self._audio, self._kept
        while audio or kept:
            first = kept if not audio or (kept and kept[0][0] < audio[0][0]) else audio
            yield first.popleft()[1]
