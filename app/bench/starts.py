"""Calls that begin within one second, each timed from its webhook to `start` at its app."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from app.bench.candidates import Service
from app.bench.errors import CarrierError
from app.bench.generator import Generator

_SETTLED = 15.0  # seconds for the last of the calls


@dataclass(frozen=True, slots=True)
class Spread:
    """Values in order of size, told by their median, 99th percentile and greatest."""

    count: int
    p50: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        ordered = sorted(values)
        count = len(ordered)

        def at(per_cent: int) -> float:
            return ordered[max(0, -(-count * per_cent // 100) - 1)] if ordered else 0.0

        return cls(count, at(50), at(99), at(100))

    def __format__(self, spec: str) -> str:
        """Each value in the given form, to a tenth without one."""
        form = spec or ".1f"
        return f"p50 {self.p50:{form}}, p99 {self.p99:{form}}, max {self.max:{form}}"


@dataclass(slots=True)
class Starts:
    """Milliseconds from sending a call's webhook: until it was answered, and until `start` was at
    the app. `seconds` is in how many the webhooks were sent."""

    answered: list[float] = field(default_factory=list)
    started: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    seconds: float = 0.0


async def start_calls(service: Service, generator: Generator, calls: int) -> Starts:
    """Start calls spread evenly over a second, and wait until all are up or have failed."""
    found = Starts()
    sent: dict[int, int] = {}
    service.app.forks = 1

    async def start(_: int) -> None:
        number = generator.new_id()
        service.expect(number)
        sent[number] = time.monotonic_ns()
        try:
            legs = await service.carrier.call(number)
        except CarrierError as error:
            found.refused.append(str(error))
            return
        found.answered.append((time.monotonic_ns() - sent[number]) / 1e6)
        generator.open(number, legs, 1)

    await over_a_second(calls, start)
    found.seconds = (max(sent.values()) - min(sent.values())) / 1e9
    told = await generator.opened(len(found.answered), _SETTLED)
    for event in told:
        if event["type"] == "up":
            found.started.append((event["ns"] - sent[event["call"]]) / 1e6)
        else:
            found.refused.append(event["why"])
    found.refused += ["`start` did not come"] * (len(found.answered) - len(told))
    return found


async def over_a_second(count: int, work: Callable[[int], Awaitable[None]]) -> None:
    """Begin so many pieces of work spread evenly over a second, and wait for all."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def later(index: int) -> None:
        await asyncio.sleep(max(0.0, began + index / count - loop.time()))
        await work(index)

    await asyncio.gather(*map(later, range(count)))
