"""The store over real SQLite files: what is written is read, in order, also by the next process."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from app.settings import SettingsError, load
from app.store import Store, open_store
from app.store.records import (
    CallRecord,
    ConferenceRecord,
    ParticipantRecord,
    Record,
    RecordingRecord,
)
from app.store.store import Where
from app.store.tables import metadata
from bridge.engine.sender import Letter

ACCOUNT = "AC" + "0" * 32
DATA = Path("kept")


def call(number: int, **more: object) -> CallRecord:
    record = CallRecord(
        sid=f"CA{number:032x}",
        account_sid=ACCOUNT,
        from_="+15550001111",
        to="+15550002222",
        status="completed",
        direction="inbound",
        created_at=1000.0 + number,
        updated_at=1000.0 + number,
        ended_at=1001.0 + number,
    )
    return replace(record, **more)  # type: ignore[arg-type]


def letter(number: int, order: str = "one") -> Letter:
    form = (("CallStatus", "completed"), ("Name", "Zoë & 'co'"))
    return Letter(f"CA{number:032x}", ACCOUNT, "https://a.example/?x=1", "POST", form, order)


@asynccontextmanager
async def opened(**given: object) -> AsyncIterator[Store]:
    store = open_store(load(local=True, **{"data_dir": DATA, **given}))
    try:
        yield store
    finally:
        await store.close()


def database_of(folder: Path) -> closing[sqlite3.Connection]:
    """The file itself, seen from outside; every statement is a transaction."""
    path = folder / "twiml-bridge.sqlite3"
    return closing(sqlite3.connect(path, isolation_level=None))


RECORDS: list[Record] = [
    call(1, started_at=1000.25, caller_name="Zoë", carrier="cxml", carrier_id="7"),
    RecordingRecord("RE" + "1" * 32, ACCOUNT, "CA" + "1" * 32, "completed", 1, 2, seconds=3),
    ConferenceRecord("CF" + "1" * 32, ACCOUNT, "Room 1", "in-progress", 1.0, 2.0),
    ParticipantRecord("CF" + "1" * 32, "CA" + "1" * 32, ACCOUNT, 1.0, 2.0, muted=True),
]


def key_of(record: Record) -> tuple[str, ...]:
    match record:
        case ParticipantRecord():
            return record.conference_sid, record.call_sid
        case _:
            return (record.sid,)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
async def test_a_record_outlives_the_store(record: Record) -> None:
    """Each kind of record is read as it was saved, by a store opened later, until it is removed."""
    async with opened() as store:
        store.save(record)
    async with opened() as store:
        assert await store.find(type(record), *key_of(record)) == record
        store.remove(type(record), *key_of(record))
        assert await store.find(type(record), *key_of(record)) is None


async def test_the_latest_of_a_key_counts() -> None:
    """Saved, saved again, removed, saved: what is read is what was done last."""
    store = Store.memory()
    store.save(call(1, status="ringing"))
    store.save(call(1, status="in-progress"))
    assert (await store.find(CallRecord, call(1).sid)) == call(1, status="in-progress")
    store.remove(CallRecord, call(1).sid)
    store.save(call(1, status="busy"))
    assert (await store.find(CallRecord, call(1).sid)) == call(1, status="busy")
    await store.close()


async def test_pages() -> None:
    """Newest first; a page tells whether there is more, and the next begins behind its last."""
    store = Store.memory()
    for number in range(5):
        store.save(call(number, created_at=1000.0 + number // 2))
    seen: list[str] = []
    after = None
    while True:
        found = await store.select(CallRecord, limit=2, after=after)
        seen += [record.sid for record in found.records]
        if not found.more:
            break
        after = (found.records[-1].created_at, found.records[-1].sid)
    assert seen == [call(number).sid for number in (4, 3, 2, 1, 0)]
    skipped = await store.select(CallRecord, limit=2, skip=3)
    assert [record.sid for record in skipped.records] == seen[3:]
    await store.close()


async def test_conditions() -> None:
    """A field can be equal, at or before, at or after a value; all conditions hold together."""
    store = Store.memory()
    for number in range(5):
        store.save(call(number, to=f"+1{number % 2}"))
    found = await store.select(
        CallRecord,
        [Where("to", "+10"), Where("created_at", 1001.0, ">"), Where("created_at", 1003.0, "<")],
    )
    assert [record.sid for record in found.records] == [call(2).sid]
    await store.close()


async def test_callbacks_are_kept_in_order_until_forgotten() -> None:
    """What the next process finds is what was kept and not forgotten, oldest first; its own
    callbacks come after."""
    async with opened() as store:
        numbers = await asyncio.gather(*(store.keep(letter(n, f"o{n % 3}")) for n in range(700)))
        for number in numbers[:690]:
            store.forget(number)
    async with opened() as store:
        left = await store.undelivered(100)
        assert [one for _, one in left] == [letter(n, f"o{n % 3}") for n in range(690, 700)]
        assert [number for number, _ in left] == numbers[690:]
        assert await store.keep(letter(1)) > max(numbers)
        assert len(await store.undelivered(4)) == 4


async def test_a_kept_callback_is_in_the_database() -> None:
    """When the future is done another connection sees the row: a crash cannot lose it."""
    async with opened() as store:
        await store.keep(letter(1))
        with database_of(DATA) as database:
            assert database.execute("select url from callbacks").fetchall() == [
                ("https://a.example/?x=1",)
            ]


async def test_instances_share_a_database() -> None:
    """Callbacks and unfinished calls belong to the service of one name."""
    async with opened(instance="a") as a, opened(instance="b") as b:
        await a.keep(letter(1))
        await b.keep(letter(2))
        a.save(call(1, status="in-progress", ended_at=None))
        b.save(call(2, status="in-progress", ended_at=None))
        await b.flush()
        assert [one for _, one in await a.undelivered(9)] == [letter(1)]
        assert (await a.settle()).calls == 1
        other = await a.find(CallRecord, call(2).sid)
        assert other is not None
        assert not other.over


async def test_unfinished_calls_are_settled() -> None:
    """After a crash a call that was answered is completed, one that was not has failed; they ended
    when they were last heard of, however long ago that was."""
    async with opened() as store:
        store.save(call(1, status="in-progress", started_at=1000, updated_at=1090, ended_at=None))
        store.save(call(2, status="ringing", ended_at=None))
        store.save(call(3, status="busy"))
        await store.flush()
        assert (await store.settle()).calls == 2
        found = (await store.select(CallRecord)).records
        assert {one.sid[-1]: one.status for one in found} == {
            "1": "completed",
            "2": "failed",
            "3": "busy",
        }
        assert [one.ended_at for one in found] == [1004.0, 1002.0, 1090.0]
        assert found[-1].duration == 90


async def test_purging_spares_what_runs_and_what_is_young() -> None:
    """Ended calls, recordings and undelivered callbacks beyond their days go; the rest stays."""
    store = Store.memory()
    for record in RECORDS:
        store.save(record)
    store.save(call(2, ended_at=None))
    store.save(call(3, ended_at=9e9))
    rows, recordings = await store.purge(1)
    assert rows == len(RECORDS)
    assert recordings == [record for record in RECORDS if isinstance(record, RecordingRecord)]
    left = (await store.select(CallRecord)).records
    assert {record.sid for record in left} == {call(2).sid, call(3).sid}
    await store.close()


async def test_migrations_make_the_tables_of_the_code() -> None:
    """A migrated database has exactly the tables, columns and indices that the code describes."""
    async with opened():
        pass
    engine = sa.create_engine(f"sqlite:///{DATA / 'twiml-bridge.sqlite3'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_only_what_is_not_current_is_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that all migrations have seen is opened as it is; another is not."""
    async with opened():
        pass

    def migrate(_: sa.Connection) -> None:
        raise OSError("a migration")

    monkeypatch.setattr("app.store.database._migrate", migrate)
    async with opened() as store:
        store.save(call(1))
    with database_of(DATA) as database:
        database.execute("update alembic_version set version_num = '0000'")
    with pytest.raises(SettingsError, match="a migration"):
        open_store(load(local=True, data_dir=DATA))


async def test_a_newer_database_is_refused() -> None:
    """A database of a version that is not known yet is left alone, with a clear message."""
    async with opened():
        pass
    with database_of(DATA) as database:
        database.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(SettingsError, match="made by a newer version of twiml-bridge"):
        open_store(load(local=True, data_dir=DATA))


async def test_two_of_one_name_are_refused() -> None:
    """A second service of the same name in the same directory does not start; a third may, once
    the first has gone."""
    async with opened():
        with pytest.raises(SettingsError, match="TWIML_BRIDGE_INSTANCE"):
            open_store(load(local=True, data_dir=DATA))
    async with opened():
        pass


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", ["not a database URL"]),
        ("sqlite:////nowhere/at/all.db", ["cannot open sqlite:///", "unable to open"]),
        ("nosuch://u:pa55word@h/d", ["no driver for nosuch"]),
        ("postgresql+pg8000://u:pa55word@127.0.0.1:1/d", ["no driver for postgresql+pg8000"]),
    ],
)
async def test_a_database_that_cannot_be_opened(url: str, words: list[str]) -> None:
    """One message names the setting, the place and what to do; never a password."""
    with pytest.raises(SettingsError) as caught:
        open_store(load(local=True, data_dir=DATA, database_url=url))
    text = str(caught.value)
    assert text.startswith("TWIML_BRIDGE_DATABASE_URL: ")
    assert all(word in text for word in words), text
    assert "pa55word" not in text


async def test_a_directory_that_cannot_be_made() -> None:
    """A data directory below a file is refused by its name."""
    Path("file").write_text("")
    with pytest.raises(SettingsError, match="TWIML_BRIDGE_DATA_DIR: cannot write to file/kept"):
        open_store(load(local=True, data_dir="file/kept"))


async def test_writing_goes_on_after_trouble() -> None:
    """While the database is locked nothing waits for it for ever, and nothing is lost."""
    async with opened() as store:
        with database_of(DATA) as other:
            other.execute("alter table calls rename to calls_away")
            store.save(call(1))
            kept = await asyncio.wait_for(store.keep(letter(1)), 20)
            assert kept
            other.execute("alter table calls_away rename to calls")
    async with opened() as store:
        assert await store.find(CallRecord, call(1).sid) == call(1)
        assert len(await store.undelivered(9)) == 1


@pytest.mark.parametrize(
    "bad",
    [
        call(2, to="\ud800"),
        RecordingRecord("RE" + "2" * 32, ACCOUNT, call(2).sid, "completed", 1, 2, seconds=2**70),
        call(2, status="refused"),
    ],
    ids=["no text", "too large", "refused by the database"],
)
async def test_what_cannot_be_written_stands_in_nobodys_way(bad: Record) -> None:
    """A record that no database takes, or that this one refuses, is dropped and counted; all that
    came with it is written, and so is what comes later, in order."""
    async with opened() as store:
        with database_of(DATA) as other:
            other.execute(
                "create trigger picky before insert on calls when new.status = 'refused'"
                " begin select raise(abort, 'no'); end"
            )
        store.save(call(1, status="ringing"))
        store.save(bad)
        store.save(call(1))
        kept = store.keep(letter(1))
        async with asyncio.timeout(20):
            await kept
            await store.flush()
            assert await store.find(CallRecord, call(1).sid) == call(1)
            store.save(call(3))
            assert await store.find(type(bad), *key_of(bad)) is None
        assert (store.lost, store.waiting) == (1, 0)
    async with opened() as store:
        assert await store.find(CallRecord, call(3).sid) == call(3)
        assert [one for _, one in await store.undelivered(9)] == [letter(1)]


async def test_trouble_that_outlives_the_process_is_counted() -> None:
    """What could not be written by the end is lost, but for what was written before it."""
    store = open_store(load(local=True, data_dir=DATA))
    with database_of(DATA) as other:
        other.execute("alter table recordings rename to recordings_away")
        store.save(call(1))
        store.save(RECORDS[1])
        await store.close()
        other.execute("alter table recordings_away rename to recordings")
    assert store.lost == 1
    async with opened() as store:
        assert await store.find(CallRecord, call(1).sid) == call(1)


async def test_what_comes_together_is_written_together() -> None:
    """Two hundred calls that begin at once, each with a callback, cost a few transactions, and the
    event loop none of them: they run on a thread of their own."""
    async with opened() as store:
        commits: list[str] = []
        sa.event.listen(
            store.engine, "commit", lambda _: commits.append(threading.current_thread().name)
        )
        kept = []
        for number in range(200):
            store.save(call(number, status="ringing", ended_at=None))
            kept.append(store.keep(letter(number, str(number))))
        assert commits == []
        await asyncio.gather(*kept)
        await store.flush()
        assert len(commits) <= 3
        assert all(name.startswith("store") for name in commits)
        assert len((await store.select(CallRecord, limit=500)).records) == 200


def test_a_command_without_a_lasting_event_loop() -> None:
    """What is saved while no event loop runs is written when one does."""
    store = Store.memory()
    with asyncio.Runner() as runner:
        store.save(call(1))
        assert runner.run(store.find(CallRecord, call(1).sid)) == call(1)
        store.save(call(2))
        runner.run(store.close())
    assert (store.waiting, store.lost) == (0, 0)
