"""What SignalWire reports of a SWML call while it runs."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.app.swml import Case, case, steps_of
from tests.app.test_swmlcall import SID, body
from tests.e2e.swml import signatures
from tests.support.peers import consumer, next_event

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEG = "7f0c8d1e-0000-4000-8000-00000000abcd"
DIAL = (
    '<Dial action="/dialled"><Number statusCallback="{app}/told"'
    ' statusCallbackEvent="initiated ringing answered completed">+15550003333</Number></Dial>'
)
STREAM = (
    '<Start><Stream url="ws://127.0.0.1:1/" statusCallback="{app}/told"/></Start>'
    "<Pause/><Say>x</Say>"
)
FAILED = {"event_type": "twiml_bridge.stream.failed"}


async def dialled(at: Case) -> tuple[str, str]:
    """The URLs for what the dialled leg and what the connection does."""
    steps = await at.begin()
    (connect,) = steps_of(steps, "connect")
    return connect["call_state_url"], connect["status_url"]


def leg(state: str) -> dict[str, Any]:
    return {"call_id": LEG, "call_state": state, "device": {}}


@pytest.mark.contract("S44")
async def test_repeated_and_late_reports_are_not_passed_on() -> None:
    """Each state is told once and in order; what comes again or too late is only noted."""
    async with case(DIAL) as at:
        url, _ = await dialled(at)
        for state, time in (
            ("created", 1.0),
            ("created", 1.0),
            ("answered", 3.0),
            ("ringing", 2.0),
            ("answered", 3.5),
            ("ended", 9.0),
            ("ended", 9.0),
        ):
            await at.report(url, "calling.call.state", time, **leg(state))
        statuses = [form["CallStatus"] for form in await at.told()]
        assert statuses == ["initiated", "in-progress", "completed"]
        assert len(at.noted("carrier.event")) == 3
        assert len(at.noted("carrier.event_repeated")) == 4
        assert SID in at.service.calls


@pytest.mark.contract("S44")
async def test_reports_that_never_come() -> None:
    """Without any the action is asked all the same, with what the script knows."""
    async with case(DIAL) as at:
        (transfer,) = steps_of(await at.begin(), "transfer")
        whole = body(call_state="answered") | {"vars": {"connect_result": "connected"}}
        assert (await at.client.post(transfer["dest"], json=whole)).status_code == 200
        (form,) = at.app.asked("/dialled")
        assert form["DialCallStatus"] == "completed"
        assert "DialCallSid" not in form


@pytest.mark.contract("S44")
@pytest.mark.parametrize(
    "event",
    [
        {},
        {"event_type": None},
        {"event_type": "calling.call.nothing", "params": {"state": "x"}},
        {"event_type": "calling.call.state", "params": []},
        {"event_type": "calling.call.state", "params": {"call_state": "ended"}},
        {"event_type": "calling.call.connect", "params": {"peer": "x", "connect_state": 7}},
        {"event_type": "calling.call.stream", "params": {"state": "finished"}},
        {"event_type": "x" * 1000, "timestamp": "soon", "params": {"state": "a b\n"}},
    ],
)
async def test_reports_that_make_no_sense(event: dict[str, Any]) -> None:
    """They are answered and noted, and change nothing."""
    async with case(DIAL) as at:
        for url in await dialled(at):
            answer = await at.client.post(url, json=event)
            assert (answer.status_code, answer.content) == (204, b"")
        assert await at.told() == []
        assert SID in at.service.calls


async def test_reports_after_the_end() -> None:
    """A recording is ready when its call is over: its callback is told for a while yet."""
    async with case('<Record recordingStatusCallback="{app}/told" action="/voice"/>') as at:
        (record,) = steps_of(await at.begin(), "record")
        at.service.conclude(SID, "ended")
        await at.report(
            record["status_url"], "calling.call.record", state="finished", url="u", duration=3
        )
        (form,) = await at.told()
        assert (form["RecordingStatus"], form["RecordingDuration"]) == ("completed", "3")
        assert form["CallSid"] == SID


async def test_a_form_is_passed_on_as_one() -> None:
    """A conference may report in cXML's form (S section 7.4)."""
    async with case(
        '<Dial><Conference statusCallback="{app}/told" statusCallbackEvent="join">c</Conference>'
        "</Dial>"
    ) as at:
        (join,) = steps_of(await at.begin(), "join_conference")
        answer = await at.client.post(
            join["status_callback"],
            data={"ConferenceSid": LEG, "StatusCallbackEvent": "participant-join"},
        )
        assert answer.status_code == 204
        (form,) = await at.told()
        assert form["ConferenceSid"] == "CF7f0c8d1e00004000800000000000abcd"
        assert form["StatusCallbackEvent"] == "participant-join"


async def test_a_wrong_signature_is_refused_and_a_missing_one_is_not() -> None:
    """Whether SignalWire signs its reports is unknown: their token is proof enough."""
    key = "PSK_status"
    async with case(DIAL, signalwire_signing_key=key) as at:
        raw = b'{"call":{"call_id":"c1"}}'
        at_url = f"{at.service.base_url}/signalwire/swml"
        typed = {"Content-Type": "application/json"}
        answer = await at.client.post(
            at_url, content=raw, headers=typed | signatures(at_url, raw, key)
        )
        (connect,) = steps_of(answer.json()["sections"]["main"], "connect")
        url, event = connect["status_url"], b'{"event_type":"x"}'
        for headers, status in (
            ({}, 204),
            (signatures(url, event, key), 204),
            (signatures(url, event, "PSK_other"), 403),
            (signatures(url, event + b" ", key), 403),
        ):
            answer = await at.client.post(url, content=event, headers=typed | headers)
            assert answer.status_code == status
        form = {"X-SignalWire-Signature": "wrong"}
        assert (await at.client.post(url, data={"a": "b"}, headers=form)).status_code == 403


async def test_an_error_in_the_script() -> None:
    """It is an error on the timeline, with what SignalWire said of it."""
    async with case(DIAL) as at:
        _, url = await dialled(at)
        await at.report(url, "calling.script.warning", error="relay_script_too_many_transfers")
        (entry,) = at.noted("carrier.script")
        assert entry["level"] == "error"
        assert "too_many_transfers" in entry["detail"]


# Streams


async def stream_url(at: Case) -> str:
    (stream,) = steps_of(await at.begin(), "stream")
    return str(stream["status_url"])


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (FAILED, "SignalWire could not open the stream"),
        (
            {"event_type": "calling.call.stream", "params": {"state": "finished"}},
            "SignalWire ended the stream before it reached us",
        ),
    ],
)
async def test_a_stream_that_never_reaches_us(event: dict[str, Any], why: str) -> None:
    """Its error is told to the customer, once, whatever else is reported of it."""
    async with case(STREAM) as at:
        url = await stream_url(at)
        begun = {"event_type": "calling.call.stream", "params": {"state": "streaming"}}
        for report in (begun, event, event, FAILED, event | {"timestamp": 7.0}):
            assert (await at.client.post(url, json=report)).status_code == 204
        forms = await at.told()
        assert [form["StreamEvent"] for form in forms] == ["stream-error", "stream-stopped"]
        assert why in forms[0]["StreamError"]


async def test_a_stream_that_is_reported_by_form() -> None:
    """As cXML reports it."""
    async with case(STREAM) as at:
        url = await stream_url(at)
        form = {"StreamEvent": "stream-error", "StreamError": "connection_refused"}
        assert (await at.client.post(url, data=form)).status_code == 204
        assert "connection_refused" in (await at.told())[0]["StreamError"]


@pytest.mark.parametrize("track", ["inbound_track", "both_tracks"])
async def test_a_tap_that_never_reaches_us(track: str) -> None:
    """In the strict dialect too, when the last of the stream's taps has failed."""
    voice = STREAM.replace("<Stream ", f'<Stream track="{track}" ')
    async with case(voice, swml_dialect="strict") as at:
        taps = steps_of(await at.begin(), "tap")
        assert len(taps) == (2 if track == "both_tracks" else 1)
        for tap in taps:
            assert await at.told() == []
            answer = await at.client.post(tap["status_url"], json=FAILED)
            assert answer.status_code == 204
        events = [form["StreamEvent"] for form in await at.told()]
        assert events == ["stream-error", "stream-stopped"]


# The end of a call


async def test_a_report_of_the_calls_own_end() -> None:
    """It ends the call here, and the number's callback is told; the end of a leg is not that."""
    async with case(DIAL) as at:
        url, _ = await dialled(at)
        await at.report(url, "calling.call.state", **leg("ended"))
        assert SID in at.service.calls
        own = {"call_id": body()["call"]["call_id"], "call_state": "ended"}
        await at.report(url, "calling.call.state", **own)
        assert SID in at.service.ended
        assert [form["CallStatus"] for form in await at.told("/status")] == ["completed"]


async def test_a_dial_that_is_over_no_longer_keeps_its_call() -> None:
    """While two parties talk nothing is heard of them; afterwards silence counts again."""
    async with case(DIAL) as at:
        _, url = await dialled(at)
        for state, lasts in (("connecting", True), ("connected", True), ("disconnected", False)):
            await at.report(url, "calling.call.connect", connect_state=state, peer={"call_id": LEG})
            assert at.live.lasting is lasts
            at.live.last_seen -= 910
            at.service.sweep()
            assert (SID in at.service.calls) is lasts


async def test_a_report_is_a_sign_of_life() -> None:
    async with case("<Record action='/voice'/>") as at:
        (record,) = steps_of(await at.begin(), "record")
        at.live.last_seen -= 600
        before = at.live.last_seen
        await at.report(record["status_url"], "calling.call.record", state="recording")
        assert at.live.last_seen > before


@pytest.mark.parametrize(("ends", "left"), [("carrier", True), ("lost", True), ("app", False)])
async def test_who_ended_a_stream(ends: str, left: bool) -> None:
    """When SignalWire ends a stream of itself, its call is likely to be over; when the app does,
    the document goes on."""
    async with consumer() as app, case(f'<Connect><Stream url="{app.url}"/></Connect>') as at:
        (connection,) = steps_of(await at.begin(call_state="answered"), "connect")
        bearer = connection["authorization_bearer_token"]
        async with connect(
            connection["to"].removeprefix("stream:"),
            additional_headers={"Authorization": f"Bearer {bearer}"},
            proxy=None,
        ) as socket:
            customer = await app.accept()
            await next_event(customer, "start")
            assert at.live.has_media
            if ends == "carrier":
                await socket.send('{"event":"stop","sequenceNumber":"2"}')
            elif ends == "lost":
                socket.transport.abort()
            else:
                await customer.close()
            await customer.wait_closed()
            await socket.wait_closed()
        await told_of(at, "stream.stopped")
        assert at.live.left is left
        assert not at.live.has_media


async def told_of(at: Case, kind: str) -> None:
    async with asyncio.timeout(20):
        while not at.noted(kind):
            await at.client.get("/healthz")


# Echo


@pytest.mark.parametrize("dialect", ["full", "strict"])
async def test_an_echo(dialect: str) -> None:
    """The caller's audio comes back on the socket that the document names, which opens once; no
    consumer is asked, and the call counts as one with media meanwhile."""
    async with case("<Echo/>", swml_dialect=dialect) as at:
        (connection,) = steps_of(await at.begin(call_state="answered"), "connect")
        url = connection["to"].removeprefix("stream:")
        bearer = connection.get("authorization_bearer_token")
        assert (bearer is not None) is (dialect == "full")
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        audio = [bytes((number + at) % 256 for at in range(160)) for number in range(100)]
        if bearer:
            with pytest.raises(InvalidStatus):
                await connect(url, proxy=None)
        async with connect(url, additional_headers=headers, proxy=None) as socket:
            await socket.send('{"event":"connected","protocol":"Call","version":"0.2.0"}')
            await socket.send(json.dumps({"event": "start", "start": {"streamSid": "s-1"}}))
            for frame in audio:
                payload = base64.b64encode(frame).decode()
                media = {"track": "inbound", "payload": payload}
                await socket.send(json.dumps({"event": "media", "media": media}))
            back = [await next_event(socket, "media") for _ in audio]
            assert [base64.b64decode(media["media"]["payload"]) for media in back] == audio
            assert {media["streamSid"] for media in back} == {"s-1"}
            assert len(at.live.legs) == 1
            await socket.send('{"event":"stop","sequenceNumber":"2"}')
            await socket.wait_closed()
        await told_of(at, "echo.ended")
        assert not at.live.legs
        assert at.live.left
        assert at.live.call.streams == ()
        with pytest.raises(InvalidStatus) as again:
            await connect(url, additional_headers=headers, proxy=None)
        assert again.value.response.status_code == 404


async def test_an_echo_ends_with_its_call() -> None:
    async with case("<Echo/>") as at:
        (connection,) = steps_of(await at.begin(call_state="answered"), "connect")
        headers = {"Authorization": f"Bearer {connection['authorization_bearer_token']}"}
        url = connection["to"].removeprefix("stream:")
        async with connect(url, additional_headers=headers, proxy=None) as socket:
            await at.report(connection["status_url"], "calling.call.stream", state="streaming")
            at.service.conclude(SID, "ended")
            await socket.wait_closed()
            assert socket.close_code == 1000
        assert at.noted("carrier.event")[0]["status"] == "streaming"


# Transcriptions


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_transcription_is_passed_on_as_it_comes(method: str) -> None:
    """Its form is not documented: each member under its own name, and what is said twice too."""
    async with case(
        '<Start><Transcription statusCallbackUrl="{app}/told" '
        f'statusCallbackMethod="{method}"/></Start><Say>x</Say>'
    ) as at:
        (begun,) = steps_of(await at.begin(), "live_transcribe")
        url = begun["action"]["start"]["webhook"]
        said = {
            "words": "yes",
            "final": True,
            "more": {"a": [1]},
            "CallSid": "x",
            "event_type": "e",
        }
        for _ in range(2):
            assert (await at.client.post(url, json=said)).status_code == 204
        assert await at.service.engine.sender.drain(10) == 0
        expected = {
            "words": "yes",
            "final": "true",
            "more": '{"a": [1]}',
            "event_type": "e",
            "CallSid": SID,
            "AccountSid": "ACb08dacad111122223333444455556666",
        }
        asked = [request for request in at.app.requests if request.target.startswith("/told")]
        assert [request.method for request in asked] == [method, method]
        for request in asked:
            text = request.body.decode() or request.target.partition("?")[2]
            assert dict(parse_qsl(text, keep_blank_values=True)) == expected
        assert not [entry for entry in at.noted("carrier.event") if "yes" in str(entry)]
