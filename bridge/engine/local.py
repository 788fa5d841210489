"""A local leg: a phone made of audio in memory, on the shared clock."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

from bridge.call import Call
from bridge.engine.core import Engine
from bridge.engine.session import StreamSession
from bridge.playout import FRAME_BYTES, SILENCE, Playout
from twiml.actions import Stream

_QUIET = b"\xff\x7f\xfe\x7e"  # mu-law's zeros and the steps beside them
_SILENT_PAYLOAD = base64.b64encode(SILENCE)


class LocalLeg:
    """Speaks `audio` (mu-law) as the caller, hears what the call plays, and hangs up.

    `heard` grows by one frame each 20 ms: what is played, silence where nothing is. `finished` is
    called once, when the audio has been spoken, no mark waits to be played, and nothing but silence
    has been played for `patience_ms`.
    """

    def __init__(
        self,
        engine: Engine,
        call: Call,
        audio: bytes,
        *,
        finished: Callable[[], None],
        stream_ended: Callable[[StreamSession], None],
        patience_ms: int = 2_000,
    ) -> None:
        self._engine = engine
        self._call = call
        self._frames = _frames_of(audio)
        self._finished = finished
        self._stream_ended = stream_ended
        self._patience_ms = patience_ms
        self._playout = Playout(engine.limits.playout_bytes)
        self._player: StreamSession | None = None
        self._began_at: dict[StreamSession, int] = {}
        self._cancel: Callable[[], None] | None = None
        self._now_ms = 0
        self._quiet_ms = 0
        self._speaking = True
        self._playing = False
        self.heard = bytearray()
        self.spoken_frames = 0
        self.played_frames = 0

    @property
    def playout(self) -> Playout:
        return self._playout

    @property
    def streams(self) -> tuple[StreamSession, ...]:
        """The streams that run now."""
        return tuple(self._began_at)

    def pick_up(self) -> None:
        """The call is answered: the clock runs."""
        self._cancel = self._engine.wheel.subscribe(self._tick)

    def hang_up(self) -> None:
        """End every stream, then the clock."""
        for session in self.streams:
            session.stop()
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

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
        for session in self.streams:
            session.dtmf(digit)

    def _session_ended(self, session: StreamSession) -> None:
        self._began_at.pop(session, None)
        if session is self._player:
            self._player = None
            self._playout.clear()
        self._stream_ended(session)

    # Playback

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

    def _tick(self) -> None:
        self._echo_marks()  # the frame taken at the last tick has now been heard
        frame = self._playout.take()
        self._playing = frame is not None
        outbound = SILENCE if frame is None else frame
        self.heard += outbound
        spoken = next(self._frames, None)
        self._speaking = spoken is not None
        self.spoken_frames += self._speaking
        self.played_frames += self._playing
        inbound_payload = _SILENT_PAYLOAD if spoken is None else base64.b64encode(spoken)
        outbound_payload = _SILENT_PAYLOAD if frame is None else base64.b64encode(outbound)
        for session, began in tuple(self._began_at.items()):
            timestamp = self._now_ms - began
            session.audio("inbound", inbound_payload, timestamp)
            session.audio("outbound", outbound_payload, timestamp)
        self._now_ms += 20
        heard = frame is not None and (self._playout.marked or frame.strip(_QUIET))
        self._quiet_ms = 0 if self._speaking or heard else self._quiet_ms + 20
        if self._quiet_ms == self._patience_ms:
            self._finished()


def _frames_of(audio: bytes) -> Iterator[bytes]:
    for at in range(0, len(audio), FRAME_BYTES):
        frame = audio[at : at + FRAME_BYTES]
        yield frame + SILENCE[len(frame) :]
