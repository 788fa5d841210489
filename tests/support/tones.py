"""Tones made as samples from -1 to 1, written in any encoding, and heard again."""

from __future__ import annotations

import itertools
import math
from bisect import bisect
from collections.abc import Callable

from bridge.audio import SAMPLE_RATE

EVERY_BYTE = bytes(range(256))


def tone(hertz: float, rate: int, seconds: float = 0.5, level: float = 0.5) -> list[float]:
    step = 2 * math.pi * hertz / rate
    return [level * math.sin(step * i) for i in range(int(rate * seconds))]


def amplitude(samples: list[float], hertz: float, rate: int = SAMPLE_RATE) -> float:
    """Goertzel: the amplitude of one frequency, measured over the middle half."""
    middle = samples[len(samples) // 4 : len(samples) * 3 // 4]
    twice_cosine = 2 * math.cos(2 * math.pi * hertz / rate)
    before = last = 0.0
    for sample in middle:
        before, last = last, sample + twice_cosine * last - before
    power = last * last + before * before - twice_cosine * last * before
    return 2 * math.sqrt(max(power, 0.0)) / len(middle)


def mulaw_value(byte: int) -> int:
    """G.711 mu-law, scaled to 16 bits."""
    byte ^= 0xFF
    magnitude = (((byte & 0x0F) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84
    return -magnitude if byte & 0x80 else magnitude


def alaw_value(byte: int) -> int:
    """G.711 A-law, scaled to 16 bits."""
    byte ^= 0x55
    segment, magnitude = byte >> 4 & 7, (byte & 0x0F) << 4
    magnitude = magnitude + 8 if segment == 0 else magnitude + 0x108 << segment - 1
    return magnitude if byte & 0x80 else -magnitude


def linear(mulaw: bytes) -> list[float]:
    return [mulaw_value(byte) / 32768 for byte in mulaw]


def decibels(ratio: float) -> float:
    return 20 * math.log10(max(ratio, 1e-9))


def pcm(samples: list[float], width: int) -> bytes:
    top = 2 ** (8 * width - 1) - 1
    offset = 128 if width == 1 else 0
    return b"".join(
        (round(s * top) + offset).to_bytes(width, "little", signed=width > 1) for s in samples
    )


def companded(value: Callable[[int], int]) -> Callable[[list[float]], bytes]:
    """An encoder that takes the nearest value of a code."""
    codes = sorted(range(256), key=value)
    borders = [(value(a) + value(b)) / 2 for a, b in itertools.pairwise(codes)]

    def encode(samples: list[float]) -> bytes:
        return bytes(codes[bisect(borders, sample * 32768)] for sample in samples)

    return encode


to_mulaw = companded(mulaw_value)
to_alaw = companded(alaw_value)
