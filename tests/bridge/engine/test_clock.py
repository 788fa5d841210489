from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from bridge.engine.clock import SLOTS, Wheel
from tests.support.virtual import VirtualLoop, run_virtually


def loop() -> VirtualLoop:
    running = asyncio.get_running_loop()
    assert isinstance(running, VirtualLoop)
    return running


def unexpected() -> None:
    raise AssertionError("a tick has failed")


def recording(count: int) -> tuple[list[float], Callable[[], None], asyncio.Event]:
    """Times at which a subscriber was called, and an event set at the `count`-th."""
    times: list[float] = []
    enough = asyncio.Event()

    def tick() -> None:
        times.append(loop().time())
        if len(times) == count:
            enough.set()

    return times, tick, enough


def test_every_twenty_milliseconds() -> None:
    """A subscriber is called fifty times a second, 20 ms apart."""

    async def main() -> list[float]:
        times, tick, enough = recording(101)
        cancel = Wheel().subscribe(tick, unexpected)
        await enough.wait()
        cancel()
        return times

    times = run_virtually(main)
    assert len(times) == 101
    assert times == pytest.approx([times[0] + 0.020 * n for n in range(101)], abs=1e-5)


def test_lateness_does_not_add_up() -> None:
    """Calls delayed by a busy process are made up for at twice the pace; none is lost."""

    async def main() -> tuple[list[float], int]:
        wheel = Wheel()
        times, tick, enough = recording(100)

        def busy() -> None:
            if len(times) in (10, 20, 30):
                loop().stall(0.3)
            tick()

        cancel = wheel.subscribe(busy, unexpected)
        await enough.wait()
        cancel()
        return times, wheel.skipped

    times, skipped = run_virtually(main)
    assert skipped == 0
    assert times[99] - times[0] == pytest.approx(99 * 0.020, abs=1e-5)
    apart = [after - before for before, after in pairwise(times)]
    assert sorted(apart)[3] >= 0.010 - 1e-5  # no burst: but for the first after each stall


@pytest.mark.parametrize(("seconds", "made_up_for"), [(0.9, True), (1.5, False), (60.0, False)])
def test_a_long_stall_is_skipped(seconds: float, made_up_for: bool) -> None:
    """Up to a second is made up for; a longer stall is skipped over and counted."""

    async def main() -> tuple[int, int]:
        wheel = Wheel()
        times, tick, enough = recording(10)
        cancel = wheel.subscribe(tick, unexpected)
        await enough.wait()
        loop().stall(seconds)
        before = len(times)
        await asyncio.sleep(seconds)
        cancel()
        return len(times) - before, wheel.skipped

    with capture_logs() as logs:
        called, skipped = run_virtually(main)
    told = [entry["ms"] for entry in logs if entry["log_level"] == "warning"]
    assert told == ([] if made_up_for else [5 * skipped])
    if made_up_for:
        assert called == pytest.approx(2 * seconds / 0.020, abs=1)
        assert skipped == 0
    else:
        assert called == pytest.approx(seconds / 0.020, abs=1)
        assert skipped == pytest.approx(seconds / 0.020 * SLOTS, abs=2 * SLOTS)


def test_calls_are_spread_over_the_slots() -> None:
    """Eight subscribers are called two at a time, 5 ms apart, each every 20 ms."""

    async def main() -> list[list[float]]:
        wheel = Wheel()
        subscribers = [recording(3) for _ in range(8)]
        for _, tick, _ in subscribers:
            wheel.subscribe(tick, unexpected)
        for _, _, enough in subscribers:
            await enough.wait()
        return [times for times, _, _ in subscribers]

    all_times = run_virtually(main)
    firsts = sorted(round(times[0], 4) for times in all_times)
    assert firsts == [0.005, 0.005, 0.010, 0.010, 0.015, 0.015, 0.020, 0.020]


def test_a_cancelled_subscriber_is_not_called() -> None:
    """After its cancellation, done once or twice, a subscriber hears nothing; others do."""

    async def main() -> tuple[int, int]:
        wheel = Wheel()
        first, tick_first, _ = recording(0)
        second, tick_second, enough = recording(10)
        cancel = wheel.subscribe(tick_first, unexpected)
        wheel.subscribe(tick_second, unexpected)
        cancel()
        cancel()
        await enough.wait()
        return len(first), len(second)

    assert run_virtually(main) == (0, 10)


def test_a_subscriber_may_cancel_itself_or_another() -> None:
    """Cancelling in the middle of a turn disturbs nobody else."""

    async def main() -> list[int]:
        wheel = Wheel()
        counts = [0, 0, 0]
        enough = asyncio.Event()
        cancels: list[Callable[[], None]] = []

        def subscriber(number: int) -> Callable[[], None]:
            def tick() -> None:
                counts[number] += 1
                if number == 0 and counts[0] == 3:
                    cancels[0]()
                    cancels[1]()
                if counts[2] == 10:
                    enough.set()

            return tick

        cancels += [wheel.subscribe(subscriber(number), unexpected) for number in range(3)]
        await enough.wait()
        cancels[2]()
        return counts

    counts = run_virtually(main)
    assert counts[0] == 3
    assert counts[1] <= 3
    assert counts[2] == 10


@pytest.mark.parametrize("cancels_first", [False, True])
def test_a_failing_subscriber_is_dropped_alone(cancels_first: bool) -> None:
    """A subscriber that raises is called no more, and the clock goes on for the others.

    It is told, unless it had just cancelled itself, as a call does that ends in its last tick. That
    it then raises again changes nothing.
    """

    async def main() -> tuple[int, int, int]:
        wheel = Wheel()
        failures = ends = 0
        cancels: list[Callable[[], None]] = []

        def fail() -> None:
            nonlocal failures
            failures += 1
            if cancels_first:
                cancels[0]()
            raise RuntimeError("broken")

        def end() -> None:
            nonlocal ends
            ends += 1
            raise RuntimeError("broken too")

        cancels.append(wheel.subscribe(fail, end))
        times, tick, enough = recording(10)
        cancel = wheel.subscribe(tick, unexpected)
        await enough.wait()
        cancel()
        return failures, ends, len(times)

    assert run_virtually(main) == (1, 0 if cancels_first else 1, 10)


def test_an_idle_wheel_stands_still() -> None:
    """Without subscribers no timer runs; the next subscriber starts it anew, with no arrears."""

    async def main() -> tuple[float, float, int]:
        wheel = Wheel()
        times, tick, enough = recording(1)
        cancel = wheel.subscribe(tick, unexpected)
        await enough.wait()
        cancel()
        await asyncio.sleep(100)
        began = loop().time()
        times, tick, enough = recording(1)
        cancel = wheel.subscribe(tick, unexpected)
        await enough.wait()
        cancel()
        return began, times[0], wheel.skipped

    began, first, skipped = run_virtually(main)
    assert 0 < first - began <= 0.021
    assert skipped == 0
