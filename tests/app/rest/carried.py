"""A service whose calls SignalWire carries, with a stand-in of its REST and its webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import httpx

from bridge.ids import alias
from tests.app.rest.standin import PROJECT, TOKEN, StandIn, stand_in
from tests.app.rest.twilio_client import Twilio
from tests.app.running import CALLED, CALLER, serving
from tests.support.peers import WebApp, response, web_app

CALL_ID = "11112222-3333-4444-8555-666677778888"
OTHER_ID = "99990000-3333-4444-8555-666677778888"
SID = alias("CA", CALL_ID)
XML = "Content-Type: text/xml"
HANGUP = b"<Response><Hangup/></Response>"


class Carried(Twilio):
    """The library, the stand-in, and SignalWire's webhooks."""

    signalwire: StandIn
    app: WebApp

    async def webhook(self, path: str, **fields: str) -> httpx.Response:
        """A form as SignalWire posts it; `path` may be a whole URL of ours."""
        form = {
            "CallSid": CALL_ID,
            "AccountSid": PROJECT,
            "From": CALLER,
            "To": CALLED,
            "CallStatus": "in-progress",
            "Direction": "inbound",
            **fields,
        }
        base = f"http://127.0.0.1:{self.server.port}"
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.post(base + urlsplit(path).path, data=form)

    async def swml(self, path: str, **call: str) -> httpx.Response:
        """The same in SWML's form."""
        about = {"call_id": CALL_ID, "project_id": PROJECT, "call_state": "answered", **call}
        base = f"http://127.0.0.1:{self.server.port}"
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.post(base + urlsplit(path).path, json={"call": about})

    def told(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(request.body.decode())) for request in self.app.requests]


@asynccontextmanager
async def carried_calls() -> AsyncIterator[Carried]:
    async with (
        stand_in() as signalwire,
        web_app(response(200, HANGUP, XML)) as app,
        serving(
            signalwire_space=signalwire.url,
            signalwire_project=PROJECT,
            signalwire_token=TOKEN,
            voice_url=app.url("/voice"),
        ) as server,
    ):
        client = Carried(server)
        client.signalwire, client.app = signalwire, app
        yield client
        client.close()
        await server.service.engine.sender.drain(10)
