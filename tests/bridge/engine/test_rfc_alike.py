"""Both engines hear and say the same, whatever bytes come and however they are cut."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.uri import parse_uri
from websockets.utils import accept_key

from bridge.engine.sockets import Closed, Socket
from bridge.engine.websocket import FAST, WebSocket
from tests.support.raw import BINARY, CLOSE, CONT, MASK, PING, PONG, REQUEST, TEXT, framed, masked

pytestmark = pytest.mark.skipif(not FAST, reason="picows is not installed")

MAX_SIZE = 70_000


class MemoryTransport(asyncio.Transport):
    """A transport without a network: `deliver` is what comes, `written` what goes."""

    def __init__(self) -> None:
        # An encrypted transport's bytes go through `write`; others picows writes to the socket.
        options = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        super().__init__({"socket": options, "ssl_object": object()})
        self.options = options
        self.protocol: asyncio.BaseProtocol | None = None
        self.written = b""
        self.said_all = self.closing = False
        self._held: list[bytes] | None = None

    def deliver(self, data: bytes) -> None:
        """As an event loop does it, which may read several times before it does anything else."""
        while data and not self.closing:
            if self._held is not None:
                self._held.append(data)
                return
            protocol = self.protocol
            if isinstance(protocol, asyncio.BufferedProtocol):
                buffer = memoryview(protocol.get_buffer(-1))
                size = min(len(buffer), len(data))
                buffer[:size] = data[:size]
                data = data[size:]
                protocol.buffer_updated(size)
            else:
                assert isinstance(protocol, asyncio.Protocol)
                protocol.data_received(data)
                return

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self.protocol is not None
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        if self._held is None:
            self._held = []

    def resume_reading(self) -> None:
        held, self._held = self._held or [], None
        for data in held:
            self.deliver(data)

    def write(self, data: Any) -> None:
        assert not self.said_all
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.said_all = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.lost)

    def lost(self) -> None:
        self.get_protocol().connection_lost(None)


class Parrot:
    """Notes what it is told, and answers some of it."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.socket: Socket | None = None

    def opened(self, socket: Socket) -> None:
        self.socket = socket

    def text(self, data: bytes) -> None:
        assert self.socket is not None
        self.seen.append(data.decode())
        self.seen.append(self.socket.send_text(data))
        if data.startswith(b"bye"):
            self.socket.close(4000, "bye")
        if data.startswith(b"quit"):
            self.socket.abort()
        if data.startswith(b"fail"):
            raise RuntimeError("broken owner")

    def binary(self, data: bytes) -> None:
        self.seen.append(data)

    def closed(self, how: Closed) -> None:
        reason = "" if how.violation else how.reason
        self.seen.append((how.code, reason, how.by_peer, bool(how.violation)))


async def heard_and_said(
    role: str, slices: list[bytes], *, fast: bool, breathe: bool
) -> tuple[list[object], list[object]]:
    """What the owner was told and what went to the peer, when this came and then the end.

    `breathe`: the event loop comes round between the slices.
    """
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    transport, owner = MemoryTransport(), Parrot()
    if role == "server":
        ours = WebSocket.server(lambda *_: owner, max_size=MAX_SIZE, fast=fast)
        handshake = REQUEST
    else:
        protocol = ClientProtocol(parse_uri("ws://x/"))
        ours = WebSocket.client(protocol, owner, max_size=MAX_SIZE, fast=fast)
        handshake = _answer(protocol)
    transport.protocol = ours
    ours.connection_made(transport)
    opening = asyncio.create_task(_open(ours))
    await asyncio.sleep(0)
    transport.written = b""
    first, *rest = slices or [b""]
    transport.deliver(handshake + first)
    await opening
    for data in rest:
        if breathe:
            await asyncio.sleep(0)
        transport.deliver(data)
    await asyncio.sleep(0)
    if not transport.closing:
        transport.get_protocol().eof_received()  # type: ignore[attr-defined]
        transport.close()
    for _ in range(3):
        await asyncio.sleep(0)
    transport.options.close()
    said = transport.written
    if role == "server":
        said = said.partition(b"\r\n\r\n")[2]
    return owner.seen, list(_frames(said))


async def _open(ours: WebSocket) -> None:
    protocol = ours._protocol
    if isinstance(protocol, ClientProtocol):
        await ours.handshake(protocol.connect())


def _answer(protocol: ClientProtocol) -> bytes:
    return (
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(protocol.key)}\r\n\r\n"
    ).encode()


def _frames(data: bytes) -> Iterator[object]:
    """What our socket has sent: each frame's opcode and payload, of a close frame the code."""
    while data:
        size, at = data[1] & 0x7F, 2
        if size > 125:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at], "big")
        mask = data[at : at + 4] if data[1] & 0x80 else b""
        at += len(mask)
        payload = masked(data[at : at + size], mask or b"\0\0\0\0")
        assert len(payload) == size
        opcode = data[0] & 0x0F
        yield (opcode, payload[:2] if opcode == CLOSE else payload)
        data = data[at + size :]


# Bytes: mostly frames, right and wrong, some junk

TEXTS = st.one_of(
    st.sampled_from([b"", b"bye", b"quit", b"fail", b"x" * 126, "é".encode(), b"\xc3", b"\xa9"]),
    st.text(max_size=5).map(str.encode),
    st.binary(max_size=5),
)
CODES = st.sampled_from([0, 999, 1000, 1001, 1004, 1005, 1006, 1014, 1015, 2999, 3000, 4999, 5000])
CLOSES = st.one_of(
    st.sampled_from([b"", b"\x03"]),
    st.builds(lambda code, reason: code.to_bytes(2, "big") + reason, CODES, TEXTS),
)
LARGE = st.sampled_from([2_048, 65_535, 65_536, MAX_SIZE - 1, MAX_SIZE, MAX_SIZE + 1])
Maker = Callable[[bool], bytes]


def made(opcode: int, data: bytes, **options: Any) -> Maker:
    """A frame, once it is known whether it is to be masked."""

    def make(mask: bool) -> bytes:
        wrong = options.get("wrong_mask", False)
        rest = {name: value for name, value in options.items() if name != "wrong_mask"}
        return framed(opcode, data, mask=MASK if mask != wrong else None, **rest)

    return make


DATA = st.builds(made, st.sampled_from([TEXT, BINARY, CONT]), TEXTS, fin=st.booleans())
CONTROL = st.one_of(
    st.builds(made, st.sampled_from([PING, PONG]), TEXTS), st.builds(made, st.just(CLOSE), CLOSES)
)
BULKY = st.builds(
    lambda opcode, size, fin: made(opcode, b"z" * size, fin=fin),
    st.sampled_from([TEXT, BINARY, CONT]), LARGE, st.booleans(),
)  # fmt: skip
ODD = st.builds(
    made, st.integers(0, 15), st.one_of(TEXTS, CLOSES),
    fin=st.booleans(), reserved=st.integers(0, 7), wrong_mask=st.booleans(),
    size_bytes=st.sampled_from([None, 2, 8]),
)  # fmt: skip
ANNOUNCED = st.builds(
    made, st.integers(0, 15), TEXTS, size=st.sampled_from([0, 126, MAX_SIZE + 1, 1 << 62, 1 << 63]),
    size_bytes=st.just(8),
)  # fmt: skip
JUNK = st.binary(max_size=20).map(lambda data: lambda _: data)
TEXT_WHOLE = TEXTS.map(lambda data: made(TEXT, data))
STREAMS = st.lists(
    st.one_of(TEXT_WHOLE, DATA, DATA, CONTROL, CONTROL, BULKY, ODD, ANNOUNCED, JUNK), max_size=8
)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(stream) + 1) for place in places})
    return [stream[a:b] for a, b in zip([0, *at], [*at, len(stream)], strict=True)]


CUTS = st.lists(st.integers(0, 200_000), max_size=6)


@given(st.sampled_from(["client", "server"]), STREAMS, CUTS, CUTS, st.booleans(), st.booleans())
@example("server", [made(PING, b"1"), made(3, b"")], [], [], True, True)
@example("client", [made(TEXT, b"bye"), made(3, b"")], [], [1, 2, 3, 4, 5], True, False)
@example("server", [made(CLOSE, b"\x03\xe8"), made(3, b"")], [], [], True, True)
@example("client", [made(TEXT, b"fail"), made(3, b"")], [], [], True, True)
@example(
    "client", [made(BINARY, b"x" * (MAX_SIZE + 1)), made(TEXT, b"x")], [70_000], [], True, True
)
@example("server", [made(CLOSE, b"\x03"), made(TEXT, b"x")], [], [8], True, False)
def test_engines_are_alike(
    role: str,
    makers: list[Maker],
    cuts: list[int],
    other_cuts: list[int],
    breathe: bool,
    other_breathes: bool,
) -> None:
    """Any bytes, cut anywhere, give the same messages, answers, close code and end on both."""
    stream = b"".join(make(role == "server") for make in makers)

    async def both() -> None:
        pieces, others = cut(stream, cuts), cut(stream, other_cuts)
        plain = await heard_and_said(role, pieces, fast=False, breathe=breathe)
        fast = await heard_and_said(role, others, fast=True, breathe=other_breathes)
        again = await heard_and_said(role, [stream], fast=True, breathe=True)
        assert plain == fast == again
        told = [event for event in plain[0] if isinstance(event, tuple)]
        assert len(told) == 1
        assert plain[0][-1] == told[0]

    asyncio.run(both())
