from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from bridge.engine.sockets import Acceptor, Closed, Refusal, Socket
from bridge.engine.websocket import FAST, WebSocket, explain_handshake
from tests.support.peers import HOST, read_request, server_frame, tcp_server, upgrade

MAX_SIZE = 1_000
needs_fast = pytest.mark.skipif(not FAST, reason="picows is not installed")


class engine:  # noqa: N801 -- a namespace
    """Which engine the sockets of a test are of."""

    fast = False


@pytest.fixture(autouse=True, params=["plain", pytest.param("fast", marks=needs_fast)])
def chosen_engine(request: pytest.FixtureRequest) -> None:
    """Every test runs on both engines."""
    engine.fast = request.param == "fast"


@dataclass(eq=False)
class Owner:
    """Notes what a socket's owner is told."""

    seen: list[object] = field(default_factory=list)
    socket: Socket | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    on_text: Callable[[bytes], None] | None = None

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


async def client(port: int, owner: Owner, *, close_timeout: float = 10) -> WebSocket:
    """Our connecting side, open."""
    protocol = ClientProtocol(parse_uri(f"ws://{HOST}:{port}/"), max_size=MAX_SIZE)
    socket = WebSocket.client(
        protocol, owner, max_size=MAX_SIZE, close_timeout=close_timeout, fast=engine.fast
    )
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: socket, HOST, port)
    await socket.handshake(protocol.connect())
    return socket


@asynccontextmanager
async def server(accept: Acceptor, *, close_timeout: float = 10) -> AsyncIterator[int]:
    """Our accepting side; yields its port."""
    listening = await asyncio.get_running_loop().create_server(
        lambda: WebSocket.server(
            accept, max_size=MAX_SIZE, close_timeout=close_timeout, fast=engine.fast
        ),
        HOST,
        0,
    )
    async with listening:
        yield listening.sockets[0].getsockname()[1]


@asynccontextmanager
async def served(*, close_timeout: float = 10) -> AsyncIterator[tuple[Owner, ClientConnection]]:
    """An open socket: our accepting side's owner, and the client by the `websockets` library."""
    owner = Owner()
    async with (
        server(lambda path, headers: owner, close_timeout=close_timeout) as port,
        connect(f"ws://{HOST}:{port}/", compression=None, max_size=None) as peer,
    ):
        yield owner, peer


# The connecting side against raw bytes


@asynccontextmanager
async def peer_sending(
    *data: bytes, wait: bool = True, close_timeout: float = 10
) -> AsyncIterator[Owner]:
    """Our client's owner, when the server has sent these bytes after the handshake."""

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        for part in data:
            writer.write(part)
            await writer.drain()
        if wait:
            await reader.read()  # until our side hangs up

    async with tcp_server(serving) as port:
        owner = Owner()
        await client(port, owner, close_timeout=close_timeout)
        yield owner


async def test_text_and_binary() -> None:
    """Text and binary messages reach the owner as what they are."""
    frames = server_frame(Opcode.TEXT, b'{"a":1}') + server_frame(Opcode.BINARY, b"\x00\xff")
    async with peer_sending(frames + server_frame(Opcode.CLOSE, b"\x03\xe8bye")) as owner:
        how = await owner.end()
    assert owner.seen == ["opened", '{"a":1}', b"\x00\xff", how]
    assert how == Closed(1000, "bye", by_peer=True)
    assert not how.abrupt


async def test_a_first_message_in_the_same_packet_as_the_handshake() -> None:
    """What comes right behind the server's 101 is not lost and comes after `opened`."""

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer, behind=server_frame(Opcode.TEXT, b"first"))
        await reader.read()

    async with tcp_server(serving) as port:
        owner = Owner()
        socket = await client(port, owner)
        await owner.until(2)
        socket.abort()
        await owner.end()
    assert owner.seen[:2] == ["opened", "first"]


async def test_fragments_are_joined() -> None:
    """A message in fragments is one message, even with a ping between and a letter cut in two."""
    letter = "é".encode()
    frames = [
        server_frame(Opcode.TEXT, b"a" + letter[:1], fin=False),
        server_frame(Opcode.PING, b"!"),
        server_frame(Opcode.CONT, letter[1:], fin=False),
        server_frame(Opcode.CONT, b"b"),
        server_frame(Opcode.BINARY, b"1", fin=False),
        server_frame(Opcode.CONT, b"2"),
        server_frame(Opcode.TEXT, b"", fin=False),
        server_frame(Opcode.CONT, b""),
        server_frame(Opcode.CLOSE, b"\x03\xe8"),
    ]
    async with peer_sending(*frames) as owner:
        await owner.end()
    assert owner.seen[1:-1] == ["aéb", b"12", ""]


async def test_pings_are_answered() -> None:
    """A ping is answered by a pong with its data; the owner hears nothing of it."""
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(server_frame(Opcode.PING, b"are you there"))
        head = await reader.readexactly(2)
        mask = await reader.readexactly(4)
        data = await reader.readexactly(head[1] & 0x7F)
        plain = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        answered.set_result(head[:1] + plain)
        writer.write(server_frame(Opcode.CLOSE, b"\x03\xe8"))
        await reader.read()

    async with tcp_server(serving) as port:
        owner = Owner()
        await client(port, owner)
        assert await answered == b"\x8aare you there"
        await owner.end()
    assert len(owner.seen) == 2


VIOLATIONS = {
    "reserved bits": b"\xf1\x00",
    "reserved opcode": b"\x83\x00",
    "masked by a server": Frame(Opcode.TEXT, b"x").serialize(mask=True),
    "fragmented control frame": server_frame(Opcode.PING, b"x", fin=False),
    "long control frame": server_frame(Opcode.PING, b"x" * 126),
    "continuation of nothing": server_frame(Opcode.CONT, b"x"),
    "a message inside a message": server_frame(Opcode.TEXT, b"x", fin=False) * 2,
    "close frame of one byte": server_frame(Opcode.CLOSE, b"\x03"),
    "close code that may not be sent": server_frame(Opcode.CLOSE, b"\x03\xed"),
    "close reason that is not UTF-8": server_frame(Opcode.CLOSE, b"\x03\xe8\xff"),
    "text that is not UTF-8": server_frame(Opcode.TEXT, b"\xff"),
    "text cut inside a letter": server_frame(Opcode.TEXT, "é".encode()[:1]),
    "surrogate": server_frame(Opcode.TEXT, b"\xed\xa0\x80"),
    "oversize": server_frame(Opcode.TEXT, b"x" * (MAX_SIZE + 1)),
    "oversize in fragments": server_frame(Opcode.TEXT, b"x" * MAX_SIZE, fin=False)
    + server_frame(Opcode.CONT, b"x"),
    "oversize announced": b"\x81\x7f" + b"\x7f" + b"\xff" * 7,
}


@pytest.mark.parametrize("data", VIOLATIONS.values(), ids=VIOLATIONS)
async def test_violations(data: bytes) -> None:
    """A peer that breaks the protocol is named as such, and the socket ends."""
    async with peer_sending(server_frame(Opcode.TEXT, b"fine") + data) as owner:
        how = await owner.end()
    assert owner.seen[:2] == ["opened", "fine"]
    assert len(owner.seen) == 3
    assert how.violation
    assert not how.abrupt
    assert how.code in (1002, 1007, 1009)


async def test_nothing_is_delivered_after_a_violation() -> None:
    """Messages behind invalid UTF-8, even in the same packet, do not reach the owner."""
    bad = server_frame(Opcode.TEXT, b"\xff")
    good = server_frame(Opcode.TEXT, b"good") + server_frame(Opcode.BINARY, b"good")
    async with peer_sending(bad + good, good) as owner:
        how = await owner.end()
    assert owner.seen == ["opened", how]
    assert how.code == 1007


@pytest.mark.parametrize(
    "frames",
    [
        [server_frame(Opcode.TEXT, b"x" * MAX_SIZE)],
        [
            server_frame(Opcode.TEXT, b"x" * (MAX_SIZE - 1), fin=False),
            server_frame(Opcode.CONT, b"x"),
        ],
    ],
)
async def test_the_largest_message(frames: list[bytes]) -> None:
    """A message of the greatest size allowed is taken, whole or in fragments."""
    async with peer_sending(*frames, server_frame(Opcode.CLOSE, b"\x03\xe8")) as owner:
        how = await owner.end()
    assert owner.seen == ["opened", "x" * MAX_SIZE, how]
    assert not how.violation


async def test_end_without_a_close_frame() -> None:
    """A peer that vanishes is an abrupt end."""
    async with peer_sending(server_frame(Opcode.TEXT, b"last"), wait=False) as owner:
        how = await owner.end()
    assert owner.seen[1] == "last"
    assert how == Closed(1006, "", by_peer=False)
    assert how.abrupt


async def test_end_inside_a_frame() -> None:
    """A peer that vanishes in the middle of a frame is an abrupt end, not a violation."""
    async with peer_sending(server_frame(Opcode.TEXT, b"half")[:3], wait=False) as owner:
        how = await owner.end()
    assert (how.abrupt, how.violation) == (True, "")


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4400])
async def test_any_close_code_of_the_peers(code: int) -> None:
    """The peer's code and reason are told as they came."""
    frame = server_frame(Opcode.CLOSE, code.to_bytes(2, "big") + "tschüß".encode())
    async with peer_sending(frame) as owner:
        assert await owner.end() == Closed(code, "tschüß", by_peer=True)


async def test_close_frame_without_a_code() -> None:
    """A close frame may be empty."""
    async with peer_sending(server_frame(Opcode.CLOSE, b"")) as owner:
        assert await owner.end() == Closed(1005, "", by_peer=True)


async def test_an_owner_that_fails_loses_its_socket_alone() -> None:
    """An exception in the owner is reported to the loop, and its socket closes."""
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(context["message"]))
    async with served() as (owner, peer):

        def fail(_: bytes) -> None:
            raise RuntimeError("broken owner")

        owner.on_text = fail
        await peer.send("x")
        await owner.end()
    assert len(reported) == 1


# The connecting side against a well-behaved server


async def test_closing_delivers_what_was_sent_before() -> None:
    """Text sent before a close arrives before it; afterwards nothing can be sent."""
    received: list[object] = []

    async def serving(connection: ServerConnection) -> None:
        received.extend([message async for message in connection])

    async with serve(serving, HOST, 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        owner = Owner()
        socket = await client(port, owner)
        assert all(socket.send_text(b"%d" % number) for number in range(100))
        socket.close(1000, "done")
        assert not socket.is_open
        assert not socket.send_text(b"too late")
        socket.close()
        how = await owner.end()
        assert not socket.send_text(b"much too late")
        socket.close()
        socket.abort()
    assert received == [str(number) for number in range(100)]
    assert how == Closed(1000, "done", by_peer=False)


async def test_a_peer_that_does_not_close_is_dropped() -> None:
    """A closing handshake that is not answered ends when its time is over."""
    async with peer_sending(close_timeout=0.01) as owner:
        assert owner.socket is not None
        owner.socket.close()
        how = await owner.end()
    assert (how.code, how.by_peer) == (1006, False)


async def test_a_peer_that_does_not_read_is_dropped() -> None:
    """Data that the peer never takes does not keep a closed socket; `unsent` says how much."""

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await asyncio.Event().wait()  # the reader's own buffer fills up, then the kernel's

    async with tcp_server(serving) as port:
        owner = Owner()
        socket = await client(port, owner, close_timeout=0.01)
        assert socket.unsent == 0
        while socket.unsent < 100_000:
            socket.send_text(b"x" * 50_000)
        socket.close()
        assert (await owner.end()).abrupt


async def test_closing_before_the_handshake_is_done() -> None:
    """Closing a socket that is still connecting drops it; its owner never hears of it."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()

    async with tcp_server(silent) as port:
        owner = Owner()
        protocol = ClientProtocol(parse_uri(f"ws://{HOST}:{port}/"))
        socket = WebSocket.client(protocol, owner, max_size=MAX_SIZE, fast=engine.fast)
        await asyncio.get_running_loop().create_connection(lambda: socket, HOST, port)
        opening = asyncio.create_task(socket.handshake(protocol.connect()))
        await asyncio.sleep(0)
        assert not socket.send_text(b"too early")
        socket.close()
        with pytest.raises(ConnectionResetError):
            await opening
    assert owner.seen == []


def test_a_socket_without_a_connection() -> None:
    """A socket that was never connected has nothing unsent and can be dropped."""
    socket = WebSocket.client(
        ClientProtocol(parse_uri(f"ws://{HOST}/")), Owner(), max_size=MAX_SIZE, fast=engine.fast
    )
    assert socket.unsent == 0
    assert not socket.is_open
    socket.abort()


async def test_explanations() -> None:
    """A refused upgrade is told by its status, any other answer by what was wrong with it."""

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answers.pop(0))

    answers = [b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", b"hello\r\n\r\n"]
    async with tcp_server(serving) as port:
        with pytest.raises(InvalidStatus) as status:
            await client(port, Owner())
        with pytest.raises(InvalidMessage) as garbage:
            await client(port, Owner())
    assert str(explain_handshake(status.value)) == "the server answered HTTP 404, not 101"
    assert "not a WebSocket handshake" in str(explain_handshake(garbage.value))


# The accepting side


async def test_serving() -> None:
    """Messages go both ways; the client's close is told."""
    async with served() as (owner, peer):
        await peer.send("hello")
        await peer.send(b"\x00")
        await owner.until(3)
        assert owner.socket is not None
        assert owner.socket.send_text(b'{"a":1}')
        assert await peer.recv() == '{"a":1}'
        await peer.close(1001, "away")
        how = await owner.end()
    assert owner.seen == ["opened", "hello", b"\x00", how]
    assert how == Closed(1001, "away", by_peer=True)


async def test_the_acceptor_sees_path_and_headers() -> None:
    """The decision is made on the path and the headers, whose names are in lower case."""
    asked: list[tuple[str, dict[str, str]]] = []

    def refuse(path: str, headers: dict[str, str]) -> Refusal:
        asked.append((path, headers))
        return Refusal(401, "a bearer token is needed")

    async with server(refuse) as port:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(
                f"ws://{HOST}:{port}/media/x?y=1", additional_headers={"AUTHORIZATION": "Bearer t"}
            ):
                pass
    ((path, headers),) = asked
    assert (path, headers["authorization"]) == ("/media/x?y=1", "Bearer t")
    assert caught.value.response.status_code == 401
    assert caught.value.response.body == b"a bearer token is needed\n"


async def test_nothing_is_negotiated() -> None:
    """Subprotocols and compression that a client offers are not taken up."""
    owner = Owner()
    async with (
        server(lambda path, headers: owner) as port,
        connect(f"ws://{HOST}:{port}/", subprotocols=["a"]) as peer,  # type: ignore[list-item]
    ):
        assert peer.subprotocol is None
        assert peer.protocol.extensions == []


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n"
        ),
        b"\x16\x03\x01\x00\xa5\r\n\r\n",
    ],
)
async def test_requests_that_are_no_upgrade(request_bytes: bytes) -> None:
    """Anything but an upgrade is answered in HTTP and closed; no owner is asked for."""

    def never(path: str, headers: dict[str, str]) -> Refusal:
        raise AssertionError("asked for an owner")

    async with server(never) as port:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(request_bytes)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answer == b"" or 400 <= int(answer.split(b" ")[1]) < 500


async def test_a_closing_server_waits_for_the_client() -> None:
    """Our close is answered by the client and ends well; the last text arrives before it."""
    async with served() as (owner, peer):
        await owner.until(1)
        assert owner.socket is not None
        owner.socket.send_text(b"last")
        owner.socket.close(1000, "done")
        assert await peer.recv() == "last"
        with pytest.raises(ConnectionClosed) as caught:
            await peer.recv()
        assert await owner.end() == Closed(1000, "done", by_peer=False)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.reason == "done"


async def test_messages_of_every_length() -> None:
    """Lengths around the frame format's limits come through whole."""
    lengths = [0, 1, 125, 126, 127, 128, 999, 1_000]
    async with served() as (owner, peer):
        for length in lengths:
            await peer.send(os.urandom(length))
        await owner.until(1 + len(lengths))
    assert [len(data) for data in owner.seen[1:-1] if isinstance(data, bytes)] == lengths


async def test_signs_of_life() -> None:
    """A ping's answer is counted among what was received, as anything else is."""
    async with served() as (owner, peer):
        await owner.until(1)
        socket = owner.socket
        assert socket is not None
        before = socket.received
        socket.ping()
        await peer.send("behind the pong")
        await owner.until(2)
        assert socket.received == before + 6 + 6 + len("behind the pong")
        assert not socket.secure
        socket.close()
        socket.ping()
        await owner.end()
