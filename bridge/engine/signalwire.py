"""SignalWire's media socket as a leg: one stream of the carrier's, one stream of the customer's."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable
from functools import partial

from bridge.audio import AudioError
from bridge.call import Call
from bridge.codecs import MulawDecoder, MulawEncoder
from bridge.dialects import signalwire
from bridge.engine.carrier import CarrierSocket
from bridge.engine.core import Engine
from bridge.engine.session import StreamSession
from bridge.engine.sockets import Closed, Socket
from bridge.errors import MisuseError
from bridge.playout import FRAME_BYTES, Playout
from bridge.stream import MAX_MARKS
from twiml.actions import Stream

_TRACKS = {b"inbound": "inbound", b"outbound": "outbound"}


class SignalWireLeg(CarrierSocket):
    """The handler of one `/media/{token}` socket.

    The customer's audio is re-framed and paced to the carrier; a mark follows the audio before it
    and is echoed to the customer when the carrier has played it. `ended` is called once.
    """

    def __init__(
        self,
        engine: Engine,
        call: Call,
        source: Stream,
        *,
        stream_sid: str,
        bidirectional: bool,
        ended: Callable[[SignalWireLeg], None],
    ) -> None:
        super().__init__(engine.limits, partial(call.timeline.add, stream=stream_sid))
        self._engine = engine
        self._call = call
        self._source = source
        self._bidirectional = bidirectional
        self._stream_sid = stream_sid
        self._ended = ended
        self._session: StreamSession | None = None
        self._template = signalwire.media_template("")
        self._carrier_sid = ""
        self._decoders: dict[str, MulawDecoder] | None = None
        self._encoder: MulawEncoder | None = None
        self._playout = Playout(engine.limits.playout_bytes)
        self._at_carrier: deque[str] = deque()  # marks that are to come back
        self._cleared: deque[str] = deque()  # those before them, echoed already
        self._clear_waits = False
        self._cancel_tick: Callable[[], None] | None = None
        self._dry = True  # the last tick found nothing to play, or there was none

    # The carrier's socket

    def opened(self, socket: Socket) -> None:
        self._attend(socket)
        media = self._call.begin_stream(
            self._source,
            bidirectional=self._bidirectional,
            random_bytes=self._engine.random_bytes,
            sid=self._stream_sid,
            limits=self._engine.limits,
        )
        self._session = StreamSession(
            self._engine,
            self._call,
            self._source,
            media,
            playback=self if self._bidirectional else None,
            ended=self._session_ended,
        )
        self._session.begin()

    def text(self, data: bytes) -> None:
        self._left -= 1
        if self._left <= 0:
            self._look()
        found = signalwire.frame_in(data)
        if found is not None and self._decoders is None and self._session is not None:
            track, timestamp, payload = found.groups()
            self._session.frame(_TRACKS[track], payload, int(timestamp))
            return
        self._left -= len(data) >> 10
        message = signalwire.decode(data)
        match message:
            case signalwire.Media(track=track, payload=payload, timestamp=timestamp):
                self._audio(track, payload, timestamp)
            case signalwire.Mark(name=name):
                self._mark_back(name)
            case signalwire.Dtmf(digit=digit):
                self._stream.dtmf(digit)
            case signalwire.Start():
                self._start(message)
            case signalwire.Stop():
                self.left_by_carrier = True
                self._stream.stop()
            case signalwire.Nonconforming(fault=fault):
                self._fault(fault)
            case signalwire.Connected():
                pass

    def closed(self, how: Closed) -> None:
        if not self._over:
            self.left_by_carrier = True
            self._tell(
                "carrier.closed",
                "warning" if how.abrupt or how.violation else "info",
                close_code=how.code,
                message=how.violation or how.reason,
            )
            self._stream.stop()

    def stop(self) -> None:
        """The call has ended, or the service is going down."""
        if self._session is not None:
            self._session.stop()

    def _give_up(self) -> None:
        self.stop()

    @property
    def _stream(self) -> StreamSession:
        if self._session is None:
            raise MisuseError("the leg has no stream before its socket is open")
        return self._session

    def _start(self, start: signalwire.Start) -> None:
        self._carrier_sid = start.stream_sid
        self._template = signalwire.media_template(start.stream_sid)
        self._tell(
            "carrier.start",
            carrier_stream=start.stream_sid,
            tracks=list(start.tracks),
            encoding=start.encoding,
            sample_rate=start.sample_rate,
        )
        if start.encoding != "audio/x-mulaw" or start.sample_rate != 8000:
            try:
                self._decoders = {
                    track: MulawDecoder(start.encoding, start.sample_rate)
                    for track in ("inbound", "outbound")
                }
                self._encoder = MulawEncoder(start.encoding, start.sample_rate)
            except AudioError as error:
                self._fault(str(error))
                self._stream.fail(31900, str(error))
                self._stream.stop()
                return
        if self._playout.idle:
            self._forward_marks()  # those that came before the stream had a name

    def _audio(self, track: str, payload: bytes, timestamp: int) -> None:
        if self._decoders is None:
            self._stream.audio(track, payload, timestamp)
            return
        try:
            audio = base64.b64decode(payload, validate=True)
        except ValueError as error:
            self._fault(f"media.payload is not base64: {error}")
            return
        mulaw = self._decoders[track].decode(audio)
        if mulaw:
            self._stream.audio(track, base64.b64encode(mulaw), timestamp)

    def _slowed(self, why: str) -> None:
        super()._slowed(why)
        self._stream.media.counters.carrier_throttled = self._throttled

    # The customer's stream has ended, for whatever reason: so does the carrier's.

    def _session_ended(self, session: StreamSession) -> None:
        self._let_go()
        if self._cancel_tick is not None:
            self._cancel_tick()
        self._ended(self)

    # Playback

    def play(self, audio: bytes) -> int:
        discarded = self._playout.play(audio)
        if self._dry:
            self._take_turn()
        return discarded

    def play_payload(self, payload: bytes) -> int:
        discarded = self._playout.play_payload(payload)
        if self._dry:
            self._take_turn()
        return discarded

    def _take_turn(self) -> None:
        """Audio comes after the time at which a frame was due: play it at the wheel's next turn,
        and every 20 ms from there. Its own turn would come up to 20 ms later, again and again for
        an app that always speaks just after it."""
        if self._cancel_tick is not None:
            if self._playout.buffered < FRAME_BYTES:
                return
            self._cancel_tick()
        wheel, failed = self._engine.wheel, self._stream.collapse
        self._cancel_tick = wheel.subscribe(self._tick, failed, soon=True)
        self._dry = False

    def mark(self, name: str) -> None:
        self._playout.mark(name)
        if self._playout.idle and self._carrier_sid:
            self._forward_marks()

    def clear(self) -> list[str]:
        names = list(self._at_carrier)
        self._cleared += self._at_carrier
        self._at_carrier.clear()
        if self._carrier_sid:
            self._forward_clear()
        return names + self._playout.clear()

    def _resume(self) -> None:
        super()._resume()
        if self._clear_waits:
            self._forward_clear()
        if self._playout.idle and self._carrier_sid:
            self._forward_marks()

    def _tick(self) -> None:
        # Before its `start` a carrier's stream has no name to send to. One that does not read gets
        # no more: what waits here can still be cleared.
        if self._socket is None or not self._carrier_sid or self._blocked:
            return
        payload = self._playout.take_payload() if self._encoder is None else self._converted()
        if payload is not None:
            self._send(self._template % payload)
        else:
            self._dry = True
        if self._playout.marked:
            self._forward_marks()

    def _converted(self) -> bytes | None:
        """The next frame in the carrier's own encoding."""
        frame = self._playout.take()
        if frame is None or self._encoder is None:
            return None
        return base64.b64encode(self._encoder.encode(frame))

    def _forward_clear(self) -> None:
        """One that waits for the carrier to read clears as much as many."""
        self._clear_waits = self._blocked
        if not self._blocked:
            self._send(signalwire.clear(self._carrier_sid))

    def _forward_marks(self) -> None:
        """Those that are due, as long as the carrier reads and gives back what it was sent."""
        while not self._blocked and len(self._at_carrier) + len(self._cleared) < MAX_MARKS:
            name = self._playout.next_due()
            if name is None:
                return
            self._at_carrier.append(name)
            self._send(signalwire.mark(self._carrier_sid, name))

    def _mark_back(self, name: str) -> None:
        """The carrier has played, or cleared, everything up to this mark."""
        if name in self._cleared:
            while self._cleared.popleft() != name:
                pass
        elif name in self._at_carrier:
            self._cleared.clear()
            passed = None
            while passed != name:
                passed = self._at_carrier.popleft()
                self._stream.mark_played(passed)
        else:
            self._fault("a mark came back that was not sent")
            return
        if self._playout.idle and self._playout.marked:
            self._forward_marks()  # those for which there was no room

    def _send(self, message: bytes) -> None:
        if self._socket is not None:
            self._socket.send_text(message)
