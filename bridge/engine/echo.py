"""A carrier's media socket that sends a caller's own audio back: what `<Echo>` is on SWML."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import partial

from bridge.call import Call
from bridge.dialects import signalwire
from bridge.engine.core import Engine
from bridge.engine.idle import IdleWatch
from bridge.engine.pace import Paced
from bridge.engine.sockets import Closed, Socket


class EchoLeg(Paced):
    """The handler of one `/media/{token}` socket behind which there is no customer.

    Each frame goes back as it comes, in the stream's own codec. One that comes before the stream
    has a name, or while the carrier does not read, is dropped and counted. `ended` is called once.
    """

    def __init__(self, engine: Engine, call: Call, *, ended: Callable[[EchoLeg], None]) -> None:
        super().__init__()
        self._limits = engine.limits
        self._call = call
        self._ended = ended
        self._socket: Socket | None = None
        self._template = b""
        self._idle: IdleWatch | None = None
        self._frames = self._dropped = self._throttled = self._faults = 0
        self._over = False
        self._blocked = False
        self.left_by_carrier = False
        """Whether the carrier has ended the stream of itself: as a rule its call is over."""

    def opened(self, socket: Socket) -> None:
        self._socket = socket
        socket.watch_unsent(self._limits.unsent_size, self._hold, self._resume)
        self._call.timeline.add("echo.began")
        self._keep_pace(socket, self._limits.carrier_rate, self._slowed)
        self._idle = IdleWatch.of(
            socket,
            self._limits.carrier_idle,
            tell=self._call.timeline.add,
            give_up=partial(self._end, message="the carrier's socket is dead"),
        )

    def text(self, data: bytes) -> None:
        self._left -= 1
        if not self._left:
            self._look()
        match signalwire.decode(data):
            case signalwire.Media(track="inbound", payload=payload):
                self._return(payload)
            case signalwire.Start(stream_sid=sid) if sid:
                self._template = signalwire.media_template(sid)
            case signalwire.Stop():
                self.left_by_carrier = True
                self.stop()
            case signalwire.Nonconforming(fault=fault):
                self._fault(fault)
            case _:
                pass

    def binary(self, data: bytes) -> None:
        self._left -= 1
        if not self._left:
            self._look()
        self._fault(f"a binary frame of {len(data)} bytes")

    def closed(self, how: Closed) -> None:
        if not self._over:
            self.left_by_carrier = True
            self._end(close_code=how.code, message=how.violation or how.reason)

    def stop(self) -> None:
        """The call has ended, or the service is going down."""
        self._end()

    def _return(self, payload: bytes) -> None:
        if self._socket is None or not self._template or self._blocked:
            self._dropped += 1
            return
        try:
            audio = base64.b64decode(payload, validate=True)
        except binascii.Error as error:
            self._fault(f"media.payload is not base64: {error}")
            return
        self._socket.send_text(self._template % base64.b64encode(audio))
        self._frames += 1

    def _slowed(self, why: str) -> None:
        self._throttled += 1
        if self._throttled == 1:
            self._call.timeline.add("carrier.throttled", "warning", message=why)

    def _hold(self) -> None:
        self._blocked = True

    def _resume(self) -> None:
        self._blocked = False

    def _fault(self, fault: str) -> None:
        self._faults += 1
        if self._faults == 1:
            self._call.timeline.add("carrier.fault", "warning", message=fault)

    def _end(self, **how: object) -> None:
        if self._over:
            return
        self._over = True
        if self._idle is not None:
            self._idle.end()
        self._end_pace()
        self._call.timeline.add(
            "echo.ended",
            frames=self._frames,
            dropped=self._dropped,
            throttled=self._throttled,
            faults=self._faults,
            **how,
        )
        if self._socket is not None:
            self._socket.close()
        self._ended(self)
