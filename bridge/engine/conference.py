"""The sound of one conference: on the shared clock, each member hears all the others."""

from __future__ import annotations

from collections.abc import Callable

from bridge.engine.clock import Wheel
from bridge.engine.line import Line, Tap
from bridge.engine.prompt import Prompt, pieces_of
from bridge.playout import SILENCE
from bridge.sound.mixer import Mixer, Part


class Seat:
    """A member's place: what it hears, for its line to play."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.heard: bytes | None = None

    def take(self) -> bytes | None:
        return self.heard


class ConferenceSound:
    """Mixes the lines of its members, by the sid of their calls, while there are any."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._mixer: Mixer[str] = Mixer()
        self._seats: dict[str, Seat] = {}
        self._cancel: Callable[[], None] | None = None
        self._to_all: Prompt | None = None
        self.taps: set[Tap] = set()
        """Recorders: they are fed the whole mix as the outbound track."""

    def join(self, sid: str, line: Line, part: Part[str]) -> None:
        """A member is heard, and hears, from the next frame on."""
        self._mixer.members[sid] = part
        self._seats[sid] = seat = Seat(line)
        line.party = seat
        if self._cancel is None:
            self._cancel = self._wheel.subscribe(self._tick, self._collapse)

    def change(self, sid: str, part: Part[str]) -> None:
        """Muted, on hold, or coaching from now on."""
        if sid in self._mixer.members:
            self._mixer.members[sid] = part

    def leave(self, sid: str) -> None:
        """Idempotent."""
        self._mixer.members.pop(sid, None)
        seat = self._seats.pop(sid, None)
        if seat is not None and seat.line.party is seat:
            seat.line.party = None
        if not self._seats and self._cancel is not None:
            self._cancel()
            self._cancel = None

    def sound(self, audio: bytes) -> None:
        """All hear this besides: a beep."""
        if self._to_all is not None:
            self._to_all.cancel()
        self._to_all = Prompt(pieces_of(audio), lambda _: None)

    def _collapse(self) -> None:
        """Nobody in it hears anything any more."""
        self._cancel = None
        for seat in tuple(self._seats.values()):
            seat.line.collapse()

    def _tick(self) -> None:
        frames = {sid: seat.line.said for sid, seat in self._seats.items()}
        to_all = None if self._to_all is None else self._to_all.take()
        if self._to_all is not None and self._to_all.over:
            self._to_all = None
        heard = self._mixer.mix(frames, to_all)
        for sid, seat in self._seats.items():
            seat.heard = heard.get(sid)
        if self.taps:
            mixed = self._mixer.all(frames, to_all)
            for tap in tuple(self.taps):
                tap.feed(SILENCE, mixed)
