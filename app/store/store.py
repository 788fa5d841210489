"""The store: what must outlive the process, written in the background and read for the doors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from app.store import statements
from app.store.records import Record, RecordingRecord
from app.store.statements import Forget, Keep, Remove, Save
from app.store.tables import (
    OF_RECORD,
    callbacks,
    metadata,
)
from app.store.writer import Writer
from bridge.engine.sender import Letter

Kind = TypeVar("Kind", bound=Record)
Value = TypeVar("Value")
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on a field: `is`, `not`, `<` (before or at) or `>` (at or after) a value.

    `otherwise` names the field that stands for it where it has no value.
    """

    field: str
    value: object
    how: str = "is"
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Found(Generic[Kind]):
    """Records of one page, newest first; `more` when there are others after them."""

    records: tuple[Kind, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Left:
    """What a process left that did not end in order: how many calls and conferences, which are over
    now, and the recordings whose files are to be seen to."""

    calls: int
    conferences: int
    recordings: tuple[RecordingRecord, ...]


class Store:
    """Holds records and undelivered callbacks. Made by `open_store`, or `memory` for a process's
    own life; to be closed. Writing returns at once; what is read includes what was written before.
    """

    def __init__(
        self,
        engine: Engine,
        instance: str = "main",
        *,
        lasting: bool = True,
        lock: IO[bytes] | None = None,
    ) -> None:
        self._lock = lock
        self.lasting = lasting
        """Whether what is kept outlives the process."""
        self.engine = engine
        self._instance = instance
        self._thread = ThreadPoolExecutor(1, "store")
        self._writer = Writer(
            engine, self._thread, lambda batch: statements.operations(instance, batch)
        )
        self._number = self._last_number()

    @classmethod
    def memory(cls) -> Store:
        """A store that ends with the process."""
        engine = sa.create_engine(
            "sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False}
        )
        metadata.create_all(engine)
        return cls(engine, lasting=False)

    @property
    def waiting(self) -> int:
        """How much is to be written still."""
        return self._writer.waiting

    @property
    def lost(self) -> int:
        """How much could not be kept, for want of a database."""
        return self._writer.lost

    async def close(self) -> None:
        """Write what waits, then let the database go."""
        await self._writer.close()
        self._thread.shutdown()
        self.engine.dispose()
        if self._lock is not None:
            self._lock.close()

    async def flush(self) -> None:
        """Wait until what was given so far is written."""
        await self._writer.flush()

    # Records

    def save(self, record: Record) -> None:
        """Keep a record, in place of an older one with its key."""
        self._writer.put(Save(record))

    def remove(self, kind: type[Record], *key: str) -> None:
        """Delete the record with that key: a sid, for a participant those of both."""
        self._writer.put(Remove(kind, key))

    async def find(self, kind: type[Kind], *key: str) -> Kind | None:
        """The record with that key."""
        table = OF_RECORD[kind]
        matches = (column == part for column, part in zip(table.primary_key, key, strict=True))
        query = sa.select(table).where(*matches)
        rows = await self._do(lambda connection: connection.execute(query).all())
        return statements.record_of(kind, rows[0]) if rows else None

    async def select(
        self,
        kind: type[Kind],
        wheres: Sequence[Where] = (),
        *,
        limit: int = 50,
        skip: int = 0,
        after: tuple[float, str] | None = None,
    ) -> Found[Kind]:
        """Records by their age, newest first, at most `limit` of them.

        `after` is the time of creation and the last part of the key of the record before them;
        `skip` leaves out so many more.
        """
        table = OF_RECORD[kind]
        last = list(table.primary_key)[-1]
        query = sa.select(table).where(*(_condition(table, where) for where in wheres))
        if after is not None:
            at, key = after
            query = query.where(
                sa.or_(table.c.created_at < at, sa.and_(table.c.created_at == at, last < key))
            )
        query = query.order_by(table.c.created_at.desc(), last.desc())
        query = query.offset(skip).limit(limit + 1)
        rows = await self._do(lambda connection: connection.execute(query).all())
        found = tuple(statements.record_of(kind, row) for row in rows[:limit])
        return Found(found, len(rows) > limit)

    # Callbacks: what bridge.engine.sender.Journal asks for

    def keep(self, letter: Letter) -> asyncio.Future[int]:
        """Keep a callback; the future has its number when it is written."""
        self._number += 1
        number = self._number
        written = self._writer.put_and_tell(Keep(number, letter, time.time()))
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def tell(_: asyncio.Future[None]) -> None:
            if not told.done():
                told.set_result(number)

        written.add_done_callback(tell)
        return told

    def forget(self, number: int) -> None:
        """A callback has been delivered, or given up."""
        self._writer.put(Forget(number))

    @property
    def last_number(self) -> int:
        """The number of the callback that was kept last; those of earlier processes have less."""
        return self._number

    async def undelivered(
        self, limit: int, after: int = 0, until: int | None = None
    ) -> list[tuple[int, Letter]]:
        """Callbacks of this name that are kept, in their order, at most so many; only those whose
        number is beyond `after`, and `until` at most."""
        query = (
            sa.select(callbacks)
            .where(callbacks.c.instance == self._instance, callbacks.c.number > after)
            .order_by(callbacks.c.number)
            .limit(limit)
        )
        if until is not None:
            query = query.where(callbacks.c.number <= until)
        rows = await self._do(lambda connection: connection.execute(query).all())
        return [statements.letter_of(row) for row in rows]

    async def count_undelivered(self) -> int:
        """How many callbacks of this name are kept."""
        query = (
            sa.select(sa.func.count())
            .select_from(callbacks)
            .where(callbacks.c.instance == self._instance)
        )
        return await self._do(lambda connection: connection.scalar(query)) or 0

    # Housekeeping

    async def adopt(self, names: Sequence[str]) -> int:
        """Take over what processes of these names have left, to be settled and delivered with what
        this one's have; how many callbacks, which come after this one's."""
        return sum([await self._adopt(name) for name in names])

    async def _adopt(self, name: str) -> int:
        last = statements.last_number(name)
        numbers: int = await self._do(lambda connection: connection.scalar(last)) or 0
        updates = statements.adopt(name, self._instance, self._number)
        self._number += numbers
        counts = await self._do(
            lambda connection: [connection.execute(one).rowcount for one in updates]
        )
        return counts[0]

    async def settle(self) -> Left:
        """What the last process of this name ran is over: its calls and conferences at once, its
        recordings once their files have been seen to."""
        now = time.time()
        of_calls = statements.settle_calls(self._instance, now)
        without_members, of_conferences = statements.settle_conferences(self._instance, now)
        unfinished = statements.unfinished_recordings(self._instance)

        def carry_out(connection: sa.Connection) -> Left:
            ended = sum(connection.execute(one).rowcount for one in of_calls)
            connection.execute(without_members)
            conferences = connection.execute(of_conferences).rowcount
            rows = connection.execute(unfinished)
            found = (statements.record_of(RecordingRecord, row) for row in rows)
            return Left(ended, conferences, tuple(found))

        return await self._do(carry_out)

    async def purge(self, days: float) -> tuple[int, list[RecordingRecord]]:
        """Delete what is older of what this name has; returns how many rows went, and the
        recordings among them, whose files nobody else can delete."""
        old, deletions = statements.purge(self._instance, time.time() - days * _DAY)

        def carry_out(connection: sa.Connection) -> tuple[int, list[RecordingRecord]]:
            gone = [statements.record_of(RecordingRecord, row) for row in connection.execute(old)]
            return sum(connection.execute(one).rowcount for one in deletions), gone

        return await self._do(carry_out)

    # On the thread

    def _last_number(self) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(statements.last_number(self._instance)) or 0

    async def _do(self, work: Callable[[sa.Connection], Value]) -> Value:
        """Have it done in a transaction, after all that was given before."""
        await self._writer.flush()

        def carry_out() -> Value:
            with self.engine.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._thread, carry_out)


def _condition(table: sa.Table, where: Where) -> sa.ColumnElement[bool]:
    column: sa.ColumnElement[Any] = table.c[where.field]
    if where.otherwise:
        column = sa.func.coalesce(column, table.c[where.otherwise])
    match where.how:
        case "not":
            return column != where.value
        case "<":
            return column <= where.value
        case ">":
            return column >= where.value
        case _:
            return column == where.value
