"""Twilio's own Python library, pointed at a service of ours by its documented custom HTTP client,
and local calls for it to control."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from app.cli.call import begin_local_call
from app.customer import Reply
from app.live import LiveCall
from app.localcall import LocalCall, Outcome, Phone
from app.main import Server
from app.service import Service
from app.settings import LOCAL_AUTH_TOKEN
from bridge.call import Parties
from tests.app.running import CALLED, CALLER
from twiml.parser import parse

ACCOUNT = "AC" + "a" * 32
TWILIO = "https://api.twilio.com"
Value = TypeVar("Value")


class Redirected(TwilioHttpClient):  # type: ignore[misc]
    """Sends to a base URL what is meant for Twilio."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=20)
        self.session.trust_env = False
        self._base_url = base_url

    def request(self, method: str, uri: str, *more: Any, **named: Any) -> Response:
        assert uri.startswith(TWILIO)
        return super().request(method, self._base_url + uri[len(TWILIO) :], *more, **named)


class Twilio:
    """The library's client; `do` runs what it does beside the service's event loop."""

    def __init__(
        self, server: Server, user: str = ACCOUNT, password: str = LOCAL_AUTH_TOKEN
    ) -> None:
        self.server = server
        self.client = Client(
            user, password, ACCOUNT, http_client=Redirected(f"http://127.0.0.1:{server.port}")
        )

    async def do(self, work: Callable[[Client], Value]) -> Value:
        return await asyncio.to_thread(work, self.client)

    async def refusal(self, work: Callable[[Client], object]) -> tuple[int, int]:
        """HTTP status and Twilio's number of what is refused."""
        try:
            await self.do(work)
        except TwilioRestException as error:
            return int(error.status), int(error.code)
        raise AssertionError("it was not refused")

    def close(self) -> None:
        self.client.http_client.session.close()


@asynccontextmanager
async def local_call(
    service: Service, twiml: str, seconds: int = 60
) -> AsyncIterator[tuple[LiveCall, asyncio.Task[Outcome]]]:
    """A local call that runs this document; the caller speaks for so long, unless it is ended."""
    live = begin_local_call(service, Parties(CALLER, CALLED))
    phone = LocalCall(service, live, Phone(b"\x55" * 8000 * seconds))
    document = parse(twiml.encode(), allow_plain_ws=True)
    running = asyncio.create_task(phone.run_document(Reply(document, "")))
    await asyncio.sleep(0)  # it answers at once
    try:
        yield live, running
    finally:
        phone.hang_up("test")
        await running
        service.end_call(live.call.sid, "test")
