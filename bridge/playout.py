"""Audio and marks waiting to be played to a caller, on a sample clock."""

from __future__ import annotations

import binascii
from collections import deque

from bridge.audio import FRAME_BYTES as FRAME_BYTES  # noqa: PLC0414 -- for those who take frames
from bridge.audio import SAMPLE_RATE

SILENCE = b"\xff" * FRAME_BYTES
TEN_MINUTES = 10 * 60 * SAMPLE_RATE
"""Twilio's bound on buffered audio, in mu-law bytes (T section 7)."""


class Playout:
    """A FIFO of mu-law audio with marks between the bytes.

    Call `take()` every 20 ms for the frame to play, and `due()` for the marks whose audio has been
    handed out. Audio of any length goes in and frames of 160 bytes come out, no byte lost. A last
    odd piece waits one frame for more to follow it and is then filled up with silence.

    A frame that came in base64, and is to leave so, is not decoded on its way as long as nothing
    but such frames waits: what stands in `_payloads` comes before what stands in `_chunks`.
    """

    def __init__(self, limit: int = TEN_MINUTES) -> None:
        self._limit = limit
        self._payloads: deque[bytes] = deque()
        self._chunks: deque[bytes] = deque()
        self._offset = 0  # into the first chunk
        self._marks: deque[tuple[int, str]] = deque()
        self._held = False
        self.buffered = 0
        self.received = 0
        self.taken = 0
        self.cleared = 0
        self.padded = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is waiting to be played."""
        return self.buffered == 0

    @property
    def marked(self) -> bool:
        """Whether a mark waits for the audio before it."""
        return bool(self._marks)

    def play(self, audio: bytes) -> int:
        """Append audio; returns how many bytes did not fit and were discarded."""
        room = self._limit - self.buffered
        discarded = max(0, len(audio) - room)
        if discarded:
            audio = audio[:room]
        if audio:
            if self._chunks and len(self._chunks[-1]) + len(audio) <= FRAME_BYTES:
                self._chunks[-1] += audio  # crumbs would take ten times their size
            else:
                self._chunks.append(audio)
            self.buffered += len(audio)
            self.received += len(audio)
        return discarded

    def play_payload(self, payload: bytes) -> int:
        """Append one frame of 160 bytes in base64; as `play`."""
        if self._chunks or self.buffered + FRAME_BYTES > self._limit:
            return self.play(binascii.a2b_base64(payload))
        self._payloads.append(payload)
        self.buffered += FRAME_BYTES
        self.received += FRAME_BYTES
        return 0

    def mark(self, name: str) -> None:
        """Remember a mark behind everything received so far."""
        self._marks.append((self.received, name))

    def clear(self) -> list[str]:
        """Throw away what waits; returns the marks that were waiting, in order."""
        self.cleared += self.buffered
        self.received -= self.buffered
        self._payloads.clear()
        self._chunks.clear()
        self._offset = self.buffered = 0
        self._held = False
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def due(self) -> list[str]:
        """The marks whose audio has all been handed out, in order; each is returned once."""
        names: list[str] = []
        while (name := self.next_due()) is not None:
            names.append(name)
        return names

    def next_due(self) -> str | None:
        """The first of them."""
        if self._marks and self._marks[0][0] <= self.taken:
            return self._marks.popleft()[1]
        return None

    def take_payload(self) -> bytes | None:
        """As `take`, in base64."""
        if self._payloads:
            self._count(FRAME_BYTES)
            return self._payloads.popleft()
        frame = self.take()
        return None if frame is None else binascii.b2a_base64(frame, newline=False)

    def take(self) -> bytes | None:
        """The next 20 ms to play; None when there is nothing to play."""
        if self._payloads:
            self._count(FRAME_BYTES)
            return binascii.a2b_base64(self._payloads.popleft())
        if self.buffered == 0:
            return None
        if self.buffered < FRAME_BYTES:
            return self._take_tail()
        first = self._chunks[0]
        end = self._offset + FRAME_BYTES
        if end <= len(first):
            frame = first[self._offset : end]
            self._offset = end
            if end == len(first):
                self._chunks.popleft()
                self._offset = 0
        else:
            frame = self._gather(FRAME_BYTES)
        self._count(FRAME_BYTES)
        return frame

    def _take_tail(self) -> bytes | None:
        if not self._held and not self._marks:
            self._held = True
            return None
        size = self.buffered
        tail = self._gather(size)
        self._count(size)
        self.padded += FRAME_BYTES - size
        return tail + SILENCE[size:]

    def _count(self, size: int) -> None:
        self.buffered -= size
        self.taken += size
        self._held = False

    def _gather(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            first = self._chunks[0]
            part = first[self._offset : self._offset + size]
            parts.append(part)
            size -= len(part)
            self._offset += len(part)
            if self._offset == len(first):
                self._chunks.popleft()
                self._offset = 0
        return b"".join(parts)
