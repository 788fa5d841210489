"""A conference's sound: each member hears all the others."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from bridge.audio import FRAME_BYTES, audioop

Key = TypeVar("Key", bound=Hashable)

_HEADROOM = 256
"""So many members can shout at once before a sum of 32 bits overflows."""

_NOTHING = bytes(4 * FRAME_BYTES)


@dataclass(frozen=True, slots=True)
class Part(Generic[Key]):
    """How a member takes part. A `muted` one is not heard; one on `hold` is not heard and hears
    nothing of the others; a coach (`coaches` names another member) is heard by that one alone."""

    muted: bool = False
    hold: bool = False
    coaches: Key | None = None


class Mixer(Generic[Key]):
    """Mixes frames of 20 ms. `members` says who takes part and how; change it at any time."""

    def __init__(self) -> None:
        self.members: dict[Key, Part[Key]] = {}

    def mix(self, frames: Mapping[Key, bytes], to_all: bytes | None = None) -> dict[Key, bytes]:
        """What each member hears: 160 bytes of mu-law for each that is not on hold.

        `frames` holds what members say; who is missing says nothing. `to_all` (a beep, a prompt)
        is heard by everyone besides. The sum is exact and clipped once, at the very end.
        """
        voices: dict[Key, bytes] = {}
        coaching: dict[Key, list[bytes]] = {}
        total = _NOTHING if to_all is None else _linear(to_all)
        for key, part in self.members.items():
            frame = frames.get(key)
            if frame is None or part.muted or part.hold:
                continue
            voice = _linear(frame)
            if part.coaches is not None:
                coaching.setdefault(part.coaches, []).append(voice)
                continue
            voices[key] = voice
            total = audioop.add(total, voice, 4)
        common: bytes | None = None
        heard: dict[Key, bytes] = {}
        for key, part in self.members.items():
            if part.hold:
                continue
            own, extra = voices.get(key), coaching.get(key, ())
            if own is None and not extra:
                if common is None:
                    common = _mulaw(total)
                heard[key] = common
                continue
            mixed = total if own is None else audioop.add(total, audioop.mul(own, 4, -1), 4)
            for voice in extra:
                mixed = audioop.add(mixed, voice, 4)
            heard[key] = _mulaw(mixed)
        return heard

    def all(self, frames: Mapping[Key, bytes], to_all: bytes | None = None) -> bytes:
        """What a recording of the conference has: everybody who is heard by all."""
        total = _NOTHING if to_all is None else _linear(to_all)
        for key, part in self.members.items():
            frame = frames.get(key)
            if frame is not None and not (part.muted or part.hold or part.coaches is not None):
                total = audioop.add(total, _linear(frame), 4)
        return _mulaw(total)


def _linear(frame: bytes) -> bytes:
    """Mu-law as samples of 32 bits with room for a sum."""
    return audioop.mul(audioop.ulaw2lin(frame, 4), 4, 1 / _HEADROOM)


def _mulaw(total: bytes) -> bytes:
    return audioop.lin2ulaw(audioop.mul(total, 4, _HEADROOM), 4)
