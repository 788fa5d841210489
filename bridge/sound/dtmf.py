"""Keys of a telephone as tones: made for `<Play digits>` and `sendDigits`, heard in a call's audio.

Frequencies, levels and times follow ITU-T Q.23 and Q.24. Twilio does not say how it detects keys;
what is chosen here stands beside each constant.
"""

from __future__ import annotations

import cmath
import math
from array import array
from collections.abc import Iterator

from bridge.audio import FRAME_BYTES, SAMPLE_RATE, audioop
from bridge.sound.waves import silence, tone

LOW = (697.0, 770.0, 852.0, 941.0)
HIGH = (1209.0, 1336.0, 1477.0, 1633.0)
_ROWS = ("123A", "456B", "789C", "*0#D")
KEYS = {
    key: (low, high)
    for low, row in zip(LOW, _ROWS, strict=True)
    for key, high in zip(row, HIGH, strict=True)
}

PAUSES_MS = {"w": 500, "W": 1000}
"""Twilio's pauses between digits: half a second, and one."""

_LOW_DBM0, _HIGH_DBM0 = -9.0, -7.0


def digit_pieces(digits: str, *, tone_ms: int = 100, gap_ms: int = 100) -> Iterator[bytes]:
    """The sound of `digits`, one piece per character: a key's tone and the gap after it, or a
    pause (`w`, `W`).

    Keys are 0-9, *, #, A-D (small letters too). Raises ValueError for another character, before
    anything is made.
    """
    digits = "".join(digits.split())
    wrong = unusable_digits(digits)
    if wrong:
        raise ValueError(f"no key of a telephone: {wrong!r}; write 0-9, *, #, A-D, w or W")
    return _pieces(digits, tone_ms, gap_ms)


def _pieces(digits: str, tone_ms: int, gap_ms: int) -> Iterator[bytes]:
    gap = silence(gap_ms)
    for digit in digits:
        pause = PAUSES_MS.get(digit)
        if pause is not None:
            yield silence(pause)
        else:
            low, high = KEYS[digit.upper()]
            yield tone(((low, _LOW_DBM0), (high, _HIGH_DBM0)), tone_ms) + gap


def unusable_digits(digits: str) -> str:
    """The characters that are neither a key nor a pause, each once, in order."""
    return "".join(
        dict.fromkeys(
            digit
            for digit in digits
            if digit not in PAUSES_MS and digit.upper() not in KEYS and not digit.isspace()
        )
    )


# --- detection --------------------------------------------------------------------------------
#
# Each window of 20 ms is correlated with a sine and a cosine of the eight frequencies; windows
# overlap by half. The phase that a tone gains from one window to the next tells its frequency to
# a fraction of a per cent, which speech and music rarely hold on two tones at once. The sums are
# audioop's, in C: findfactor(a, b) is sum(a * b) / sum(b * b).

_WINDOW = FRAME_BYTES
_HOP = _WINDOW // 2
_HOP_BYTES = 2 * _HOP
_PEAK = 32767

MIN_DBM0 = -38.0
"""The weakest tone that counts, each of the two. Q.24 asks for -25 dBm and forbids -55."""

_DEVIATION = 0.022
"""How far a frequency may be off: Q.24 demands 1.5 % to pass and 3.5 % to fail."""

_LOW_OVER_HIGH_DB = 9.5
_HIGH_OVER_LOW_DB = 6.5
"""The difference in level (twist) that may be; Q.24 lists 8 dB and 4 dB, and some are worse."""

_PURITY = 0.85
"""The part of a window's energy that the two tones must hold: noise 8 dB below them is borne."""

_OTHERS = 10 ** (-6 / 10)
"""How strong the next tone of a group may be beside the strongest, as power."""

_WINDOWS_TO_BEGIN = 2
"""So many of them steady: a key of 40 ms is heard, one of 20 ms is not (Q.24)."""

_WINDOWS_TO_END = 4
"""An interruption of up to 10 ms does not end a key; a pause of 40 ms does (Q.24)."""


def _reference(hertz: float, phase: float) -> bytes:
    step = 2 * math.pi * hertz / SAMPLE_RATE
    return array("h", [round(_PEAK * math.sin(step * n + phase)) for n in range(_WINDOW)]).tobytes()


_BANK = {hertz: (_reference(hertz, math.pi / 2), _reference(hertz, 0.0)) for hertz in LOW + HIGH}
_ADVANCE = {hertz: 2 * math.pi * hertz * _HOP / SAMPLE_RATE for hertz in LOW + HIGH}
_KEY_OF = {pair: key for key, pair in KEYS.items()}
_FLOOR = int(32767 * 10 ** ((MIN_DBM0 - 3.17) / 20))
_FLOOR_POWER = float(_FLOOR * _FLOOR)
_FLOOR_RMS = _FLOOR  # of the two tones together: each has a power of half its peak's square

_Hit = tuple[str, complex, complex]


class DtmfDetector:
    """Hears keys in one direction of a call's audio.

    `active` is the key that sounds now, "" for none. A key is reported once, 30 to 40 ms after it
    begins, however long it is held.
    """

    def __init__(self) -> None:
        self.active = ""
        self._tail = bytes(_HOP_BYTES)
        self._last: _Hit | None = None
        self._steady = 0
        self._missing = 0

    def feed(self, frame: bytes) -> str:
        """The next 20 ms (160 bytes of mu-law): the keys that it makes certain, most often ""."""
        pcm = audioop.ulaw2lin(frame, 2)
        if self._last is None and not self.active and audioop.rms(pcm, 2) < _FLOOR_RMS // 2:
            self._tail = pcm[-_HOP_BYTES:]
            return ""
        found = self._window(self._tail + pcm[:_HOP_BYTES]) + self._window(pcm)
        self._tail = pcm[-_HOP_BYTES:]
        return found

    def _window(self, pcm: bytes) -> str:
        hit = _look(pcm)
        last, self._last = self._last, hit
        if hit is None or last is None or hit[0] != last[0] or not _steady(last, hit, pcm):
            self._steady = 0
            self._missing += 1
            if self._missing >= _WINDOWS_TO_END:
                self.active = ""
            return ""
        self._steady += 1
        if hit[0] == self.active:
            self._missing = 0
            return ""
        if self._steady < _WINDOWS_TO_BEGIN:
            return ""
        self._missing = 0
        self.active = hit[0]
        return self.active


def _look(pcm: bytes) -> _Hit | None:
    """The key that a window may hold, with the two tones' amplitudes as complex numbers."""
    if audioop.rms(pcm, 2) < _FLOOR_RMS:
        return None
    low = _strongest(pcm, LOW)
    if low is None:
        return None
    high = _strongest(pcm, HIGH)
    if high is None:
        return None
    return _KEY_OF[low[0], high[0]], low[1], high[1]


def _strongest(pcm: bytes, group: tuple[float, ...]) -> tuple[float, complex] | None:
    """The one tone that stands out of a group, None when none does."""
    factor = audioop.findfactor
    best = second = 0.0
    hertz, amplitude = 0.0, 0j
    for candidate in group:
        cosine, sine = _BANK[candidate]
        real, imaginary = factor(pcm, cosine), factor(pcm, sine)
        power = real * real + imaginary * imaginary
        if power > best:
            second, best = best, power
            hertz, amplitude = candidate, complex(real, -imaginary)
        elif power > second:
            second = power
    # A factor of 1 is a tone of full scale.
    if best * _PEAK * _PEAK < _FLOOR_POWER or second > best * _OTHERS:
        return None
    return hertz, amplitude


def _steady(last: _Hit, hit: _Hit, pcm: bytes) -> bool:
    """Whether two windows in a row hold the same two tones: on their frequencies, of levels that
    belong together, and hardly anything else."""
    low, high = KEYS[hit[0]]
    low_power = _corrected(low, last[1], hit[1])
    high_power = _corrected(high, last[2], hit[2])
    if low_power is None or high_power is None:
        return False
    twist = 10 * math.log10(low_power / high_power)
    if not -_HIGH_OVER_LOW_DB <= twist <= _LOW_OVER_HIGH_DB:
        return False
    rms = audioop.rms(pcm, 2) / _PEAK
    return low_power + high_power >= _PURITY * 2 * rms * rms


def _corrected(hertz: float, before: complex, after: complex) -> float | None:
    """The power of a tone (peak squared), None when its frequency is too far off.

    A tone beside the nominal frequency is measured too weak by sin(x) / x, which is made good.
    """
    gained = cmath.phase(after / before) - _ADVANCE[hertz]
    gained = math.remainder(gained, 2 * math.pi)
    off = gained * SAMPLE_RATE / (2 * math.pi * _HOP)
    if abs(off) > hertz * _DEVIATION:
        return None
    x = math.pi * off * _WINDOW / SAMPLE_RATE
    loss = math.sin(x) / x if x else 1.0
    return (after.real**2 + after.imag**2) / (loss * loss)
