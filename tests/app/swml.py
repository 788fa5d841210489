"""A service with an app, and SignalWire's SWML side of calls, for tests in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx

from app.live import LiveCall
from app.main import Server
from app.service import Service
from tests.app.running import client_of, serving
from tests.app.test_swmlcall import SID, body
from tests.support.peers import HttpRequest, read_request, response, tcp_server


def twiml(inner: str) -> bytes:
    """The answer of an app that serves this document."""
    document = f"<Response>{inner}</Response>".encode()
    return response(200, document, "Content-Type: text/xml")


@dataclass(slots=True)
class App:
    """A customer's web app: documents by path, and 204 for everything else."""

    origin: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    requests: list[HttpRequest] = field(default_factory=list)

    def asked(self, path: str) -> list[dict[str, str]]:
        """The forms that a path was asked with."""
        return [form_of(request) for request in self.requests if request.target == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await read_request(reader)
        except asyncio.IncompleteReadError:
            return
        self.requests.append(request)
        writer.write(self.pages.get(request.target, response(204)))
        await writer.drain()


def form_of(request: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


@dataclass(slots=True)
class Case:
    """One call of a running service, whose customer's app serves some documents in turn."""

    server: Server
    client: httpx.AsyncClient
    app: App

    @property
    def service(self) -> Service:
        return self.server.service

    @property
    def live(self) -> LiveCall:
        return self.service.calls[SID]

    async def begin(self, **call: Any) -> list[dict[str, Any]]:
        """The call comes in: the steps of what it is answered."""
        return await self.follow("/signalwire/swml", **call)

    async def follow(self, url: str, **call: Any) -> list[dict[str, Any]]:
        """Ask for a document at a URL of ours."""
        answer = await self.client.post(url, json=body(**call))
        assert answer.status_code == 200, answer.text
        steps: list[dict[str, Any]] = answer.json()["sections"]["main"]
        return steps

    async def report(self, to: str, kind: str, at: float = 1.0, /, **params: Any) -> None:
        """Post an event to a URL of ours."""
        event = {"event_type": kind, "timestamp": at, "params": params}
        answer = await self.client.post(to, json=event)
        assert answer.status_code == 204, answer.text

    async def told(self, path: str = "/told") -> list[dict[str, str]]:
        """What the app's callback was told, once everything has gone out."""
        assert await self.service.engine.sender.drain(10) == 0
        return self.app.asked(path)

    def noted(self, kind: str) -> list[dict[str, Any]]:
        """What the call's timeline has of one kind, with its level."""
        live = self.service.calls.get(SID) or self.service.ended[SID]
        return [
            entry.data | {"level": entry.level}
            for entry in live.call.timeline.entries
            if entry.kind == kind
        ]


@asynccontextmanager
async def case(voice: str = "", **settings: object) -> AsyncIterator[Case]:
    """The app serves `voice` at `/voice`, with its own address for `{app}`; the number's status
    callback is its `/status`."""
    app = App()
    async with tcp_server(app.serve) as port:
        app.origin = f"http://127.0.0.1:{port}"
        app.pages["/voice"] = twiml(voice.replace("{app}", app.origin))
        async with (
            serving(
                voice_url=f"{app.origin}/voice", status_callback=f"{app.origin}/status", **settings
            ) as server,
            client_of(server) as client,
        ):
            yield Case(server, client, app)


def steps_of(steps: list[dict[str, Any]], method: str) -> list[Any]:
    """The parameters of every step of that method, wherever it stands."""
    found: list[Any] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            found.extend(inner for key, inner in value.items() if key == method)
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(steps)
    return found
