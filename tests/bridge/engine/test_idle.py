"""A carrier's signs of life, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bridge.engine.idle import IdleWatch
from tests.support.virtual import run_virtually


class Carrier:
    """Gives signs when told to, and when asked while it `answers`; `asked` says at what times."""

    def __init__(self, *, can_be_asked: bool) -> None:
        self.signs = 0
        self.answers = True
        self.asked: list[float] = []
        self.told: list[tuple[float, float]] = []  # when, and of how many seconds
        self.given_up: list[float] = []
        self._can_be_asked = can_be_asked
        self.watch = IdleWatch(
            10,
            signs=lambda: self.signs,
            ask=self._ask,
            tell=self._tell,
            give_up=lambda: self.given_up.append(self._now()),
        )

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _ask(self) -> bool:
        if self._can_be_asked:
            self.asked.append(self._now())
            self.signs += self.answers
        return self._can_be_asked

    def _tell(self, kind: str, level: str = "info", /, **data: object) -> None:
        assert (kind, level, data["code"]) == ("carrier.idle", "warning", 31953)
        assert isinstance(data["seconds"], float | int)
        self.told.append((self._now(), data["seconds"]))


def watch(main: Callable[[Carrier], Awaitable[None]], *, can_be_asked: bool = True) -> None:
    async def run() -> None:
        carrier = Carrier(can_be_asked=can_be_asked)
        await main(carrier)
        carrier.watch.end()

    run_virtually(run)


def test_signs_of_life() -> None:
    """Whoever gives a sign between two looks is neither asked nor warned of."""

    async def main(carrier: Carrier) -> None:
        for _ in range(20):
            carrier.signs += 1
            await asyncio.sleep(9.9)
        assert (carrier.asked, carrier.told, carrier.given_up) == ([], [], [])

    watch(main)


def test_an_answer_is_a_sign() -> None:
    """Silence is asked about after each look that finds none, and warned of at the first."""

    async def main(carrier: Carrier) -> None:
        await asyncio.sleep(65)
        assert carrier.asked == [10, 30, 50]
        assert carrier.told == [(10, 10)]
        assert not carrier.given_up

    watch(main)


def test_no_answer_is_the_end() -> None:
    """A carrier that falls silent again, and does not answer, is given up once."""

    async def main(carrier: Carrier) -> None:
        await asyncio.sleep(15)
        carrier.answers = False
        await asyncio.sleep(1_000)
        assert carrier.asked == [10, 30]
        assert carrier.told == [(10, 10), (40, 20)]
        assert carrier.given_up == [40]

    watch(main)


def test_nobody_to_ask() -> None:
    """A carrier that cannot be asked may be silent for ever."""

    async def main(carrier: Carrier) -> None:
        await asyncio.sleep(1_000)
        assert carrier.told == [(10, 10)]
        assert not carrier.given_up

    watch(main, can_be_asked=False)


@pytest.mark.parametrize("after", [0, 15])
def test_the_end_of_a_watch(after: float) -> None:
    """Nothing is asked or told any more."""

    async def main(carrier: Carrier) -> None:
        await asyncio.sleep(after)
        carrier.answers = False
        before = list(carrier.asked)
        carrier.watch.end()
        await asyncio.sleep(1_000)
        assert carrier.asked == before
        assert not carrier.given_up

    watch(main)
