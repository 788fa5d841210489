"""Recordings: their files hold what was said, and who asked for them is told."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import av
import httpx
import pytest

from app.calls.sounds import Sounds
from app.store.records import RecordingRecord
from bridge.audio import audioop
from bridge.sound import waves
from bridge.sound.waves import silence
from bridge.wav import read_wav
from tests.app.calls.house import Handset, House, at_home, sounding
from tests.support.sound import keys_heard, level_of

VOICE = waves.tone(((440.0, -12.0), (1000.0, -14.0)), 1000) * 10
DONE = {"/done": "<Hangup/>"}


def path_of(tmp_path: Path, sid: str, suffix: str = ".wav") -> Path:
    return tmp_path / "recordings" / f"{sid}{suffix}"


def mp3_of(path: Path) -> bytes:
    """The samples of an MP3, as mu-law."""
    parts = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=8000)
        for frame in container.decode(audio=0):
            parts += [
                bytes(part.planes[0])[: part.samples * 2] for part in resampler.resample(frame)
            ]
    return audioop.lin2ulaw(b"".join(parts), 2)


def test_the_file_is_what_was_said(tmp_path: Path) -> None:
    """<Record>: after the beep, until the key; sample by sample in the WAV, the same sound in the
    MP3; `action` and the callback are told where it is and how long."""

    async def main(home: House) -> None:
        call, outcome = await home.call(
            '<Record action="/done" finishOnKey="#" trim="do-not-trim"'
            ' recordingStatusCallback="/told"'
            ' recordingStatusCallbackEvent="in-progress completed"/>',
            VOICE,
            keys=((4.0, "#"),),
        )
        await home.settle()
        (done,) = home.app.forms("/done")
        sid = done["RecordingSid"]
        assert done["Digits"] == "#"
        assert done["RecordingUrl"].endswith(f"/Recordings/{sid}")
        assert [form["RecordingStatus"] for form in home.app.forms("/told")] == [
            "in-progress",
            "completed",
        ]
        recorded = read_wav(path_of(tmp_path, sid))
        assert recorded in VOICE
        assert 2 < len(recorded) / 8000 < 4
        assert done["RecordingDuration"] == str(round(len(recorded) / 8000))
        assert sounding(outcome.heard) != b""
        mp3 = mp3_of(path_of(tmp_path, sid, ".mp3"))
        assert len(mp3) == pytest.approx(len(recorded), abs=2500)
        middle = len(mp3) // 2
        for hertz, level in ((440.0, -12.0), (1000.0, -14.0)):
            assert level_of(mp3[middle : middle + 4000], hertz) == pytest.approx(level, abs=2)
        record = await home.service.store.find(RecordingRecord, sid)
        assert record is not None
        assert (record.call_sid, record.status, record.source) == (
            call.sid,
            "completed",
            "RecordVerb",
        )

    at_home(main, tmp_path, DONE)


def test_the_call_does_not_wait_for_the_mp3(tmp_path: Path) -> None:
    """`action` is asked, and another recording written, while every thread that makes MP3s is
    busy; the recording is `completed`, and its callback told so, when there is one."""

    async def main(home: House) -> None:
        busy = threading.Event()
        for _ in range(8):
            home.service.sounds.encoders.submit(busy.wait)
        call = home.begin(
            '<Record action="/next" maxLength="2" recordingStatusCallback="/told"/>', VOICE
        )
        sid = (await home.app.until("/next"))["RecordingSid"]
        assert (await home.app.until("/done"))["RecordingSid"] != sid
        assert read_wav(path_of(tmp_path, sid)) in VOICE
        assert home.app.forms("/told") == []
        record = await home.service.store.find(RecordingRecord, sid)
        assert record is not None
        assert record.status == "processing"
        busy.set()
        await call.over()
        await home.settle()
        assert home.app.forms("/told")[0]["RecordingStatus"] == "completed"
        assert path_of(tmp_path, sid, ".mp3").stat().st_size > 0

    second = '<Record action="/done" maxLength="1" playBeep="false"/>'
    at_home(main, tmp_path, {**DONE, "/next": second})


async def test_closing_leaves_the_event_loop_free(tmp_path: Path) -> None:
    """Whoever is to end what a thread waits for can still do so."""
    async with httpx.AsyncClient() as client:
        sounds = Sounds(client, tmp_path, local=True)
        busy = threading.Event()
        written, encoded = sounds.threads.submit(busy.wait), sounds.encoders.submit(busy.wait)
        closing = asyncio.create_task(sounds.close())
        for _ in range(100):
            await asyncio.sleep(0)  # let it get to what it waits for
        busy.set()
        await closing
    assert written.result() is encoded.result() is True


@pytest.mark.parametrize(
    ("attributes", "seconds"),
    [('maxLength="2"', 2.0), ('timeout="2" trim="do-not-trim"', 5.0), ('timeout="2"', 3.2)],
)
def test_how_it_ends(tmp_path: Path, attributes: str, seconds: float) -> None:
    """`maxLength`, or `timeout` after the voice; `trim` leaves out the silence at its end."""

    async def main(home: House) -> None:
        await home.call(
            f'<Record playBeep="false" action="/done" {attributes}/>',
            VOICE[: 8000 * 3] + silence(20_000),
        )
        sid = home.app.forms("/done")[0]["RecordingSid"]
        recorded = read_wav(path_of(tmp_path, sid))
        assert len(recorded) / 8000 == pytest.approx(seconds, abs=0.1)
        assert recorded.startswith(VOICE[:8000])

    at_home(main, tmp_path, DONE)


def test_nothing_said(tmp_path: Path) -> None:
    """When nothing but silence was recorded nothing is kept, and the next verb runs."""

    async def main(home: House) -> None:
        _, outcome = await home.call(
            '<Record timeout="1" playBeep="false" action="/done"/><Play digits="7"/>'
        )
        assert keys_heard(outcome.heard) == "7"
        assert home.app.forms("/done") == []
        (record,) = (await home.service.store.select(RecordingRecord)).records
        assert record.status == "absent"
        assert list((tmp_path / "recordings").iterdir()) == []

    at_home(main, tmp_path, DONE)


def test_the_caller_hangs_up(tmp_path: Path) -> None:
    """The recording is kept, and `action` told: `Digits` is `hangup`, the call completed."""

    async def main(home: House) -> None:
        call = home.begin('<Record playBeep="false" action="/done"/>', VOICE)
        await call.until("recording.began")
        await home.settle()
        await asyncio.sleep(2)
        call.hang_up()
        await call.over()
        await home.settle()
        (done,) = home.app.forms("/done")
        assert (done["Digits"], done["CallStatus"]) == ("hangup", "completed")
        assert read_wav(path_of(tmp_path, done["RecordingSid"])) in VOICE

    at_home(main, tmp_path, DONE)


def test_of_a_dial(tmp_path: Path) -> None:
    """`record-from-answer-dual`: the caller on the left, the callee on the right."""

    async def main(home: House) -> None:
        callee = waves.tone(((2000.0, -12.0),), 1000) * 5
        home.has("bob", Handset(callee, hangs_up=3))
        await home.call(
            '<Dial record="record-from-answer-dual" action="/done"'
            ' recordingStatusCallback="/told"><Client>bob</Client></Dial>',
            VOICE,
        )
        await home.settle()
        (told,) = home.app.forms("/told")
        assert (told["RecordingChannels"], told["RecordingSource"]) == ("2", "DialVerb")
        assert told["RecordingUrl"] == home.app.forms("/done")[0]["RecordingUrl"]
        data = path_of(tmp_path, told["RecordingSid"]).read_bytes()[44:]
        left = audioop.lin2ulaw(audioop.tomono(data, 2, 1, 0), 2)
        right = audioop.lin2ulaw(audioop.tomono(data, 2, 0, 1), 2)
        assert left[8000:16000] in VOICE
        assert right[8000:16000] in callee
        assert len(left) / 8000 == pytest.approx(3, abs=0.1)

    at_home(main, tmp_path, DONE)


def test_in_the_background(tmp_path: Path) -> None:
    """<Start><Recording>: the caller and what the caller hears, to the call's end."""

    async def main(home: House) -> None:
        tones = "".join("123")
        await home.call(
            '<Start><Recording channels="dual" trim="do-not-trim"'
            ' recordingStatusCallback="/told"/></Start>'
            f'<Play digits="{tones}"/>',
            VOICE,
        )
        await home.settle()
        (told,) = home.app.forms("/told")
        assert told["RecordingSource"] == "StartCallRecordingTwiML"
        data = path_of(tmp_path, told["RecordingSid"]).read_bytes()[44:]
        assert keys_heard(audioop.lin2ulaw(audioop.tomono(data, 2, 0, 1), 2)) == "123"
        assert audioop.lin2ulaw(audioop.tomono(data, 2, 1, 0), 2)[:4000] in VOICE

    at_home(main, tmp_path)
