"""Two hundred calls begin at once and end at once: none is refused, forgotten or told twice."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from tests.e2e.carrier import Carrier, CarrierStream, streams_of
from tests.e2e.processes import Bridge, Customer, bridge
from tests.support.peers import HOST, read_request, response, tcp_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLS = 200


@pytest.fixture(scope="module", params=["picows", "websockets"])
def media_engine(request: pytest.FixtureRequest) -> str:
    """With either engine."""
    return str(request.param)


class App:
    """The customer's web app: one document for every call, and what it was told of each stream."""

    def __init__(self) -> None:
        self.document = b""
        self.origin = ""
        self.told: defaultdict[str, list[str]] = defaultdict(list)
        self.errors: list[str] = []
        self._news = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        if request.target == "/voice":
            writer.write(response(200, self.document, "Content-Type: text/xml"))
        else:
            form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
            self.told[form["StreamSid"]].append(form["StreamEvent"])
            self.errors += [form["StreamError"]] if "StreamError" in form else []
            self._news.set()
            writer.write(response(204))
        await writer.drain()

    async def hear(self, event: str, count: int) -> None:
        """Wait until so many callbacks of a kind have come."""
        async with asyncio.timeout(60):
            while sum(events.count(event) for events in self.told.values()) < count:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def web_app(document: str) -> AsyncIterator[App]:
    app = App()
    async with tcp_server(app.serve) as port:
        app.origin = f"http://{HOST}:{port}"
        app.document = document.format(origin=app.origin).encode()
        yield app


def open_files(service: Bridge) -> int:
    return sum(1 for _ in Path(f"/proc/{service.process.pid}/fd").iterdir())


async def place(call: Carrier) -> CarrierStream:
    """Ask for the document and open its stream, each as soon as may be."""
    (element,) = streams_of(await call.document(), "Connect")
    stream = await call.open(element)
    stream.expected = 160
    await stream.speak(bytes(160))
    return stream


async def end(call: Carrier, stream: CarrierStream) -> None:
    await stream.stop()
    await call.hang_up()


@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc")
async def test_a_burst(app: Customer, media_engine: str) -> None:
    """All start, all stop, each is told once, and the service has no more files open than before.

    The load is offered as fast as it can be: no call waits for another.
    """
    document = (
        f'<Response><Connect><Stream url="ws://{HOST}:{app.port}/ws/checksum/two-way"'
        ' statusCallback="{origin}/stream"/></Connect></Response>'
    )
    no_reuse = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with (
        web_app(document) as told,
        bridge(f"{told.origin}/voice", media_engine=media_engine) as service,
        httpx.AsyncClient(trust_env=False, timeout=60, limits=no_reuse) as client,
    ):
        before = open_files(service)
        calls = [Carrier(service, client) for _ in range(CALLS)]
        streams = await asyncio.gather(*map(place, calls))
        await told.hear("stream-started", CALLS)
        await app.out.wait(CALLS, timeout=60, type="started")
        async with asyncio.timeout(60):
            await asyncio.gather(*(stream.complete.wait() for stream in streams))
        assert open_files(service) >= before + 2 * CALLS
        await asyncio.gather(*map(end, calls, streams))
        await told.hear("stream-stopped", CALLS)
        summaries = await app.out.wait(CALLS, timeout=60, type="summary")
        async with asyncio.timeout(60):
            while open_files(service) > before:  # noqa: ASYNC110 -- the kernel tells nobody
                await asyncio.sleep(0.01)
        assert await service.stop() == 0  # what was still to be told would be told by now
    assert len(told.told) == CALLS
    assert all(events == ["stream-started", "stream-stopped"] for events in told.told.values())
    assert told.errors == []
    assert all(summary["stopped"] for summary in summaries)
    assert all(summary["frames"] == {"inbound": 1} for summary in summaries)
    assert all(bytes(stream.heard) == bytes(160) for stream in streams)
    assert [entry for entry in service.log.events if entry["level"] == "error"] == []
