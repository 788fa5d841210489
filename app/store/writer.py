"""Writes in the background: many in one transaction, on a thread of the store's own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

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
    statement. A batch that fails is tried again, as a whole, until it goes through or `close`.
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
        if not self._closing:
            await asyncio.sleep(_GATHER_SECONDS)
        while self._entries:
            batch = [self._entries[at] for at in range(min(len(self._entries), _MAX_BATCH))]
            whole = await self._write([entry for entry, _ in batch])
            for _, written in batch:
                _release(written)
            if whole:
                self.failures = 0
                self._drop(batch)
            elif self._closing:
                break
            else:
                await asyncio.sleep(_RETRY_SECONDS)
        self._task = None

    def _drop(self, batch: list[tuple[object, asyncio.Future[None] | None]]) -> None:
        """Forget what is written; some of it may have been lost for want of room meanwhile."""
        done = {id(pair) for pair in batch}
        while self._entries and id(self._entries[0]) in done:
            self._entries.popleft()

    async def _write(self, entries: list[object]) -> bool:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._carry_out, entries)
        except sa.exc.SQLAlchemyError as error:
            self.failures += 1
            if self.failures == 1:
                # The statement's values are the customer's: only the kind of error is logged.
                log.exception(
                    "the database cannot be written to; trying again",
                    kind=type(getattr(error, "orig", error)).__name__,
                    waiting=len(self._entries),
                    exc_info=False,
                )
            return False
        return True

    def _carry_out(self, entries: list[object]) -> None:
        with self._engine.begin() as connection:
            for operation in self._make(entries):
                operation(connection)


def _release(written: asyncio.Future[None] | None) -> None:
    if written is not None and not written.done():
        written.set_result(None)
