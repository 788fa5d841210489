"""<Dial><Conference>: who hears whom, how loud, and what begins and ends it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.calls.conferences import Conference
from app.store.records import ConferenceRecord, ParticipantRecord, RecordingRecord
from bridge.sound import waves
from bridge.wav import read_wav
from tests.app.calls.house import Call, House, at_home, sounding
from tests.support.sound import level_of, wav_of

TONES = (300, 500, 1100)
LEVEL = -16.0
QUIET = -50.0


def tone(hertz: int, seconds: float = 60.0) -> bytes:
    """A caller who is a tone."""
    return waves.tone(((float(hertz), LEVEL),), 1000) * int(seconds)


def conference(name: str = "room", **attributes: str) -> str:
    given = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    return f'<Dial action="/after"><Conference {given}>{name}</Conference></Dial>'


def lately(call: Call, seconds: float = 1.0) -> bytes:
    """What a call has heard in the last second."""
    return bytes(call.local.heard[-int(8000 * seconds) :])


def levels(call: Call) -> list[float]:
    return [level_of(lately(call), hertz) for hertz in TONES]


def hears(call: Call) -> list[bool]:
    """Which of the three tones a call has heard lately, each as loud as it was said."""
    measured = levels(call)
    assert all(abs(level - LEVEL) < 1.5 or level < QUIET + 15 for level in measured), measured
    return [abs(level - LEVEL) < 1.5 for level in measured]


def only(home: House) -> Conference:
    (found,) = home.service.exchange.conferences.running
    return found


async def three(home: House, *attributes: dict[str, str]) -> list[Call]:
    """Three calls in a conference without beeps, each with a tone of its own, for a while."""
    calls = []
    for at, hertz in enumerate(TONES):
        more = attributes[at] if at < len(attributes) else {}
        calls.append(
            home.begin(conference(**{"beep": "false", "waitUrl": "", **more}), tone(hertz))
        )
        await calls[-1].until("conference.joined")
    await asyncio.sleep(1.5)
    return calls


def test_music_from_a_file(tmp_path: Path) -> None:
    """An audio file as `waitUrl`, or for one on hold, is heard for as long as there is a wait."""

    async def main(home: House) -> None:
        music = wav_of(tone(700, 1))
        home.app.answers |= {"/wait": music, "/hold": music}
        first = home.begin(conference(beep="false", waitUrl="/wait"), tone(300))
        await first.until("prompt.began")
        await asyncio.sleep(3.5)
        assert level_of(lately(first), 700) == pytest.approx(LEVEL, abs=1.5)
        second = home.begin(conference(beep="false"), tone(500))
        await second.until("conference.joined")
        await asyncio.sleep(1.5)
        assert level_of(lately(first), 700) < QUIET
        assert level_of(lately(first), 500) == pytest.approx(LEVEL, abs=1.5)
        room = only(home)
        room.hold(room.members[first.sid], True, home.app.url("/hold"), "GET")
        await first.until("prompt.began", 2)
        await asyncio.sleep(3.5)
        assert level_of(lately(first), 700) == pytest.approx(LEVEL, abs=1.5)
        assert first.told("verb.skipped") == []

    at_home(main, tmp_path, {"/after": "<Hangup/>"})


def test_each_hears_the_others(tmp_path: Path) -> None:
    """Each of three hears the two others at their own level, and not itself; muted one is heard by
    nobody, held one hears music and is heard by nobody, a coach is heard by one alone."""

    async def main(home: House) -> None:
        calls = await three(home)
        assert [hears(call) for call in calls] == [
            [False, True, True],
            [True, False, True],
            [True, True, False],
        ]
        room = only(home)
        members = [room.members[call.sid] for call in calls]
        room.mute(members[0], True)
        await asyncio.sleep(1.5)
        assert [hears(call) for call in calls] == [
            [False, True, True],
            [False, False, True],
            [False, True, False],
        ]
        room.mute(members[0], False)
        room.hold(members[1], True, "", "POST")
        await asyncio.sleep(1.5)
        assert [hears(call) for call in calls] == [
            [False, False, True],
            [False, False, False],
            [True, False, False],
        ]
        room.hold(members[1], False, None, "POST")
        room.coach(members[2], calls[0].sid)
        await asyncio.sleep(1.5)
        assert [hears(call) for call in calls] == [
            [False, True, True],
            [True, False, False],
            [True, True, False],
        ]

    at_home(main, tmp_path)


def test_the_document_says_so(tmp_path: Path) -> None:
    """`muted` is heard by nobody; `coach` is refused when there is nobody to coach."""

    async def main(home: House) -> None:
        calls = await three(home, {}, {"muted": "true"})
        assert [hears(call)[1] for call in calls] == [False, False, False]
        lost, _ = await home.call(conference(coach="CA" + "0" * 32))
        assert len(lost.told("conference.refused")) == 1
        assert home.app.forms("/after")[0]["DialCallStatus"] == "failed"

    at_home(main, tmp_path, {"/after": "<Hangup/>"})


def test_beeps_and_music(tmp_path: Path) -> None:
    """Who waits alone hears music; when another comes, or goes, there is a beep for all."""

    async def main(home: House) -> None:
        first = home.begin(conference())
        await asyncio.sleep(2)
        assert len(sounding(lately(first))) > 4000
        second = home.begin(conference())
        await asyncio.sleep(2)
        beep = sounding(lately(first, 1.9))
        assert 0 < len(beep) < 8000
        assert sounding(lately(second, 1.9)) != b""
        third = home.begin(conference(beep="onEnter"))
        await asyncio.sleep(2)
        assert sounding(lately(first, 1.9)) != b""
        third.hang_up()
        await asyncio.sleep(2)
        assert sounding(lately(first, 1.9)) == b""
        second.hang_up()
        await asyncio.sleep(2)
        assert sounding(lately(first, 1.9)) != b""

    at_home(main, tmp_path)


def test_beginning_and_end(tmp_path: Path) -> None:
    """It starts when one comes whose coming starts it, and ends when one goes whose going ends it;
    the others' documents go on."""

    async def main(home: House) -> None:
        waiting: dict[str, Any] = {"startConferenceOnEnter": "false", "waitUrl": "/music"}
        guests = [home.begin(conference(beep="false", **waiting), tone(300)) for _ in range(2)]
        await home.app.until("/music", 2)
        room = only(home)
        assert not room.started
        host = home.begin(conference(beep="false", endConferenceOnExit="true"), tone(500))
        await host.until("conference.joined")
        await asyncio.sleep(1.5)
        assert [hears(guest)[1] for guest in guests] == [True, True]
        host.hang_up()
        for guest in guests:
            await guest.over()
            await guest.until("conference.left")
        told = home.app.forms("/after")
        assert [form["DialCallStatus"] for form in told] == ["answered"] * 3
        assert not home.service.exchange.conferences.running
        record = await home.service.store.find(ConferenceRecord, room.sid)
        assert record is not None
        assert (record.status, record.ended_by) == ("completed", host.sid)

    music = '<Pause length="60"/>'
    at_home(main, tmp_path, {"/after": "<Hangup/>", "/music": music})


def test_full(tmp_path: Path) -> None:
    """`maxParticipants`: one more does not get in, and its document goes on."""

    async def main(home: House) -> None:
        for _ in range(2):
            call = home.begin(conference(maxParticipants="2"))
            await call.until("conference.joined")
        third, _ = await home.call(conference(maxParticipants="2"))
        assert len(third.told("conference.refused")) == 1
        assert home.app.forms("/after")[0]["DialCallStatus"] == "failed"

    at_home(main, tmp_path, {"/after": "<Hangup/>"})


def test_events(tmp_path: Path) -> None:
    """The first one's callback is told of all; who is in it is in the store while it is there."""

    async def main(home: House) -> None:
        noun = {
            "statusCallback": "/told",
            "statusCallbackEvent": "start end join leave mute hold",
            "participantLabel": "host",
        }
        first = home.begin(conference(**noun))
        await first.until("conference.joined")
        second = home.begin(conference(record="record-from-start"))
        await second.until("conference.joined")
        room = only(home)
        room.mute(room.members[second.sid], True)
        found = await home.service.store.select(ParticipantRecord)
        assert {(one.call_sid, one.label, one.muted) for one in found.records} == {
            (first.sid, "host", False),
            (second.sid, "", True),
        }
        second.hang_up()
        await second.over()
        first.hang_up()
        await first.over()
        await home.settle()
        told = home.app.forms("/told")
        assert [form["StatusCallbackEvent"] for form in told] == [
            "participant-join",
            "participant-join",
            "conference-start",
            "participant-mute",
            "participant-leave",
            "participant-leave",
            "conference-end",
        ]
        assert [form["SequenceNumber"] for form in told] == list("1234567")
        assert told[0]["ParticipantLabel"] == "host"
        assert told[-1]["ReasonConferenceEnded"] == "last-participant-left"
        assert told[-1]["CallSidEndingConference"] == first.sid
        assert (await home.service.store.select(ParticipantRecord)).records == ()

    at_home(main, tmp_path)


def test_recording(tmp_path: Path) -> None:
    """`record-from-start`: one file of what all hear, with the conference's sid."""

    async def main(home: House) -> None:
        noun = {"record": "record-from-start", "recordingStatusCallback": "/told"}
        calls = await three(home, noun)
        sid = only(home).sid
        await asyncio.sleep(1)
        for call in calls:
            call.hang_up()
            await call.over()
        told = await home.app.until("/told")
        assert (told["ConferenceSid"], told["RecordingSource"]) == (sid, "Conference")
        (record,) = (await home.service.store.select(RecordingRecord)).records
        assert (record.conference_sid, record.call_sid, record.status) == (sid, "", "completed")
        recorded = read_wav(tmp_path / "recordings" / f"{record.path}.wav")
        middle = recorded[len(recorded) // 2 :][:4000]
        assert [level_of(middle, hertz) for hertz in TONES] == pytest.approx([LEVEL] * 3, abs=1.5)

    at_home(main, tmp_path)


def test_accounts_do_not_meet(tmp_path: Path) -> None:
    """Two conferences of one name run side by side, one for each account: nobody hears the other
    account's tone, and the end of one is not the end of the other."""

    async def main(home: House) -> None:
        accounts = ("AC" + "1" * 32, "AC" + "2" * 32)
        wanted = conference(beep="false", waitUrl="", endConferenceOnExit="true")
        calls = [
            [home.begin(wanted, tone(hertz), account=account) for hertz in TONES[:2]]
            for account in accounts
        ]
        third = home.begin(wanted, tone(TONES[2]), account=accounts[1])
        await asyncio.sleep(3)
        running = home.service.exchange.conferences.running
        assert [(each.account_sid, each.name) for each in running] == [
            (account, "room") for account in accounts
        ]
        assert hears(calls[0][0]) == [False, True, False]
        assert hears(calls[1][0]) == [False, True, True]
        calls[0][1].hang_up()
        await calls[0][0].until("conference.left")
        await asyncio.sleep(2)
        assert hears(third) == [True, True, False]
        assert [each.account_sid for each in home.service.exchange.conferences.running] == [
            accounts[1]
        ]

    at_home(main, tmp_path, {"/after": "<Hangup/>"})
