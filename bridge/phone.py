"""Phones: who is at the other end of a call that we run ourselves. No I/O, no clock.

Every 20 ms a phone says a frame and hears one: 160 bytes of mu-law.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from bridge.audio import FRAME_BYTES
from bridge.playout import SILENCE

FRAME_MS = 20
_QUIET = b"\xff\x7f\xfe\x7e"  # mu-law's zeros and the steps beside them


class Phone(Protocol):
    """Says and hears in turns, from the time that the call is answered."""

    def say(self) -> bytes | None:
        """The next frame; None is silence."""
        ...

    def hear(self, frame: bytes | None, *, expecting: bool) -> None:
        """What the call plays; None when it plays nothing. `expecting` is whether the call does
        nothing of itself any more: it plays what others send, or waits for them."""
        ...

    def ended(self) -> None:
        """The call is over, whoever has ended it."""
        ...


def _nothing() -> None:
    """Nobody is told."""


class TapePhone:
    """Says what is on a tape, keeps what it hears, and hangs up when it has heard enough.

    `heard` grows by one frame each 20 ms, unless nobody `keeps` it. `finished` is called once, when
    the tape is over and for `patience_ms` nothing but silence has been played while the call was
    `expecting`. `pressed` is told of each of `keys` at its time, in seconds since the answer.
    """

    def __init__(
        self,
        audio: bytes,
        finished: Callable[[], None] = _nothing,
        *,
        patience_ms: int = 2_000,
        keys: Iterable[tuple[float, str]] = (),
        keeps: bool = True,
    ) -> None:
        self._keeps = keeps
        self._frames = frames_of(audio)
        self.finished = finished
        self._patience_ms = patience_ms
        self._keys = deque(sorted(keys))
        self._now_ms = 0
        self._quiet_ms = 0
        self._speaking = True
        self.pressed: Callable[[str], None] = lambda key: None
        self.heard = bytearray()
        self.spoken_frames = 0
        self.played_frames = 0

    def say(self) -> bytes | None:
        spoken = next(self._frames, None)
        self._speaking = spoken is not None
        while self._keys and self._keys[0][0] * 1000 <= self._now_ms:
            self.pressed(self._keys.popleft()[1])
        self._now_ms += FRAME_MS
        self.spoken_frames += self._speaking
        return spoken

    def hear(self, frame: bytes | None, *, expecting: bool) -> None:
        if self._keeps:
            self.heard += SILENCE if frame is None else frame
        self.played_frames += frame is not None
        idle = expecting and not self._speaking and not (frame and frame.strip(_QUIET))
        self._quiet_ms = self._quiet_ms + FRAME_MS if idle else 0
        if self._quiet_ms == self._patience_ms:
            self.finished()

    def ended(self) -> None:
        """A tape need not know."""


def frames_of(audio: bytes) -> Iterator[bytes]:
    """Audio in frames, the last one filled up with silence."""
    for at in range(0, len(audio), FRAME_BYTES):
        frame = audio[at : at + FRAME_BYTES]
        yield frame + SILENCE[len(frame) :]
