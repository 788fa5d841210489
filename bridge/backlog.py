"""What waits for a customer: while a socket opens, and when its owner reads too slowly."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

PAYLOAD_BYTES = 216
"""The 160 bytes of a frame in base64."""


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

    @property
    def frames(self) -> int:
        """Frames of audio that it is, by its size, rounded up; even an empty one takes room."""
        return max(1, -(-len(self.data) // PAYLOAD_BYTES)) if self.is_audio else 0


class Backlog:
    """A bounded queue. `limit` counts frames of audio; what may not be lost comes on top, `keep`
    of it at most.

    Audio that came in larger pieces counts by its size, and is lost by the piece.

    `overrun`: more than may be kept has come; the stream it is for should end.
    """

    def __init__(self, limit: int, *, keep: int) -> None:
        self.policy = WhenSlow.DROP_OLDEST
        self._limit = limit
        self._keep = keep
        self._audio: deque[tuple[int, Waiting]] = deque()  # each with its place in the order
        self._kept: deque[tuple[int, Waiting]] = deque()
        self._place = 0
        self.frames = 0
        self.overrun = False

    def __len__(self) -> int:
        return len(self._audio) + len(self._kept)

    def add(self, waiting: Waiting) -> int:
        """Keep it behind the rest; returns how many frames are thrown away for it."""
        self._place += 1
        if not waiting.is_audio:
            self.overrun |= len(self._kept) >= self._keep
            self._kept.append((self._place, waiting))
            return 0
        frames, lost = waiting.frames, 0
        if self.frames + frames > self._limit:
            self.overrun |= self.policy is WhenSlow.CLOSE
            if self.policy is not WhenSlow.DROP_OLDEST or frames > self._limit:
                return frames
            while self.frames + frames > self._limit:
                _, oldest = self._audio.popleft()
                self.frames -= oldest.frames
                lost += oldest.frames
        self._audio.append((self._place, waiting))
        self.frames += frames
        return lost

    def take(self) -> Iterator[Waiting]:
        """All that waits, in order; it waits no longer."""
        audio, kept = self._audio, self._kept
        while audio or kept:
            first = kept if not audio or (kept and kept[0][0] < audio[0][0]) else audio
            _, waiting = first.popleft()
            self.frames -= waiting.frames
            yield waiting
