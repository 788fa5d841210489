"""Calls that this service runs itself, over REST by Twilio's own library: placed to phones of its
own, watched, recorded, put into conferences, ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from twilio.rest import Client

from app.calls.handsets import Busy, Invitation, Nobody
from app.calls.handsets import Handset as Phones
from app.settings import LOCAL_AUTH_TOKEN
from bridge.phone import TapePhone
from bridge.sound.waves import silence
from bridge.wav import read_wav
from tests.app.calls.house import Handset
from tests.app.rest.twilio_client import ACCOUNT, Twilio, local_call
from tests.app.running import CALLER, serving, until_told
from tests.support.app import App, voice_app
from tests.support.peers import consumer, next_event
from tests.support.sound import keys_heard

BOB = "+15550001111"
ROOM = '<Response><Dial><Conference beep="false" waitUrl="">room</Conference></Dial></Response>'
EVENTS = ["initiated", "ringing", "answered", "completed"]


@asynccontextmanager
async def at(tmp_path: Path) -> AsyncIterator[tuple[Twilio, App]]:
    answers = {"/voice": '<Play digits="12"/>', "/partial": '<Pause length="60"/>'}
    async with serving(data_dir=tmp_path) as server, voice_app(answers) as app:
        client = Twilio(server)
        yield client, app
        client.close()


def has(twilio: Twilio, name: str, handset: Phones) -> None:
    twilio.server.service.exchange.directory.connected[name] = handset


async def test_a_call_is_placed(tmp_path: Path) -> None:
    """The phone that `To` names rings; answered, it hears `SendDigits`, then the document that the
    app gives; the callback is told each event, and the call is recorded."""
    async with at(tmp_path) as (twilio, app):
        bob = Handset(b"\x33" * 16000, after=0.05)
        has(twilio, BOB, bob)
        call = await twilio.do(
            lambda client: client.calls.create(
                to=BOB,
                from_=CALLER,
                url=app.url("/voice"),
                send_digits="#",
                record=True,
                status_callback=app.url("/told"),
                status_callback_event=EVENTS,
            )
        )
        assert (call.status, call.direction) == ("queued", "outbound-api")
        await app.until("/told", 4)
        told = app.forms("/told")
        assert [form["CallStatus"] for form in told] == [
            "initiated",
            "ringing",
            "in-progress",
            "completed",
        ]
        assert [form["SequenceNumber"] for form in told] == list("0123")
        assert {(form["CallSid"], form["Direction"]) for form in told} == {
            (call.sid, "outbound-api")
        }
        (asked,) = app.forms("/voice")
        assert (asked["Direction"], asked["CallStatus"]) == ("outbound-api", "in-progress")
        assert keys_heard(bob.heard) == "#12"
        ended = await twilio.do(lambda client: client.calls(call.sid).fetch())
        assert ended.status == "completed"
        (recording,) = await twilio.do(lambda client: client.calls(call.sid).recordings.list())
        assert recording.source == "OutboundAPI"
        assert told[-1]["RecordingSid"] == recording.sid
        assert told[-1]["RecordingUrl"].endswith(f"/Recordings/{recording.sid}")
        assert int(told[-1]["RecordingDuration"]) == int(recording.duration) > 0
        assert not any("RecordingSid" in form for form in told[:-1])


async def test_what_a_phone_here_has_not(tmp_path: Path) -> None:
    """Machine detection and SIP credentials do nothing on a local call; its timeline says so."""
    async with at(tmp_path) as (twilio, _):
        has(twilio, BOB, Nobody())
        order = {"to": BOB, "from_": CALLER, "twiml": "<Response/>"}
        more = {"machine_detection": "Enable", "sip_auth_username": "me", "sip_auth_password": "x"}
        call = await twilio.do(lambda client: client.calls.create(**order, **more))
        live = twilio.server.service.calls[call.sid]
        await until_told(live.call, "placing.skipped", 2)


@pytest.mark.parametrize(
    ("placed", "trim", "trimmed"),
    [(True, None, True), (True, "do-not-trim", False), (False, None, False)],
)
async def test_trim_by_default(
    tmp_path: Path, placed: bool, trim: str | None, trimmed: bool
) -> None:
    """A call that is placed with Record is trimmed unless it says otherwise; a recording that is
    begun on a call is not, unless it says so."""
    voice = silence(3000) + b"\x33" * 4000
    async with at(tmp_path) as (twilio, app):
        has(twilio, BOB, Handset(voice, hangs_up=4))
        more: dict[str, Any] = {"trim": trim} if trim else {}
        if placed:
            more |= {"record": True, "recording_status_callback": app.url("/recorded")}
        call = await twilio.do(
            lambda client: client.calls.create(
                to=BOB, from_=CALLER, twiml='<Response><Pause length="9"/></Response>', **more
            )
        )
        if not placed:
            await until_told(twilio.server.service.calls[call.sid].call, "call.answered")
            told = app.url("/recorded")
            await twilio.do(
                lambda client: client.calls(call.sid).recordings.create(
                    recording_status_callback=told
                )
            )
        sid = (await app.until("/recorded"))["RecordingSid"]
        recorded = read_wav(tmp_path / "recordings" / f"{sid}.wav")
        sounds_at = recorded.index(b"\x33" * 160) / 8
        assert (sounds_at <= 120) is trimmed


@pytest.mark.parametrize(
    ("phone", "status"), [(Busy(), "busy"), (Nobody(), "no-answer"), (None, "canceled")]
)
async def test_nobody_answers(tmp_path: Path, phone: Busy | Nobody | None, status: str) -> None:
    """Busy, no answer within `Timeout`, or canceled while it rings: the status says which."""
    async with at(tmp_path) as (twilio, app):
        has(twilio, BOB, phone or Nobody())
        call = await twilio.do(
            lambda client: client.calls.create(
                to=BOB,
                from_=CALLER,
                url=app.url("/voice"),
                timeout=60 if phone is None else 1,
                status_callback=app.url("/told"),
            )
        )
        if phone is None:
            await twilio.do(lambda client: client.calls(call.sid).update(status="canceled"))
        told = await app.until("/told")
        assert (told["CallStatus"], told["CallDuration"]) == (status, "0")
        ended = await twilio.do(lambda client: client.calls(call.sid).fetch())
        assert ended.status == status
        assert app.forms("/voice") == []


async def test_nobody_of_that_name(tmp_path: Path) -> None:
    """A number that is no phone here, without a carrier: 21214."""
    async with at(tmp_path) as (twilio, _):
        assert await twilio.refusal(
            lambda client: client.calls.create(to=BOB, from_=CALLER, twiml="<Response/>")
        ) == (400, 21214)


async def test_a_placed_call_is_redirected_and_ended(tmp_path: Path) -> None:
    """New TwiML in the middle of <Connect><Stream> ends the stream; `completed` ends the call."""
    async with at(tmp_path) as (twilio, app), consumer() as customer:
        bob = Handset()
        has(twilio, "bob", bob)
        twiml = f'<Response><Connect><Stream url="{customer.url}"/></Connect></Response>'
        call = await twilio.do(
            lambda client: client.calls.create(to="client:bob", from_=CALLER, twiml=twiml)
        )
        socket = await customer.accept()
        await next_event(socket, "media")
        await twilio.do(lambda client: client.calls(call.sid).update(url=app.url("/partial")))
        await next_event(socket, "stop")
        await app.until("/partial")
        ended = await twilio.do(lambda client: client.calls(call.sid).update(status="completed"))
        assert ended.status == "completed"
        assert await twilio.refusal(
            lambda client: client.calls(call.sid).update(status="completed")
        ) == (404, 20404)


async def test_a_leg_is_taken_from_its_caller(tmp_path: Path) -> None:
    """New TwiML for the callee of a <Dial>: its call goes on with that, the caller's without it."""
    async with at(tmp_path) as (twilio, app):
        bob = Handset(b"\x33" * 8000)
        has(twilio, "bob", bob)
        dial = (
            f'<Response><Dial action="{app.url("/partial")}"><Client>bob</Client></Dial></Response>'
        )
        async with local_call(twilio.server.service, dial) as (live, running):
            await until_told(live.call, "call.connected")
            leg = bob.rung[0].call_sid
            its = twilio.server.service.calls[leg].call
            twiml = '<Response><Play digits="7"/></Response>'
            await twilio.do(lambda client: client.calls(leg).update(twiml=twiml))
            asked = await app.until("/partial")
            assert asked["DialCallStatus"] == "completed"
            await until_told(its, "call.hung_up")
            assert keys_heard(bob.heard) == "7"
            assert not running.done()


async def test_recordings(tmp_path: Path) -> None:
    """A call is recorded, the recording paused, resumed and stopped; its file is fetched in ranges,
    and deleted."""
    async with at(tmp_path) as (twilio, app):
        service = twilio.server.service
        pause = '<Response><Pause length="60"/></Response>'
        async with local_call(service, pause.replace("<Pause", "<Play digits='11111'/><Pause")) as (
            live,
            _,
        ):
            sid = live.call.sid
            recording = await twilio.do(
                lambda client: client.calls(sid).recordings.create(
                    recording_channels="dual",
                    recording_status_callback=app.url("/recorded"),
                    recording_status_callback_event=["in-progress", "completed"],
                )
            )
            assert (recording.status, recording.source) == ("in-progress", "StartCallRecordingAPI")
            assert recording.channels == 2

            async def change(name: str, status: str) -> str:
                work = lambda client: client.calls(sid).recordings(name).update(status=status)  # noqa: E731
                return str((await twilio.do(work)).status)

            assert await change(recording.sid, "paused") == "paused"
            assert await change("Twilio.CURRENT", "in-progress") == "in-progress"
            await until_told(live.call, "prompt.ended")
            assert await change("Twilio.CURRENT", "stopped") == "processing"
            told = await app.until("/recorded", 2)
            assert told["RecordingStatus"] == "completed"
            assert told["RecordingSid"] == recording.sid
            assert await twilio.refusal(
                lambda client: client.calls(sid).recordings("Twilio.CURRENT").update("stopped")
            ) == (404, 20404)
        found = await twilio.do(lambda client: client.recordings(recording.sid).fetch())
        assert (found.status, found.call_sid) == ("completed", sid)
        auth = (live.call.account_sid, LOCAL_AUTH_TOKEN)
        async with httpx.AsyncClient(trust_env=False, auth=auth) as http:
            whole = await http.get(told["RecordingUrl"])
            part = await http.get(told["RecordingUrl"], headers={"Range": "bytes=44-203"})
        assert part.status_code == 206
        assert part.content == whole.content[44:204]
        assert len(read_wav(whole.content)) >= 160
        await twilio.do(lambda client: client.recordings(recording.sid).delete())
        assert list((tmp_path / "recordings").iterdir()) == []


async def test_conferences(tmp_path: Path) -> None:
    """A conference and who is in it: listed, muted, held, coached, joined, left, ended."""
    async with at(tmp_path) as (twilio, _):
        service = twilio.server.service
        carol = Handset()
        has(twilio, "carol", carol)
        async with (
            local_call(service, ROOM) as (first, _),
            local_call(service, ROOM) as (second, _),
        ):
            await until_told(second.call, "conference.joined")
            (room,) = await twilio.do(lambda client: client.conferences.list())
            assert (room.friendly_name, room.status) == ("room", "in-progress")

            def people(client: Client) -> Any:
                return client.conferences(room.sid).participants

            listed = await twilio.do(lambda client: people(client).list())
            assert {one.call_sid for one in listed} == {first.call.sid, second.call.sid}
            sid = first.call.sid

            async def change(**what: object) -> object:
                return await twilio.do(
                    lambda client: client.conferences(room.sid).participants(sid).update(**what)
                )

            assert (await change(muted=True)).muted  # type: ignore[attr-defined]
            assert (await change(hold=True)).hold  # type: ignore[attr-defined]
            assert not (await change(hold=False, muted=False)).hold  # type: ignore[attr-defined]
            coaching = await change(coaching=True, call_sid_to_coach=second.call.sid)
            assert coaching.call_sid_to_coach == second.call.sid  # type: ignore[attr-defined]
            added = await twilio.do(
                lambda client: people(client).create(from_=CALLER, to="client:carol", label="carol")
            )
            assert (added.conference_sid, added.label) == (room.sid, "carol")
            placed = service.calls[added.call_sid].call
            await until_told(placed, "conference.joined")
            assert len(await twilio.do(lambda client: people(client).list())) == 3
            assert carol.rung[0].call_sid == added.call_sid
            await twilio.do(
                lambda client: client.conferences(room.sid).participants("carol").delete()
            )
            left = await twilio.do(lambda client: people(client).list())
            assert {one.call_sid for one in left} == {first.call.sid, second.call.sid}
            ended = await twilio.do(
                lambda client: client.conferences(room.sid).update(status="completed")
            )
            assert ended.status == "completed"
            assert await twilio.refusal(
                lambda client: client.conferences(room.sid).participants(sid).update(muted=True)
            ) == (404, 20404)


async def test_no_announcements(tmp_path: Path) -> None:
    """A conference of this service's own makes none: 20001, and the conference goes on."""
    async with at(tmp_path) as (twilio, app):
        service = twilio.server.service
        async with (
            local_call(service, ROOM) as (first, _),
            local_call(service, ROOM) as (second, _),
        ):
            await until_told(second.call, "conference.joined")
            (room,) = await twilio.do(lambda client: client.conferences.list())
            url = app.url("/voice")
            assert await twilio.refusal(
                lambda client: client.conferences(room.sid).update(announce_url=url)
            ) == (400, 20001)
            one = first.call.sid
            assert await twilio.refusal(
                lambda client: (
                    client.conferences(room.sid).participants(one).update(announce_url=url)
                )
            ) == (400, 20001)
            same = await twilio.do(lambda client: client.conferences(room.sid).fetch())
            assert same.status == "in-progress"
            assert app.asked == []


async def test_conferences_of_two_accounts(tmp_path: Path) -> None:
    """Calls placed in the name of two accounts into one room of the same name do not meet there; a
    participant added by the conference's sid is of its account, whoever asks."""
    async with at(tmp_path) as (twilio, _):
        service = twilio.server.service
        for name in ("one", "two", "three", "four"):
            has(twilio, name, Handset())
        other = "AC" + "b" * 32
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            placed = []
            for name, account in (("one", ACCOUNT), ("two", ACCOUNT), ("three", other)):
                answer = await http.post(
                    f"http://127.0.0.1:{twilio.server.port}/2010-04-01/Accounts/{account}/Calls.json",
                    data={"To": f"client:{name}", "From": CALLER, "Twiml": ROOM},
                    auth=(account, LOCAL_AUTH_TOKEN),
                )
                placed.append(answer.json()["sid"])
                await until_told(service.calls[placed[-1]].call, "conference.joined")
        rooms = {each.account_sid: each for each in service.exchange.conferences.running}
        assert {account: set(room.members) for account, room in rooms.items()} == {
            ACCOUNT: set(placed[:2]),
            other: {placed[2]},
        }
        theirs = rooms[other].sid
        added = await twilio.do(
            lambda client: client.conferences(theirs).participants.create(
                from_=CALLER, to="client:four"
            )
        )
        await until_told(service.calls[added.call_sid].call, "conference.joined")
        assert set(rooms[other].members) == {placed[2], added.call_sid}


async def test_a_participant_on_its_way(tmp_path: Path) -> None:
    """A conference is there, and so is who is to join, from the time that somebody is added: two
    who ring meet in the very same one, and a third who does not answer changes nothing."""
    async with at(tmp_path) as (twilio, _):
        slow = Handset(after=3600)
        for name, handset in (("slow", slow), ("no", Busy()), ("carol", Handset())):
            has(twilio, name, handset)

        async def add(name: str) -> Any:
            return await twilio.do(
                lambda client: client.conferences("room").participants.create(
                    from_=CALLER, to=f"client:{name}"
                )
            )

        first = await add("slow")
        room = first.conference_sid
        fetched = await twilio.do(lambda client: client.conferences(room).fetch())
        assert (fetched.friendly_name, fetched.status) == ("room", "init")

        def participant(client: Client) -> Any:
            return client.conferences(room).participants(first.call_sid)

        found = await twilio.do(lambda client: participant(client).fetch())
        assert found.status in ("queued", "ringing")
        assert (await add("no")).conference_sid == room
        carol = await add("carol")
        assert carol.conference_sid == room
        service = twilio.server.service
        await until_told(service.calls[carol.call_sid].call, "conference.joined")
        await twilio.do(lambda client: participant(client).delete())
        assert slow.stopped == slow.rung != []
        left = await twilio.do(lambda client: client.conferences(room).participants.list())
        assert [(one.call_sid, one.status) for one in left] == [(carol.call_sid, "connected")]


class Curt:
    """Answers, and hangs up at once."""

    def ring(self, invitation: Invitation) -> None:
        invitation.answer(TapePhone(b"")).hang_up()

    def stop_ringing(self, invitation: Invitation) -> None:
        """It does not ring for long."""


@pytest.mark.parametrize("how", ["unanswered", "never in", "ended"])
async def test_nobody_comes(tmp_path: Path, how: str) -> None:
    """When all who were to join are gone, or it is ended while they ring, the conference is over,
    and its name is free for another."""
    async with at(tmp_path) as (twilio, _):
        bob = Handset(after=3600)
        phones: dict[str, Phones] = {"unanswered": Nobody(), "never in": Curt(), "ended": bob}
        has(twilio, "bob", phones[how])
        service = twilio.server.service
        added = await twilio.do(
            lambda client: client.conferences("room").participants.create(
                from_=CALLER,
                to="client:bob",
                timeout=1 if how == "unanswered" else 60,
            )
        )
        room, call = added.conference_sid, service.find(added.call_sid)
        assert call is not None
        if how == "ended":
            await until_told(call, "call.began")
            await twilio.do(lambda client: client.conferences(room).update(status="completed"))
            assert bob.stopped == bob.rung
        await until_told(call, "call.ended")
        await service.engine.sender.drain(10)
        over = await twilio.do(lambda client: client.conferences(room).fetch())
        assert over.status == "completed"
        assert await twilio.do(lambda client: client.conferences(room).participants.list()) == []
        assert service.exchange.conferences.running == ()
