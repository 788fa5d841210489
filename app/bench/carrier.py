"""SignalWire's side of the calls that a benchmark makes through the service (S sections 2.2, 2.5).

The orders come over HTTP as SignalWire's would: a signed webhook for each call, answered in cXML
with the URLs and bearer tokens of its media sockets, and a signed report of the call's end. The
sockets themselves are the load's. The customer's app that answers with TwiML is here too.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from lxml import etree

from app.bench.errors import CarrierError
from app.bench.generator import Leg
from bridge.signature import sign

SIGNING_KEY = "PSK_benchmark"
_TO = "+15550000000"
_ACCOUNT = "5eed0000-0000-4000-8000-000000000000"
_CONNECTIONS = 100  # to the service's webhooks


class App:
    """A customer's app: answers each call with a two-way stream and `forks - 1` one-way streams.

    The call's number in the load is the caller's, `+1555` and seven digits. With `status` the
    streams' callbacks come here too; `calls` counts the calls that came, `events` the callbacks by
    their StreamEvent (T section 8).
    """

    def __init__(self, load_port: int, forks: int = 1, status: bool = False) -> None:
        self.load_port = load_port
        self.forks = forks
        self.status = status
        self.calls = 0
        self.events: Counter[str] = Counter()
        self.port = 0
        self._connections: set[asyncio.StreamWriter] = set()

    def document(self, call: int) -> str:
        status = f' statusCallback="http://127.0.0.1:{self.port}/status"' if self.status else ""

        def stream(index: int) -> str:
            return f'<Stream url="ws://127.0.0.1:{self.load_port}/c/{call}/{index}"{status}/>'

        starts = "".join(f"<Start>{stream(index)}</Start>" for index in range(1, self.forks))
        return f"<Response>{starts}<Connect>{stream(0)}</Connect></Response>"

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve on a free port of this machine; yields the voice URL."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{self.port}/voice"
        finally:
            server.close()
            left = tuple(self._connections)
            for connection in left:
                connection.close()
            closing = (connection.wait_closed() for connection in left)
            await asyncio.gather(*closing, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = 0
                for line in head.split("\r\n")[1:]:
                    name, _, value = line.partition(":")
                    if name.lower() == "content-length":
                        length = int(value)
                body = (await reader.readexactly(length)).decode()
                writer.write(self._answer(head.split(" ")[1], body))
                if self.status:
                    break
        writer.close()
        self._connections.discard(writer)

    def _answer(self, path: str, body: str) -> bytes:
        form = parse_qs(body)
        # Where it is counted what is left over, no connection is kept for later.
        close = b"Connection: close\r\n" if self.status else b""
        if path != "/voice":
            self.events.update(form.get("StreamEvent", ["none"]))
            return b"HTTP/1.1 204 No Content\r\n%b\r\n" % close
        self.calls += 1
        caller = form.get("From", [""])[0]
        content = self.document(int(caller[-7:] or 0)).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n%bContent-Length: %d\r\n\r\n"
        return head % (close, len(content)) + content


class Carrier:
    """Begins and ends calls at a service. Create it with `Carrier.open()`."""

    def __init__(self, base_url: str, client: httpx.AsyncClient) -> None:
        self._base_url = base_url
        self._client = client
        self._sids: dict[int, str] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, base_url: str, *, keep: bool = True) -> AsyncIterator[Carrier]:
        """`keep`: connections are kept for the next webhook, for less long than servers do."""
        limits = httpx.Limits(
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS if keep else 0,
            keepalive_expiry=2.0,
        )
        async with httpx.AsyncClient(trust_env=False, timeout=30, limits=limits) as client:
            yield cls(base_url, client)

    async def call(self, number: int) -> list[Leg]:
        """Call the service; the sockets that its answer asks for, the two-way stream's first.

        Raises CarrierError when the answer asks for none, or the service does not answer.
        """
        self._sids[number] = str(uuid.uuid4())
        answer = await self._post("/signalwire/cxml", number, "ringing")
        if answer.status_code != 200:
            raise CarrierError(f"the webhook was answered {answer.status_code}")
        return legs_of(answer.content)

    async def hang_up(self, number: int) -> None:
        """Report a call's end, if it was begun here."""
        if number not in self._sids:
            return
        answer = await self._post("/signalwire/status", number, "completed")
        del self._sids[number]
        if answer.status_code != 204:
            raise CarrierError(f"the status callback was answered {answer.status_code}")

    async def ready(self) -> dict[str, Any]:
        """What the service says of itself at `/readyz`."""
        answer = await self._client.get(f"{self._base_url}/readyz")
        told: dict[str, Any] = answer.json()
        return told

    async def _post(self, path: str, number: int, status: str) -> httpx.Response:
        form = {
            "CallSid": self._sids[number],
            "AccountSid": _ACCOUNT,
            "From": f"+1555{number % 10_000_000:07d}",
            "To": _TO,
            "Direction": "inbound",
            "CallStatus": status,
            "ApiVersion": "2010-04-01",
        }
        url = self._base_url + path
        signature = sign(SIGNING_KEY, url, form.items())
        try:
            return await self._client.post(
                url, data=form, headers={"X-SignalWire-Signature": signature}
            )
        except httpx.HTTPError as error:
            raise CarrierError(f"the service does not answer: {error!r}") from error


def legs_of(document: bytes) -> list[Leg]:
    """The media sockets that a cXML answer has SignalWire open, one for each stream.

    Stream 0 is the `<Connect>`ed one, which is two-way; raises CarrierError without one.
    """
    root = etree.fromstring(document, etree.XMLParser(resolve_entities=False))
    connected = root.findall("Connect/Stream")
    if len(connected) != 1:
        raise CarrierError("the answer connects no stream: " + document[:200].decode())
    legs = []
    for index, element in enumerate([*connected, *root.findall("Start/Stream")]):
        url = urlsplit(element.get("url", ""))
        legs.append(
            Leg(
                url.hostname or "",
                url.port or 80,
                url.path,
                element.get("authBearerToken", ""),
                first=index,
                two_way=index == 0,
            )
        )
    return legs
