"""Recordings of a conference over REST, by Twilio's own library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twilio.rest import Client

from bridge.ids import alias
from tests.app.rest.carried import OTHER_ID, Carried
from tests.app.rest.twilio_client import Twilio, local_call
from tests.app.running import serving, until_told
from tests.support.app import voice_app

PATH = f"/Conferences/{OTHER_ID}/Recordings"
THEIRS = "77770000-3333-4444-8555-666677778888"


async def test_the_recording_of_a_conference(tmp_path: Path) -> None:
    """It is listed, fetched, paused, resumed, stopped and deleted below its conference; other
    conferences have it not."""
    async with voice_app() as app, serving(data_dir=tmp_path) as server:
        twilio = Twilio(server)
        room = (
            '<Response><Dial><Conference waitUrl="" record="record-from-start"'
            f' recordingStatusCallback="{app.url("/recorded")}">room</Conference></Dial></Response>'
        )
        async with (
            local_call(server.service, room) as (first, _),
            local_call(server.service, room) as (second, _),
        ):
            await until_told(second.call, "conference.joined")
            (conference,) = await twilio.do(lambda client: client.conferences.list())
            sid = conference.sid

            def its(client: Client) -> Any:
                return client.conferences(sid).recordings

            (recording,) = await twilio.do(lambda client: its(client).list())
            assert (recording.conference_sid, recording.call_sid) == (sid, None)
            assert (recording.status, recording.source) == ("in-progress", "Conference")

            async def change(name: str, status: str) -> str:
                work = lambda client: its(client)(name).update(status=status)  # noqa: E731
                return str((await twilio.do(work)).status)

            assert await change(recording.sid, "paused") == "paused"
            fetched = await twilio.do(lambda client: its(client)(recording.sid).fetch())
            assert (fetched.sid, fetched.status) == (recording.sid, "paused")
            assert await change("Twilio.CURRENT", "in-progress") == "in-progress"
            delete = lambda client: its(client)(recording.sid).delete()  # noqa: E731
            assert await twilio.refusal(delete) == (409, 20009)
            assert await change("Twilio.CURRENT", "stopped") == "processing"
            told = await app.until("/recorded")
            assert told["RecordingSid"] == recording.sid
            stop = lambda client: its(client)("Twilio.CURRENT").update("stopped")  # noqa: E731
            assert await twilio.refusal(stop) == (404, 20404)
            assert first.call.sid in server.service.calls
        other = "CF" + "1" * 32
        for work in (
            lambda client: client.conferences(other).recordings(recording.sid).fetch(),
            lambda client: client.conferences(other).recordings(recording.sid).delete(),
            lambda client: client.conferences(other).recordings(recording.sid).update("stopped"),
        ):
            assert await twilio.refusal(work) == (404, 20404)
        assert await twilio.do(delete)
        assert await twilio.do(lambda client: its(client).list()) == []
        twilio.close()


async def test_the_recordings_of_no_conference(twilio: Twilio) -> None:
    """A list below what is no conference is not empty but 404."""
    page = await twilio.do(
        lambda client: client.request(
            "GET", f"{base(client)}/Conferences/CF{'1' * 32}/Recordings.json"
        )
    )
    assert page.status_code == 404
    assert '"code":20404' in page.text


def base(client: Client) -> str:
    return f"https://api.twilio.com/2010-04-01/Accounts/{client.account_sid}"


async def test_at_signalwire(carried: Carried) -> None:
    """A conference that SignalWire carries has its recording paused there."""
    carried.signalwire.next(sid=THEIRS, status="paused", channels=1)
    recording = await carried.do(
        lambda client: (
            client.conferences(alias("CF", OTHER_ID))
            .recordings(alias("RE", THEIRS))
            .update(status="paused", pause_behavior="skip")
        )
    )
    assert (recording.sid, recording.status) == (alias("RE", THEIRS), "paused")
    assert recording.conference_sid == alias("CF", OTHER_ID)
    assert carried.signalwire.path() == f"{PATH}/{THEIRS}"
    assert carried.signalwire.form() == {"Status": "paused", "PauseBehavior": "skip"}
