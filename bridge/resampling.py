"""Audio at another rate, by a polyphase FIR filter (Kaiser-windowed sinc) on 32-bit samples.

The arithmetic is done by audioop a whole column of samples at a time, which makes it fast without
numpy: output phase p is the sum, over the taps of p, of an input column times the tap.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from bridge.audio import audioop

_BLOCKS = 4096  # per pass over a file, so that the working set stays in the processor's cache
_HEADROOM = 4  # partial sums of a sinc filter exceed full scale
_MAX_PHASES = 320  # 11.025 kHz to 8 kHz is 441:320; odder ratios are taken to the nearest


@dataclass(frozen=True, slots=True)
class Quality:
    """A filter by its reach (in samples of the lower rate, either side), the shape of its Kaiser
    window, and its -6 dB point as a part of the lower rate's half."""

    reach: int
    beta: float
    cutoff: float


FILE = Quality(reach=24, beta=5.65, cutoff=0.925)  # flat to 3.4 kHz, 60 dB down from 4 kHz
LIVE = Quality(reach=8, beta=3.4, cutoff=0.9)  # flat to 3 kHz, 40 dB down from 4.2 kHz, 1 ms late


@dataclass(frozen=True, slots=True)
class _Filter:
    """Makes `up` samples of `down`, `delay` output samples late.

    `phases` has, for each of the `up` samples, the taps as (position, gain); positions count from
    the oldest of the `history` input samples that precede the `down` new ones.
    """

    down: int
    up: int
    delay: int
    history: int
    phases: tuple[tuple[tuple[int, float], ...], ...]


def resample(pcm32: bytes, rate_in: int, rate_out: int, quality: Quality = FILE) -> bytes:
    """A whole recording at another rate, aligned with the original and of the same duration."""
    ratio = Fraction(rate_in, rate_out).limit_denominator(_MAX_PHASES)
    if ratio == 1:
        return pcm32
    fir = _design(ratio, quality)
    length = math.ceil(len(pcm32) // 4 / ratio)
    tail = math.ceil((fir.delay + 1) * ratio) + fir.down
    padded = memoryview(pcm32 + bytes(4 * tail))
    step = 4 * _BLOCKS * fir.down
    feed = Resampler(fir).feed
    output = b"".join(feed(padded[start : start + step]) for start in range(0, len(padded), step))
    return output[4 * fir.delay :][: 4 * length]


def live_resampler(rate_in: int, rate_out: int) -> Resampler | None:
    return None if rate_in == rate_out else Resampler(_live_filter(rate_in, rate_out))


@cache
def _live_filter(rate_in: int, rate_out: int) -> _Filter:
    return _design(Fraction(rate_in, rate_out), LIVE)


class Resampler:
    """Applies a filter to a stream of 32-bit mono samples."""

    def __init__(self, fir: _Filter) -> None:
        self._fir = fir
        self._pending = bytes(4 * fir.history)

    def feed(self, pcm32: bytes | memoryview) -> bytes:
        """The samples that `pcm32` completes."""
        down, up = self._fir.down, self._fir.up
        buffer = self._pending + pcm32
        blocks = (len(buffer) // 4 - self._fir.history) // down
        self._pending = buffer[4 * blocks * down :]
        samples = array("i", buffer)
        columns = [memoryview(samples[column::down]) for column in range(down)]
        output = array("i", bytes(4 * blocks * up))
        for phase, taps in enumerate(self._fir.phases):
            total = bytes(4 * blocks)
            for position, gain in taps:
                row, column = divmod(position, down)
                part = columns[column][row : row + blocks]
                total = audioop.add(total, audioop.mul(part, 4, gain), 4)
            output[phase::up] = array("i", audioop.mul(total, 4, _HEADROOM))
        return output.tobytes()


@cache
def _design(ratio: Fraction, quality: Quality) -> _Filter:
    """The prototype runs at `up` times the input rate, and output n is centred on its sample
    n * down: phase p uses every `up`-th tap from (p * down) % up on, the newest input first."""
    down, up = ratio.numerator, ratio.denominator
    delay = quality.reach * math.ceil(up / down)  # in whole output samples, which centres them
    centre = delay * down
    cutoff = quality.cutoff / max(up, down)  # of the lower rate, at the prototype's
    half = [_sinc(i * cutoff) * _kaiser(i / centre, quality.beta) for i in range(centre + 1)]
    prototype = half[:0:-1] + half
    history = 2 * centre // up
    phases = []
    for phase in range(up):
        newest = history + phase * down // up
        gains = prototype[phase * down % up :: up]
        scale = 1 / (_HEADROOM * math.fsum(gains))
        phases.append(tuple((newest - k, gain * scale) for k, gain in enumerate(gains)))
    return _Filter(down, up, delay, history, tuple(phases))


def _sinc(x: float) -> float:
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0


def _kaiser(x: float, beta: float) -> float:
    """The Kaiser window at -1 <= x <= 1, but for a constant factor."""
    square = (beta / 2) ** 2 * (1 - x * x)
    term = total = 1.0
    k = 1
    while term > total * 1e-9:
        term *= square / (k * k)
        total += term
        k += 1
    return total
