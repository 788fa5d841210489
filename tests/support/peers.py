"""Real peers on loopback: customers' consumers and web apps, well-behaved and not."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError
from websockets.frames import CloseCode, Opcode
from websockets.utils import accept_key

HOST = "127.0.0.1"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def tcp_server(
    serving: Serve, *, tls: ssl.SSLContext | None = None, host: str = HOST
) -> AsyncIterator[int]:
    """A server of raw bytes; yields its port. What goes wrong in `serving` fails the test."""
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serving(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(run(reader, writer)))

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
                raise outcome


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came over the wire: names and order of the headers untouched."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) < 2
        return values[0] if values else None


async def read_request(reader: asyncio.StreamReader) -> HttpRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    method, target, version = first.split(" ")
    assert version == "HTTP/1.1"
    pairs = [line.partition(": ") for line in lines]
    headers = tuple((name, value) for name, _, value in pairs)
    length = {name.lower(): value for name, value in headers}.get("content-length", "0")
    return HttpRequest(method, target, headers, await reader.readexactly(int(length)))


async def upgrade(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *extra: str, behind: bytes = b""
) -> HttpRequest:
    """Accept a WebSocket by hand, with header lines of one's own; returns what was asked.

    `behind` goes out in one piece with the answer.
    """
    request = await read_request(reader)
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_key(request.header('Sec-WebSocket-Key') or '')}",
        *extra,
    ]
    writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode() + behind)
    return request


def server_frame(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """One unmasked frame, right or wrong: nothing is checked."""
    head = bytes([opcode | 0x80 * fin])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    if len(data) < 65536:
        return head + b"\x7e" + len(data).to_bytes(2, "big") + data
    return head + b"\x7f" + len(data).to_bytes(8, "big") + data


class Consumer:
    """A customer's WebSocket server, by the `websockets` library. `accept()` is its next socket."""

    def __init__(self, port: int, scheme: str) -> None:
        self.port = port
        self.url = f"{scheme}://{HOST}:{port}/media"
        self.connections: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def accept(self) -> ServerConnection:
        return await self.connections.get()


@asynccontextmanager
async def consumer(tls: ssl.SSLContext | None = None) -> AsyncIterator[Consumer]:
    """Runs a consumer; sockets still open at the end are closed."""
    connections: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def keep(connection: ServerConnection) -> None:
        connections.put_nowait(connection)
        await connection.wait_closed()

    # A message of ten minutes' audio is large; the test reads when it wants to.
    async with serve(keep, HOST, 0, ssl=tls, compression=None, max_queue=None) as server:
        (socket,) = server.sockets
        running = Consumer(socket.getsockname()[1], "wss" if tls else "ws")
        running.connections = connections
        yield running


async def next_message(connection: Connection) -> Any:
    """The next message, which is text and JSON."""
    data = await connection.recv()
    assert isinstance(data, str)
    return json.loads(data)


async def next_event(connection: Connection, event: str) -> Any:
    """The next message of that event, skipping others."""
    while True:
        message = await next_message(connection)
        if message["event"] == event:
            return message


def response(status: int, body: bytes = b"", *lines: str) -> bytes:
    """A whole HTTP answer, the connection's last."""
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


@dataclass(slots=True)
class WebApp:
    """A customer's web app that gives the answers it was told, the last one ever after.

    An answer is raw bytes; `None` closes the connection without a word.
    """

    origin: str
    requests: list[HttpRequest] = field(default_factory=list)

    def url(self, path: str) -> str:
        return self.origin + path


@asynccontextmanager
async def web_app(
    *answers: bytes | None, tls: ssl.SSLContext | None = None, host: str = HOST
) -> AsyncIterator[WebApp]:
    left = list(answers)

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            app.requests.append(await read_request(reader))
        except asyncio.IncompleteReadError:
            return
        answer = left.pop(0) if len(left) > 1 else left[0]
        if answer is not None:
            writer.write(answer)
            await writer.drain()

    async with tcp_server(serving, tls=tls) as port:
        app = WebApp(f"{'https' if tls else 'http'}://{host}:{port}")
        yield app


async def until_broken(connection: Connection, code: CloseCode) -> list[str]:
    """The events of all further messages, up to a close that tells of an error."""
    events = []
    try:
        async for text in connection:
            events.append(json.loads(text)["event"])  # noqa: PERF401 -- the close raises
    except ConnectionClosedError:
        assert connection.close_code == code
        return events
    raise AssertionError("it was closed without an error")
