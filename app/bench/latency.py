"""`bench latency`: from a call's webhook to `start` at the app; how exact marks and `clear` are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.bench import machine
from app.bench.candidates import Service, Setting, start_service
from app.bench.errors import BenchError, CarrierError
from app.bench.generator import Generator
from app.bench.marks import Conversation, talk_all
from app.bench.media import Say, load_running

_TALKS = 10
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

    def __str__(self) -> str:
        return f"p50 {self.p50:.1f}, p99 {self.p99:.1f}, max {self.max:.1f}"


@dataclass(slots=True)
class Starts:
    """Calls that began within one second. Milliseconds from sending the webhook: until it was
    answered, and until `start` was at the app."""

    answered: list[float] = field(default_factory=list)
    started: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Result:
    calls: int
    starts: Starts
    talks: list[Conversation]


async def measure(calls: int, say: Say) -> Result:
    """Run the benchmark; raises BenchError when this machine or the service cannot."""
    if not machine.supported():
        raise BenchError("a benchmark needs Linux: it pins processes and reads /proc")
    machine.raise_file_limit()
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="twiml-bridge-bench-")))
        cores = machine.layout()
        generator = await stack.enter_async_context(load_running(directory, cores, say))
        setting = Setting(generator, cores.measured, directory)
        service = await stack.enter_async_context(start_service(setting))
        await service.open(generator, 2, 1)  # what a service does only once is not measured
        await service.close(generator)
        say(f"{calls} calls start within one second")
        starts = await start_calls(service, generator, calls)
        await service.close(generator)
        say(f"{_TALKS} apps talk, mark and clear")
        talks = await talk_all(service, _TALKS)
    return Result(calls, starts, talks)


async def start_calls(service: Service, generator: Generator, calls: int) -> Starts:
    """Start calls spread evenly over a second."""
    found = Starts()
    sent: dict[int, int] = {}
    loop = asyncio.get_running_loop()
    began = loop.time()
    service.app.forks = 1

    async def start(index: int) -> None:
        await asyncio.sleep(max(0.0, began + index / calls - loop.time()))
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

    await asyncio.gather(*map(start, range(calls)))
    told = await generator.opened(len(found.answered), _SETTLED)
    for event in told:
        if event["type"] == "up":
            found.started.append((event["ns"] - sent[event["call"]]) / 1e6)
        else:
            found.refused.append(event["why"])
    found.refused += ["`start` did not come"] * (len(found.answered) - len(told))
    return found


def failed(result: Result) -> bool:
    """Whether a call was refused, or audio or a mark went astray."""
    return bool(result.starts.refused) or any(talk.faults for talk in result.talks)


def lines(result: Result) -> list[str]:
    """For a person."""
    starts, talks = result.starts, result.talks
    told = [
        f"{result.calls} calls within one second: {len(starts.refused)} refused",
        f"  webhook answered      {Spread.of(starts.answered)} ms",
        f"  webhook to `start`    {Spread.of(starts.started)} ms",
        f"{len(talks)} apps that play, mark and clear:",
        f"  mark past its sample  {Spread.of(_all(talks, 'mark_samples'))} samples of 1/8 ms",
        f"  mark back at the app  {Spread.of(_all(talks, 'mark_ms'))} ms after its sample left",
        f"  clear at the carrier  {Spread.of(_all(talks, 'clear_ms'))} ms after the app sent it",
        f"  cleared marks back    {Spread.of(_all(talks, 'cleared_ms'))} ms after the app sent it",
    ]
    told += [f"refused: {why}" for why in dict.fromkeys(starts.refused)]
    told += [f"fault: {fault}" for talk in talks for fault in talk.faults]
    return told


def record(result: Result) -> dict[str, Any]:
    """In plain data."""
    talks = result.talks
    return {
        "calls": result.calls,
        "refused": result.starts.refused,
        "answered_ms": asdict(Spread.of(result.starts.answered)),
        "started_ms": asdict(Spread.of(result.starts.started)),
        **{
            name: asdict(Spread.of(_all(talks, name)))
            for name in ("mark_samples", "mark_ms", "clear_ms", "cleared_ms")
        },
        "faults": [fault for talk in talks for fault in talk.faults],
    }


def _all(talks: Sequence[Conversation], name: str) -> list[float]:
    return [value for talk in talks for value in getattr(talk, name)]
