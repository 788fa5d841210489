"""One service and one customer's app for a module's tests; each test makes calls of its own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.e2e.carrier import Carrier
from tests.e2e.processes import Bridge, Customer, bridge, customer
from tests.e2e.told import Calls, Told


@pytest.fixture(scope="module")
def media_engine() -> str:
    """What moves the media of `service`; modules about media run with each."""
    return "auto"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(media_engine: str) -> AsyncIterator[Customer]:
    """An app for each service: what it saw is told by the paths that calls use."""
    assert media_engine
    async with customer() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(app: Customer, media_engine: str) -> AsyncIterator[Bridge]:
    async with bridge(
        app.voice_url(),
        media_engine=media_engine,
        status_callback=f"{app.http}/callback/call-status",
        stream_connect_seconds="1",
        stream_unsent_bytes="8192",
        carrier_messages_per_second="1000000",  # a test's carrier speaks faster than life
    ) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def carrier(service: Bridge) -> AsyncIterator[Carrier]:
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        yield Carrier(service, client)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strict_service(app: Customer) -> AsyncIterator[Bridge]:
    """A service that keeps to SWML's strict dialect."""
    async with bridge(app.voice_url(), swml_dialect="strict") as running:
        yield running


@pytest_asyncio.fixture(params=["cxml", "full", "strict"], loop_scope="module")
async def calls(
    request: pytest.FixtureRequest, service: Bridge, strict_service: Bridge
) -> AsyncIterator[Calls]:
    """Calls of each kind, one after another."""
    used = strict_service if request.param == "strict" else service
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        yield Calls(request.param, used, client)


@pytest.fixture
def told(app: Customer, request: pytest.FixtureRequest) -> Told:
    """What this test's calls make the customer's app see."""
    return Told(app, re.sub("[^a-z0-9_]+", "-", request.node.name))


@pytest_asyncio.fixture(loop_scope="module")
async def silent_server() -> AsyncIterator[str]:
    """The ws URL of a server that accepts connections and never says a word."""
    async with _raw_server(lambda _reader, _writer: None) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def slow_reader() -> AsyncIterator[str]:
    """The ws URL of a server that upgrades and then never reads again."""

    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        key = request.lower().split(b"sec-websocket-key: ")[1].split(b"\r\n")[0]
        key = request[request.lower().index(key) :][: len(key)]
        accept = base64.b64encode(
            hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        )
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        writer.transport.pause_reading()  # type: ignore[attr-defined]

    async with _raw_server(upgrade) as url:
        yield url


@asynccontextmanager
async def _raw_server(
    handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any],
) -> AsyncIterator[str]:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        result = handler(reader, writer)
        if result is not None:
            await result

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"ws://localhost:{port}/stream"
    finally:
        for writer in writers:
            writer.transport.abort()
        server.close()
