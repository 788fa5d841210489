"""Whole conversations, in cXML and in SWML: what the customer is asked and told on the way."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from twilio.request_validator import RequestValidator

from tests.e2e.carrier import FROM, TO, CarrierStream
from tests.e2e.cxml import CxmlCarrier
from tests.e2e.processes import AUTH_TOKEN, Bridge, Customer, bridge
from tests.e2e.script import Entered, Leg, Script
from tests.e2e.swml import SwmlCarrier

pytestmark = pytest.mark.asyncio(loop_scope="module")

VALIDATOR = RequestValidator(AUTH_TOKEN)
DIALLED = "+15550009999"

Caller = CxmlCarrier | SwmlCarrier
Calls = Callable[[Script], Caller]


class Told:
    """What a customer's app has been asked and told in one call, every request's signature checked.

    Paths end in names that one test alone uses.
    """

    def __init__(self, app: Customer, name: str) -> None:
        self._app = app
        self.name = name

    async def put(self, page: str, body: str) -> None:
        await self._app.put(body.format(name=self.name, app=self._app.http, ws=self._app.ws), page)

    def asked(self, page: str) -> dict[str, str]:
        """The one form that `/twiml/PAGE` was asked with."""
        (event,) = self._app.out.matching(type="http", path=f"/twiml/{page}")
        return checked(event)

    async def told(self, callback: str, count: int) -> list[dict[str, str]]:
        path = f"/callback/{callback}"
        await self._app.out.wait(count, type="http", path=path)
        return [checked(event) for event in self._app.out.matching(type="http", path=path)]


def checked(event: dict[str, Any]) -> dict[str, str]:
    """The parameters of a request to the customer, which is signed as Twilio signs it."""
    form = dict(event["form"])
    signature = event["headers"]["x-twilio-signature"]
    assert VALIDATOR.validate(event["url"], form, signature), event["url"]
    return form if event["method"] == "POST" else dict(event["query"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strict_service(app: Customer) -> AsyncIterator[Bridge]:
    async with bridge(app.voice_url(), swml_dialect="strict") as running:
        yield running


@pytest_asyncio.fixture(params=["cxml", "full", "strict"], loop_scope="module")
async def calls(
    request: pytest.FixtureRequest, service: Bridge, strict_service: Bridge
) -> AsyncIterator[Calls]:
    """Makes calls of the kind that the test is run with."""
    of = strict_service if request.param == "strict" else service
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:

        def make(script: Script) -> Caller:
            if request.param == "cxml":
                return CxmlCarrier(of, client, script)
            return SwmlCarrier(of, client, script)

        yield make


@pytest.fixture
def told(app: Customer, request: pytest.FixtureRequest) -> Told:
    return Told(app, request.node.name.translate(str.maketrans("[]", "--")))


def speaking(said: bytes, app: Customer, path: str) -> Callable[[CarrierStream], Awaitable[None]]:
    """Say that, and hang up when the echo has come back."""

    async def talk(stream: CarrierStream) -> None:
        stream.expected = len(said)
        await stream.speak(said)
        await stream.complete.wait()
        await app.wait_message(path, "mark")
        await stream.stop()

    return talk


async def test_a_whole_conversation(app: Customer, calls: Calls, told: Told) -> None:
    """Say and gather, dial with a whisper, a two-way stream, hangup: every step of it asked for in
    Twilio's form, with the result of the one before."""
    name, path = told.name, f"/ws/echo/{told.name}"
    await told.put(
        "voice",
        '<Response><Say>welcome</Say><Gather action="/twiml/digits{name}?a=1" numDigits="6">'
        "<Say>your number</Say></Gather><Say>nothing</Say></Response>",
    )
    await told.put(
        f"digits{name}",
        '<Response><Dial action="/twiml/dialled{name}" timeout="20" callerId="+15550001234">'
        '<Number url="/twiml/whisper{name}" statusCallback="{app}/callback/leg{name}"'
        ' statusCallbackEvent="initiated ringing answered completed">'
        + DIALLED
        + "</Number></Dial>"
        "</Response>",
    )
    await told.put(f"whisper{name}", "<Response><Say>a call for you</Say></Response>")
    await told.put(
        f"dialled{name}",
        '<Response><Connect action="/twiml/streamed{name}">'
        '<Stream url="{ws}/ws/echo/{name}" statusCallback="{app}/callback/stream{name}">'
        '<Parameter name="k" value="v"/></Stream></Connect></Response>',
    )
    await told.put(f"streamed{name}", "<Response><Say>bye</Say><Hangup/></Response>")
    leg = Leg(seconds=61)
    said = bytes(range(160)) * 10
    script = Script(
        entered=deque([Entered("12345", "#")]),
        legs=deque([leg]),
        talk=deque([speaking(said, app, path)]),
    )
    call = calls(script)
    await call.run()

    first = app.out.matching(type="http", path="/twiml/voice")[-1]
    standard = {
        "CallSid": call.twilio_sid,
        "AccountSid": "ACb08dacad111122223333444455556666",
        "From": FROM,
        "To": TO,
        "Caller": FROM,
        "Called": TO,
        "Direction": "inbound",
        "ApiVersion": "2010-04-01",
    }
    assert checked(first) == standard | {"CallStatus": "ringing"}
    running = standard | {"CallStatus": "in-progress"}
    assert told.asked(f"digits{name}") == running | {"Digits": "12345"}
    whispered = told.asked(f"whisper{name}")
    assert whispered == running | {
        "CallSid": leg.twilio_sid,
        "To": DIALLED,
        "Called": DIALLED,
        "Direction": "outbound-dial",
        "ParentCallSid": call.twilio_sid,
    }
    assert told.asked(f"dialled{name}") == running | {
        "DialCallStatus": "completed",
        "DialCallSid": leg.twilio_sid,
        "DialCallDuration": "61",
    }
    assert told.asked(f"streamed{name}") == running

    progress = await told.told(f"leg{name}", 4)
    assert [form["CallStatus"] for form in progress] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    for form in progress:
        assert (form["CallSid"], form["ParentCallSid"]) == (leg.twilio_sid, call.twilio_sid)
        assert (form["To"], form["Direction"]) == (DIALLED, "outbound-dial")
    assert progress[-1]["CallDuration"] == "61"

    (start,) = await app.wait_message(path, "start")
    assert start["start"]["callSid"] == call.twilio_sid
    assert start["start"]["customParameters"] == {"k": "v"}
    streams = await told.told(f"stream{name}", 2)
    assert [form["StreamEvent"] for form in streams] == ["stream-started", "stream-stopped"]
