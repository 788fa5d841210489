"""What REST changes about who is in a local conference: done, or refused before any of it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.live import LiveCall
from tests.app.calls.house import Handset
from tests.app.rest.twilio_client import Twilio, local_call
from tests.app.running import CALLER, serving, until_told
from tests.support.app import App, voice_app

ROOM = '<Response><Dial><Conference beep="false" {}>room</Conference></Dial></Response>'
MUSIC = dict.fromkeys(("/hold", "/other", "/wait"), '<Play digits="1"/><Pause length="60"/>')
Change = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def room(
    tmp_path: Path, attributes: str = 'waitUrl=""', count: int = 2
) -> AsyncIterator[tuple[Twilio, App, list[LiveCall], Change]]:
    """A conference of so many; what changes its first participant."""
    async with voice_app(MUSIC) as app, serving(data_dir=tmp_path) as server:
        twilio, document = Twilio(server), ROOM.format(attributes)
        async with (
            local_call(server.service, document) as (first, _),
            local_call(server.service, document if count > 1 else "<Response/>") as (second, _),
        ):
            await until_told((second if count > 1 else first).call, "conference.joined")
            (conference,) = server.service.exchange.conferences.running

            async def change(**what: object) -> Any:
                return await twilio.do(
                    lambda client: (
                        client.conferences(conference.sid)
                        .participants(first.call.sid)
                        .update(**what)
                    )
                )

            yield twilio, app, [first, second], change
        twilio.close()


async def test_other_music_while_held(tmp_path: Path) -> None:
    """A new HoldUrl is heard at once by one who is held already."""
    async with room(tmp_path) as (_, app, _, change):
        await change(hold=True, hold_url=app.url("/hold"), hold_method="POST")
        await app.until("/hold")
        assert (await change(hold_url=app.url("/other"))).hold
        await app.until("/other")
        await change(hold=True, hold_url=app.url("/wait"))
        await app.until("/wait")


async def test_other_music_while_waiting(tmp_path: Path) -> None:
    """A new WaitUrl is heard at once by one who waits; who is held hears it after the hold."""
    async with room(tmp_path, 'startConferenceOnEnter="false"', 1) as (_, app, _, change):
        await change(wait_url=app.url("/wait"), wait_method="POST")
        await app.until("/wait")
        await change(hold=True, hold_url=app.url("/hold"))
        await app.until("/hold")
        await change(wait_url=app.url("/other"), wait_method="GET")
        assert app.forms("/other") == []
        assert not (await change(hold=False)).hold
        await app.until("/other")


@pytest.mark.parametrize(
    "bad",
    [
        {"call_sid_to_coach": "CA" + "9" * 32},
        {"coaching": True},
        {"wait_url": "https://a.example/late"},
        {"hold_url": "https://a.example/unheard"},
        {"hold": False, "hold_url": "https://a.example/unheard"},
    ],
)
async def test_nothing_is_done_by_halves(tmp_path: Path, bad: dict[str, object]) -> None:
    """With one thing in it that cannot be, nothing of an update is done."""
    async with room(tmp_path) as (twilio, _, (first, _), _):
        (conference,) = twilio.server.service.exchange.conferences.running
        sid = first.call.sid
        people = twilio.client.conferences(conference.sid).participants
        change = lambda _: people(sid).update(muted=True, **bad)  # noqa: E731
        assert await twilio.refusal(change) == (400, 20001)
        assert not (await twilio.do(lambda _: people(sid).fetch())).muted


async def test_nobody_coaches_himself(tmp_path: Path) -> None:
    """The one to be coached is another; coaching ends by `Coaching=false`."""
    async with room(tmp_path) as (twilio, _, (first, second), change):
        (conference,) = twilio.server.service.exchange.conferences.running
        people = twilio.client.conferences(conference.sid).participants
        sid = first.call.sid
        himself = lambda _: people(sid).update(coaching=True, call_sid_to_coach=sid)  # noqa: E731
        assert await twilio.refusal(himself) == (400, 20001)
        assert (await change(call_sid_to_coach=second.call.sid)).coaching
        changed = await change(coaching=False)
        assert (changed.coaching, changed.call_sid_to_coach) == (False, None)


async def test_an_added_one_has_the_conference_recorded(tmp_path: Path) -> None:
    """`ConferenceRecord` and its callback count for a conference that has not started; silence is
    what an empty `WaitUrl` asks for."""
    async with room(tmp_path, 'startConferenceOnEnter="false" waitUrl=""', 1) as (
        twilio,
        app,
        _,
        _,
    ):
        service = twilio.server.service
        (conference,) = service.exchange.conferences.running
        carol, dave = Handset(b"\x33" * 8000), Handset()
        service.exchange.directory.connected.update(carol=carol, dave=dave)
        people = twilio.client.conferences(conference.sid).participants
        added = await twilio.do(
            lambda _: people.create(
                from_=CALLER,
                to="client:carol",
                wait_url="",
                beep="false",
                conference_record="true",
                conference_trim="do-not-trim",
                conference_recording_status_callback=app.url("/recorded"),
                conference_recording_status_callback_event=["in-progress", "failed"],
            )
        )
        told = await app.until("/recorded")
        assert (told["RecordingStatus"], told["ConferenceSid"]) == ("in-progress", conference.sid)
        late = {"from_": CALLER, "to": "client:dave", "conference_record": "record-from-start"}
        assert await twilio.refusal(lambda _: people.create(**late)) == (400, 20001)
        assert dave.rung == []
        assert conference.members[added.call_sid].join.conference.wait_url == ""
        await twilio.do(lambda client: client.conferences(conference.sid).update("completed"))


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ({"coaching": True}, 20001),
        ({"call_sid_to_coach": "CA" + "9" * 32}, 20001),
        ({"conference_record": "sometimes"}, 20001),
        ({"conference_recording_status_callback_event": "started"}, 20001),
        ({"wait_url": "https://a.example/" + "x" * 4000}, 32018),
    ],
)
async def test_who_is_not_added(tmp_path: Path, given: dict[str, object], number: int) -> None:
    """A mistake is refused before the phone rings, and leaves no conference behind."""
    async with serving(data_dir=tmp_path) as server:
        twilio, carol = Twilio(server), Handset()
        server.service.exchange.directory.connected["carol"] = carol
        order = {"from_": CALLER, "to": "client:carol", "conference_record": "true", **given}
        assert await twilio.refusal(
            lambda client: client.conferences("new").participants.create(**order)
        ) == (400, number)
        assert carol.rung == []
        assert server.service.exchange.conferences.running == ()
        twilio.close()


async def test_how_music_is_asked_for(tmp_path: Path) -> None:
    """Without a method, the music of a hold is got, and that of waiting is posted for."""
    async with room(tmp_path, 'startConferenceOnEnter="false"', 1) as (_, app, _, change):
        await change(wait_url=app.url("/wait"))
        await app.until("/wait")
        await change(hold=True, hold_url=app.url("/hold"))
        await app.until("/hold")
        assert app.methods == {"/wait": "POST", "/hold": "GET"}
