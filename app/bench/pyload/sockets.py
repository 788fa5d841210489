"""The load's connections: both kinds of sockets, their handshakes and their messages."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any, Protocol

from app.bench.pyload.flow import Receiver, Sender

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = b"dHdpbWwtYnJpZGdlLWJlbg=="
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Owner(Protocol):
    """The call that a socket belongs to."""

    id: int
    stops: int
    dialect: int

    def claim(self, socket: Socket) -> bool:
        """Take an app's socket in; False when none with its index is waited for."""
        ...

    def check_up(self) -> None: ...
    def lost(self, socket: Socket, why: str) -> None: ...


Find = Callable[[int], Owner | None]


def accept_key(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def text_of(message: bytes, key: bytes) -> bytes | None:
    """The string under a key, wherever it stands."""
    at = message.find(b'"' + key + b'"')
    start = message.find(b'"', at + len(key) + 2)
    end = message.find(b'"', start + 1)
    return message[start + 1 : end] if at >= 0 and start >= 0 and end >= 0 else None


def unmask(data: bytes, mask: bytes) -> bytes:
    size = len(data)
    key = int.from_bytes((mask * (size // 4 + 1))[:size])
    return (int.from_bytes(data) ^ key).to_bytes(size)


class Socket(asyncio.Protocol):
    """A carrier's socket (`leg`, where we are the client) or an app's (where we are the server)."""

    def __init__(
        self, find: Find, call: Owner | None = None, index: int = 0, leg: str = ""
    ) -> None:
        self._find = find
        self.call, self.index = call, index
        self.request = leg
        self.is_leg = bool(leg)
        self.transport: Any = None
        self.data = b""
        self.open = self.started = self.checked = self.dead = False
        self.sid = b""
        self.first, self.count, self.two_way = 0, 0, False
        self.sender: Sender | None = None
        self.receiver: Receiver | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if self.is_leg:
            transport.write(self.request.encode())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.dead:
            self.lose(f"the candidate closed {'a carrier' if self.is_leg else 'an app'}'s socket")

    def lose(self, why: str) -> None:
        if self.dead:
            return
        self.dead = True
        if self.transport is not None:
            self.transport.abort() if not self.open else self.transport.close()
        if self.call is not None:
            self.call.lost(self, why)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self.data = self.data + data if self.data else data
        if not self.open:
            head, end, rest = self.data.partition(b"\r\n\r\n")
            if not end:
                return
            self.data = rest
            if not (self._accepted(head) if self.is_leg else self._asked(head)):
                return
        self._frames(now)

    def _accepted(self, head: bytes) -> bool:
        good = header(head, b"sec-websocket-accept") == accept_key(KEY)
        if not head.startswith(b"HTTP/1.1 101") or not good:
            self.lose("the candidate refused a carrier's socket")
            return False
        assert self.call is not None
        self.open = True
        self.sid = b"5eed0000-0000-4000-8000-%08x%04x" % (self.call.id, self.index)
        media_format = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        self.send(b'{"event":"connected","protocol":"Call","version":"0.2.0"}')
        start = {
            "streamSid": self.sid.decode(),
            "accountSid": "5eed0000-0000-4000-8000-000000000000",
            "callSid": f"5eed0000-0000-4000-8000-{self.call.id:012x}",
            "tracks": ["inbound"],
            "mediaFormat": media_format,
        }
        self.send(json.dumps({"event": "start", "sequenceNumber": "1", "start": start}).encode())
        self.call.check_up()
        return True

    def _asked(self, head: bytes) -> bool:
        path = head.split(b" ", 2)[1].split(b"/")
        key = header(head, b"sec-websocket-key")
        call = None
        if len(path) == 4 and path[1] == b"c" and path[2].isdigit() and path[3].isdigit():
            call, self.index = self._find(int(path[2])), int(path[3])
        if call is None or not key or not call.claim(self):
            self.lose("")
            return False
        self.call, self.open = call, True
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key) + b"\r\n\r\n"
        )
        return True

    def _frames(self, now: int) -> None:
        data, at = self.data, 0
        while len(data) - at >= 2 and not self.dead:
            size, head = data[at + 1] & 127, 2
            if size == 126:
                if len(data) - at < 4:
                    break
                size, head = int.from_bytes(data[at + 2 : at + 4]), 4
            masked = 4 if data[at + 1] & 128 else 0
            body = at + head + masked
            if size == 127 or not data[at] & 128:
                self.lose("the candidate sent a frame that is too long, or a part of a message")
                break
            if len(data) < body + size:
                break
            payload = data[body : body + size]
            if masked:
                payload = unmask(payload, data[body - 4 : body])
            self._frame(data[at] & 15, payload, now)
            at = body + size
        self.data = data[at:]

    def _frame(self, opcode: int, payload: bytes, now: int) -> None:
        if opcode == _TEXT:
            self._text(payload, now)
        elif opcode == _PING:
            self.send(payload, _PONG)
        elif opcode == _CLOSE:
            self.send(payload, _CLOSE)
            if not self.is_leg:
                self.lose("the candidate closed an app's socket")

    def _text(self, message: bytes, now: int) -> None:
        assert self.call is not None
        payload = text_of(message, b"payload")
        if payload is not None:
            if not self.checked:
                self.checked = True
                right = text_of(message, b"streamSid") == self.sid
                if not right or (not self.is_leg and b'"sequenceNumber"' not in message):
                    self.call.dialect += 1
            if self.receiver is not None:
                self.receiver.take(payload, now)
        elif not self.is_leg and text_of(message, b"event") == b"start":
            self.sid = text_of(message, b"streamSid") or b""
            self.started = True
            self.call.check_up()
        elif not self.is_leg and text_of(message, b"event") == b"stop":
            self.call.stops += 1

    def send(self, text: bytes, opcode: int = _TEXT) -> None:
        """A leg masks with zeros, which changes nothing and costs us nothing; its peer unmasks."""
        mask = 128 if self.is_leg else 0
        size = len(text)
        head = bytes((128 | opcode, mask | size)) if size < 126 else b""
        head = head or bytes((128 | opcode, mask | 126)) + size.to_bytes(2)
        self.transport.write(head + (b"\0\0\0\0" if mask else b"") + text)

    def speak(self, now: int) -> None:
        assert self.sender is not None
        number, payload = self.sender.number, self.sender.write(now)
        if self.is_leg:
            self.send(
                b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound",'
                b'"chunk":"%d","timestamp":"%d","payload":"%b"}}'
                % (number + 2, number + 1, number * 20, payload)
            )
        else:
            self.send(
                b'{"event":"media","streamSid":"%b","media":{"payload":"%b"}}' % (self.sid, payload)
            )
