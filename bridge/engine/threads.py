"""Blocking iterators, read from the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Executor


async def in_thread(
    executor: Executor,
    make: Callable[[], Iterator[bytes]],
    *,
    ahead: int,
    unblock: Callable[[], None] = lambda: None,
) -> AsyncGenerator[bytes, None]:
    """The items of the blocking iterator that `make` gives, made in a thread of `executor`.

    The thread is at most `ahead` items ahead of the reader. Closing this iterator calls `unblock`,
    which must end whatever the thread may be waiting for, and waits for the thread.
    """
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[bytes | None] = asyncio.Queue()
    room = threading.Semaphore(ahead)
    stopped = threading.Event()

    def work() -> None:
        with contextlib.closing(make()) as items:  # type: ignore[type-var]
            for item in items:
                room.acquire()
                if stopped.is_set():
                    return
                loop.call_soon_threadsafe(ready.put_nowait, item)

    future = loop.run_in_executor(executor, work)
    future.add_done_callback(lambda _: ready.put_nowait(None))
    try:
        while (item := await ready.get()) is not None:
            room.release()
            yield item
        future.result()
    finally:
        stopped.set()
        room.release()
        if not future.done():
            unblock()
            await asyncio.wait([future])
        if not future.cancelled():
            future.exception()  # who closes early does not want to know
