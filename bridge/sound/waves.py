"""Sine waves and silence as mu-law at 8 kHz."""

from __future__ import annotations

import math
from array import array
from functools import cache

from bridge.audio import SAMPLE_RATE, SILENCE, audioop

_FULL_SCALE_DBM0 = 3.17
"""The level of the loudest sine that mu-law holds (ITU-T G.711)."""

_RAMP = SAMPLE_RATE * 2 // 1000  # 2 ms: keys a tone without a click


def samples_of(ms: int) -> int:
    """How many samples, which are as many mu-law bytes, last `ms` milliseconds."""
    return ms * SAMPLE_RATE // 1000


def amplitude(dbm0: float) -> float:
    """The peak, as a 16-bit sample, of a sine of that level; at most full scale."""
    return float(min(32767.0, 32767 * 10 ** ((dbm0 - _FULL_SCALE_DBM0) / 20)))


@cache
def tone(parts: tuple[tuple[float, float], ...], ms: int) -> bytes:
    """Sines sounding together for `ms`, keyed softly; each part is (hertz, dBm0)."""
    count = samples_of(ms)
    waves = [(2 * math.pi * hertz / SAMPLE_RATE, amplitude(level)) for hertz, level in parts]
    samples = array("h", bytes(2 * count))
    for n in range(count):
        edge = min(1.0, (n + 1) / _RAMP, (count - n) / _RAMP)
        value = edge * math.fsum(peak * math.sin(step * n) for step, peak in waves)
        samples[n] = round(max(-32768.0, min(32767.0, value)))
    return audioop.lin2ulaw(samples.tobytes(), 2)


def silence(ms: int) -> bytes:
    """Silence of `ms` milliseconds."""
    return bytes([SILENCE]) * samples_of(ms)
