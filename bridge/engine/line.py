"""The line between a phone and a call that we run: on the shared clock, all that sounds on it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Protocol

from bridge.call import Call
from bridge.engine.core import Engine
from bridge.engine.session import StreamSession
from bridge.phone import Phone
from bridge.playout import SILENCE, Playout
from bridge.sound.dtmf import DtmfDetector
from twiml.actions import Stream

_SILENT_PAYLOAD = base64.b64encode(SILENCE)


class Source(Protocol):
    """What plays on a line: a prompt, a tone, another line."""

    def take(self) -> bytes | None:
        """The next 20 ms; None when there is nothing now."""
        ...


class Tap(Protocol):
    """What listens to a line: a recorder, a recogniser."""

    def feed(self, inbound: bytes, outbound: bytes) -> None:
        """The next 20 ms of what the caller says and hears."""
        ...


class Line:
    """One phone's line. Its tracks: `inbound`, what the phone says, and `outbound`, what it hears.

    It hears, of what there is, the first of: the prompt, the two-way stream, the other party.
    Tones of keys in what it says are told to `pressed`, as are `press`ed keys; streams hear of
    both. `stream_ended` is called once for each stream.
    """

    def __init__(
        self,
        engine: Engine,
        call: Call,
        phone: Phone,
        *,
        stream_ended: Callable[[StreamSession], None] = lambda session: None,
        pressed: Callable[[str], None] = lambda key: None,
    ) -> None:
        self._engine = engine
        self._call = call
        self._phone = phone
        self.stream_ended = stream_ended
        self.pressed = pressed
        self._playout = Playout(engine.limits.playout_bytes)
        self._keys = DtmfDetector()
        self._player: StreamSession | None = None
        self._began_at: dict[StreamSession, int] = {}
        self._cancel: Callable[[], None] | None = None
        self._now_ms = 0
        self._playing = False
        self._over = False
        self.said = SILENCE
        """The last frame that the phone said: what another party hears."""
        self.prompt: Source | None = None
        self.party: Source | None = None
        self.taps: set[Tap] = set()
        self.broken: Callable[[], None] = self.hang_up
        """Ends the call when its sound has failed."""
        self.expecting = True
        """Whether the call waits for others; the phone is told."""

    @property
    def playout(self) -> Playout:
        return self._playout

    @property
    def streams(self) -> tuple[StreamSession, ...]:
        """The streams that run now."""
        return tuple(self._began_at)

    @property
    def is_up(self) -> bool:
        """Whether the clock runs: answered, and not hung up."""
        return self._cancel is not None

    @property
    def up_seconds(self) -> float:
        """How long it has been up, by what has been heard."""
        return self._now_ms / 1000

    def pick_up(self) -> None:
        """The call is answered: the clock runs."""
        if self._cancel is None and not self._over:
            self._cancel = self._engine.wheel.subscribe(self._tick, self.collapse)

    def hang_up(self) -> None:
        """End every stream, then the clock; tell the phone. Idempotent."""
        for session in self.streams:
            session.stop()
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
        self.said = SILENCE
        if not self._over:
            self._over = True
            self._phone.ended()

    def collapse(self) -> None:
        """Its sound has failed, by a fault of ours: an error ends its streams, and the call."""
        self._call.timeline.add("call.fault", "error", message="internal error")
        for session in self.streams:
            session.collapse()
        self.broken()

    def take(self) -> bytes:
        """What the phone says, for another line to play."""
        return self.said

    # Streams

    def begin_stream(self, source: Stream, *, bidirectional: bool) -> StreamSession:
        media = self._call.begin_stream(
            source,
            bidirectional=bidirectional,
            random_bytes=self._engine.random_bytes,
            limits=self._engine.limits,
        )
        session = StreamSession(
            self._engine,
            self._call,
            source,
            media,
            playback=self if bidirectional else None,
            ended=self._session_ended,
        )
        self._began_at[session] = self._now_ms
        if bidirectional and self._player is None:
            self._player = session
        session.begin()
        return session

    def stop_stream(self, name: str) -> bool:
        """End the one-way stream of that name or sid; False when none runs."""
        media = self._call.stream_named(name)
        for session in self.streams:
            if session.media is media:
                session.stop()
                return True
        return False

    def press(self, digit: str) -> None:
        """The phone says that a key was pressed."""
        for session in self.streams:
            session.dtmf(digit)
        self.pressed(digit)

    def _session_ended(self, session: StreamSession) -> None:
        self._began_at.pop(session, None)
        if session is self._player:
            self._player = None
            self._playout.clear()
        self.stream_ended(session)

    # Playback, of the two-way stream

    def play(self, audio: bytes) -> int:
        return self._playout.play(audio)

    def play_payload(self, payload: bytes) -> int:
        return self._playout.play_payload(payload)

    def mark(self, name: str) -> None:
        self._playout.mark(name)
        if self._playout.idle and not self._playing:
            self._echo_marks()

    def clear(self) -> list[str]:
        return self._playout.clear()

    def _echo_marks(self) -> None:
        for name in self._playout.due():
            if self._player is not None:
                self._player.mark_played(name)

    # The clock

    def _tick(self) -> None:
        self._echo_marks()  # the frame taken at the last tick has now been heard
        spoken = self._phone.say()
        said = self.said = SILENCE if spoken is None else spoken
        heard = self._sounding()
        outbound = SILENCE if heard is None else heard
        inbound_payload = _SILENT_PAYLOAD if spoken is None else base64.b64encode(said)
        outbound_payload = _SILENT_PAYLOAD if heard is None else base64.b64encode(outbound)
        for session, began in tuple(self._began_at.items()):
            timestamp = self._now_ms - began
            session.frame("inbound", inbound_payload, timestamp)
            session.frame("outbound", outbound_payload, timestamp)
        for tap in tuple(self.taps):
            tap.feed(said, outbound)
        self._now_ms += 20
        for digit in self._keys.feed(said):
            self.press(digit)
        expecting = self.expecting and self.prompt is None and not self._playout.marked
        self._phone.hear(heard, expecting=expecting)

    def _sounding(self) -> bytes | None:
        """The frame that is played now."""
        self._playing = False
        if self.prompt is not None:
            return self.prompt.take()
        frame = self._playout.take()
        if frame is not None:
            self._playing = True
            return frame
        return None if self.party is None else self.party.take()
