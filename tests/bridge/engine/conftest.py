from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.authority import Authority


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
