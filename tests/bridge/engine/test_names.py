"""Names are looked up by real threads; what the system would answer is the test's to say."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

import pytest

from bridge.engine.guard import AddressGuard, UnreachableError
from bridge.engine.names import _KEPT, AT_ONCE, KEPT_SECONDS, SystemResolver, system_look_up


class System:
    """Answers one address to any name; a name of `slow` hangs until `answer` is called."""

    def __init__(self, *slow: str, address: str = "8.8.8.8") -> None:
        self.address = address
        self.asked: Counter[str] = Counter()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._slow = {name: threading.Event() for name in slow}

    def __call__(self, name: str) -> list[str]:
        self._loop.call_soon_threadsafe(self._note, name)
        if name in self._slow:
            assert self._slow[name].wait(60)
        return [self.address]

    def _note(self, name: str) -> None:
        self.asked[name] += 1
        self._news.set()

    def answer(self) -> None:
        for event in self._slow.values():
            event.set()

    async def until_asked(self, names: int) -> None:
        """Wait until so many names have come to a thread."""
        while len(self.asked) < names:
            self._news.clear()
            await self._news.wait()


def slow_names(count: int) -> list[str]:
    return [f"slow{number}.test" for number in range(count)]


async def test_slow_names_delay_no_other() -> None:
    """Beside more hanging names than the event loop has threads for, another is looked up."""
    slow = slow_names(AT_ONCE - 1)
    system = System(*slow)
    resolver = SystemResolver(system)
    waiting = [asyncio.create_task(resolver(name, 443)) for name in slow]
    await system.until_asked(len(slow))
    assert await resolver("app.test", 443) == ["8.8.8.8"]
    assert not any(task.done() for task in waiting)
    system.answer()
    assert await asyncio.gather(*waiting) == [["8.8.8.8"]] * len(slow)


async def test_one_look_up_for_all_who_ask() -> None:
    """A name in flight is shared, whatever its case and port, also by who comes when all others
    have given up: it takes one thread however often it is tried."""
    system = System("app.test")
    resolver = SystemResolver(system)
    first = [asyncio.create_task(resolver("app.test", port)) for port in range(100)]
    await system.until_asked(1)
    for task in first:
        task.cancel()
    assert all(
        isinstance(outcome, asyncio.CancelledError)
        for outcome in await asyncio.gather(*first, return_exceptions=True)
    )
    later = asyncio.create_task(resolver("APP.test", 443))
    await asyncio.sleep(0)
    system.answer()
    assert await later == ["8.8.8.8"]
    assert system.asked == {"app.test": 1}


async def test_what_nobody_waits_for() -> None:
    """With no thread left a name waits, and is forgotten when those who asked for it give up."""
    slow = slow_names(AT_ONCE)
    system = System(*slow)
    resolver = SystemResolver(system)
    waiting = [asyncio.create_task(resolver(name, 443)) for name in slow]
    await system.until_asked(len(slow))
    given_up = asyncio.create_task(resolver("given-up.test", 443))
    patient = asyncio.create_task(resolver("patient.test", 443))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    system.answer()
    assert await patient == ["8.8.8.8"]
    await asyncio.gather(*waiting)
    assert system.asked["patient.test"] == 1
    assert "given-up.test" not in system.asked
    assert await resolver("given-up.test", 443) == ["8.8.8.8"]


async def test_answers_are_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks again within the time gets the same answer; who asks later a new one."""
    loop = asyncio.get_running_loop()
    now = loop.time()
    system = System()
    resolver = SystemResolver(system)
    assert await resolver("app.test", 443) == ["8.8.8.8"]
    system.address = "1.1.1.1"
    with monkeypatch.context() as patch:
        patch.setattr(loop, "time", lambda: now)
        assert await resolver("app.test", 80) == ["8.8.8.8"]
    moved = loop.time() + KEPT_SECONDS
    with monkeypatch.context() as patch:
        patch.setattr(loop, "time", lambda: moved)
        assert await resolver("app.test", 443) == ["1.1.1.1"]
    assert system.asked == {"app.test": 2}


async def test_few_answers_are_kept() -> None:
    """However many names are asked for, the oldest answers make room."""
    resolver = SystemResolver(System())
    for number in range(_KEPT + 10):
        await resolver(f"app{number}.test", 443)
    assert len(resolver._kept) == _KEPT
    assert "app9.test" not in resolver._kept


async def test_a_failure_is_told_to_all_and_not_kept() -> None:
    """Each who waits is told why; the next who asks has the name looked up again."""
    failures = [OSError("no such name"), UnicodeError("no such label")]

    def look_up(name: str) -> list[str]:
        if failures:
            raise failures.pop(0)
        return ["8.8.8.8"]

    guard = AddressGuard(resolver=SystemResolver(look_up))
    told = await asyncio.gather(
        *(guard.resolve("app.test", 443) for _ in range(3)), return_exceptions=True
    )
    assert [str(error) for error in told] == ["app.test cannot be resolved: no such name"] * 3
    with pytest.raises(UnreachableError, match="no such label"):
        await guard.resolve("app.test", 443)
    assert await guard.resolve("app.test", 443) == ["8.8.8.8"]


async def test_a_kept_answer_is_checked_too() -> None:
    """The guard judges every answer anew, wherever it comes from."""
    guard = AddressGuard(resolver=SystemResolver(System(address="10.0.0.7")))
    for _ in range(2):
        with pytest.raises(UnreachableError, match="has not a public address"):
            await guard.resolve("app.test", 443)


def test_the_systems_answer() -> None:
    """Each address of this machine's name comes once."""
    addresses = system_look_up("localhost")
    assert set(addresses) <= {"127.0.0.1", "::1"}
    assert len(addresses) == len(set(addresses)) >= 1
