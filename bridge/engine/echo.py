"""A carrier's media socket that sends a caller's own audio back: what `<Echo>` is on SWML."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from bridge.call import Call
from bridge.dialects import signalwire
from bridge.engine.carrier import CarrierSocket
from bridge.engine.core import Engine
from bridge.engine.sockets import Closed, Socket


class EchoLeg(CarrierSocket):
    """The handler of one `/media/{token}` socket behind which there is no customer.

    Each frame goes back as it comes, in the stream's own codec. One that comes before the stream
    has a name, or while the carrier does not read, is dropped and counted. `ended` is called once.
    """

    def __init__(self, engine: Engine, call: Call, *, ended: Callable[[EchoLeg], None]) -> None:
        super().__init__(engine.limits, call.timeline.add)
        self._ended = ended
        self._template = b""
        self._frames = self._dropped = 0

    def opened(self, socket: Socket) -> None:
        self._tell("echo.began")
        self._attend(socket)

    def text(self, data: bytes) -> None:
        self._left -= 1 + (len(data) >> 10)
        if self._left <= 0:
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

    def _give_up(self) -> None:
        self._end(message="the carrier's socket is dead")

    def _end(self, **how: object) -> None:
        if self._over:
            return
        self._let_go()
        self._tell(
            "echo.ended",
            frames=self._frames,
            dropped=self._dropped,
            throttled=self._throttled,
            faults=self._faults,
            **how,
        )
        self._ended(self)
