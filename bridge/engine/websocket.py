"""A WebSocket on an asyncio transport, by callbacks: no task and no queue per message.

The protocol is that of the `websockets` library (RFC 6455, sans-I/O); this is the shell around
it for both sides. Where picows is installed it takes the connection over after the handshake
(`bridge.engine.fast`); the owner sees no difference. Compression is never negotiated: mu-law does
not compress, and deflating every 20 ms costs half of the capacity.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

from bridge.engine.sockets import Acceptor, Closed, Handler, Refusal
from bridge.errors import PeerError

try:
    from bridge.engine.fast import FastFrames
except ImportError:  # there is no wheel of picows for this platform
    FAST = False
else:
    FAST = True
"""Whether sockets are fast by default."""

_MAX_HEAD = 64 * 1024
_NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)
_KERNEL_SHARE = 16 * 1024  # bytes not sent that the kernel may hold: about a second of frames


class WebSocket(asyncio.Protocol):
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
        self._protocol = protocol
        self._max_size = max_size
        self._frames: FastFrames | None = None
        self._head: bytes | None = b"" if fast else None
        self._fast = fast
        self._close_timeout = close_timeout
        self._transport: asyncio.Transport | None = None
        self._handler: Handler | None = None
        self._acceptor: Acceptor | None = None
        self._opening: asyncio.Future[None] | None = None
        self._fragments: list[bytes] = []
        self._fragmented_as = Opcode.TEXT
        self._close_timer: asyncio.TimerHandle | None = None
        self._violation = ""
        self._opened = False
        self._received = 0
        self._blocked: Callable[[], None] = _nothing
        self._drained: Callable[[], None] = _nothing

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
        made = cls(protocol, max_size=max_size, close_timeout=close_timeout, fast=fast)
        made._handler = handler
        return made

    @classmethod
    def server(
        cls, acceptor: Acceptor, *, max_size: int, close_timeout: float = 1.0, fast: bool = FAST
    ) -> WebSocket:
        """The accepting side, which takes no subprotocol and no extension."""
        protocol = ServerProtocol(max_size=max_size)
        made = cls(protocol, max_size=max_size, close_timeout=close_timeout, fast=fast)
        made._acceptor = acceptor
        return made

    async def handshake(self, request: Request) -> None:
        """Send the upgrade request and wait for the answer; raises InvalidHandshake, OSError."""
        assert isinstance(self._protocol, ClientProtocol)
        self._opening = asyncio.get_running_loop().create_future()
        self._protocol.send_request(request)
        self._flush()
        await self._opening

    @property
    def is_open(self) -> bool:
        if self._frames is not None:
            return self._opened and self._frames.is_open
        return self._protocol.state is State.OPEN

    @property
    def received(self) -> int:
        """Bytes from the peer so far: any of them is a sign of life."""
        return self._received if self._frames is None else self._received + self._frames.received

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self._transport is not None and bool(self._transport.get_extra_info("ssl_object"))

    @property
    def unsent(self) -> int:
        """Bytes written but not yet taken by the network: how far the peer is behind."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def watch_unsent(
        self, limit: int, blocked: Callable[[], None], drained: Callable[[], None]
    ) -> None:
        """Have `blocked` and `drained` called when the peer falls behind and has caught up."""
        if self._transport is not None:
            self._blocked, self._drained = blocked, drained
            if _NOTSENT_LOWAT is not None:
                # What the kernel takes nobody can count or take back: megabytes, left to itself.
                connection = self._transport.get_extra_info("socket")
                connection.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, _KERNEL_SHARE)
            self._transport.set_write_buffer_limits(high=limit, low=limit // 4)

    def pause_reading(self) -> None:
        """Leave to the network what the peer sends, until `resume_reading`."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def send_text(self, data: bytes) -> bool:
        """Send one text message; False, without error, when the socket is no longer open."""
        if self._frames is not None:
            if not self._opened or not self._frames.is_open:
                return False
            self._frames.send_text(data)
            return True
        if self._protocol.state is not State.OPEN:
            return False
        self._protocol.send_text(data)
        self._flush()
        return True

    def ping(self) -> None:
        """Ask for a sign of life; its answer counts in `received`."""
        if not self.is_open:
            return
        if self._frames is not None:
            self._frames.ping()
        else:
            self._protocol.send_ping(b"")
            self._flush()

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Begin the closing handshake; what was sent before is delivered first."""
        if self._frames is not None:
            if self.is_open:
                self._frames.close(code, reason)
        elif self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()
            self._expect_close()
        elif self._protocol.state is State.CONNECTING:
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._head is not None:
            data = self._handshake(data)
        if self._frames is not None:  # picows is about to do the reading
            self._frames.feed(data)
        elif data:
            self._protocol.receive_data(data)
            self._pump()

    def _handshake(self, data: bytes) -> bytes:
        """Take the head of a request or a response; returns what is left for others to read."""
        assert self._head is not None
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end and len(head) < _MAX_HEAD:
            return b""
        self._head = None
        self._protocol.receive_data(head + end)
        self._pump()
        return rest

    def eof_received(self) -> None:
        if self._head:
            self._protocol.receive_data(self._head)
            self._head = None
        self._protocol.receive_eof()
        self._pump()

    def pause_writing(self) -> None:
        self._blocked()

    def resume_writing(self) -> None:
        self._drained()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._frames is not None:
            self._frames.protocol.connection_lost(exc)  # before picows was given the transport
            return
        if self._protocol.state is not State.CLOSED:
            self._protocol.receive_eof()
            self._protocol.data_to_send()  # there is nowhere left to send it
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._fail_opening(exc or ConnectionResetError("the connection was closed"))
        self._tell_closed()

    # Inside

    def _pump(self) -> None:
        """Act on what the protocol has parsed, then send what it wants sent."""
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._frame(event)
            elif isinstance(event, Request):
                self._accept(event)
            else:
                self._answered(event)
        error = self._protocol.parser_exc
        if error is not None and not isinstance(error, EOFError) and not self._violation:
            self._violation = str(error) or type(error).__name__
        if self._protocol.handshake_exc is not None:
            self._fail_opening(self._protocol.handshake_exc)
        self._flush()
        if self._protocol.close_expected():
            self._expect_close()
        if self._violation or self._protocol.close_rcvd is not None:
            self._tell_closed()  # the rest is between the two transports

    def _frame(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is Opcode.CLOSE or self._handler is None or self._violation:
            return
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if frame.fin:
                self._message(opcode, bytes(frame.data))
            else:
                self._fragmented_as = opcode
                self._fragments = [bytes(frame.data)]
        elif opcode is Opcode.CONT:
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                data = b"".join(self._fragments)
                self._fragments = []
                self._message(self._fragmented_as, data)

    def _message(self, opcode: Opcode, data: bytes) -> None:
        assert self._handler is not None
        if opcode is Opcode.BINARY:
            self._handler.binary(data)
            return
        if not data.isascii() and not _is_utf8(data):
            self._violation = "a text message is not UTF-8"
            self._protocol.fail(CloseCode.INVALID_DATA, self._violation)
            return
        self._handler.text(data)

    def _accept(self, request: Request) -> None:
        assert isinstance(self._protocol, ServerProtocol)
        assert self._acceptor is not None
        response = self._protocol.accept(request)
        if response.status_code == 101:
            headers = {name.lower(): value for name, value in request.headers.raw_items()}
            decision = self._acceptor(request.path, headers)
            if isinstance(decision, Refusal):
                response = self._protocol.reject(decision.status, decision.text + "\n")
            else:
                self._handler = decision
        self._protocol.send_response(response)
        self._flush()
        if self._handler is not None:
            self._open(self._handler)

    def _answered(self, response: Response) -> None:
        if self._protocol.handshake_exc is not None or response.status_code != 101:
            return
        if self._opening is not None and not self._opening.done():
            self._opening.set_result(None)
        assert self._handler is not None
        self._open(self._handler)

    def _open(self, handler: Handler) -> None:
        self._opened = True
        if self._fast and self._transport is not None and not self._transport.is_closing():
            self._frames = FastFrames(
                self._transport,
                handler,
                self._tell_closed,
                self,
                is_client=isinstance(self._protocol, ClientProtocol),
                max_size=self._max_size,
                close_timeout=self._close_timeout,
            )
            loop = asyncio.get_running_loop()
            loop.call_soon(self._transport.set_protocol, self._frames.protocol)
        handler.opened(self)

    def _fail_opening(self, error: BaseException) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.set_exception(error)
            # The waiting side may have been cancelled by its time limit already.
            self._opening.exception()

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            self._protocol.data_to_send()  # there is nowhere left to send it
            return
        for data in self._protocol.data_to_send():
            if data is not SEND_EOF:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()

    def _expect_close(self) -> None:
        if self._close_timer is None and self._transport is not None:
            loop = asyncio.get_running_loop()
            self._close_timer = loop.call_later(self._close_timeout, self._transport.abort)

    def _tell_closed(self) -> None:
        if not self._opened or self._handler is None:
            return
        self._opened = False
        if self._frames is not None:
            self._handler.closed(self._frames.how_closed())
            return
        received, sent = self._protocol.close_rcvd, self._protocol.close_sent
        frame = received or (sent if self._violation else None)
        self._handler.closed(
            Closed(
                code=frame.code if frame else CloseCode.ABNORMAL_CLOSURE,
                reason=frame.reason if frame else "",
                by_peer=received is not None and bool(self._protocol.close_rcvd_then_sent),
                violation=self._violation,
            )
        )


def explain_handshake(error: InvalidHandshake) -> PeerError:
    """A refused or broken upgrade in one sentence."""
    if isinstance(error, InvalidStatus):
        return PeerError(f"the server answered HTTP {error.response.status_code}, not 101")
    return PeerError(f"the server's answer is not a WebSocket handshake: {error}")


def _nothing() -> None:
    """Nobody wants to know."""


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
