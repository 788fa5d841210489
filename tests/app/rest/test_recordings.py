"""Recordings and conferences over REST, by Twilio's own library, from what the store has; and that
what the library asks for reaches `Telephony`, played by a double that only notes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from app.cli.call import begin_local_call
from app.localcall import LocalCall, Phone
from app.service import Service
from app.settings import load
from app.store.records import (
    CallRecord,
    ConferenceRecord,
    ParticipantRecord,
    RecordingRecord,
)
from app.telephony import orders
from app.telephony.orders import Source, Told
from bridge.call import Parties
from bridge.wav import read_wav
from tests.app.rest.noting import door
from tests.app.rest.twilio_client import ACCOUNT, Twilio
from tests.app.running import CALLED, CALLER, client_of, serving, write_pcm
from tests.support.app import voice_app
from tests.support.peers import response, web_app

CALL = "CA" + "1" * 32
ROOM = "CF" + "1" * 32
AUTH = httpx.BasicAuth(ACCOUNT, "local-auth-token")


def recording(number: int, **more: object) -> RecordingRecord:
    made = RecordingRecord(
        sid=f"RE{number:032x}",
        account_sid=ACCOUNT,
        call_sid=CALL,
        status="completed",
        created_at=1_700_000_000.0 + number,
        updated_at=1_700_000_009.0,
        seconds=3,
        path=f"RE{number:032x}",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def keep_call(service: Service) -> None:
    service.store.save(
        CallRecord(CALL, ACCOUNT, CALLER, CALLED, "completed", "inbound", 1.0, 2.0, ended_at=2.0)
    )


def write_media(service: Service, record: RecordingRecord) -> bytes:
    folder = service.settings.data_dir / "recordings"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{record.path}.mp3").write_bytes(b"\xff\xfb" + bytes(500))
    return write_pcm(folder / f"{record.path}.wav", bytes(range(200)) * 80).read_bytes()


async def test_lists(twilio: Twilio) -> None:
    """The account's, a call's and a conference's recordings, newest first, and by date."""
    service = twilio.server.service
    keep_call(service)
    service.store.save(ConferenceRecord(ROOM, ACCOUNT, "Room 1", "completed", 10.0, 20.0))
    for record in (
        recording(1),
        recording(2, call_sid="CA" + "2" * 32),
        recording(3, conference_sid=ROOM, created_at=1_700_200_000.0),
    ):
        service.store.save(record)
    for work, found in (
        (lambda client: client.recordings.list(), "321"),
        (lambda client: client.recordings.list(page_size=1), "321"),
        (lambda client: client.recordings.list(call_sid=CALL), "31"),
        (lambda client: client.calls(CALL).recordings.list(), "31"),
        (lambda client: client.conferences(ROOM).recordings.list(), "3"),
        (
            lambda client: client.recordings.list(
                date_created_before=datetime(2023, 11, 16, tzinfo=UTC)
            ),
            "21",
        ),
    ):
        assert "".join(one.sid[-1] for one in await twilio.do(work)) == found


async def test_fetching(twilio: Twilio) -> None:
    """What the library reads of a recording is what the store has."""
    twilio.server.service.store.save(recording(1, channels=2, source="DialVerb"))
    for work in (
        lambda client: client.recordings(recording(1).sid).fetch(),
        lambda client: client.calls(CALL).recordings(recording(1).sid).fetch(),
    ):
        found = await twilio.do(work)
        assert (found.sid, found.call_sid, found.status) == (recording(1).sid, CALL, "completed")
        assert (found.duration, found.channels, found.source) == ("3", 2, "DialVerb")
        assert found.start_time == datetime.fromtimestamp(1_700_000_001, UTC)
    other = "CA" + "2" * 32
    assert await twilio.refusal(
        lambda client: client.calls(other).recordings(recording(1).sid).fetch()
    ) == (404, 20404)


async def test_a_recording_is_played() -> None:
    """The URL that `action` is told is one that `<Play>` can play, in local mode: the caller
    hears what they have said."""
    record = '<Record playBeep="false" trim="do-not-trim" maxLength="2" action="{origin}/done"/>'
    async with serving() as server, voice_app({"/voice": record, "/done": "<Hangup/>"}) as app:
        said = bytes(range(1, 126)) * 640
        await called(server.service, app.url("/voice"), said)
        url = app.forms("/done")[0]["RecordingUrl"]
        app.answers["/play"] = f"<Play>{url}</Play>"
        heard = await called(server.service, app.url("/play"), b"")
        async with client_of(server) as client:
            recorded = read_wav((await client.get(url)).content)
        assert recorded in said
        assert len(recorded) == 16_000
        assert recorded[160:-160] in heard


async def called(service: Service, url: str, said: bytes) -> bytes:
    """A local call to the app at this URL, to its end; what the caller has heard."""
    live = begin_local_call(service, Parties(CALLER, CALLED))
    return (await LocalCall(service, live, Phone(said, 60_000)).run(url)).heard


@pytest_asyncio.fixture
async def guarded() -> AsyncIterator[Twilio]:
    async with serving(recording_auth=True) as server:
        client = Twilio(server)
        yield client
        client.close()


async def test_media(guarded: Twilio) -> None:
    """The audio is the file, whole or in part, as WAV with or without the suffix, or as MP3."""
    twilio = guarded
    service = twilio.server.service
    service.store.save(recording(1))
    whole = write_media(service, recording(1))
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording(1).sid}"
    async with client_of(twilio.server) as client:
        assert (await client.get(path)).status_code == 401
        client.auth = AUTH
        for suffix in ("", ".wav"):
            answer = await client.get(path + suffix)
            assert (answer.content, answer.headers["content-type"]) == (whole, "audio/x-wav")
        answer = await client.get(f"{path}.wav", headers={"Range": "bytes=100-299"})
        assert (answer.status_code, answer.content) == (206, whole[100:300])
        assert answer.headers["content-range"] == f"bytes 100-299/{len(whole)}"
        answer = await client.get(f"{path}.wav", headers={"Range": "bytes=-7"})
        assert answer.content == whole[-7:]
        answer = await client.get(f"{path}.wav", headers={"Range": f"bytes={len(whole)}-"})
        assert answer.status_code == 416
        answer = await client.get(f"{path}.mp3")
        assert answer.headers["content-type"] == "audio/mpeg"
        assert answer.content.startswith(b"\xff\xfb")
        assert (await client.head(path)).headers["content-length"] == str(len(whole))
        for name in (f"{path}.ogg", path[:-1] + "9"):
            assert (await client.get(name)).json()["code"] == 20404
        (service.settings.data_dir / "recordings" / f"{recording(1).path}.mp3").unlink()
        assert (await client.get(f"{path}.mp3")).status_code == 404


async def test_media_for_everybody() -> None:
    """When the settings say so the audio needs no credentials; what describes it does."""
    async with serving(recording_auth=False) as server, client_of(server) as client:
        server.service.store.save(recording(1))
        whole = write_media(server.service, recording(1))
        path = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording(1).sid}"
        assert (await client.get(path)).content == whole
        assert (await client.get(f"{path}.json")).status_code == 401


async def test_media_that_signalwire_keeps() -> None:
    """A recording at SignalWire is passed through, ranges too, with our credentials for its own
    host only."""
    part = response(206, b"89", "Content-Type: audio/x-wav", "Content-Range: bytes 8-9/10")
    async with (
        web_app(part) as space,
        web_app(part) as elsewhere,
        serving(
            signalwire_space=space.origin, signalwire_project="p", signalwire_token="t"
        ) as server,
        client_of(server) as client,
    ):
        client.auth = AUTH
        for number, app in ((1, space), (2, elsewhere)):
            kept = recording(number, path="", url=app.url("/kept"), carrier="cxml")
            server.service.store.save(kept)
            path = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{kept.sid}"
            answer = await client.get(f"{path}.mp3", headers={"Range": "bytes=8-9"})
            assert (answer.status_code, answer.content) == (206, b"89")
            assert answer.headers["content-range"] == "bytes 8-9/10"
            (request,) = app.requests
            assert (request.target, request.header("Range")) == ("/kept.mp3", "bytes=8-9")
        assert space.requests[0].header("Authorization") == "Basic cDp0"
        assert elsewhere.requests[0].header("Authorization") is None


async def test_deleting(twilio: Twilio) -> None:
    """A recording goes with its files; one that still runs does not."""
    service = twilio.server.service
    for number in (1, 2):
        service.store.save(recording(number))
        write_media(service, recording(number))
    assert await twilio.do(lambda client: client.recordings(recording(1).sid).delete())
    assert await twilio.do(lambda client: client.calls(CALL).recordings(recording(2).sid).delete())
    assert list((service.settings.data_dir / "recordings").iterdir()) == []
    service.store.save(recording(3, status="in-progress"))
    assert await twilio.refusal(lambda client: client.recordings(recording(3).sid).delete()) == (
        409,
        20009,
    )


async def test_conferences(twilio: Twilio) -> None:
    """Conferences and participants are listed by their filters, and fetched, by label too."""
    store = twilio.server.service.store
    store.save(ConferenceRecord(ROOM, ACCOUNT, "Room 1", "in-progress", 10.0, 20.0))
    store.save(
        ConferenceRecord(
            "CF" + "2" * 32, ACCOUNT, "Room 2", "completed", 11.0, 20.0, "last-participant-left"
        )
    )
    store.save(ParticipantRecord(ROOM, CALL, ACCOUNT, 10.0, 10.0, label="boss", muted=True))
    store.save(ParticipantRecord(ROOM, "CA" + "2" * 32, ACCOUNT, 11.0, 11.0, hold=True))
    for filters, found in (
        ({}, "21"),
        ({"status": "in-progress"}, "1"),
        ({"friendly_name": "Room 2"}, "2"),
        ({"date_created": datetime(1970, 1, 1, tzinfo=UTC).date()}, "21"),
    ):
        listed = await twilio.do(lambda client, f=filters: client.conferences.list(**f))  # type: ignore[misc]
        assert "".join(one.sid[-1] for one in listed) == found, filters
    conference = await twilio.do(lambda client: client.conferences("CF" + "2" * 32).fetch())
    assert (conference.friendly_name, conference.reason_conference_ended) == (
        "Room 2",
        "last-participant-left",
    )
    room = twilio.client.conferences(ROOM)
    flags: list[tuple[dict[str, bool], str]] = [
        ({}, "21"),
        ({"muted": True}, "1"),
        ({"hold": True}, "2"),
    ]
    for flag, found in flags:
        people = await asyncio.to_thread(room.participants.list, **flag)
        assert "".join(one.call_sid[-1] for one in people) == found, flag
    for name in (CALL, "boss"):
        one = await asyncio.to_thread(room.participants(name).fetch)
        assert (one.call_sid, one.muted, one.label) == (CALL, True, "boss")
    for work in (
        lambda client: client.conferences("CF" + "9" * 32).fetch(),
        lambda client: client.conferences(ROOM).participants("nobody").fetch(),
    ):
        assert await twilio.refusal(work) == (404, 20404)


async def test_a_conference_that_runs_no_more(twilio: Twilio) -> None:
    """A conference of this service that only the store knows yet cannot be changed."""
    store = twilio.server.service.store
    store.save(ConferenceRecord(ROOM, ACCOUNT, "Room 1", "in-progress", 10.0, 20.0))
    for work in (
        lambda client: client.conferences(ROOM).update(status="completed"),
        lambda client: client.conferences(ROOM).participants(CALL).update(muted=True),
        lambda client: client.conferences(ROOM).participants(CALL).delete(),
    ):
        assert await twilio.refusal(work) == (404, 20404)


URL = "https://a.example/x"


@pytest.mark.parametrize(
    ("method", "path", "data", "asked"),
    [
        (
            "POST",
            "/Calls",
            {
                "To": "client:me",
                "From": "+1",
                "Twiml": "<Response/>",
                "StatusCallback": URL,
                "StatusCallbackEvent": ["initiated", "answered"],
                "StatusCallbackMethod": "GET",
                "Timeout": "5",
                "TimeLimit": "9",
                "Record": "true",
                "RecordingChannels": "dual",
                "Trim": "do-not-trim",
            },
            orders.NewCall(
                ACCOUNT,
                "client:me",
                "+1",
                Source(twiml="<Response/>"),
                told=Told(URL, "GET", ("initiated", "answered")),
                timeout=5,
                time_limit=9,
                recording=orders.NewRecording(channels="dual", trim="do-not-trim"),
            ),
        ),
        (
            "POST",
            f"/Calls/{CALL}/Recordings",
            {"RecordingTrack": "inbound", "RecordingStatusCallback": URL},
            (CALL, orders.NewRecording(Told(URL), track="inbound")),
        ),
        (
            "POST",
            f"/Calls/{CALL}/Recordings/Twilio.CURRENT.json",
            {"Status": "paused", "PauseBehavior": "skip"},
            (CALL, "Twilio.CURRENT", "paused", "skip"),
        ),
        (
            "POST",
            f"/Conferences/{ROOM}.json",
            {"Status": "completed"},
            (ROOM, orders.ConferenceChange(end=True)),
        ),
        (
            "POST",
            f"/Conferences/{ROOM}",
            {"AnnounceUrl": URL, "AnnounceMethod": "GET"},
            (ROOM, orders.ConferenceChange(announce=Source(URL, "GET"))),
        ),
        (
            "POST",
            f"/Conferences/{ROOM}/Participants/{CALL}.json",
            {"Muted": "True", "Hold": "false", "HoldUrl": URL, "EndConferenceOnExit": "true"},
            (
                ROOM,
                CALL,
                orders.ParticipantChange(
                    muted=True, hold=False, hold_music=Source(URL, "GET"), end_on_exit=True
                ),
            ),
        ),
        (
            "POST",
            "/Conferences/Room 1/Participants.json",
            {"To": "+2", "From": "+1", "Label": "boss", "Muted": "true", "Beep": "onEnter"},
            (
                "Room 1",
                orders.NewParticipant(
                    orders.NewCall(ACCOUNT, "+2", "+1", Source()),
                    label="boss",
                    muted=True,
                    beep="onEnter",
                ),
            ),
        ),
        ("DELETE", f"/Conferences/{ROOM}/Participants/boss.json", {}, (ROOM, "boss")),
    ],
)
async def test_what_is_asked_of_telephony(
    method: str, path: str, data: dict[str, object], asked: object
) -> None:
    """Each form is the order that it says."""
    async with door() as ask:
        answer, found = await ask(method, path, data)
        assert answer.is_success, answer.text
        assert found == asked


async def test_files_of_the_purge(tmp_path: Path) -> None:
    """What is older than the retention goes with its files, and the young stay with theirs."""
    from app.restoring import purge

    service = Service(load(local=True, data_dir=tmp_path, retention_days=1))
    service.store.save(recording(1))
    service.store.save(recording(2, created_at=9e9))
    for number in (1, 2):
        write_media(service, recording(number))
    await purge(service.store, service.settings)
    left = sorted(path.name for path in (tmp_path / "recordings").iterdir())
    assert left == [f"{recording(2).path}.mp3", f"{recording(2).path}.wav"]
    await service.close()
