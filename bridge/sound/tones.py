"""Tones that a network or a conference plays: ringing, beeps.

Frequencies and cadences of countries are those of ITU-T E.180's list (supplement 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from bridge.audio import FRAME_BYTES
from bridge.sound.waves import silence, tone

_LEVEL = -16.0
"""dBm0 of each frequency of a network's tone; loud enough, and no fright at the ear."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """A tone that repeats: its frequencies in hertz, and for how many milliseconds it sounds and
    is silent in turn."""

    hertz: tuple[float, ...]
    rhythm: tuple[int, ...]


_UK = (400, 200, 400, 2000)
RINGING = {
    "at": Cadence((420,), (1000, 5000)),
    "au": Cadence((413, 438), _UK),
    "bg": Cadence((425,), (1000, 4000)),
    "br": Cadence((425,), (1000, 4000)),
    "be": Cadence((425,), (1000, 3000)),
    "ch": Cadence((425,), (1000, 4000)),
    "cl": Cadence((400,), (1000, 3000)),
    "cn": Cadence((450,), (1000, 4000)),
    "cz": Cadence((425,), (1000, 4000)),
    "de": Cadence((425,), (1000, 4000)),
    "dk": Cadence((425,), (1000, 4000)),
    "ee": Cadence((425,), (1000, 4000)),
    "es": Cadence((425,), (1500, 3000)),
    "fi": Cadence((425,), (1000, 4000)),
    "fr": Cadence((440,), (1500, 3500)),
    "gr": Cadence((425,), (1000, 4000)),
    "hu": Cadence((425,), (1250, 3750)),
    "il": Cadence((400,), (1000, 3000)),
    "in": Cadence((375, 425), _UK),
    "it": Cadence((425,), (1000, 4000)),
    "lt": Cadence((425,), (1000, 4000)),
    "jp": Cadence((384, 416), (1000, 2000)),
    "mx": Cadence((425,), (1000, 4000)),
    "my": Cadence((425,), _UK),
    "nl": Cadence((425,), (1000, 4000)),
    "no": Cadence((425,), (1000, 4000)),
    "nz": Cadence((400, 450), _UK),
    "ph": Cadence((425, 480), (1000, 4000)),
    "pl": Cadence((425,), (1000, 4000)),
    "pt": Cadence((425,), (1000, 5000)),
    "ru": Cadence((425,), (800, 3200)),
    "se": Cadence((425,), (1000, 5000)),
    "sg": Cadence((401, 425), _UK),
    "th": Cadence((400,), (1000, 4000)),
    "uk": Cadence((400, 450), _UK),
    "us": Cadence((440, 480), (2000, 4000)),
    "us-old": Cadence((420, 460), (2000, 4000)),
    "tw": Cadence((440, 480), (1000, 2000)),
    "ve": Cadence((425,), (1000, 4000)),
    "za": Cadence((383, 417), _UK),
}
"""What a caller hears while the other phone rings, by the values of `<Dial ringTone>`."""


@cache
def one_round(cadence: Cadence) -> bytes:
    """A cadence from its beginning to where it repeats."""
    parts = tuple((hertz, _LEVEL) for hertz in cadence.hertz)
    return b"".join(
        silence(ms) if n % 2 else tone(parts, ms) for n, ms in enumerate(cadence.rhythm)
    )


class Repeating:
    """A tone without end, in frames; it has the `take` of `bridge.playout.Playout`."""

    def __init__(self, audio: bytes) -> None:
        """`audio` is repeated; its last piece is left out unless it fills a frame."""
        if len(audio) < FRAME_BYTES:
            raise ValueError(f"less than a frame to repeat: {len(audio)} bytes")
        self._audio = audio[: len(audio) - len(audio) % FRAME_BYTES]
        self._at = 0

    def take(self) -> bytes:
        """The next 20 ms."""
        frame = self._audio[self._at : self._at + FRAME_BYTES]
        self._at = (self._at + FRAME_BYTES) % len(self._audio)
        return frame


def ringing(country: str | None) -> Repeating:
    """The ringing heard by a caller; unknown and None are the North American one."""
    return Repeating(one_round(RINGING.get(country or "us", RINGING["us"])))


@cache
def record_beep() -> bytes:
    """Before a recording: a high tone of half a second."""
    return tone(((1000.0, -10.0),), 500)


@cache
def enter_beep() -> bytes:
    """A member enters a conference: two notes up."""
    return tone(((523.0, -16.0),), 160) + tone(((784.0, -16.0),), 240)


@cache
def exit_beep() -> bytes:
    """A member leaves a conference: two notes down."""
    return tone(((784.0, -16.0),), 160) + tone(((523.0, -16.0),), 240)


@cache
def bleep(ms: int) -> bytes:
    """What covers an expletive."""
    return tone(((1000.0, -12.0),), ms)
