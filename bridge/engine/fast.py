"""Frames by picows: the same sockets at a fraction of the cost, where its wheel is installed.

The handshake stays with the `websockets` library: who is let in, and what is said, is one code for
both engines. When it is done, picows takes the transport over. It is given the shortest handshake
that satisfies it, of which the peer sees nothing.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import re
from collections.abc import Callable
from typing import Any, cast

from picows import (
    WSAutoPingStrategy,
    WSFrame,
    WSListener,
    WSMsgType,
    WSProtocolError,
    WSTransport,
)
from picows.picows import WSCloseHandshake, WSProtocol  # type: ignore[attr-defined]
from websockets.frames import CloseCode

from bridge.engine.sockets import Closed, Handler

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"Sec-WebSocket-Key: (\S+)")
_REQUEST = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n\r\n"
)
_BUFFER = 2048  # of a socket that reads small frames; it grows with larger ones

# What it logs is told to the socket's owner too.
_quiet = logging.getLogger("bridge.engine.picows")
_quiet.setLevel(logging.CRITICAL + 1)
_LOGGER = logging.LoggerAdapter(_quiet)

TEXT, BINARY, CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION
PING, CLOSE = WSMsgType.PING, WSMsgType.CLOSE
_MESSAGES = frozenset({TEXT, BINARY})


class _Muted:
    """A transport that swallows what is written until `heard` is set."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.get_write_buffer_size = transport.get_write_buffer_size
        self.get_extra_info = transport.get_extra_info
        self.close = transport.close
        self.abort = transport.abort
        self.swallowed = b""
        self.heard = False

    def write(self, data: bytes) -> None:
        if self.heard:
            self._transport.write(data)
        else:
            self.swallowed += bytes(data)

    def writelines(self, parts: list[bytes]) -> None:
        self.write(b"".join(parts))


class FastFrames(WSListener):
    """The open part of a socket's life. Its owner is told what `Handler` says, `closed` once.

    `flow` is told when the transport's buffer is full, and when there is room again.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        handler: Handler,
        closed: Callable[[], None],
        flow: asyncio.Protocol,
        *,
        is_client: bool,
        max_size: int,
        close_timeout: float,
    ) -> None:
        self.received = 0
        self._violation = ""
        self._close_received: tuple[int, str] | None = None
        self._close_sent: tuple[int, str] | None = None
        self._closed_by_peer = False
        self._transport = transport
        self._handler = handler
        self._closed = closed
        self._flow = flow
        self._is_client = is_client
        self._header = 2 if is_client else 6  # of a small frame; clients mask
        self._max_size = max_size
        self._close_timeout = close_timeout
        self._close_timer: asyncio.TimerHandle | None = None
        self._fragments: list[bytes] = []
        self._fragmented_as: WSMsgType | None = None
        muted = _Muted(transport)
        self.protocol = WSProtocol(
            "x",
            "/",
            is_client,
            lambda *_: self,
            _LOGGER,
            True,  # an exception ends the connection
            None,  # no limit on the handshake: it is over
            False,
            0,
            0,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # pongs are sent here, where pings are counted as signs of life
            max_size,
            None,
            _BUFFER,
        )
        self.protocol.connection_made(muted)
        self.feed(_answer(muted.swallowed) if is_client else _REQUEST)
        muted.heard = True
        self._ws: WSTransport = self.protocol.transport

    def feed(self, data: bytes) -> None:
        """Bytes that were read before picows did the reading."""
        while data:
            buffer = self.protocol.get_buffer(-1)
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            self.protocol.buffer_updated(size)
            data = data[size:]

    @property
    def is_open(self) -> bool:
        return not (self._close_sent or self._close_received or self._violation)

    def how_closed(self) -> Closed:
        frame = self._close_received or (self._close_sent if self._violation else None)
        code, reason = frame or (int(CloseCode.ABNORMAL_CLOSURE), "")
        return Closed(code, reason, self._closed_by_peer, self._violation)

    def send_text(self, data: bytes) -> None:
        self._ws.send(TEXT, data)

    def ping(self) -> None:
        self._ws.send_ping(b"")

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake."""
        self._send_close(code, reason)
        self._expect_close()

    # WSListener

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        self.received += frame.payload_size + self._header
        kind = frame.msg_type
        if self._violation or self._close_received:
            return
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._violate(CloseCode.PROTOCOL_ERROR, "reserved bits must be 0")
        if kind in _MESSAGES:
            if self._fragmented_as is not None:
                self._violate(CloseCode.PROTOCOL_ERROR, "expected a continuation frame")
            payload = frame.get_payload_as_bytes()
            if frame.fin:
                self._message(kind, payload)
            else:
                self._fragmented_as = kind
                self._fragments = [payload]
        elif kind == CONTINUATION:
            self._continue(frame)
        elif kind == PING:
            if self._close_sent is None:
                self._ws.send_pong(frame.get_payload_as_bytes())
        elif kind == CLOSE:
            self._close_came(frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._close_timer is not None:
            self._close_timer.cancel()
        handshake: WSCloseHandshake | None = transport.close_handshake
        sent = None if handshake is None else handshake.sent
        if sent is not None and self._close_sent is None and not self._violation:
            # picows found the fault itself, and has said so to the peer.
            self._close_sent = (cast(int, sent.code), sent.reason)
            self._violation = sent.reason or "the peer broke the protocol"
        self._closed()

    def pause_writing(self) -> None:
        self._flow.pause_writing()

    def resume_writing(self) -> None:
        self._flow.resume_writing()

    # Inside

    def _message(self, kind: WSMsgType, data: bytes) -> None:
        if kind == TEXT and not data.isascii() and not is_utf8(data):
            self._violate(CloseCode.INVALID_DATA, "a text message is not UTF-8")
        try:
            if kind == TEXT:
                self._handler.text(data)
            else:
                self._handler.binary(data)
        except Exception as error:  # noqa: BLE001
            # A fault of ours: told as asyncio tells of one, and the end of this socket only.
            what = {"message": "a WebSocket's owner failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(what)
            self._transport.abort()

    def _continue(self, frame: WSFrame) -> None:
        if self._fragmented_as is None:
            self._violate(CloseCode.PROTOCOL_ERROR, "unexpected continuation frame")
        self._fragments.append(frame.get_payload_as_bytes())
        if sum(map(len, self._fragments)) > self._max_size:
            self._violate(CloseCode.MESSAGE_TOO_BIG, f"a message of over {self._max_size} bytes")
        if frame.fin:
            kind, data = self._fragmented_as, b"".join(self._fragments)
            self._fragmented_as, self._fragments = None, []
            self._message(cast(WSMsgType, kind), data)

    def _close_came(self, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        code = int.from_bytes(payload[:2]) if payload else int(CloseCode.NO_STATUS_RCVD)
        reason = payload[2:].decode()  # picows has checked that it is UTF-8
        self._close_received = (code, reason)
        self._closed_by_peer = self._close_sent is None
        if self._close_sent is None:
            self._send_close(code if payload else None, reason)
        if self._is_client:
            self._expect_close()  # the server hangs up first
        else:
            self._transport.close()
        self._closed()

    def _send_close(self, code: int | None, reason: str) -> None:
        self._close_sent = (code or 0, reason)
        if code is None:
            self._ws.send(CLOSE, b"")
        else:
            self._ws.send_close(cast(Any, code), reason.encode())

    def _violate(self, code: CloseCode, fault: str) -> None:
        """End the connection for a breach of the protocol; does not return."""
        self._violation = fault
        self._close_sent = (int(code), fault)
        asyncio.get_running_loop().call_soon(self._closed)
        raise WSProtocolError(int(code), fault)

    def _expect_close(self) -> None:
        if self._close_timer is None:
            loop = asyncio.get_running_loop()
            self._close_timer = loop.call_later(self._close_timeout, self._transport.abort)


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _answer(request: bytes) -> bytes:
    """The server's part of a handshake that never went over a wire."""
    match = _KEY.search(request)
    assert match is not None
    return _RESPONSE % base64.b64encode(hashlib.sha1(match[1] + _GUID).digest())  # noqa: S324
