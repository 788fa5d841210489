"""SignalWire's taps as a leg: one tap for each track, and one stream of the customer's."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

from bridge.audio import AudioError
from bridge.call import Call
from bridge.dialects.tap import DIRECTIONS, Direction
from bridge.engine.core import Engine
from bridge.engine.rtp import NoPortError
from bridge.engine.session import StreamSession
from bridge.engine.sockets import Handler
from bridge.engine.tapsource import RtpTap, SocketTap, TapSource
from twiml.actions import Stream


class TapLeg:
    """A one-way stream whose tracks come in as one tap each: by sockets, or by ports if there are.

    The customer's stream begins with the first socket or packet. It ends when all of its taps have
    ended, or at `stop()`. A port is given back when its tap has ended at SignalWire, which only
    `ended()` and `stop()` can tell: until then the carrier may go on sending to it. `finished` is
    called once, when no tap is left.
    """

    def __init__(
        self,
        engine: Engine,
        call: Call,
        source: Stream,
        *,
        stream_sid: str,
        finished: Callable[[TapLeg], None],
    ) -> None:
        """Raises NoPortError when there are ports, but none is free."""
        self.stream_sid = stream_sid
        self._engine = engine
        self._call = call
        self._source = source
        self._finished = finished
        self._loop = asyncio.get_running_loop()
        self._session: StreamSession | None = None
        self._began = 0.0
        self._cancel_tick: Callable[[], None] | None = None
        self._watched = False
        self._wait_for_others: asyncio.TimerHandle | None = None
        self._over = False  # the customer's stream has ended, or will never begin
        self._told = False
        self._taps: dict[Direction, TapSource] = {}
        try:
            for track in source.track.names:
                self._taps[DIRECTIONS[track]] = self._tap(track)
        except NoPortError:
            for tap in self._taps.values():
                tap.close()
            raise

    def _tap(self, track: str) -> TapSource:
        if self._engine.ports is None:
            return SocketTap(self, track, self._engine.limits.carrier_rate)
        window = round(self._engine.limits.reorder_time * 1000)
        return RtpTap(self, track, self._engine.ports, window)

    @property
    def running(self) -> bool:
        """Whether the customer's stream has begun and not ended."""
        return self._session is not None and not self._over

    def handler(self, direction: Direction) -> Handler | None:
        """What serves the socket of a tap; None when none is expected any more."""
        tap = self._taps.get(direction)
        return tap if isinstance(tap, SocketTap) and not (tap.begun or tap.done) else None

    def port(self, direction: Direction) -> int:
        """Where the RTP of a tap is received."""
        tap = self._taps[direction]
        assert isinstance(tap, RtpTap)
        return tap.port

    def tapping(self) -> None:
        """SignalWire says that it taps: from now on it is noticed when no audio comes."""
        if self._watched or self._over:
            return
        self._watched = True
        for tap in self._taps.values():
            if not tap.done:
                tap.watch(self._engine.limits.carrier_idle)

    def ended(self, direction: Direction | None = None) -> None:
        """SignalWire says that a tap is finished, or that all are.

        What a socket has brought by then is not all: such a tap ends with its socket.
        """
        for tap in self._taps.values():
            if direction in (None, tap.direction) and not tap.done:
                tap.carrier_ended()

    def stop(self) -> None:
        """The call has ended, the stream is to end, or the service is going down."""
        if self._session is None:
            self._over = True
        for tap in self._taps.values():
            self.leave(tap)

    # Owner of the taps

    def now(self) -> int:
        return int((self._loop.time() - self._began) * 1000)

    def begin(self, tap: TapSource) -> None:
        tap.begun = True
        if self._wait_for_others is not None:
            self._wait_for_others.cancel()
        if self._session is None:
            self._began = self._loop.time()
            self.tapping()
            self._session = self._new_session()
            self._session.begin()

    def audio(self, track: str, frame: bytes, at: int) -> None:
        assert self._session is not None
        self._session.frame(track, base64.b64encode(frame), at)

    def wake(self) -> None:
        if self._cancel_tick is None and not self._over:
            self._cancel_tick = self._engine.wheel.subscribe(self._tick, self._collapse)

    def unreadable(self, tap: TapSource, error: AudioError) -> None:
        self.tell(tap, "carrier.fault", "warning", message=str(error))
        if self._session is not None:
            self._session.fail(31900, str(error))
        self.stop()

    def leave(self, tap: TapSource, level: str = "info", /, **data: object) -> None:
        """The stream ends with its last tap, and soon if the others do not begin."""
        if tap.done:
            return
        tap.done = True
        tap.unwatch()
        tap.close()
        self.tell(tap, "carrier.closed", level, **data, **tap.counters)
        left = [other for other in self._taps.values() if not other.done]
        if left and self.running and not any(other.begun for other in left):
            patience = self._engine.limits.connect_time
            self._wait_for_others = self._loop.call_later(patience, self.stop)
        self._settle()

    def tell(self, tap: TapSource, kind: str, level: str = "info", /, **data: object) -> None:
        self._call.timeline.add(kind, level, stream=self.stream_sid, track=tap.track, **data)

    # Inside

    def _tick(self) -> None:
        now = self.now()
        waiting = [tap.tick(now) for tap in self._taps.values()]
        if not any(waiting):
            self._stop_ticking()

    def _collapse(self) -> None:
        """A tick has failed."""
        if self._session is not None:
            self._session.collapse()
        self.stop()

    def _stop_ticking(self) -> None:
        if self._cancel_tick is not None:
            self._cancel_tick()
            self._cancel_tick = None

    def _new_session(self) -> StreamSession:
        media = self._call.begin_stream(
            self._source,
            bidirectional=False,
            random_bytes=self._engine.random_bytes,
            sid=self.stream_sid,
            limits=self._engine.limits,
        )
        return StreamSession(
            self._engine,
            self._call,
            self._source,
            media,
            playback=None,
            ended=self._session_ended,
        )

    def _session_ended(self, _: StreamSession) -> None:
        self._over = True
        for tap in self._taps.values():
            if not tap.done:
                tap.customer_ended()
        self._settle()

    def _settle(self) -> None:
        """When no tap is left the stream ends, and with it this leg."""
        if self._over:
            self._rest()
        if self._told or not all(tap.done for tap in self._taps.values()):
            return
        if self._over:
            self._told = True
            self._finished(self)
        elif self._session is not None:
            self._session.stop()
        else:
            self._session = self._new_session()
            self._session.fail(31900, "SignalWire ended the tap before any audio came")

    def _rest(self) -> None:
        """No timer runs any more."""
        self._stop_ticking()
        if self._wait_for_others is not None:
            self._wait_for_others.cancel()
        for tap in self._taps.values():
            tap.unwatch()
