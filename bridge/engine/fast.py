"""Frames by picows: the same sockets at a fraction of the cost, where its wheel is installed.

Handshakes, control frames and closing are `bridge.engine.websocket`'s with either engine. Between
them picows reads the frames and writes the text. It is given the shortest handshake that satisfies
it, of which the peer sees nothing, and loses the transport again when the socket closes.

What differs from the plain engine: the words of a violation; masks, which come from the C library's
`rand` and not from the system's entropy; and `received`, which counts frames once they are whole.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import Protocol

from picows import WSAutoPingStrategy, WSFrame, WSListener, WSMsgType, WSTransport
from picows.picows import WSProtocol  # type: ignore[attr-defined]
from websockets.frames import CloseCode

from bridge.engine.frames import Pieces

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

TEXT = WSMsgType.TEXT
BINARY = WSMsgType.BINARY


class Owner(Protocol):
    """The socket whose frames these are."""

    def text(self, data: bytes) -> None: ...
    def binary(self, data: bytes) -> None: ...
    def frame(self, opcode: int, fin: bool, reserved: bool, payload: bytes) -> None: ...

    def broken(self, code: int, fault: str) -> None:
        """The peer broke the protocol; a frame from before that may still be delivered."""
        ...

    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def eof_received(self) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...


class _Ear:
    """Stands in for picows' logger: the one place where it tells of a breach before it acts."""

    def __init__(self, broken: Callable[[int, str], None]) -> None:
        self._broken = broken

    def isEnabledFor(self, _level: int) -> bool:  # noqa: N802 -- logging's name
        return False

    def error(self, message: str, details: object = None) -> None:
        if isinstance(details, tuple):
            code, fault = details
            self._broken(int(code), fault)
        else:
            self.exception(message)

    def exception(self, message: str, *_: object) -> None:
        self._broken(CloseCode.INTERNAL_ERROR, message)

    def info(self, *_: object) -> None:
        """Nothing that is not known."""

    debug = warning = info


class _Muted:
    """A transport that swallows what is written until `heard` is set, and cannot be closed."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.get_write_buffer_size = transport.get_write_buffer_size
        self.get_extra_info = transport.get_extra_info
        self.swallowed = b""
        self.heard = False

    def write(self, data: bytes) -> None:
        if self.heard:
            self._transport.write(data)
        else:
            self.swallowed += bytes(data)

    def writelines(self, parts: list[bytes]) -> None:
        self.write(b"".join(parts))

    def close(self) -> None:
        """When to hang up is for the socket to say."""


class _Frames(WSProtocol):  # type: ignore[misc]
    """picows' protocol, which would keep the end of the peer's data to itself."""

    owner: Owner

    def eof_received(self) -> None:
        self.owner.eof_received()


class FastFrames(WSListener):
    """The open part of a socket's life."""

    def __init__(
        self,
        transport: asyncio.Transport,
        owner: Owner,
        pieces: Pieces,
        is_client: bool,
        max_size: int,
    ) -> None:
        self.received = 0
        self._owner = owner
        self._pieces = pieces
        self._header = 2 if is_client else 6  # of a small frame; clients mask
        self._silenced = False
        self._over = False
        muted = _Muted(transport)
        self.protocol = _Frames(
            "x",
            "/",
            is_client,
            lambda *_: self,
            _Ear(self._broken),
            True,  # an exception ends the connection
            None,  # no limit on the handshake: it is over
            False,
            0,
            0,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # no pongs: they are the socket's
            max_size,
            None,
            _BUFFER,
        )
        self.protocol.owner = owner
        self.protocol.connection_made(muted)
        self.feed(_answer(muted.swallowed) if is_client else _REQUEST)
        muted.heard = True
        self.send_text: Callable[[bytes], None] = partial(self.protocol.transport.send, TEXT)
        """Sends a message; once the peer has broken the protocol, it does nothing."""

    def feed(self, data: bytes) -> None:
        """Bytes that were read before picows did the reading."""
        while data and not self._silenced:
            buffer = self.protocol.get_buffer(-1)
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            self.protocol.buffer_updated(size)
            data = data[size:]

    def stop(self) -> None:
        """Deliver and send nothing any more."""
        self._over = True
        self._silence()

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        if self._over:
            return
        self.received += frame.payload_size + self._header
        kind, payload = frame.msg_type, frame.get_payload_as_bytes()
        whole = frame.fin and not (frame.rsv1 or frame.rsv2 or frame.rsv3 or self._pieces.begun)
        if whole and kind is TEXT:
            self._owner.text(payload)
        elif whole and kind is BINARY:
            self._owner.binary(payload)
        else:
            reserved = bool(frame.rsv1 or frame.rsv2 or frame.rsv3)
            self._owner.frame(kind.value, bool(frame.fin), reserved, payload)

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        if not self._silenced:
            self._silenced = True
            self._owner.connection_lost(None)

    def pause_writing(self) -> None:
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        self._owner.resume_writing()

    # Inside

    def _broken(self, code: int, fault: str) -> None:
        if not self._silenced:
            self._silence()
            self._owner.broken(code, fault)

    def _silence(self) -> None:
        """Make picows believe that the connection is gone, so that it sends no close frame."""
        if not self._silenced:
            self._silenced = True
            self.protocol.connection_lost(None)


def _answer(request: bytes) -> bytes:
    """The server's part of a handshake that never went over a wire."""
    match = _KEY.search(request)
    assert match is not None
    return _RESPONSE % base64.b64encode(hashlib.sha1(match[1] + _GUID).digest())  # noqa: S324
