"""A recording of a call: what its two tracks say, as samples for a file.

`Take` is fed by the clock and does no I/O. `WavFile`, `recover` and `to_mp3` write files and block:
run them in a thread.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Literal

from bridge.audio import FRAME_MS, SAMPLE_RATE, audioop
from bridge.playout import SILENCE

Track = Literal["both", "inbound", "outbound"]

_SAMPLES_A_FRAME = SAMPLE_RATE * FRAME_MS // 1000
_BATCH_FRAMES = 50
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_MP3_BITS = 32_000
"""A second and channel; speech of 4 kHz needs no more."""


class Take:
    """Collects frames of 20 ms into batches of a second of 16-bit samples.

    `track` is whose sound is kept; `dual` keeps both apart, the caller (inbound) on the left. After
    `max_ms` it is `full` and takes no more. `recorded_ms` counts what was taken, without skipped
    pauses.
    """

    def __init__(
        self, *, track: Track = "both", dual: bool = False, max_ms: int | None = None
    ) -> None:
        self.channels = 2 if dual else 1
        self.recorded_ms = 0
        self.full = max_ms == 0
        self.paused: Literal["skip", "silence"] | None = None
        self._track = track
        self._dual = dual
        self._max_ms = max_ms
        self._frames: list[bytes] = []

    def feed(self, inbound: bytes | None, outbound: bytes | None) -> bytes | None:
        """The next 20 ms of each track (mu-law; None is silence): a batch when one is complete."""
        if self.full or self.paused == "skip":
            return None
        if self.paused:
            inbound = outbound = None
        self._frames.append(self._samples(inbound or SILENCE, outbound or SILENCE))
        self.recorded_ms += FRAME_MS
        if self._max_ms is not None and self.recorded_ms >= self._max_ms:
            self.full = True
        return self.rest() if len(self._frames) >= _BATCH_FRAMES else None

    def rest(self) -> bytes:
        """What has been collected since the last batch."""
        batch = b"".join(self._frames)
        self._frames.clear()
        return batch

    def _samples(self, inbound: bytes, outbound: bytes) -> bytes:
        if self._dual:
            left = audioop.tostereo(audioop.ulaw2lin(inbound, 2), 2, 1, 0)
            return audioop.add(left, audioop.tostereo(audioop.ulaw2lin(outbound, 2), 2, 0, 1), 2)
        if self._track == "inbound":
            return audioop.ulaw2lin(inbound, 2)
        if self._track == "outbound":
            return audioop.ulaw2lin(outbound, 2)
        return audioop.add(audioop.ulaw2lin(inbound, 2), audioop.ulaw2lin(outbound, 2), 2)


@dataclass(frozen=True, slots=True)
class Trim:
    """How silence is cut off: a frame is silent when no channel is louder than `floor` (the RMS of
    16-bit samples), and so much of it stays before and after the sound."""

    floor: int = 260
    before_ms: int = 100
    after_ms: int = 200


class WavFile:
    """Writes batches as a WAV file of 8 kHz and 16 bits; a whole one once it is closed.

    With `trim`, silence at the beginning and the end is left out. What is held in memory is never
    more than a batch. Raises OSError.
    """

    def __init__(self, path: Path, channels: int, trim: Trim | None = None) -> None:
        self._channels = channels
        self._frame_bytes = 2 * channels * _SAMPLES_A_FRAME
        self._trim = trim
        self._begun = trim is None
        before = trim.before_ms // FRAME_MS if trim else 0
        self._held: deque[bytes] = deque(maxlen=before)
        self._written = 0
        self._sounded_to = 0
        self._file: BinaryIO = path.open("wb")
        self._file.write(bytes(_HEADER.size))

    def write(self, batch: bytes) -> None:
        """Add whole frames of samples."""
        if self._trim is None:
            self._file.write(batch)
            self._written += len(batch)
            return
        for at in range(0, len(batch), self._frame_bytes):
            self._write_trimmed(batch[at : at + self._frame_bytes], self._trim)

    def _write_trimmed(self, frame: bytes, trim: Trim) -> None:
        sounds = self._level(frame) > trim.floor
        if not self._begun:
            if not sounds:
                self._held.append(frame)
                return
            self._begun = True
            for held in self._held:
                self._file.write(held)
                self._written += len(held)
            self._held.clear()
        self._file.write(frame)
        self._written += len(frame)
        if sounds:
            self._sounded_to = self._written

    def _level(self, frame: bytes) -> int:
        if self._channels == 1:
            return audioop.rms(frame, 2)
        left, right = audioop.tomono(frame, 2, 1, 0), audioop.tomono(frame, 2, 0, 1)
        return max(audioop.rms(left, 2), audioop.rms(right, 2))

    def close(self) -> int:
        """Complete the file; returns how many milliseconds it lasts."""
        size = self._written
        if self._trim is not None:
            tail = self._trim.after_ms // FRAME_MS * self._frame_bytes
            size = min(size, self._sounded_to + tail) if self._sounded_to else 0
        with self._file as file:
            file.truncate(_HEADER.size + size)
            file.seek(0)
            file.write(_header(self._channels, size))
        return size * 1000 // (SAMPLE_RATE * 2 * self._channels)

    def abandon(self) -> None:
        """Close without completing."""
        self._file.close()


def recover(path: Path, channels: int) -> int:
    """Complete a file that `WavFile` began and did not close, without trimming; returns its
    milliseconds. Completing one that is whole changes nothing. Raises OSError."""
    step = 2 * channels
    with path.open("r+b") as file:
        size = max(0, file.seek(0, os.SEEK_END) - _HEADER.size) // step * step
        file.truncate(_HEADER.size + size)
        file.seek(0)
        file.write(_header(channels, size))
    return size * 1000 // (SAMPLE_RATE * step)


def _header(channels: int, size: int) -> bytes:
    """Of a WAV file with so many bytes of samples."""
    step = 2 * channels
    return _HEADER.pack(
        *(b"RIFF", size + _HEADER.size - 8, b"WAVE", b"fmt ", 16, 1, channels),
        *(SAMPLE_RATE, SAMPLE_RATE * step, step, 16, b"data", size),
    )


def to_mp3(wav: Path, mp3: Path) -> None:
    """Make an MP3 file of a recording that `WavFile` wrote, a second at a time."""
    import av  # noqa: PLC0415 -- slow to begin, and most calls make none

    with wav.open("rb") as source:
        header = _HEADER.unpack(source.read(_HEADER.size))
        channels = header[6]
        layout = "stereo" if channels == 2 else "mono"
        with av.open(mp3, "w", format="mp3") as container:
            stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE, layout=layout)
            assert isinstance(stream, av.AudioStream)
            stream.bit_rate = _MP3_BITS * channels
            form = stream.codec_context.format
            resampler = av.AudioResampler(format=form, layout=layout, rate=SAMPLE_RATE)
            position = 0
            while batch := source.read(2 * channels * SAMPLE_RATE):
                count = len(batch) // (2 * channels)
                frame = av.AudioFrame(format="s16", layout=layout, samples=count)
                frame.sample_rate = SAMPLE_RATE
                frame.time_base = Fraction(1, SAMPLE_RATE)
                frame.pts = position
                frame.planes[0].update(batch)
                position += count
                for part in resampler.resample(frame):
                    container.mux(stream.encode(part))
            container.mux(stream.encode(None))
