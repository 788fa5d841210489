from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.engine.spool import Aborted, Spool, SpoolReader
from bridge.engine.threads import in_thread


@pytest.fixture
async def spool() -> AsyncIterator[Spool]:
    running = Spool(ahead=1000)
    yield running
    running.close()


async def turns(count: int = 5) -> None:
    """Let everything run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_writer_waits_for_its_readers(spool: Spool) -> None:
    """A download is no more than `ahead` bytes ahead of what has been asked for."""
    await spool.write(b"a" * 900)
    held_up = asyncio.create_task(spool.write(b"b" * 600))
    await turns()
    assert not held_up.done()
    reader = SpoolReader(spool)
    assert await asyncio.to_thread(reader.read, 700) == b"a" * 700
    await held_up
    assert spool.written == 1500


async def test_a_reader_waits_for_the_writer(spool: Spool) -> None:
    reader = SpoolReader(spool)
    waiting = asyncio.create_task(asyncio.to_thread(reader.read, 10))
    await turns()
    await spool.write(b"abc")
    assert await waiting == b"abc"
    spool.finish()
    assert reader.read(10) == b""
    assert reader.tell() == 3


async def test_several_readers_each_from_the_beginning(spool: Spool) -> None:
    await spool.write(b"0123456789")
    spool.finish()
    first, second = SpoolReader(spool), SpoolReader(spool)
    assert first.read(4) == b"0123"
    assert second.read(2) == b"01"
    assert first.read() == b"456789"
    assert second.read(3) == b"234"


async def test_searching(spool: Spool) -> None:
    """From the end too, once it is known where that is: told by the server, or by the end."""
    await spool.write(b"0123456789")
    reader = SpoolReader(spool)
    spool.size = 10
    assert reader.seek(-3, os.SEEK_END) == 7
    assert reader.read(3) == b"789"
    spool.size = None
    waiting = asyncio.create_task(asyncio.to_thread(reader.seek, 0, os.SEEK_END))
    await turns()
    await spool.write(b"xy")
    spool.finish()
    assert await waiting == 12
    assert reader.seek(-2, os.SEEK_CUR) == 10
    assert reader.read(5) == b"xy"


async def test_abort_lets_readers_go(spool: Spool) -> None:
    waiting = asyncio.create_task(asyncio.to_thread(SpoolReader(spool).read, 10))
    await turns()
    spool.abort()
    with pytest.raises(Aborted):
        await waiting
    await spool.write(b"too late")
    assert spool.written == 0


async def test_large_downloads_go_to_the_disk() -> None:
    spool = Spool(ahead=1 << 30)
    part = os.urandom(400_000)
    for _ in range(5):
        await spool.write(part)
    spool.finish()
    assert SpoolReader(spool).read() == part * 5
    spool.close()


async def test_a_thread_is_not_far_ahead_of_its_reader() -> None:
    made: list[int] = []

    def make() -> Iterator[bytes]:
        for n in range(100):
            made.append(n)
            yield b"%d" % n

    with ThreadPoolExecutor(1) as executor:
        items = in_thread(executor, make, ahead=4)
        assert await anext(items) == b"0"
        assert await anext(items) == b"1"
        assert len(made) <= 7
        assert [int(item) async for item in items] == list(range(2, 100))


async def test_a_thread_ends_with_its_reader() -> None:
    closed: list[bool] = []

    def make() -> Iterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append(True)

    with ThreadPoolExecutor(1) as executor:
        items = in_thread(executor, make, ahead=4)
        await anext(items)
        await items.aclose()
        assert closed == [True]


async def test_an_error_comes_after_what_was_made() -> None:
    def make() -> Iterator[bytes]:
        yield b"x"
        raise ValueError("enough")

    with ThreadPoolExecutor(1) as executor:
        items = in_thread(executor, make, ahead=4)
        assert await anext(items) == b"x"
        with pytest.raises(ValueError, match="enough"):
            await anext(items)
