"""How quickly messages are taken, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bridge.engine.pace import COUNTED, Pace
from tests.support.virtual import run_virtually

RATE = 1_000
BATCH = COUNTED / RATE


class Peer:
    """Sends when told to; it is read while `reading` is set."""

    def __init__(self) -> None:
        self.reading = asyncio.Event()
        self.reading.set()
        self.told: list[str] = []
        self.count = 0
        self.pace = Pace(self, RATE, self.told.append, "messages")

    def pause_reading(self) -> None:
        assert self.reading.is_set()
        self.reading.clear()

    def resume_reading(self) -> None:
        assert not self.reading.is_set()
        self.reading.set()

    def sends(self, count: int) -> None:
        """What had been read already comes even when it is not read."""
        for _ in range(count):
            self.count += 1
            if not self.count % COUNTED:
                self.pace.look()

    async def sends_all(self, count: int) -> None:
        """As much as is read, as soon as it is read."""
        for _ in range(count):
            await self.reading.wait()
            self.sends(1)


def pacing(main: Callable[[Peer], Awaitable[None]]) -> None:
    async def run() -> None:
        peer = Peer()
        await main(peer)
        peer.pace.end()
        assert peer.reading.is_set()

    run_virtually(run)


def test_a_steady_peer() -> None:
    """One that keeps to the rate is always read."""

    async def main(peer: Peer) -> None:
        for _ in range(10):
            await asyncio.sleep(BATCH)
            peer.sends(COUNTED)
        assert peer.reading.is_set()
        assert not peer.told

    pacing(main)


def test_a_burst_after_silence() -> None:
    """Time in which nothing came counts for the next messages, not for all that follow."""

    async def main(peer: Peer) -> None:
        await asyncio.sleep(100 * BATCH)
        peer.sends(COUNTED)
        assert peer.reading.is_set()
        peer.sends(COUNTED)
        assert not peer.reading.is_set()

    pacing(main)


def test_a_flood() -> None:
    """One that sends as much as it can is read at the rate, and each rest is told."""

    async def main(peer: Peer) -> None:
        await peer.sends_all(20 * COUNTED)
        assert asyncio.get_running_loop().time() == pytest.approx(19 * BATCH)
        assert len(peer.told) == 20
        assert set(peer.told) == {"more than 1,000 messages a second: they are read more slowly"}

    pacing(main)


def test_what_had_been_read() -> None:
    """What still comes while the peer is not read is taken, and makes the rest longer."""

    async def main(peer: Peer) -> None:
        peer.sends(5 * COUNTED)
        assert (peer.reading.is_set(), len(peer.told)) == (False, 1)
        await asyncio.sleep(5 * BATCH - 0.001)
        assert not peer.reading.is_set()
        await asyncio.sleep(0.002)
        assert peer.reading.is_set()
        assert len(peer.told) == 1

    pacing(main)


def test_the_end_of_a_rest() -> None:
    """At the end the peer is read at once, and never rests again by itself."""

    async def main(peer: Peer) -> None:
        peer.sends(COUNTED)
        assert not peer.reading.is_set()
        peer.pace.end()
        assert peer.reading.is_set()
        await asyncio.sleep(10 * BATCH)
        assert peer.reading.is_set()

    pacing(main)
