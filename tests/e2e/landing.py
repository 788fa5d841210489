"""Connections that are known to have been accepted by one of several workers.

Which worker a connection lands at is the kernel's choice. `/healthz` tells it, and what is asked
next on the same connection lands there too.
"""

from __future__ import annotations

import asyncio
import json
import socket
import uuid
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import httpx
from websockets.asyncio.client import connect

from app.workers.place import ranked
from bridge.ids import alias
from tests.e2e.carrier import Carrier, CarrierStream
from tests.e2e.processes import Bridge


async def landed(bridge: Bridge, worker: int) -> socket.socket:
    """A connection that this worker has accepted, with nothing left to read."""
    loop = asyncio.get_running_loop()
    url = urlsplit(bridge.base_url)
    assert url.hostname
    while True:
        line = socket.socket()
        line.setblocking(False)
        await loop.sock_connect(line, (url.hostname, url.port))
        await loop.sock_sendall(line, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            more = await loop.sock_recv(line, 4096)
            assert more
            answer += more
        if json.loads(answer.partition(b"\r\n\r\n")[2])["worker"] == worker:
            return line
        line.close()


async def client_at(bridge: Bridge, worker: int) -> httpx.AsyncClient:
    """A client whose one connection this worker has accepted."""
    while True:
        client = httpx.AsyncClient(
            trust_env=False, timeout=20, limits=httpx.Limits(max_connections=1)
        )
        answer = await client.get(f"{bridge.base_url}/healthz")
        if answer.json()["worker"] == worker:
            return client
        await client.aclose()


class LandingCarrier(Carrier):
    """A call that lives in the worker `home`; each of its requests lands where it is told to.

    `next_url` is for the one who uses it: where its document goes on.
    """

    def __init__(self, bridge: Bridge, workers: int, home: int) -> None:
        super().__init__(bridge, httpx.AsyncClient())
        self.next_url: str | None = None
        while ranked(alias("CA", self.call_sid), workers)[0] != home:
            self.call_sid = str(uuid.uuid4())

    async def at(self, worker: int) -> LandingCarrier:
        """What is posted next lands at this worker."""
        await self.client.aclose()
        self.client = await client_at(self.bridge, worker)
        return self

    async def open_at(self, worker: int, element: Element) -> CarrierStream:
        """Open a `<Stream>` of our answer by a connection that has landed at this worker."""
        url, bearer = element.attrib["url"], element.attrib["authBearerToken"]
        stream = CarrierStream(
            await connect(
                url,
                sock=await landed(self.bridge, worker),
                additional_headers={"Authorization": f"Bearer {bearer}"},
                compression=None,
                max_size=None,
                proxy=None,
                ping_interval=None,
            ),
            element.get("track", "inbound_track"),
            self.call_sid,
        )
        await stream.begin()
        return stream


async def health(bridge: Bridge, worker: int) -> dict[str, Any]:
    """`/readyz`, as this worker tells it."""
    async with aclosing(await client_at(bridge, worker)) as client:
        record: dict[str, Any] = (await client.get(f"{bridge.base_url}/readyz")).json()
        assert record["worker"] == worker
        return record


async def moves(bridge: Bridge, worker: int, what: str) -> list[int]:
    """One of the counters of all workers, as this worker tells them."""
    return [row[what] for row in (await health(bridge, worker))["workers"]]
