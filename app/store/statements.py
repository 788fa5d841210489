"""What is written and read, as statements that every database knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.store.records import CallRecord, ConferenceRecord, Record, RecordingRecord
from app.store.tables import OF_RECORD, callbacks, calls, conferences, participants, recordings
from app.store.writer import Operation
from bridge.engine.sender import Letter

Kind = TypeVar("Kind", bound=Record)


@dataclass(frozen=True, slots=True)
class Save:
    """Write a record, in place of the one with its key."""

    record: Record


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete the record with this key."""

    kind: type[Record]
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep a callback until it has been delivered."""

    number: int
    letter: Letter
    created_at: float


@dataclass(frozen=True, slots=True)
class Forget:
    """A callback has been delivered, or given up."""

    number: int


def operations(instance: str, entries: Sequence[object]) -> list[Operation]:
    """Entries, in order, as few statements: what comes later for one key takes its place."""
    latest: dict[tuple[object, ...], object] = {}
    for entry in entries:
        if entry is None:  # only to be told of
            continue
        key = _key(entry)
        latest.pop(key, None)
        latest[key] = entry
    found: list[Operation] = []
    for table in (*OF_RECORD.values(), callbacks):
        rows = [(key[1:], entry) for key, entry in latest.items() if key[0] is table]
        if rows:
            found.append(_replacing(table, instance, rows))
    return found


def _key(entry: object) -> tuple[object, ...]:
    match entry:
        case Save(record):
            table = OF_RECORD[type(record)]
            return (table, *(getattr(record, column.name) for column in table.primary_key))
        case Remove(kind, key):
            return (OF_RECORD[kind], *key)
        case Keep(number) | Forget(number):
            return (callbacks, number)
        case _:
            raise TypeError(f"not an entry: {entry!r}")


def _replacing(
    table: sa.Table, instance: str, rows: list[tuple[tuple[object, ...], object]]
) -> Operation:
    names = [column.name for column in table.primary_key]
    keys = [
        dict(zip((f"key_{name}" for name in names), _full(table, instance, key), strict=True))
        for key, _ in rows
    ]
    values = [row for _, entry in rows if (row := _values(entry, instance)) is not None]
    delete = sa.delete(table).where(
        *(table.c[name] == sa.bindparam(f"key_{name}") for name in names)
    )

    def carry_out(connection: Connection) -> None:
        connection.execute(delete, keys)
        if values:
            connection.execute(sa.insert(table), values)

    return carry_out


def _full(table: sa.Table, instance: str, key: tuple[object, ...]) -> tuple[object, ...]:
    return (instance, *key) if table is callbacks else key


def _values(entry: object, instance: str) -> dict[str, Any] | None:
    """A row; None for what is only to be deleted."""
    match entry:
        case Save(CallRecord() | ConferenceRecord() | RecordingRecord() as record):
            return {**asdict(record), "instance": instance}
        case Save(record):
            return asdict(record)
        case Keep(number, letter, created_at):
            return {
                "instance": instance,
                "number": number,
                "call_sid": letter.call_sid,
                "account_sid": letter.account_sid,
                "url": letter.url,
                "method": letter.method,
                "form": json.dumps(letter.form),
                "order_key": letter.order,
                "created_at": created_at,
            }
        case _:
            return None


def record_of(kind: type[Kind], row: sa.Row[Any]) -> Kind:
    """A row of a record's table, as that record."""
    values = row._mapping
    return kind(**{field.name: values[field.name] for field in fields(kind)})


def letter_of(row: sa.Row[Any]) -> tuple[int, Letter]:
    form = tuple((str(name), str(value)) for name, value in json.loads(row.form))
    letter = Letter(row.call_sid, row.account_sid, row.url, row.method, form, order=row.order_key)
    return row.number, letter


def last_number(instance: str) -> sa.Select[Any]:
    """Of the callbacks kept for this name."""
    return sa.select(sa.func.max(callbacks.c.number)).where(callbacks.c.instance == instance)


def adopt(name: str, instance: str, after: int) -> list[sa.Update]:
    """All that is kept under `name` is `instance`'s from now on; callbacks get numbers after that
    one, in their order."""
    renumbered = {"instance": instance, "number": callbacks.c.number + after}
    return [
        sa.update(callbacks).where(callbacks.c.instance == name).values(renumbered),
        *(
            sa.update(table).where(table.c.instance == name).values(instance=instance)
            for table in (calls, conferences, recordings)
        ),
    ]


def settle_calls(instance: str, now: float) -> tuple[sa.Update, sa.Update]:
    """The calls that ran when the last process of this name ended are over, since they were last
    written: what runs is written again and again."""
    running = sa.update(calls).where(calls.c.instance == instance, calls.c.ended_at.is_(None))
    over = {"ended_at": calls.c.updated_at, "updated_at": now}
    return (
        running.where(calls.c.status == "in-progress").values(status="completed", **over),
        running.values(status="failed", **over),
    )


def settle_conferences(instance: str, now: float) -> tuple[sa.Delete, sa.Update]:
    """This service's own conferences ended with the last process, for want of participants.

    Those of a carrier go on without us.
    """
    ours = (
        conferences.c.instance == instance,
        conferences.c.carrier == "",
        conferences.c.status != "completed",
    )
    gone = sa.select(conferences.c.sid).where(*ours)
    ended = {"status": "completed", "reason_ended": "last-participant-left", "updated_at": now}
    return (
        sa.delete(participants).where(participants.c.conference_sid.in_(gone)),
        sa.update(conferences).where(*ours).values(ended),
    )


def unfinished_recordings(instance: str) -> sa.Select[Any]:
    """This service's own recordings whose files the last process did not complete."""
    return sa.select(recordings).where(
        recordings.c.instance == instance,
        recordings.c.carrier == "",
        recordings.c.status.in_(("in-progress", "paused", "processing")),
    )


def purge(instance: str, before: float) -> tuple[sa.Select[Any], list[sa.Delete]]:
    """What this service has that is older: which recordings, and how all of it is deleted."""

    def own(table: sa.Table, column: str) -> tuple[sa.ColumnElement[bool], ...]:
        return table.c.instance == instance, table.c[column] < before

    gone = sa.select(conferences.c.sid).where(*own(conferences, "updated_at"))
    known = sa.select(conferences.c.sid)
    conference = participants.c.conference_sid
    return sa.select(recordings).where(*own(recordings, "created_at")), [
        sa.delete(calls).where(*own(calls, "ended_at")),
        sa.delete(recordings).where(*own(recordings, "created_at")),
        sa.delete(participants).where(conference.in_(gone)),
        sa.delete(participants).where(conference.not_in(known), participants.c.updated_at < before),
        sa.delete(conferences).where(*own(conferences, "updated_at")),
        sa.delete(callbacks).where(*own(callbacks, "created_at")),
    ]
