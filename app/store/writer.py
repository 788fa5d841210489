"""Writes in the background: many in one transaction, on a thread of the store's own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine

Operation = Callable[[Connection], None]
"""Something to do within a transaction."""

MAX_WAITING = 20_000
"""Operations kept while the database cannot be written to; beyond it the oldest are lost."""
_MAX_BATCH = 500
_GATHER_SECONDS = 0.01
_RETRY_SECONDS = 1.0

log = structlog.get_logger("store")


class Writer:
    """Carries operations out in the order they were given, in batches.

    `make` turns a batch of entries into operations, so that entries of one kind become one
    statement. A batch that fails is written entry by entry: what the database will never take is
    dropped, counted and logged, so that it stands in nobody's way. Where the database itself fails
    the rest is tried again, until it goes through or `close`.
    """

    def __init__(
        self, engine: Engine, thread: Executor, make: Callable[[Sequence[object]], list[Operation]]
    ) -> None:
        self._engine = engine
        self._thread = thread
        self._make = make
        self._entries: deque[tuple[object, asyncio.Future[None] | None]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.lost = 0
        self.failures = 0

    @property
    def waiting(self) -> int:
        return len(self._entries)

    def put(self, entry: object) -> None:
        """Have it written some time soon."""
        self._add(entry, None)

    def put_and_tell(self, entry: object) -> asyncio.Future[None]:
        """The same; the future is done when it is written, or when writing has failed once."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._add(entry, written)
        return written

    def _add(self, entry: object, written: asyncio.Future[None] | None) -> None:
        if len(self._entries) >= MAX_WAITING:
            _, told = self._entries.popleft()
            _release(told)
            self.lost += 1
        self._entries.append((entry, written))
        self._start()

    def _start(self) -> None:
        """Begin to write. A command that only now and then runs an event loop does so then."""
        if self._task is None and self._entries:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return
            self._task = loop.create_task(self._run())

    async def flush(self) -> None:
        """Wait until everything given so far has been tried, if the database can be had at all."""
        if self._entries and not self.failures:
            await self.put_and_tell(None)

    async def close(self) -> None:
        """Write what is left; what cannot be written now is lost, and counted."""
        self._closing = True
        self._start()
        if self._task is not None:
            await self._task
        if self._entries:
            self.lost += len(self._entries)
            self._entries.clear()
        if self.lost:
            log.error("state was lost: the database could not be written to", count=self.lost)

    async def _run(self) -> None:
        try:
            if not self._closing:
                await asyncio.sleep(_GATHER_SECONDS)
            while self._entries:
                batch = [self._entries[at] for at in range(min(len(self._entries), _MAX_BATCH))]
                seen_to = await self._write([entry for entry, _ in batch])
                for _, written in batch:
                    _release(written)
                self._drop(batch[:seen_to])
                if seen_to == len(batch):
                    self.failures = 0
                elif self._closing:
                    break
                else:
                    await asyncio.sleep(_RETRY_SECONDS)
        finally:
            self._task = None

    def _drop(self, batch: list[tuple[object, asyncio.Future[None] | None]]) -> None:
        """Forget what is written; some of it may have been lost for want of room meanwhile."""
        done = {id(pair) for pair in batch}
        while self._entries and id(self._entries[0]) in done:
            self._entries.popleft()

    async def _write(self, entries: list[object]) -> int:
        """How many of them have been seen to: written, or found to be impossible to write."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._carry_out, entries)
        except Exception:  # noqa: BLE001 -- told of below, by what comes of each entry
            tried = await loop.run_in_executor(self._thread, self._one_by_one, entries)
        else:
            return len(entries)
        self.lost += len(tried.impossible)
        for entry, error in tried.impossible:
            # Values and the driver's words are the customer's: only kinds are logged.
            log.error("what cannot be written is lost", what=_kind(entry), why=_kind(error))
        if tried.trouble is not None:
            self.failures += 1
            if self.failures == 1:
                log.error(
                    "the database cannot be written to; trying again",
                    kind=_kind(tried.trouble),
                    waiting=len(self._entries),
                )
        return tried.seen_to

    def _carry_out(self, entries: list[object]) -> None:
        with self._engine.begin() as connection:
            for operation in self._make(entries):
                operation(connection)

    def _one_by_one(self, entries: list[object]) -> _Tried:
        """Up to the first that fails for no fault of its own; what follows may depend on it."""
        impossible: list[tuple[object, Exception]] = []
        for at, entry in enumerate(entries):
            try:
                self._carry_out([entry])
            except Exception as error:  # noqa: BLE001 -- it is kept and logged
                if not _is_entrys_own(error):
                    return _Tried(at, impossible, error)
                impossible.append((entry, error))
        return _Tried(len(entries), impossible)


@dataclass(frozen=True, slots=True)
class _Tried:
    """What became of entries that were written one by one: how many were seen to, those of them
    that are impossible, and why the others were not come to."""

    seen_to: int
    impossible: list[tuple[object, Exception]]
    trouble: Exception | None = None


def _is_entrys_own(error: Exception) -> bool:
    """Whether an entry will fail always: its values are refused, or cannot be sent at all.

    Anything else that a database says may pass: a lock, a lost connection, missing rights.
    """
    if isinstance(error, (sa.exc.DataError, sa.exc.IntegrityError)):
        return True
    return not isinstance(error, (sa.exc.SQLAlchemyError, OSError))


def _kind(thing: object) -> str:
    """What an entry or an error is, without its values."""
    inner = getattr(thing, "orig", None) or getattr(thing, "record", None)
    return type(thing if inner is None else inner).__name__


def _release(written: asyncio.Future[None] | None) -> None:
    if written is not None and not written.done():
        written.set_result(None)
