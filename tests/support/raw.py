"""A WebSocket peer of which every byte is the test's, and the notes of a socket's owner."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from bridge.engine.sockets import Acceptor, Closed, Socket
from bridge.engine.websocket import WebSocket
from tests.support.peers import HOST, tcp_server, upgrade

TEXT, BINARY, CONT = Opcode.TEXT, Opcode.BINARY, Opcode.CONT
CLOSE, PING, PONG = Opcode.CLOSE, Opcode.PING, Opcode.PONG
MASK = b"\x37\xfa\x21\x3d"
REQUEST = (
    b"GET /media HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@dataclass(eq=False)
class Owner:
    """Notes what a socket's owner is told."""

    seen: list[object] = field(default_factory=list)
    socket: Socket | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    on_text: Callable[[bytes], object] | None = None

    def opened(self, socket: Socket) -> None:
        assert self.socket is None
        self.socket = socket
        self._note("opened")

    def text(self, data: bytes) -> None:
        self._note(data.decode())
        if self.on_text is not None:
            self.on_text(data)

    def binary(self, data: bytes) -> None:
        self._note(data)

    def closed(self, how: Closed) -> None:
        self._note(how)

    def _note(self, event: object) -> None:
        self.seen.append(event)
        self.changed.set()

    @property
    def heard(self) -> list[object]:
        """The messages, without the beginning and the end."""
        return [event for event in self.seen[1:] if not isinstance(event, Closed)]

    async def until(self, count: int) -> list[object]:
        """What has been told, once there are so many."""
        async with asyncio.timeout(10):
            while len(self.seen) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.seen

    async def end(self) -> Closed:
        async with asyncio.timeout(10):
            while not isinstance(self.seen[-1:][0] if self.seen else None, Closed):
                self.changed.clear()
                await self.changed.wait()
        last = self.seen[-1]
        assert isinstance(last, Closed)
        assert sum(isinstance(event, Closed) for event in self.seen) == 1
        return last


def framed(
    opcode: int,
    data: bytes = b"",
    *,
    mask: bytes | None,
    fin: bool = True,
    reserved: int = 0,
    size_bytes: int | None = None,
    size: int | None = None,
) -> bytes:
    """One frame, right or wrong: nothing is checked.

    `size` is what the header says, in `size_bytes` (0, 2 or 8) bytes of extended length.
    """
    size = len(data) if size is None else size
    if size_bytes is None:
        size_bytes = 0 if size < 126 else 2 if size < 65_536 else 8
    flag = {0: size, 2: 126, 8: 127}[size_bytes]
    head = bytes([opcode | reserved << 4 | 0x80 * fin, flag | 0x80 * (mask is not None)])
    length = size.to_bytes(size_bytes, "big") if size_bytes else b""
    return head + length + (mask or b"") + masked(data, mask or b"\0\0\0\0")


def masked(data: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


class Sent(NamedTuple):
    """A frame of our socket's, as it came over the wire."""

    opcode: int
    data: bytes
    mask: bytes | None
    first: int

    @property
    def code(self) -> int:
        """A close frame's code."""
        assert self.opcode == CLOSE
        return int.from_bytes(self.data[:2], "big")


class Raw:
    """The other side. `masks`: it plays the client."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, masks: bool
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.masks = masks

    def frame(
        self, opcode: int, data: bytes = b"", *, fin: bool = True, reserved: int = 0
    ) -> bytes:
        mask = MASK if self.masks else None
        return framed(opcode, data, mask=mask, fin=fin, reserved=reserved)

    async def send(self, *data: bytes) -> None:
        """Each piece in a segment of its own, as far as that is ours to say."""
        for piece in data:
            self.writer.write(piece)
            await self.writer.drain()

    async def receive(self) -> Sent:
        """The next frame of our socket's, which must be well formed."""
        async with asyncio.timeout(10):
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size > 125:
                width = 2 if size == 126 else 8
                size = int.from_bytes(await self.reader.readexactly(width), "big")
                assert size >= (126 if width == 2 else 65_536)
            assert bool(second & 0x80) != self.masks
            mask = await self.reader.readexactly(4) if second & 0x80 else None
            data = masked(await self.reader.readexactly(size), mask or b"\0\0\0\0")
        assert first & 0xF0 == 0x80  # we send no fragments and no reserved bits
        return Sent(first & 0x0F, data, mask, first)

    async def rest(self) -> bytes:
        """Everything up to the end of what our socket says."""
        async with asyncio.timeout(10):
            return await self.reader.read()

    async def dropped(self) -> None:
        """Wait until our socket's side is gone for good, and not only silent."""
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                while True:
                    self.writer.write(b"x")
                    await self.writer.drain()
                    await asyncio.sleep(0.001)

    def say_no_more(self) -> None:
        """Half-close: nothing follows, but what comes is still read."""
        self.writer.write_eof()

    def hang_up(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        taken = self.writer.get_extra_info("socket")
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass(slots=True)
class Link:
    """Our open socket with its owner, and the raw peer."""

    owner: Owner
    raw: Raw

    @property
    def socket(self) -> Socket:
        assert self.owner.socket is not None
        return self.owner.socket


@asynccontextmanager
async def serving(
    accept: Acceptor,
    *,
    fast: bool,
    max_size: int = 70_000,
    open_timeout: float = 10,
    close_timeout: float = 10,
) -> AsyncIterator[int]:
    """Our accepting side; yields its port."""
    listening = await asyncio.get_running_loop().create_server(
        lambda: WebSocket.server(
            accept,
            max_size=max_size,
            open_timeout=open_timeout,
            close_timeout=close_timeout,
            fast=fast,
        ),
        HOST,
        0,
    )
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def connected(
    port: int, owner: Owner, *, fast: bool, max_size: int = 70_000, close_timeout: float = 10
) -> WebSocket:
    """Our connecting side, open."""
    protocol = ClientProtocol(parse_uri(f"ws://{HOST}:{port}/"))
    socket = WebSocket.client(
        protocol, owner, max_size=max_size, close_timeout=close_timeout, fast=fast
    )
    await asyncio.get_running_loop().create_connection(lambda: socket, HOST, port)
    try:
        await socket.handshake(protocol.connect())
    except BaseException:
        socket.abort()
        raise
    return socket


@asynccontextmanager
async def linked(role: str, *, fast: bool, close_timeout: float = 10) -> AsyncIterator[Link]:
    """Our socket in that role, `client` or `server`, open; at the end it has ended."""
    owner = Owner()
    if role == "server":
        async with serving(lambda *_: owner, fast=fast, close_timeout=close_timeout) as port:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(REQUEST)
            await reader.readuntil(b"\r\n\r\n")
            yield Link(owner, Raw(reader, writer, masks=True))
            writer.close()
            await owner.end()
        return
    peers: asyncio.Queue[Raw] = asyncio.Queue()
    enough = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        peers.put_nowait(Raw(reader, writer, masks=False))
        await enough.wait()

    async with tcp_server(serve) as port:
        await connected(port, owner, fast=fast, close_timeout=close_timeout)
        raw = await peers.get()
        yield Link(owner, raw)
        enough.set()
        await owner.end()
