"""Sockets between our sides and the `websockets` library's, on both engines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.frames import Opcode
from websockets.uri import parse_uri

from bridge.engine.handshake import explain_handshake
from bridge.engine.sockets import Acceptor, Closed, Refusal
from bridge.engine.websocket import WebSocket
from tests.support.engines import chosen
from tests.support.peers import HOST, read_request, server_frame, tcp_server, upgrade
from tests.support.raw import Owner, connected, serving

MAX_SIZE = 1_000

pytestmark = pytest.mark.usefixtures("fast")


async def client(port: int, owner: Owner) -> WebSocket:
    """Our connecting side, open."""
    return await connected(port, owner, fast=chosen.fast, max_size=MAX_SIZE)


@asynccontextmanager
async def server(accept: Acceptor) -> AsyncIterator[int]:
    """Our accepting side; yields its port."""
    async with serving(accept, fast=chosen.fast, max_size=MAX_SIZE) as port:
        yield port


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Owner, ClientConnection]]:
    """An open socket: our accepting side's owner, and the client by the `websockets` library."""
    owner = Owner()
    async with (
        server(lambda path, headers: owner) as port,
        connect(f"ws://{HOST}:{port}/", compression=None, max_size=None) as peer,
    ):
        yield owner, peer


# The connecting side


async def test_a_first_message_in_the_same_packet_as_the_handshake() -> None:
    """What comes right behind the server's 101 is not lost and comes after `opened`."""

    async def serve_raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer, behind=server_frame(Opcode.TEXT, b"first"))
        await reader.read()

    async with tcp_server(serve_raw) as port:
        owner = Owner()
        socket = await client(port, owner)
        await owner.until(2)
        socket.abort()
        await owner.end()
    assert owner.seen[:2] == ["opened", "first"]


async def test_closing_delivers_what_was_sent_before() -> None:
    """Text sent before a close arrives before it; afterwards nothing can be sent."""
    received: list[object] = []

    async def collect(connection: ServerConnection) -> None:
        received.extend([message async for message in connection])

    async with serve(collect, HOST, 0) as listening:
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


async def test_closing_before_the_handshake_is_done() -> None:
    """Closing a socket that is still connecting drops it; its owner never hears of it."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()

    async with tcp_server(silent) as port:
        owner = Owner()
        protocol = ClientProtocol(parse_uri(f"ws://{HOST}:{port}/"))
        socket = WebSocket.client(protocol, owner, max_size=MAX_SIZE, fast=chosen.fast)
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
        ClientProtocol(parse_uri(f"ws://{HOST}/")), Owner(), max_size=MAX_SIZE, fast=chosen.fast
    )
    assert socket.unsent == 0
    assert not socket.is_open
    socket.abort()


async def test_explanations() -> None:
    """A refused upgrade is told by its status, any other answer by what was wrong with it."""

    async def serve_raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answers.pop(0))

    answers = [b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", b"hello\r\n\r\n"]
    async with tcp_server(serve_raw) as port:
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
