"""`bench latency`: from a call's webhook to `start` at the app; how exact marks and `clear` are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.bench.candidates import start_service
from app.bench.marks import Conversation, talk_all
from app.bench.stand import Say, open_stand
from app.bench.starts import Spread, Starts, start_calls
from app.bench.twiml import works
from app.bench.variants import Environment

_TALKS = 10
_READINGS = 200


@dataclass(frozen=True, slots=True)
class Result:
    calls: int
    starts: Starts
    reading: list[float]
    talks: list[Conversation]


async def measure(calls: int, environment: Environment, say: Say) -> Result:
    """Run the benchmark; raises BenchError when this machine or the service cannot."""
    async with (
        open_stand(say) as stand,
        start_service(stand, environment=environment) as service,
    ):
        await service.open(stand.generator, 2, 1)  # what a service does only once is not measured
        await service.close(stand.generator)
        say(f"{calls} calls start within one second")
        starts = await start_calls(service, stand.generator, calls)
        await service.close(stand.generator)
        say(f"{_TALKS} apps talk, mark and clear")
        talks = await talk_all(service, _TALKS)
        return Result(calls, starts, reading(service.app.document(0)), talks)


def reading(document: str) -> list[float]:
    """Milliseconds that this process takes to parse and translate a document, time after time."""
    work, data = works()["cxml"], document.encode()
    found = []
    for _ in range(_READINGS):
        began = time.perf_counter()
        work(data)
        found.append(1000 * (time.perf_counter() - began))
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
        f"  reading its TwiML     {Spread.of(result.reading):.2f} ms of that, alone",
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
        "reading_ms": asdict(Spread.of(result.reading)),
        **{
            name: asdict(Spread.of(_all(talks, name)))
            for name in ("mark_samples", "mark_ms", "clear_ms", "cleared_ms")
        },
        "faults": [fault for talk in talks for fault in talk.faults],
    }


def _all(talks: Sequence[Conversation], name: str) -> list[float]:
    return [value for talk in talks for value in getattr(talk, name)]
