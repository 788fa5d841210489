"""SignalWire's webhooks: who may call, how the customer is asked, what is answered."""

from __future__ import annotations

import httpx
import pytest
from twilio.request_validator import RequestValidator

from tests.e2e.carrier import FROM, TO, Carrier, sign, streams_of
from tests.e2e.processes import AUTH_TOKEN, Customer, bridge
from tests.support.tokens import forged

pytestmark = pytest.mark.asyncio(loop_scope="module")

VALIDATOR = RequestValidator(AUTH_TOKEN)


@pytest.mark.contract("T85", "T91", "T97")
async def test_the_customer_is_asked_as_twilio_asks(app: Customer, carrier: Carrier) -> None:
    """The seven parameters, Twilio's sids that stay the same, and a signature over all of it."""
    await app.put("<Response><Redirect>/twiml/next?step=2</Redirect></Response>")
    await app.put("<Response><Hangup/></Response>", "next")
    before = len(app.out.matching(type="http", path="/twiml/voice"))
    document = await carrier.document()
    await carrier.document(document[0].text)
    first = app.out.matching(type="http", path="/twiml/voice")[before]
    (second,) = app.out.matching(type="http", path="/twiml/next")
    for asked, status in ((first, "ringing"), (second, "in-progress")):
        assert asked["method"] == "POST"
        form = dict(asked["form"])
        assert form["CallSid"] == carrier.twilio_sid
        assert form["AccountSid"] == "ACb08dacad111122223333444455556666"
        assert (form["From"], form["To"], form["Direction"]) == (FROM, TO, "inbound")
        assert (form["CallStatus"], form["ApiVersion"]) == (status, "2010-04-01")
        assert VALIDATOR.validate(asked["url"], form, asked["headers"]["x-twilio-signature"])
    assert second["query"] == [["step", "2"]]


@pytest.mark.contract("S40")
async def test_unsigned_webhooks_are_refused(app: Customer, carrier: Carrier) -> None:
    """A webhook with no signature, another key's, or a changed field is refused before anything."""
    url = f"{carrier.bridge.base_url}/signalwire/cxml"
    form = carrier.form()
    before = len(app.out.matching(type="http", path="/twiml/voice"))
    for headers in (
        {},
        {"X-SignalWire-Signature": sign(url, form, "PSK_other")},
        {"X-SignalWire-Signature": sign(url, form | {"To": "+1"})},
    ):
        answer = await carrier.client.post(url, data=form, headers=headers)
        assert answer.status_code == 403
    assert len(app.out.matching(type="http", path="/twiml/voice")) == before


async def test_a_rotated_key_is_still_good_and_the_oldest_is_not(app: Customer) -> None:
    """Two keys are valid during a rotation."""
    await app.put("<Response><Hangup/></Response>")
    async with (
        bridge(
            app.voice_url(), signalwire_signing_key="new", signalwire_signing_key_previous="old"
        ) as service,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        url = f"{service.base_url}/signalwire/cxml"
        form = Carrier(service, client).form()
        for key, status in (("new", 200), ("old", 200), ("older", 403)):
            headers = {"X-SignalWire-Signature": sign(url, form, key)}
            assert (await client.post(url, data=form, headers=headers)).status_code == status


async def test_without_a_key_only_this_machine_is_let_in(app: Customer) -> None:
    """No signing key: loopback may call, what a proxy forwards may not; the log says so."""
    await app.put("<Response><Hangup/></Response>")
    async with (
        bridge(app.voice_url(), signalwire_signing_key="") as service,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        await service.log.wait(level="warning", logger="server")
        url = f"{service.base_url}/signalwire/cxml"
        form = Carrier(service, client).form()
        assert (await client.post(url, data=form)).status_code == 200
        forwarded = await client.post(url, data=form, headers={"X-Forwarded-For": "192.0.2.1"})
        assert forwarded.status_code == 403


@pytest.mark.contract("T90")
async def test_fallback(app: Customer) -> None:
    """When the voice URL fails, the fallback is asked with the error's number and place."""
    await app.put("<Response><Say>plan B</Say></Response>", "fallback")
    async with (
        bridge(app.voice_url("broken"), voice_fallback_url=app.voice_url("fallback")) as service,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        for document, code in (
            ({"body": "<Response><Say>unclosed</Response>"}, "12100"),
            ({"body": "oops", "status": 500}, "11200"),
            ({"body": "x", "type": "application/json"}, "12300"),
            ({"body": "<Response>" + " " * 70_000 + "</Response>"}, "11750"),
        ):
            await app.put(**document, name="broken")
            answer = await Carrier(service, client).document()
            assert [verb.tag for verb in answer] == ["Say"]
            form = dict(app.out.matching(type="http", path="/twiml/fallback")[-1]["form"])
            assert form["ErrorCode"] == code
            assert form["ErrorUrl"] == app.voice_url("broken")


async def test_an_unusable_document_is_apologised_for(app: Customer, carrier: Carrier) -> None:
    """The caller hears an apology; log and timeline say which number, where, and how to mend it."""
    await app.put("<Response>\n  <Say voice=alice>hi</Say>\n</Response>")
    document = await carrier.document()
    assert [verb.tag for verb in document] == ["Say", "Hangup"]
    record = await carrier.bridge.call_record(carrier.twilio_sid)
    (finding,) = [e for e in record["timeline"] if e["kind"] == "twiml.diagnostic"]
    assert finding["level"] == "error"
    assert finding["data"]["code"] == 12100
    assert finding["data"]["line"] == 2
    assert finding["data"]["advice"]
    (logged,) = carrier.bridge.log.matching(event="twiml.diagnostic", call=carrier.twilio_sid)
    assert (logged["code"], logged["line"]) == (12100, 2)
    assert logged["advice"] == finding["data"]["advice"]


async def test_other_verbs_and_urls_come_back_through_us(app: Customer, carrier: Carrier) -> None:
    """Verbs around the streams are carried over; their URLs are ours and lead to the customer's."""
    await app.put(
        '<Response><Gather action="/twiml/digits" numDigits="1"><Say>press</Say>'
        "<Play>/twiml/sound</Play></Gather>"
        f'<Dial action="/twiml/dialled"><Number statusCallback="{app.http}/callback/leg"'
        ' statusCallbackEvent="answered">+15550009999</Number></Dial></Response>'
    )
    await app.put("<Response><Say>thanks</Say></Response>", "digits")
    await app.put("RIFF....", "sound", type="audio/wav")
    document = await carrier.document()
    gather, dial = document
    assert [child.tag for child in gather] == ["Say", "Play"]
    ours = f"{carrier.bridge.base_url}/signalwire/"
    links = [
        gather.attrib["action"],
        str(gather[1].text),
        dial.attrib["action"],
        dial[0].attrib["statusCallback"],
    ]
    assert all(link.startswith(ours) and "?" not in link for link in links)
    assert dial[0].text == "+15550009999"

    answer = await carrier.document(gather.attrib["action"], Digits="4")
    assert answer[0].text == "thanks"
    assert gather.attrib["action"].endswith("#rt=15000&tt=15000")
    (asked,) = app.out.matching(type="http", path="/twiml/digits")
    assert dict(asked["form"])["Digits"] == "4"

    sound = await carrier.client.get(str(gather[1].text))
    assert (sound.content, sound.headers["content-type"][:9]) == (b"RIFF....", "audio/wav")

    told = await carrier.post(
        dial[0].attrib["statusCallback"],
        CallSid="00000000-0000-0000-0000-00000000000b",
        To="+15550009999",
        Direction="outbound-dial",
        CallStatus="completed",
        ParentCallSid=carrier.call_sid,
    )
    assert told.status_code == 204
    (form,) = await app.wait_callbacks("leg", 1)
    assert form["CallSid"] == "CA0000000000000000000000000000000b"
    assert form["To"] == form["Called"] == "+15550009999"
    assert form["ParentCallSid"] == carrier.twilio_sid
    assert form["CallStatus"] == "completed"
    record = await carrier.bridge.call_record(carrier.twilio_sid)
    assert record["status"] == "in-progress"


async def test_tokens_are_for_one_purpose(app: Customer, carrier: Carrier) -> None:
    """A token of one kind opens nothing of another kind, nor does a forged one."""
    await app.put(
        f'<Response><Connect action="/x"><Stream url="{app.ws}/ws/sink/purpose"/></Connect>'
        "</Response>"
    )
    document = await carrier.document()
    base = f"{carrier.bridge.base_url}/signalwire"
    token = str(document[1].text).rpartition("/")[2].partition("#")[0]
    media = streams_of(document, "Connect")[0].attrib["url"].rpartition("/")[2]
    for path in (f"callback/{token}", f"cxml/{media}", "cxml/" + "A" * 43, f"cxml/{forged(token)}"):
        assert (await carrier.post(f"{base}/{path}")).status_code == 404


async def test_a_full_service_is_busy(app: Customer) -> None:
    """Beyond the limit of calls a new one is rejected as busy, and readiness says full."""
    await app.put("<Response><Say>hi</Say></Response>")
    async with (
        bridge(app.voice_url(), max_calls="1") as service,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        first, second = Carrier(service, client), Carrier(service, client)
        assert (await first.document())[0].tag == "Say"
        assert (await client.get(f"{service.base_url}/readyz")).status_code == 503
        refused = await second.document()
        assert (refused[0].tag, refused[0].get("reason")) == ("Reject", "busy")
        await first.hang_up()
        assert (await client.get(f"{service.base_url}/readyz")).status_code == 200
        assert (await second.document())[0].tag == "Say"


async def test_a_stream_that_signalwire_cannot_open(app: Customer, carrier: Carrier) -> None:
    """SignalWire's own stream-error becomes the customer's, once, when nothing reached us."""
    await app.put(
        f'<Response><Start><Stream url="{app.ws}/ws/sink/never" name="n"'
        f' statusCallback="{app.http}/callback/never"/></Start><Say>on</Say></Response>'
    )
    (element,) = streams_of(await carrier.document(), "Start")
    for _ in range(2):
        answer = await carrier.post(
            element.attrib["statusCallback"],
            StreamEvent="stream-error",
            StreamError="connection_refused",
        )
        assert answer.status_code == 204
    forms = await app.wait_callbacks("never", 2)
    assert [form["StreamEvent"] for form in forms] == ["stream-error", "stream-stopped"]
    assert "connection_refused" in forms[0]["StreamError"]


@pytest.mark.contract("T86", "T87")
async def test_callbacks_never_harm_the_call(app: Customer, carrier: Carrier) -> None:
    """A callback that cannot be delivered leaves the stream alone, and is on the timeline."""
    path = "/ws/echo/harmless"
    await app.put(
        f'<Response><Connect><Stream url="{app.ws}{path}"'
        ' statusCallback="http://localhost:1/gone"/></Connect></Response>'
    )
    stream = await carrier.open(streams_of(await carrier.document(), "Connect")[0])
    await stream.speak(b"\x33" * 160 * 10)
    await app.wait_message(path, "mark")
    await stream.stop()
    await carrier.hang_up()
    await carrier.bridge.log.wait(2, event="callback.failed", call=carrier.twilio_sid)
    record: dict[str, object] = await carrier.bridge.call_record(carrier.twilio_sid)
    assert record["status"] == "completed"


@pytest.mark.contract("S44")
async def test_status_reports_out_of_order(app: Customer, carrier: Carrier) -> None:
    """Late, repeated and missing status reports change nothing but the record."""
    path = "/ws/sink/disorder"
    await app.put(
        f'<Response><Connect><Stream url="{app.ws}{path}"/></Connect><Say>on</Say></Response>'
    )
    (element,) = streams_of(await carrier.document(), "Connect")
    await carrier.document()  # asked again, as after a time-out: the call is the same one
    stream = await carrier.open(element)
    await app.wait_message(path, "start")
    status = f"{carrier.bridge.base_url}/signalwire/status"
    for late in ("ringing", "queued", "ringing"):
        assert (await carrier.post(status, CallStatus=late)).status_code == 204
    for event in ("stream-started", "stream-started", "stream-error"):
        answer = await carrier.post(element.attrib["statusCallback"], StreamEvent=event)
        assert answer.status_code == 204
    await stream.speak(b"\x31" * 800)
    await app.wait_message(path, "media", 5)
    record = await carrier.bridge.call_record(carrier.twilio_sid)
    assert record["status"] == "in-progress"
    assert [one["state"] for one in record["streams"]] == ["open"]
    await carrier.hang_up()
    await stream.ended()
    for _ in range(2):
        await carrier.hang_up()
    record = await carrier.bridge.call_record(carrier.twilio_sid)
    assert record["status"] == "completed"
    assert len([message for message in app.messages(path) if message["event"] == "stop"]) == 1
