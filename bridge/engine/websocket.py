"""A WebSocket on an asyncio transport, by callbacks: no task and no queue per message.

Handshakes, sending and closing are by the `websockets` library (RFC 6455, sans-I/O); this is the
shell around it for both sides. While the socket is open its frames are cut by `FrameReader`, or by
picows where it is installed (`bridge.engine.fast`); what a frame means is one code for both. Two
things are stricter than the library: lengths must be in their shortest form, and a message's bound
is not a control frame's. Compression is never negotiated: mu-law does not compress, and deflating
every 20 ms costs half of the capacity.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from bridge.engine.frames import FrameReader, Pieces, ViolationError, check_close, is_utf8
from bridge.engine.handshake import Handshake
from bridge.engine.sockets import Acceptor, Closed, Handler
from bridge.engine.wire import nothing

try:
    from bridge.engine.fast import FastFrames
except ImportError:  # there is no wheel of picows for this platform
    FAST = False
else:
    FAST = True
"""Whether sockets are fast by default."""

_MAX_REASON = 123  # bytes; what is left of a control frame behind the code


class WebSocket(Handshake):
    """One socket. Create it with `client()` or `server()`.

    `close_timeout` bounds, in seconds, how long the closing handshake and unsent data may take.
    """

    def __init__(
        self,
        protocol: ClientProtocol | ServerProtocol,
        *,
        max_size: int,
        close_timeout: float = 1.0,
        fast: bool = FAST,
    ) -> None:
        super().__init__(protocol, close_timeout=close_timeout)
        protocol.max_message_size = None  # frames are bounded before it gets one
        self._is_client = isinstance(protocol, ClientProtocol)
        self._max_size = max_size
        self._fast = fast
        self._reader = FrameReader(masked=not self._is_client, max_size=max_size)
        self._pieces = Pieces(max_size)
        self._frames: FastFrames | None = None
        self._send: Callable[[bytes], None] | None = None
        self._received = 0
        self._frame_came: Callable[[], None] = nothing
        self._choked = False
        self._pong: bytes | None = None  # the payload of one that waits for the peer to read
        self._open = False
        self._deaf = True  # nothing that comes is for the owner
        self._told = True  # of the end, when there was a beginning
        self._violation: ViolationError | None = None

    @classmethod
    def client(
        cls,
        protocol: ClientProtocol,
        handler: Handler,
        *,
        max_size: int,
        close_timeout: float = 1.0,
        fast: bool = FAST,
    ) -> WebSocket:
        """The connecting side. Send the handshake with `handshake()` once connected."""
        socket = cls(protocol, max_size=max_size, close_timeout=close_timeout, fast=fast)
        socket._handler = handler
        return socket

    @classmethod
    def server(
        cls,
        acceptor: Acceptor,
        *,
        max_size: int,
        open_timeout: float = 5.0,
        close_timeout: float = 1.0,
        fast: bool = FAST,
    ) -> WebSocket:
        """The accepting side, which takes no subprotocol and no extension.

        `open_timeout` bounds, in seconds, how long the client's request may take to come.
        """
        socket = cls(ServerProtocol(), max_size=max_size, close_timeout=close_timeout, fast=fast)
        socket._acceptor = acceptor
        socket._open_timeout = open_timeout
        return socket

    @property
    def is_open(self) -> bool:
        return self._open

    @property
    def received(self) -> int:
        """Bytes from the peer so far: any of them is a sign of life."""
        return self._received if self._frames is None else self._received + self._frames.received

    def watch_frames(self, came: Callable[[], None]) -> None:
        """Have `came` called for each frame that ends no message: control frames, fragments."""
        self._frame_came = came

    def send_text(self, data: bytes) -> bool:
        """Send one text message; False, without error, when the socket is no longer open."""
        if not self._open:
            return False
        if self._send is not None:
            self._send(data)
        else:
            self._protocol.send_text(data)
            self._flush()
        return True

    def ping(self) -> None:
        """Ask for a sign of life; its answer counts in `received`."""
        if self._open:
            self._protocol.send_ping(b"")
            self._flush()

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Begin the closing handshake; what was sent before is delivered first.

        Raises ProtocolError for a code that may not be sent, or a reason of over 123 bytes.
        """
        if self._open:
            self._protocol.send_close(code, reason)
            self._open = False
            self._flush()
            self._hurry(self._close_timeout)
        elif self._protocol.state is State.CONNECTING:
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once; of what the peer has sent, nothing more is heard."""
        self._end_reading()
        super().abort()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        if self._protocol.state is State.CONNECTING:
            size = len(data)
            data = self._shake_hands(data)
            self._received += size - len(data)
        if self._frames is not None:  # picows is about to do the reading
            self._frames.feed(data)
            return
        self._received += len(data)
        if not self._deaf:
            self._reader.feed(data)
        try:
            while not self._deaf and (frame := self._reader.next()) is not None:
                self.frame(*frame)
        except ViolationError as violation:
            self._fail(violation)

    def eof_received(self) -> None:
        """The peer says no more; the transport closes when it has taken what is unsent."""
        self._protocol.receive_eof()
        self._advance()
        self._end_reading()
        self._hurry(self._close_timeout)
        self._tell_closed()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._end_reading()
        self._protocol.receive_eof()
        self._flush()
        self._fail_opening(exc or ConnectionResetError("the connection was closed"))
        self._tell_closed()

    def resume_reading(self) -> None:
        if self._frames is None or self._send is not None:  # otherwise picows has met a breach
            super().resume_reading()

    def pause_writing(self) -> None:
        self._choked = True
        super().pause_writing()

    def resume_writing(self) -> None:
        self._choked = False
        pong, self._pong = self._pong, None
        if pong is not None and not self._deaf:
            self._answer(pong)
        if not self._choked:  # the pong may have been too much
            super().resume_writing()

    def _begin(self, handler: Handler) -> None:
        transport = self._transport
        assert transport is not None
        self._take_time()
        self._open = not transport.is_closing()
        self._deaf = self._told = False
        if self._fast and self._open:
            frames = FastFrames(transport, self, self._pieces, self._is_client, self._max_size)
            self._frames, self._send = frames, frames.send_text
            asyncio.get_running_loop().call_soon(transport.set_protocol, frames.protocol)
        handler.opened(self)

    # Frames, whoever has cut them

    def text(self, data: bytes) -> None:
        """A whole message of text."""
        if not data.isascii() and not is_utf8(data):
            self._fail(ViolationError(CloseCode.INVALID_DATA, "a text message is not UTF-8"))
            return
        assert self._handler is not None
        try:
            self._handler.text(data)
        except Exception as error:  # noqa: BLE001
            self._blame(error)

    def binary(self, data: bytes) -> None:
        """A whole binary message."""
        assert self._handler is not None
        try:
            self._handler.binary(data)
        except Exception as error:  # noqa: BLE001
            self._blame(error)

    def frame(self, opcode: int, fin: bool, reserved: bool, payload: bytes) -> None:
        """A frame of any kind, right or wrong."""
        try:
            self._react(opcode, fin, reserved, payload)
        except ViolationError as violation:
            self._fail(violation)

    def _react(self, opcode: int, fin: bool, reserved: bool, payload: bytes) -> None:
        if opcode == Opcode.CLOSE:
            check_close(payload, reserved=reserved)
            self._close_came(payload)
        elif reserved:
            raise ViolationError(CloseCode.PROTOCOL_ERROR, "reserved bits must be 0")
        elif opcode == Opcode.PING:
            self._frame_came()
            self._answer(payload)
        elif opcode == Opcode.PONG:
            self._frame_came()
        else:
            message = self._pieces.add(Opcode(opcode), fin, payload)
            if message is not None:
                kind, data = message
                (self.text if kind is Opcode.TEXT else self.binary)(data)
            else:
                self._frame_came()

    def _answer(self, ping: bytes) -> None:
        """Send a pong; a peer that does not read gets one for its latest ping, when it does.

        That is all that RFC 6455 section 5.5.3 asks for, and pings without end keep nothing here.
        """
        if self._choked:
            self._pong = ping
        else:
            self._protocol.send_pong(ping)
            self._flush()

    def _blame(self, error: Exception) -> None:
        """A fault of our own: told as asyncio tells of one, and the end of this socket only."""
        what = {"message": "a WebSocket's owner failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(what)
        self.abort()

    # The end

    def broken(self, code: int, fault: str) -> None:
        """picows has met a breach, and has yet to deliver a frame from before it."""
        self._send = None
        assert self._transport is not None
        self._transport.pause_reading()
        violation = ViolationError(CloseCode(code), fault)
        asyncio.get_running_loop().call_soon(self._fail, violation)

    def _fail(self, violation: ViolationError) -> None:
        if self._deaf:
            return
        self._violation = violation
        reason = violation.text.encode()[:_MAX_REASON].decode(errors="ignore")
        self._protocol.fail(violation.code, reason)
        self._over()

    def _close_came(self, payload: bytes) -> None:
        frame = Frame(Opcode.CLOSE, payload)
        self._protocol.receive_data(frame.serialize(mask=not self._is_client))
        self._over()

    def _over(self) -> None:
        """The rest is between the two transports."""
        self._end_reading()
        self._flush()
        self._hurry(self._close_timeout)
        self._tell_closed()

    def _end_reading(self) -> None:
        self._open = False
        self._deaf = True
        if self._frames is None:
            return
        self._frames.stop()
        self._received += self._frames.received
        self._frames = self._send = None
        asyncio.get_running_loop().call_soon(self._read_in_vain)

    def _read_in_vain(self) -> None:
        """Take from picows what still comes; a peer that is not read may never see our close."""
        if self._transport is not None:
            self._transport.set_protocol(self)
            self._transport.resume_reading()

    def _tell_closed(self) -> None:
        if self._told or self._handler is None:
            return
        self._told = True
        received, violation = self._protocol.close_rcvd, self._violation
        if violation is not None:
            how = Closed(int(violation.code), violation.text, False, violation.text)
        elif received is not None:
            how = Closed(received.code, received.reason, bool(self._protocol.close_rcvd_then_sent))
        else:
            how = Closed(int(CloseCode.ABNORMAL_CLOSURE), "", False)
        try:
            self._handler.closed(how)
        except Exception as error:  # noqa: BLE001
            self._blame(error)
