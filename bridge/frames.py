"""Audio of one track cut into frames of 20 ms, each with its time."""

from __future__ import annotations

from collections.abc import Callable

from bridge.audio import FRAME_BYTES, SAMPLE_RATE, cut
from bridge.playout import SILENCE

SAMPLES_PER_MS = SAMPLE_RATE // 1000

PAUSE_MS = 200
"""Audio that comes so much later than expected follows a pause; less is the network's unrest."""

Sink = Callable[[bytes, int], None]
"""Takes one frame of 160 mu-law bytes and its milliseconds since the stream began."""


class Framer:
    """Cuts mu-law of any length into frames for `sink`, without losing a byte.

    `position` counts samples since the stream began: where the next byte belongs. `padded` counts
    the bytes of silence that filled frames up.
    """

    def __init__(self, sink: Sink) -> None:
        self.position = 0
        self.padded = 0
        self._sink = sink
        self._tail = b""

    def feed(self, audio: bytes) -> None:
        """Audio that follows without a gap on what came before."""
        at = self.position
        self.position = at + len(audio)
        if len(audio) == FRAME_BYTES and not self._tail:
            self._sink(audio, at // SAMPLES_PER_MS)
            return
        at -= len(self._tail)
        frames, self._tail = cut(self._tail + audio)
        for frame in frames:
            self._sink(frame, at // SAMPLES_PER_MS)
            at += FRAME_BYTES

    def skip(self, samples: int) -> None:
        """Time without audio; a frame that it cuts off is filled up with silence."""
        if self._tail:
            filling = min(samples, FRAME_BYTES - len(self._tail))
            self.padded += filling
            samples -= filling
            self.feed(SILENCE[:filling])
        self.position += samples

    def silence(self, samples: int) -> None:
        """Silence in the place of audio that is lost."""
        whole, rest = divmod(samples, FRAME_BYTES)
        for _ in range(whole):
            self.feed(SILENCE)
        if rest:
            self.feed(SILENCE[:rest])

    def end(self) -> None:
        """Nothing follows: fill the last frame up with silence."""
        if self._tail:
            self.skip(FRAME_BYTES - len(self._tail))
