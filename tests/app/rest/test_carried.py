"""Calls that SignalWire carries, controlled by Twilio's own library: what REST passes on to a
stand-in of SignalWire's REST, and what that leads to."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from app.service import KEEP_ENDED
from app.store.records import CallRecord, ConferenceRecord, ParticipantRecord
from bridge.ids import alias
from tests.app.rest.carried import CALL_ID, OTHER_ID, SID, Carried
from tests.app.rest.standin import PROJECT, TOKEN
from tests.app.rest.twilio_client import ACCOUNT, Twilio
from tests.app.running import CALLED, CALLER, new_call, serving, until_told
from tests.support.peers import consumer, next_event


async def test_what_comes_late_of_a_placed_call(carried: Carried) -> None:
    """Callbacks about a call that ended long ago go on to the customer; it is not begun again,
    and gets no document."""
    carried.signalwire.next(201, sid=CALL_ID, status="queued")
    await carried.do(
        lambda client: client.calls.create(
            to=CALLED,
            from_=CALLER,
            url=carried.app.url("/placed"),
            status_callback=carried.app.url("/progress"),
            status_callback_event=["ringing", "completed"],
            record=True,
            recording_status_callback=carried.app.url("/recorded"),
        )
    )
    form, service = carried.signalwire.form(), carried.server.service
    await carried.webhook(form["StatusCallback"], CallStatus="completed", CallDuration="5")
    for number in range(1, KEEP_ENDED + 1):
        service.end_call(new_call(service, number).sid, "test")
    before = await carried.do(lambda client: client.calls(SID).fetch())
    recorded = {"RecordingSid": OTHER_ID, "RecordingStatus": "completed"}
    await carried.webhook(form["RecordingStatusCallback"], CallStatus="completed", **recorded)
    await carried.webhook(form["StatusCallback"], CallStatus="ringing")
    assert (await carried.webhook(form["Url"])).status_code == 404
    await service.engine.sender.drain(10)
    assert service.find(SID) is None
    after = await carried.do(lambda client: client.calls(SID).fetch())
    assert (after.status, after.end_time) == ("completed", before.end_time)
    told = [
        (one["CallSid"], one.get("RecordingStatus", one["CallStatus"])) for one in carried.told()
    ]
    assert told == [(SID, "completed"), (SID, "completed"), (SID, "ringing")]


async def test_placing_a_call(carried: Carried) -> None:
    """The order goes to SignalWire with our URLs in place of the customer's; the call that it makes
    has the customer's document, its progress and its sid in Twilio's form."""
    carried.signalwire.next(201, sid=CALL_ID, status="queued")
    call = await carried.do(
        lambda client: client.calls.create(
            to=CALLED,
            from_=CALLER,
            url=carried.app.url("/placed"),
            method="GET",
            status_callback=carried.app.url("/progress"),
            status_callback_event=["ringing", "completed"],
            timeout=20,
            send_digits="12w",
            record=True,
            recording_status_callback=carried.app.url("/recorded"),
            machine_detection="Enable",
        )
    )
    assert (call.sid, call.status, call.direction) == (SID, "queued", "outbound-api")
    form = carried.signalwire.form()
    assert carried.signalwire.path() == "/Calls"
    base = carried.server.service.base_url
    links = {name: form.pop(name) for name in ("Url", "StatusCallback", "RecordingStatusCallback")}
    assert all(link.startswith(f"{base}/signalwire/placed") for link in links.values())
    assert form == {
        "To": CALLED,
        "From": CALLER,
        "Method": "POST",
        "StatusCallbackMethod": "POST",
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        "Timeout": "20",
        "SendDigits": "12w",
        "Record": "true",
        "RecordingChannels": "mono",
        "RecordingTrack": "both",
        "RecordingStatusCallbackMethod": "POST",
        "MachineDetection": "Enable",
    }
    progress = links["StatusCallback"]
    for status in ("queued", "ringing", "in-progress"):
        answer = await carried.webhook(progress, CallStatus=status, Direction="outbound-api")
        assert answer.status_code == 204
    document = await carried.webhook(links["Url"])
    assert b"<Hangup" in document.content
    recorded = {"RecordingSid": OTHER_ID, "RecordingStatus": "completed"}
    await carried.webhook(links["RecordingStatusCallback"], **recorded)
    assert (await carried.do(lambda client: client.calls(SID).fetch())).status == "in-progress"
    await carried.webhook(progress, CallStatus="busy")
    await carried.server.service.engine.sender.drain(10)
    assert (await carried.do(lambda client: client.calls(SID).fetch())).status == "busy"
    asked = next(one for one in carried.app.requests if one.target.startswith("/placed?"))
    assert asked.method == "GET"
    assert f"CallSid={SID}" in asked.target
    told = [dict(parse_qsl(one.body.decode())) for one in carried.app.requests if one.body]
    assert [(one["CallStatus"], one["CallSid"]) for one in told if "RecordingSid" not in one] == [
        ("ringing", SID),
        ("busy", SID),
    ]
    (recording,) = [one for one in told if "RecordingSid" in one]
    assert recording["RecordingSid"] == alias("RE", OTHER_ID)


async def test_placing_with_twiml(carried: Carried) -> None:
    """TwiML that comes with the order is what SignalWire gets, without asking anybody; SignalWire
    may ask for it before it has answered the order."""
    carried.signalwire.next(201, sid=CALL_ID, status="queued")
    await carried.do(
        lambda client: client.calls.create(
            to=CALLED, from_=CALLER, twiml="<Response><Pause length='7'/></Response>"
        )
    )
    document = await carried.webhook(carried.signalwire.form()["Url"])
    assert b'<Pause length="7"' in document.content
    other = await carried.webhook(carried.signalwire.form()["Url"], CallSid=OTHER_ID)
    assert b'<Pause length="7"' in other.content
    assert carried.app.requests == []


@pytest.mark.parametrize("twiml", ["", "<Response><Pause length='7'/></Response>"])
async def test_redirecting_a_cxml_call(carried: Carried, twiml: str) -> None:
    """The compatibility REST is given a URL of ours, where the new document waits."""
    await carried.webhook("/signalwire/cxml")
    carried.signalwire.next(sid=CALL_ID, status="in-progress")
    given = {"twiml": twiml} if twiml else {"url": carried.app.url("/next"), "method": "GET"}
    call = await carried.do(lambda client: client.calls(SID).update(**given))
    assert call.status == "in-progress"
    assert carried.signalwire.path() == f"/Calls/{CALL_ID}"
    form = carried.signalwire.form()
    assert form["Method"] == "POST"
    document = await carried.webhook(form["Url"].partition("#")[0])
    assert (b"<Pause" if twiml else b"<Hangup") in document.content
    assert any(one.target.startswith("/next?") for one in carried.app.requests) is not bool(twiml)


@pytest.mark.parametrize("twiml", ["", "<Response><Pause length='7'/></Response>"])
async def test_redirecting_a_swml_call(carried: Carried, twiml: str) -> None:
    """The calling REST is given a URL of ours, where the new document waits as SWML."""
    await carried.swml("/signalwire/swml")
    carried.signalwire.next(id=CALL_ID, status="answered")
    given = {"twiml": twiml} if twiml else {"url": carried.app.url("/next")}
    await carried.do(lambda client: client.calls(SID).update(**given))
    command = carried.signalwire.command()
    url = command["params"].pop("url")
    assert command == {"command": "update", "params": {"id": CALL_ID}}
    document = (await carried.swml(url)).json()
    assert document["version"] == "1.0.0"
    assert ({"sleep": 7000} in document["sections"]["main"]) is bool(twiml)


async def test_ending_a_cxml_call(carried: Carried) -> None:
    """The compatibility REST ends it; its end is SignalWire's to report."""
    await carried.webhook("/signalwire/cxml")
    carried.signalwire.next(sid=CALL_ID, status="completed")
    call = await carried.do(lambda client: client.calls(SID).update(status="completed"))
    assert call.status == "completed"
    assert (carried.signalwire.path(), carried.signalwire.form()) == (
        f"/Calls/{CALL_ID}",
        {"Status": "completed"},
    )
    await carried.webhook("/signalwire/status", CallStatus="completed")
    assert (await carried.do(lambda client: client.calls(SID).fetch())).end_time is not None


async def test_a_time_limit(carried: Carried) -> None:
    """It takes the place of the one before, and SignalWire is told to end the call then; of one
    that has ended it is not spoken again."""
    await carried.webhook("/signalwire/cxml")
    call = carried.server.service.calls[SID]
    for seconds in (3600, 7200, 1):
        await carried.do(lambda client: client.calls(SID).update(time_limit=seconds))  # noqa: B023
    carried.signalwire.next(sid=CALL_ID, status="completed")
    await until_told(call.call, "call.time_limit")
    await carried.signalwire.arrived.wait()
    assert carried.signalwire.form() == {"Status": "completed"}
    assert len(carried.signalwire.requests) == 1
    await carried.webhook("/signalwire/cxml", CallSid=OTHER_ID)
    other = carried.server.service.calls[alias("CA", OTHER_ID)]
    await carried.do(lambda client: client.calls(other.call.sid).update(time_limit=3600))
    carried.server.service.end_call(other.call.sid, "hangup")
    assert other.limit is not None
    assert other.limit.cancelled()


async def test_ending_a_swml_call(carried: Carried) -> None:
    """The calling REST ends it, and it is over here: SignalWire would not say so."""
    await carried.swml("/signalwire/swml")
    carried.signalwire.next(id=CALL_ID, status="ended")
    await carried.do(lambda client: client.calls(SID).update(status="completed"))
    assert carried.signalwire.command() == {
        "command": "update",
        "params": {"id": CALL_ID, "status": "completed"},
    }
    assert (await carried.do(lambda client: client.calls(SID).fetch())).status == "completed"


async def test_ending_what_a_restart_has_cut_off(carried: Carried) -> None:
    """A call that is over here for all we know may run at SignalWire: its end is passed on, and
    SignalWire's 404 is 20404."""
    store = carried.server.service.store
    store.save(
        CallRecord(
            SID,
            ACCOUNT,
            CALLER,
            CALLED,
            "completed",
            "inbound",
            1.0,
            2.0,
            ended_at=2.0,
            carrier="cxml",
            carrier_id=CALL_ID,
        )
    )
    carried.signalwire.next(sid=CALL_ID, status="completed")
    await carried.do(lambda client: client.calls(SID).update(status="completed"))
    carried.signalwire.next(404, code="20404", message="gone")
    assert await carried.refusal(lambda client: client.calls(SID).update(status="completed")) == (
        404,
        20404,
    )


async def test_a_stream_on_a_cxml_call(carried: Carried) -> None:
    """SignalWire is asked for a stream to our media door, always with its track and a bearer."""
    await carried.webhook("/signalwire/cxml")
    carried.signalwire.next(sid=OTHER_ID, status="queued")
    stream = await carried.do(
        lambda client: client.calls(SID).streams.create(
            url="wss://a.example/", name="mine", parameter1_name="a", parameter1_value="b"
        )
    )
    assert (stream.name, stream.status, stream.call_sid) == ("mine", "in-progress", SID)
    assert carried.signalwire.path() == f"/Calls/{CALL_ID}/Streams"
    form = carried.signalwire.form()
    base = f"127.0.0.1:{carried.server.port}"
    assert form.pop("Url").startswith(f"ws://{base}/media/")
    assert form.pop("StatusCallback").startswith(f"http://{base}/signalwire/stream/")
    assert form.pop("AuthorizationBearerToken")
    assert form == {"Name": "mine", "Track": "inbound_track", "StatusCallbackMethod": "POST"}


async def test_a_stream_that_signalwire_opens(carried: Carried) -> None:
    """The socket that SignalWire opens in answer carries the stream that REST has named; stopping
    it goes to SignalWire by its own id, and the customer hears of it at once."""
    await carried.webhook("/signalwire/cxml")
    carried.signalwire.next(sid=OTHER_ID, status="queued")
    async with consumer() as customer:
        stream = await carried.do(
            lambda client: client.calls(SID).streams.create(url=customer.url, name="mine")
        )
        form = carried.signalwire.form()
        bearer = {"Authorization": f"Bearer {form['AuthorizationBearerToken']}"}
        async with connect(form["Url"], additional_headers=bearer) as media:
            await media.send(json.dumps({"event": "connected", "protocol": "Call"}))
            told = {
                "streamSid": OTHER_ID,
                "callSid": CALL_ID,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            }
            await media.send(json.dumps({"event": "start", "sequenceNumber": "1", "start": told}))
            socket = await customer.accept()
            start = (await next_event(socket, "start"))["start"]
            assert (start["streamSid"], start["callSid"]) == (stream.sid, SID)
            carried.signalwire.next(sid=OTHER_ID, status="stopped")
            stopped = await carried.do(
                lambda client: client.calls(SID).streams("mine").update(status="stopped")
            )
            assert (stopped.sid, stopped.status) == (stream.sid, "stopped")
            assert carried.signalwire.path() == f"/Calls/{CALL_ID}/Streams/{OTHER_ID}"
            assert carried.signalwire.form() == {"Status": "stopped"}
            await next_event(socket, "stop")


@pytest.mark.parametrize("by", ["sid", "name"])
@pytest.mark.parametrize("language", ["cxml", "swml"])
async def test_a_stream_that_signalwire_has_not_opened(
    carried: Carried, language: str, by: str
) -> None:
    """Stopped right after it was asked for, by sid or name: SignalWire is told, and its socket is
    not taken when it comes all the same. A second time there is nothing to stop."""
    await (carried.webhook if language == "cxml" else carried.swml)(f"/signalwire/{language}")
    carried.signalwire.next(sid=OTHER_ID, status="queued")
    stream = await carried.do(
        lambda client: client.calls(SID).streams.create(url="wss://a.example/", name="mine")
    )
    if language == "cxml":
        given = carried.signalwire.form()
        url, bearer = given["Url"], given["AuthorizationBearerToken"]
    else:
        given = carried.signalwire.command()["params"]
        url, bearer = given["url"], given["authorization_bearer_token"]
    carried.signalwire.next(sid=OTHER_ID, status="stopped")
    its = stream.sid if by == "sid" else "mine"
    stop = lambda client: client.calls(SID).streams(its).update(status="stopped")  # noqa: E731
    stopped = await carried.do(stop)
    assert (stopped.sid, stopped.status, stopped.name) == (stream.sid, "stopped", "mine")
    if language == "cxml":
        assert carried.signalwire.path() == f"/Calls/{CALL_ID}/Streams/{OTHER_ID}"
    else:
        assert carried.signalwire.command()["params"] == {"control_id": stream.sid}
    assert await carried.refusal(stop) == (404, 20404)
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers={"Authorization": f"Bearer {bearer}"})
    assert refused.value.response.status_code == 404


async def test_a_stream_on_a_swml_call(carried: Carried) -> None:
    """The same by the calling REST's command, in mu-law."""
    await carried.swml("/signalwire/swml")
    carried.signalwire.next(id=CALL_ID)
    stream = await carried.do(
        lambda client: client.calls(SID).streams.create(url="wss://a.example/", track="both_tracks")
    )
    command = carried.signalwire.command()
    params = command.pop("params")
    assert command == {"command": "calling.stream", "id": CALL_ID}
    for name in ("url", "status_url", "authorization_bearer_token"):
        assert params.pop(name)
    assert params == {
        "control_id": stream.sid,
        "name": stream.sid,
        "codec": "PCMU",
        "track": "both_tracks",
        "status_url_method": "POST",
    }


async def test_recording_a_call(carried: Carried) -> None:
    """A recording begins, pauses and stops at SignalWire, and is fetched and deleted here."""
    await carried.webhook("/signalwire/cxml")
    carried.signalwire.next(201, sid=OTHER_ID, status="in-progress", channels=2)
    recording = await carried.do(
        lambda client: client.calls(SID).recordings.create(
            recording_channels="dual", recording_status_callback=carried.app.url("/recorded")
        )
    )
    sid = alias("RE", OTHER_ID)
    assert (recording.sid, recording.status, recording.channels) == (sid, "in-progress", 2)
    assert (
        carried.signalwire.form()
        .pop("RecordingStatusCallback")
        .startswith(carried.server.service.base_url)
    )
    assert await carried.refusal(lambda client: client.recordings(sid).delete()) == (409, 20009)
    for status in ("paused", "stopped"):
        carried.signalwire.next(sid=OTHER_ID, status=status)
        recording = await carried.do(
            lambda client, status=status: (
                client.calls(SID)  # type: ignore[misc]
                .recordings(sid)
                .update(status=status, pause_behavior="skip")
            )
        )
        assert recording.status == status
        assert carried.signalwire.path() == f"/Calls/{CALL_ID}/Recordings/{OTHER_ID}"
        assert carried.signalwire.form() == {"Status": status, "PauseBehavior": "skip"}
    listed = await carried.do(lambda client: client.calls(SID).recordings.list())
    assert [one.sid for one in listed] == [sid]
    assert await carried.do(lambda client: client.recordings(sid).delete())
    assert await carried.do(lambda client: client.recordings.list()) == []


async def test_conferences(carried: Carried) -> None:
    """Mute, hold, remove and end go to SignalWire with its ids, and come back with ours."""
    store = carried.server.service.store
    conference = alias("CF", OTHER_ID)
    store.save(
        ConferenceRecord(conference, ACCOUNT, "Room", "in-progress", 1.0, 1.0, carrier="cxml")
    )
    store.save(ParticipantRecord(conference, SID, ACCOUNT, 1.0, 1.0))
    await carried.webhook("/signalwire/cxml")
    path = f"/Conferences/{OTHER_ID}/Participants/{CALL_ID}"
    carried.signalwire.next(muted=True, hold=False)
    participant = await carried.do(
        lambda client: client.conferences(conference).participants(SID).update(muted=True)
    )
    assert (participant.muted, participant.hold) == (True, False)
    assert (carried.signalwire.path(), carried.signalwire.form()) == (path, {"Muted": "true"})
    carried.signalwire.next(muted=True, hold=True)
    await carried.do(
        lambda client: (
            client.conferences(conference)
            .participants(SID)
            .update(hold=True, hold_url=carried.app.url("/music"))
        )
    )
    form = carried.signalwire.form()
    assert form.pop("HoldUrl").startswith(carried.server.service.base_url)
    assert form == {"Hold": "true", "HoldMethod": "POST"}
    carried.signalwire.next(204)
    assert await carried.do(
        lambda client: client.conferences(conference).participants(SID).delete()
    )
    assert carried.signalwire.requests[-1].method == "DELETE"
    carried.signalwire.next(sid=OTHER_ID, status="completed")
    ended = await carried.do(
        lambda client: client.conferences(conference).update(status="completed")
    )
    assert (ended.sid, ended.status) == (conference, "completed")


@pytest.mark.parametrize(
    ("status", "value", "seen"),
    [
        (400, {"code": "21211", "message": "no number"}, (400, 21211)),
        (422, {"code": "invalid", "message": "no"}, (400, 20001)),
        (422, {"errors": [{"code": "url_is_unsafe", "message": "no"}]}, (400, 20001)),
        (401, {}, (500, 20500)),
        (404, {}, (404, 20404)),
        (503, {}, (503, 20503)),
    ],
)
async def test_what_signalwire_refuses(
    carried: Carried, status: int, value: dict[str, Any], seen: tuple[int, int]
) -> None:
    """Its errors come out in Twilio's form; a refusal of our credentials is not the customer's."""
    carried.signalwire.next(status, **value)
    order = {"to": CALLED, "from_": CALLER, "twiml": "<Response/>"}
    assert await carried.refusal(lambda client: client.calls.create(**order)) == seen


async def test_signalwire_out_of_reach() -> None:
    """Without an answer the customer is told 503 with 20503."""
    async with serving(
        signalwire_space="http://127.0.0.1:1",
        signalwire_project=PROJECT,
        signalwire_token=TOKEN,
    ) as server:
        client = Twilio(server)
        order = {"to": CALLED, "from_": CALLER, "twiml": "<Response/>"}
        assert await client.refusal(lambda twilio: twilio.calls.create(**order)) == (503, 20503)
        await asyncio.to_thread(client.close)


async def test_without_credentials(carried: Carried) -> None:
    """A call that SignalWire carries cannot be controlled without a space in the settings."""
    async with serving(voice_url=carried.app.url("/voice")) as server:
        client = Carried(server)
        await client.webhook("/signalwire/cxml")
        assert await client.refusal(
            lambda twilio: twilio.calls(SID).update(status="completed")
        ) == (400, 20001)
        client.close()
