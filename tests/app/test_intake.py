"""How long a request may take to come in, over real sockets with short limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from fastapi import Request
from structlog.testing import capture_logs
from websockets.asyncio.client import connect

from app import grants
from app.grants import EchoGrant
from app.main import Server
from tests.app.running import client_of, new_call, serving
from tests.app.test_media import UPGRADE

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT = 0.2
HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
FORM = (
    b"POST /signalwire/cxml HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n"
)
UPGRADING = UPGRADE.format(path="/media/x", more="").encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    async with serving(request_seconds=LIMIT) as running:
        yield running


class Peer:
    """A client of raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def sends(self, data: bytes) -> None:
        self._writer.write(data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: its status, headers and body."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])
        }
        body = await self._reader.readexactly(int(headers["content-length"]))
        return int(head[0].split(" ")[1]), headers, body

    async def through(self, end: bytes) -> bytes:
        """What comes, up to those bytes."""
        return await self._reader.readuntil(end)

    async def rest(self) -> bytes:
        """All that still comes; the connection is closed then."""
        try:
            return await self._reader.read()
        except ConnectionResetError:
            return b""

    async def dribbles(self, data: bytes) -> None:
        """Send a byte now and then, each well within the limit, until nobody takes them."""
        try:
            for at in range(len(data)):
                self._writer.write(data[at : at + 1])
                await self._writer.drain()
                await asyncio.sleep(LIMIT / 10)
        except ConnectionError:
            return


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()


async def a_limit_passes(server: Server) -> None:
    """So long that a client which begins now has been given up."""
    async with connected(server) as peer:
        assert await peer.rest() == b""


def echo_token(server: Server) -> str:
    """What opens a media socket behind which there is no customer."""
    call = new_call(server.service)
    grant = EchoGrant(server.service.calls[call.sid].context)
    return server.service.tokens.issue(grants.BARE_MEDIA, call.sid, grant, once=True)


async def late(server: Server) -> int:
    async with client_of(server) as client:
        return int((await client.get("/readyz")).json()["requests_late"])


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"G", "head"),
        (HEAD, "head"),
        (HEAD + b"X: " + b"x" * 1000, "head"),
        (UPGRADING[:-2], "head"),
        (FORM, "body"),
        (FORM + b"CallSid=", "body"),
    ],
)
async def test_a_request_that_stops(
    server: Server, data: bytes, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever does not finish a request in time is answered 408, counted and let go; that is no
    fault of the service's."""
    before = await late(server)
    async with connected(server) as peer:
        peer.sends(data)
        status, headers, body = await peer.answer()
        assert (status, headers["connection"]) == (408, "close")
        assert body == f"The {part} of the request did not come in 0.2 s.\n".encode()
        assert await peer.rest() == b""
    assert await late(server) == before + 1
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("data", [HEAD + b"X: " + b"x" * 10_000, FORM + b"x" * 99])
async def test_a_request_that_dribbles(server: Server, data: bytes) -> None:
    """A byte now and then buys no time."""
    async with connected(server) as peer:
        dribbling = asyncio.create_task(peer.dribbles(data))
        status, _, _ = await peer.answer()
        assert status == 408
        await peer.rest()
        dribbling.cancel()


async def test_a_second_request_that_stops(server: Server) -> None:
    """On a connection that has been answered the next request has its own time."""
    async with connected(server) as peer:
        peer.sends(HEAD + b"\r\n")
        assert (await peer.answer())[0] == 200
        await a_limit_passes(server)
        peer.sends(HEAD)
        assert (await peer.answer())[0] == 408
        assert await peer.rest() == b""


async def test_a_connection_kept_open(server: Server) -> None:
    """Between requests a connection may rest for longer, as uvicorn has it."""
    async with connected(server) as peer:
        for _ in range(2):
            peer.sends(HEAD + b"\r\n")
            assert (await peer.answer())[0] == 200
            await a_limit_passes(server)


async def test_a_connection_that_says_nothing(server: Server) -> None:
    """It is closed without a word, and not counted: browsers open some to have them at hand."""
    before = await late(server)
    async with connected(server) as peer:
        assert await peer.rest() == b""
    assert await late(server) == before


async def test_pipelined_requests(server: Server) -> None:
    """Requests that come at once are all answered, and one that stops behind them is given up."""
    async with connected(server) as peer:
        peer.sends((HEAD + b"\r\n") * 3)
        assert [(await peer.answer())[0] for _ in range(3)] == [200] * 3
        peer.sends(HEAD + b"\r\n" + HEAD)
        assert (await peer.answer())[0] == 200
        peer.sends(b"X")
        assert (await peer.answer())[0] == 408
    async with connected(server) as peer:
        peer.sends(HEAD + b"\r\n" + FORM + b"CallSid=")
        assert [(await peer.answer())[0] for _ in range(2)] == [200, 408]


@pytest.mark.parametrize("path", ["/agent/stream", "/media/{token}"])
async def test_an_upgrade_behind_a_request(server: Server, path: str) -> None:
    """A socket is no request, even where its handshake came before the last answer went out."""
    path = path.format(token=echo_token(server))
    async with connected(server) as peer:
        peer.sends(HEAD + b"\r\n" + UPGRADE.format(path=path, more="").encode())
        assert (await peer.answer())[0] == 200
        assert b" 101 " in await peer.through(b"\r\n\r\n")
        for _ in range(2):
            await a_limit_passes(server)
            peer.sends(b"\x89\x80\0\0\0\0")  # a ping
            assert await peer.through(b"\0") == b"\x8a\0"


async def test_an_answer_that_takes_long() -> None:
    """The time is the client's: the app may take as long as it likes."""
    async with serving(request_seconds=LIMIT) as server:
        goes_on = asyncio.Event()

        @server.app.post("/long")
        async def long() -> str:
            await goes_on.wait()
            return "done"

        async with connected(server) as peer:
            peer.sends(b"POST /long HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
            await a_limit_passes(server)
            goes_on.set()
            status, _, body = await peer.answer()
            assert (status, body) == (200, b'"done"')


async def test_a_body_that_waits_for_the_app() -> None:
    """Nor is a client late of whose body the app has yet to take what came."""
    async with serving(request_seconds=LIMIT) as server:
        goes_on = asyncio.Event()

        @server.app.post("/take")
        async def take(request: Request) -> int:
            await goes_on.wait()
            return len(await request.body())

        size = 5_000_000
        async with connected(server) as peer:
            peer.sends(b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
            peer.sends(bytes(size))
            await a_limit_passes(server)
            await a_limit_passes(server)
            goes_on.set()
            status, _, body = await peer.answer()
            assert (status, body) == (200, b"%d" % size)


@pytest.mark.parametrize("engine", ["auto", "websockets"])
async def test_sockets_have_all_the_time(engine: str) -> None:
    """An open media socket, and one of uvicorn's, may be silent for longer than a request."""
    async with serving(request_seconds=LIMIT, media_engine=engine) as server:
        token = echo_token(server)
        base = f"ws://127.0.0.1:{server.port}"
        async with (
            connect(f"{base}/media/{token}", proxy=None, ping_interval=None) as media,
            connect(f"{base}/agent/stream", proxy=None, ping_interval=None) as other,
        ):
            for _ in range(2):
                await a_limit_passes(server)
                for socket in (media, other):
                    await (await socket.ping())


async def test_who_breaks_off(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """A client that goes away in the middle of its body costs a line in the log, and no trace."""
    async with client_of(server) as client:
        with capture_logs() as lines:
            async with connected(server) as peer:
                peer.sends(FORM + b"CallSid=")
                await client.get("/healthz")  # by now the first part has been read
            while not lines:
                await client.get("/healthz")
    assert [line["event"] for line in lines] == ["a request broke off"]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
