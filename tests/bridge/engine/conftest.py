from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge.engine.websocket import FAST
from tests.support.authority import Authority
from tests.support.engines import chosen
from tests.support.raw import Link, linked

NEEDS_FAST = pytest.mark.skipif(not FAST, reason="picows is not installed")


@pytest.fixture(params=[False, pytest.param(True, marks=NEEDS_FAST)], ids=["plain", "fast"])
def fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Which engine moves the frames: the test runs on both."""
    monkeypatch.setattr(chosen, "fast", bool(request.param))
    return chosen.fast


@pytest.fixture(params=["client", "server"])
def role(request: pytest.FixtureRequest) -> str:
    """Which side of the handshake is ours: the test runs on both."""
    return str(request.param)


@pytest.fixture
async def link(fast: bool, role: str) -> AsyncIterator[Link]:
    """An open socket of ours, on each engine in each role, and a peer of raw bytes."""
    async with linked(role, fast=fast) as made:
        yield made


@pytest.fixture(autouse=True)
async def nothing_leaks() -> AsyncIterator[None]:
    """After each test every task ends and every connection closes, without being told to."""
    yield
    transports = getattr(asyncio.get_running_loop(), "_transports", {})

    def left() -> list[object]:
        connections = [each for each in dict(transports).values() if getattr(each, "_sock", None)]
        return connections + list(asyncio.all_tasks() - {asyncio.current_task()})

    for _ in range(2_000):
        if not left():
            return
        await asyncio.sleep(0.001)
    pytest.fail(f"left behind: {left()}")


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()
