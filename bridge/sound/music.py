"""Music of our own, for callers who wait where no other music is asked for."""

from __future__ import annotations

from functools import cache

from bridge.sound.tones import Repeating
from bridge.sound.waves import silence, tone

_BEAT_MS = 240
_QUIET = -22.0  # dBm0: under any voice
_NOTES = {"c": 261.63, "d": 293.66, "e": 329.63, "f": 349.23, "g": 392.0, "a": 440.0, "b": 493.88}
_CHORDS = ("ceg", "ace", "fac", "gbd")


@cache
def _round() -> bytes:
    """Four broken chords, each up and down, and a breath."""
    beats = []
    for chord in _CHORDS:
        for note in (*chord, *reversed(chord)):
            hertz = _NOTES[note]
            beats.append(tone(((hertz, _QUIET), (hertz / 2, _QUIET - 6)), _BEAT_MS))
        beats.append(silence(2 * _BEAT_MS))
    return b"".join(beats)


def waiting_music() -> Repeating:
    """Without end."""
    return Repeating(_round())
