"""What a process leaves that does not end in order, taken up by the next one."""

from __future__ import annotations

import asyncio
import io
import wave
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from app.restoring import Leftovers, purge
from app.service import Service
from app.settings import SettingsError, load
from app.store import Store, abandoned, migrations, open_store
from app.store.records import CallRecord, ConferenceRecord, ParticipantRecord, RecordingRecord
from app.workers.board import Board
from app.workers.siblings import Seat
from bridge.call import CallStatus
from bridge.engine.sender import CallbackSender, Letter
from bridge.sound.recording import WavFile
from tests.app.running import local_service, new_call, until_told
from tests.app.store.test_store import ACCOUNT, DATA, call, database_of, opened
from tests.support.app import voice_app
from tests.support.virtual import run_virtually

FOLDER = DATA / "recordings"
SECOND = bytes(range(250)) * 64
"""A second of samples, 16000 bytes."""


def recording(number: int, **more: object) -> RecordingRecord:
    sid = f"RE{number:032x}"
    values = {"status": "in-progress", "call_sid": call(1).sid, "path": sid, **more}
    return RecordingRecord(
        sid=sid,
        account_sid=ACCOUNT,
        created_at=1.0,
        updated_at=1.0,
        started_at=1.0,
        **values,  # type: ignore[arg-type]
    )


def conference(number: int, status: str, **more: str) -> ConferenceRecord:
    return ConferenceRecord(f"CF{number:032x}", ACCOUNT, "Room", status, 1.0, 2.0, **more)


async def kept(*records: RecordingRecord | ConferenceRecord | ParticipantRecord) -> None:
    """The state that a process which was killed has left."""
    async with opened() as store:
        for record in records:
            store.save(record)


async def restored() -> Service:
    """The next process's service, when it has seen to everything."""
    settings = load(local=True, data_dir=DATA)
    service = Service(settings, open_store(settings))
    await service.restore()
    await service.close()
    return service


async def read(sid: str) -> RecordingRecord:
    async with opened() as store:
        record = await store.find(RecordingRecord, sid)
    assert record is not None
    return record


def begun(record: RecordingRecord, *batches: bytes) -> None:
    """The file of a recording that nobody has closed, and an MP3 that was just being made."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = WavFile(FOLDER / f"{record.sid}.wav.part", record.channels)
    for batch in batches:
        file.write(batch)
    file.abandon()
    (FOLDER / f"{record.sid}.mp3.part").write_bytes(b"half")


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("torn", [b"", b"\1"])
async def test_a_file_that_was_being_written(channels: int, torn: bytes) -> None:
    """What was written can be played, to the last whole sample, also as MP3."""
    left = recording(1, channels=channels)
    begun(left, SECOND, SECOND, SECOND, SECOND, torn)
    await kept(left)
    await restored()
    found = await read(left.sid)
    assert (found.status, found.seconds) == ("completed", 4 // channels)
    with wave.open(io.BytesIO((FOLDER / f"{left.sid}.wav").read_bytes())) as file:
        assert (file.getnchannels(), file.getframerate()) == (channels, 8000)
        assert file.readframes(file.getnframes()) == SECOND * 4
    assert {path.name for path in FOLDER.iterdir()} == {f"{left.sid}.wav", f"{left.sid}.mp3"}


@pytest.mark.parametrize("status", ["in-progress", "paused", "processing"])
async def test_a_file_that_was_whole(status: str) -> None:
    """The process was killed between the file's end and the note of it: the file is as it was."""
    left = recording(1, status=status)
    FOLDER.mkdir(parents=True)
    path = FOLDER / f"{left.sid}.wav"
    file = WavFile(path, 1)
    file.write(SECOND)
    file.close()
    before = path.read_bytes()
    await kept(left)
    await restored()
    found = await read(left.sid)
    assert (found.status, found.seconds) == ("completed", 1)
    assert path.read_bytes() == before
    assert path.with_suffix(".mp3").stat().st_size > 100


@pytest.mark.parametrize("batches", [None, (), (b"\1",)], ids=["no file", "no sound", "no sample"])
async def test_a_recording_of_nothing(batches: tuple[bytes, ...] | None) -> None:
    """Where there is no sound there is no recording, and no file stays."""
    left = recording(1)
    if batches is not None:
        begun(left, *batches)
    await kept(left)
    await restored()
    found = await read(left.sid)
    assert (found.status, found.seconds) == ("absent", 0)
    assert not FOLDER.exists() or not list(FOLDER.iterdir())


async def test_what_others_run_goes_on() -> None:
    """Recordings and conferences that SignalWire runs, or a service of another name, are left
    alone; so is what was over."""
    carried = recording(1, carrier="cxml", carrier_id="7")
    done = recording(2, status="completed", seconds=9)
    theirs = conference(1, "in-progress", carrier="cxml")
    await kept(carried, done, theirs)
    other = recording(3)
    async with opened(instance="other") as store:
        store.save(other)
        store.save(conference(2, "in-progress"))
    await restored()
    for record in (carried, done, other):
        assert await read(record.sid) == record
    async with opened() as store:
        for number in (1, 2):
            found = await store.find(ConferenceRecord, conference(number, "").sid)
            assert found is not None
            assert found.status == "in-progress"


async def test_conferences_are_over() -> None:
    """Whether it had started or not, a conference of a killed process is over and empty."""
    going, waiting = conference(1, "in-progress"), conference(2, "init")
    ended = conference(3, "completed", reason_ended="conference-ended-via-api")
    member = ParticipantRecord(going.sid, call(1).sid, ACCOUNT, 1.0, 2.0)
    await kept(going, waiting, ended, member)
    await restored()
    async with opened() as store:
        for record in (going, waiting):
            found = await store.find(ConferenceRecord, record.sid)
            assert found is not None
            assert (found.status, found.reason_ended) == ("completed", "last-participant-left")
        assert await store.find(ConferenceRecord, ended.sid) == ended
        assert not (await store.select(ParticipantRecord)).records


async def test_what_an_older_version_left() -> None:
    """Conferences and recordings that were kept before they had an owner belong to whom the calls
    belong to, and are settled with them."""
    left, member = recording(1), ParticipantRecord("CF" + "1" * 32, call(1).sid, ACCOUNT, 1.0, 2.0)
    room = ConferenceRecord(member.conference_sid, ACCOUNT, "Room", "in-progress", 1.0, 2.0)
    of_room = recording(2, call_sid="", conference_sid=room.sid)
    async with opened(instance="mine") as store:
        for record in (call(1), member, room, left, of_room):
            store.save(record)
        await store.flush()
        migrate(store, "0001")
    async with opened(instance="mine") as store:
        settled = await store.settle()
        assert settled.conferences == 1
        assert {record.sid for record in settled.recordings} == {left.sid, of_room.sid}


def migrate(store: Store, to: str) -> None:
    """Take a database back to an older version."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with store.engine.begin() as connection:
        for table in ("conferences", "recordings"):
            connection.execute(sa.text(f"alter table {table} drop column instance"))
        for statement in (
            "create table streams (sid varchar(34) primary key)",
            "alter table calls add column answered_by text not null default ''",
            "alter table recordings add column error_code integer",
        ):
            connection.execute(sa.text(statement))
        config.attributes["connection"] = connection
        command.stamp(config, to)


def test_housekeeping_goes_on_after_trouble() -> None:
    """A database that fails while what is old is deleted keeps no call from expiring."""

    async def main() -> None:
        settings = load(local=True, data_dir=DATA, call_hours=1e-9)
        service = Service(settings, open_store(settings))
        with database_of(DATA) as other:
            other.execute("alter table callbacks rename to callbacks_away")
            service.start()
            for number in (1, 2):
                async with asyncio.timeout(300):
                    await until_told(new_call(service, number), "call.ended")
            other.execute("alter table callbacks_away rename to callbacks")
        await service.close()

    run_virtually(main, grace=0.5)


async def test_how_long_a_call_ran() -> None:
    """Calls that run are written down at each sweep, so that their end is known after a kill."""
    settings = load(local=True, data_dir=DATA)
    service = Service(settings, open_store(settings))
    sid = new_call(service).sid
    service.stand(service.calls[sid], CallStatus.IN_PROGRESS)
    before = await service.store.find(CallRecord, sid)
    service.sweep()
    after = await service.store.find(CallRecord, sid)
    assert before is not None
    assert after is not None
    assert after.updated_at > before.updated_at
    await service.store.settle()
    settled = await service.store.find(CallRecord, sid)
    assert settled is not None
    assert (settled.status, settled.ended_at) == ("completed", after.updated_at)
    await service.close()


def letter(number: int) -> Letter:
    return Letter(f"CA{number:032x}", ACCOUNT, "https://a.example/", "POST", (), f"o{number}")


def seat(workers: int) -> Seat:
    """The first worker's."""
    return replace(Seat.sole(), board=Board(workers))


@pytest.mark.parametrize(
    ("before", "after", "adopted"),
    [
        ((None,), 2, (0,)),
        ((0, 1, 2, 3), 2, (2, 3)),
        ((0, 1), 1, (0, 1)),
    ],
    ids=["one process before", "more workers before", "one process now"],
)
async def test_workers_that_are_no_more(
    before: tuple[int | None, ...], after: int, adopted: tuple[int, ...]
) -> None:
    """What workers have left that the service has not any more, the first worker takes up at its
    start: callbacks behind its own, in their order, and calls; once."""
    settings = load(local=True, data_dir=DATA)
    for place, worker in enumerate(before):
        store = open_store(settings, worker)
        for number in range(3):
            await store.keep(letter(10 * place + number))
        store.save(call(place, status="in-progress", ended_at=None))
        await store.close()
    first = open_store(settings, 0 if after > 1 else None)
    own = await first.undelivered(99)
    service = Service(settings, first, seat(after))
    with pytest.MonkeyPatch.context() as patch:
        sent: list[Letter] = []
        patch.setattr(service.engine.sender, "send", lambda *given, **more: sent.append(given))
        await service.restore()
        left = await first.undelivered(99)
    theirs = [letter(10 * place + number) for place in adopted for number in range(3)]
    assert [one for _, one in left] == [one for _, one in own] + theirs
    assert len(sent) == len(left)
    assert await first.keep(letter(99)) > max(number for number, _ in left)
    for place in adopted:
        found = await first.find(CallRecord, call(place).sid)
        assert found is not None
        assert found.status == "completed"
    await service.close()


async def test_more_callbacks_than_may_wait() -> None:
    """All that was left is delivered, in order, though only some of it may wait at once; half of
    the room is for what is new."""
    async with opened() as store:
        for number in range(25):
            form = (("CallSid", f"CA{number:032x}"),)
            await store.keep(replace(letter(number), form=form, order="one"))
    async with (
        voice_app() as app,
        local_service() as service,
        opened() as store,
    ):
        with database_of(DATA) as database:
            database.execute("update callbacks set url = ?", (app.url("/told"),))
        sender = CallbackSender(service.engine.webhooks, limit=10, journal=store)
        leftovers = Leftovers(store, sender)
        assert await leftovers.begin() == 25
        assert sender.room >= 5
        sender.send(new_call(service), app.url("/new"), "POST", (), order="two")
        async with asyncio.timeout(20):
            await leftovers.finish()
            await sender.drain(20)
        told = [form["CallSid"] for form in app.forms("/told")]
        assert told == [f"CA{number:032x}" for number in range(25)]
        assert len(app.forms("/new")) == 1
        assert (sender.delivered, sender.dropped) == (26, 0)
        assert await store.count_undelivered() == 0


async def test_everyone_deletes_their_own() -> None:
    """What is old goes with the service that has it, which alone can delete the files."""
    member = ParticipantRecord(conference(1, "").sid, call(1).sid, ACCOUNT, 1.0, 2.0)
    for name, number in (("main", 1), ("other", 2)):
        async with opened(instance=name) as store:
            store.save(call(number, ended_at=2.0))
            store.save(recording(number, status="completed"))
            store.save(conference(number, "completed"))
            store.save(replace(member, conference_sid=conference(number, "").sid))
            await store.keep(letter(number))
            with database_of(DATA) as database:
                await store.flush()
                database.execute("update callbacks set created_at = 1")
    settings = load(local=True, data_dir=DATA)
    FOLDER.mkdir(parents=True)
    for number in (1, 2):
        (FOLDER / f"{recording(number).path}.wav").write_bytes(b"")
    store = open_store(settings)
    await purge(store, settings)
    await store.close()
    assert [path.stem for path in FOLDER.iterdir()] == [recording(2).path]
    async with opened(instance="other") as store:
        assert [one.sid for one in (await store.select(CallRecord)).records] == [call(2).sid]
        (kept_one,) = (await store.select(RecordingRecord)).records
        assert kept_one.sid == recording(2).sid
        (room,) = (await store.select(ConferenceRecord)).records
        assert room.sid == conference(2, "").sid
        (left,) = (await store.select(ParticipantRecord)).records
        assert left.conference_sid == conference(2, "").sid
        assert len(await store.undelivered(9)) == 1
    async with opened() as store:
        assert await store.undelivered(9) == []


async def test_others_are_not_adopted() -> None:
    """A worker that runs, another service, and one of a name that only begins alike keep theirs."""
    settings = load(local=True, data_dir=DATA)
    for name in ("main-x", "mainly", "other", "other-1"):
        async with opened(instance=name) as store:
            await store.keep(letter(1))
    runs = open_store(settings, 5)
    await runs.keep(letter(2))
    async with opened() as store:
        with abandoned(settings, 1) as names:
            assert names == []
        assert await store.undelivered(9) == []
    await runs.close()
    with abandoned(settings, 1) as names:
        assert names == ["main-5"]
        with pytest.raises(SettingsError, match="TWIML_BRIDGE_INSTANCE"):
            open_store(settings, 5)
