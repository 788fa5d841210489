"""Processes that do heavy or fragile work off the event loop, asked one thing at a time.

They speak the protocol of `bridge.sound.worker`. A process that dies or takes too long is ended and
replaced; only the request it was at is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import structlog

from bridge.errors import BridgeError
from bridge.sound.worker import ANSWER, HEADER, MAX_CONTENT, REQUEST, message

log = structlog.get_logger("workers")


class WorkError(BridgeError):
    """Work that was refused, failed or took too long."""


class Worker:
    """One process that runs `python -m module`."""

    def __init__(self, module: str, time_limit: float) -> None:
        self._module = module
        self._time_limit = time_limit
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process_id(self) -> int | None:
        return self._process.pid if self._process else None

    async def ask(self, request: bytes) -> bytes:
        """The answer to a request; starts the process when it does not run. Raises WorkError."""
        try:
            process = await self._started()
            async with asyncio.timeout(self._time_limit):
                kind, content = await _exchange(process, request)
        except TimeoutError as error:
            await self.end()
            log.warning("worker too slow", module=self._module, seconds=self._time_limit)
            raise WorkError(
                f"{self._module} gave no answer within {self._time_limit:g} s"
            ) from error
        except (OSError, EOFError) as error:
            await self.end()
            log.warning("worker died", module=self._module)
            raise WorkError(f"the process of {self._module} ended unexpectedly") from error
        except BaseException:
            await self.end()  # its answer would be taken for that to the next request
            raise
        if kind != ANSWER:
            raise WorkError(content.decode(errors="replace"))
        return content

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,  # the terminal's Ctrl-C is for the service to handle
            )
        return self._process

    async def end(self) -> None:
        """End the process; a later request starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # Reaped even when the task that ends it is cancelled.
        await asyncio.shield(process.communicate())


async def _exchange(process: asyncio.subprocess.Process, request: bytes) -> tuple[bytes, bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(message(REQUEST, request))
    await process.stdin.drain()
    kind, size = HEADER.unpack(await process.stdout.readexactly(HEADER.size))
    if size > MAX_CONTENT:
        raise EOFError(f"an answer of {size} bytes")
    return kind, await process.stdout.readexactly(size)


class Workers:
    """Up to `count` processes of a kind, shared by all calls; who comes when all are taken waits.

    `time_limit` in seconds bounds one request.
    """

    def __init__(self, module: str, *, count: int, time_limit: float = 20.0) -> None:
        self._idle = [Worker(module, time_limit) for _ in range(count)]
        self._all = tuple(self._idle)
        self._free = asyncio.Semaphore(count)
        self._running: set[asyncio.Task[bytes]] = set()

    @contextlib.asynccontextmanager
    async def take(self) -> AsyncIterator[Worker]:
        """A worker for several requests in a row."""
        async with self._free:
            worker = self._idle.pop()
            try:
                yield worker
            finally:
                self._idle.append(worker)

    async def ask(self, request: bytes) -> bytes:
        """The answer to one request. Raises WorkError.

        One that nobody waits for any more is finished all the same, which is sooner done than
        starting the process anew.
        """
        task = asyncio.create_task(self._ask(request))
        self._running.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def _ask(self, request: bytes) -> bytes:
        async with self.take() as worker:
            return await worker.ask(request)

    def _forget(self, task: asyncio.Task[bytes]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has been told

    async def close(self) -> None:
        """End every process and request."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for worker in self._all:
            await worker.end()
