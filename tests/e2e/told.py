"""What a customer's app sees of a call, and calls of each of SignalWire's kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
from twilio.request_validator import RequestValidator

from tests.e2e.cxml import CxmlCarrier
from tests.e2e.processes import AUTH_TOKEN, Bridge, Customer
from tests.e2e.script import Script
from tests.e2e.swml import SwmlCarrier

VALIDATOR = RequestValidator(AUTH_TOKEN)


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes calls whose number has a webhook of one kind: cxml, or SWML's full or strict."""

    kind: str
    bridge: Bridge
    client: httpx.AsyncClient

    def __call__(self, script: Script) -> CxmlCarrier | SwmlCarrier:
        if self.kind == "cxml":
            return CxmlCarrier(self.bridge, self.client, script)
        return SwmlCarrier(self.bridge, self.client, script)


@dataclass(frozen=True, slots=True)
class Told:
    """What a customer's app has been asked and told, every request's signature checked.

    `name` is one that a test has alone: its pages and callbacks end in it.
    """

    app: Customer
    name: str

    async def put(self, page: str, body: str) -> None:
        """Serve a document at `/twiml/PAGE`; `{name}`, `{app}` and `{ws}` in it are filled in."""
        await self.app.put(body.format(name=self.name, app=self.app.http, ws=self.app.ws), page)

    def times(self, page: str) -> int:
        return len(self.app.out.matching(type="http", path=f"/twiml/{page}"))

    def asked(self, page: str) -> dict[str, str]:
        """The one form that `/twiml/PAGE` was asked with."""
        (event,) = self.app.out.matching(type="http", path=f"/twiml/{page}")
        return checked(event)

    async def told(self, callback: str, count: int) -> list[dict[str, str]]:
        """The forms of a callback, when there are that many; there must not be more."""
        path = f"/callback/{callback}"
        await self.app.out.wait(count, type="http", path=path)
        forms = [checked(event) for event in self.app.out.matching(type="http", path=path)]
        assert len(forms) == count
        return forms


def checked(event: dict[str, Any]) -> dict[str, str]:
    """The parameters of a request to the customer, which is signed as Twilio signs it."""
    form = dict(event["form"])
    signature = event["headers"]["x-twilio-signature"]
    assert VALIDATOR.validate(event["url"], form, signature), event["url"]
    return form if event["method"] == "POST" else dict(event["query"])
