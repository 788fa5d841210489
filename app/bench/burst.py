"""Many calls that start within one second and end within one second, and what is told of them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from app.bench.candidates import Service
from app.bench.errors import CarrierError
from app.bench.generator import Generator, Report, Window
from app.bench.starts import Spread, Starts, over_a_second, start_calls

STARTED, STOPPED = "stream-started", "stream-stopped"
_TALK = Window(warm=0, rest=0, frames=50)
_SETTLED = 10.0  # seconds for the last callbacks


@dataclass(slots=True)
class Burst:
    """What came of it. `faults` are those of frames; `unended` says why the service did not take a
    call's end; `stops` counts apps that were told `stop`, `forced` sockets that the service left
    open, `events` the streams' callbacks."""

    calls: int
    starts: Starts
    ending: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    unended: list[str] = field(default_factory=list)
    stops: int = 0
    forced: int = 0
    events: dict[str, int] = field(default_factory=dict)
    pending: int = 0

    @property
    def complaints(self) -> list[str]:
        """What must not be, in sentences."""
        begun = len(self.starts.started)
        found = [f"burst: {name}: {count}" for name, count in self.faults.items()]
        if self.starts.refused:
            found.append(
                f"burst: {len(self.starts.refused)} calls failed: {self.starts.refused[0]}"
            )
        if self.unended:
            found.append(f"burst: {len(self.unended)} calls did not end: {self.unended[0]}")
        if self.stops < begun:
            found.append(f"burst: {begun - self.stops} apps were not told `stop`")
        if self.forced:
            found.append(f"burst: {self.forced} sockets were left open by the service")
        if self.events != {STARTED: begun, STOPPED: begun} and begun:
            told = ", ".join(f"{count} {name}" for name, count in sorted(self.events.items()))
            found.append(f"burst: of {begun} streams came these callbacks: {told or 'none'}")
        if self.pending:
            found.append(f"burst: {self.pending} callbacks are still to be delivered")
        return found

    def lines(self) -> list[str]:
        """For a person."""
        starts, spoilt = self.starts, sum(self.faults.values())
        return [
            f"burst: {self.calls} calls, {len(starts.refused)} of them refused",
            f"  webhooks sent within  {starts.seconds:.2f} s; all ended within {self.ending:.2f} s",
            f"  webhook to `start`    {Spread.of(starts.started)} ms",
            f"  frames                {self.sent}, {spoilt} lost or spoilt",
            f"  callbacks             {sum(self.events.values())}",
        ]

    def record(self) -> dict[str, Any]:
        """In plain data."""
        told = asdict(self)
        del told["starts"]
        return told | {
            "starting": round(self.starts.seconds, 3),
            "started": len(self.starts.started),
            "refused": self.starts.refused,
            "started_ms": asdict(Spread.of(self.starts.started)),
        }


async def burst(service: Service, generator: Generator, calls: int) -> Burst:
    """Start the calls, let them talk for a second, and end them; the service asks for callbacks."""
    before = Counter(service.app.events)
    found = Burst(calls, await start_calls(service, generator, calls))
    if found.starts.started:
        generator.run(_TALK)
        event = await generator.child.event(_TALK.seconds + 20, type="report")
        report = Report.read(event)
        found.faults = report.faults
        found.sent = report.to_app.sent + report.to_caller.sent
    await _end(service, generator, found)
    deadline = time.monotonic() + _SETTLED
    while True:
        found.events = dict(service.app.events - before)
        found.pending = (await service.carrier.ready())["callbacks_pending"]
        if time.monotonic() > deadline or not (found.pending or found.complaints):
            return found
        await asyncio.sleep(0.05)


async def _end(service: Service, generator: Generator, found: Burst) -> None:
    """The sockets end at once, and the calls' own ends are reported within a second."""
    numbers = service.taken()

    async def hang_up(index: int) -> None:
        try:
            await service.carrier.hang_up(numbers[index])
        except CarrierError as error:
            found.unended.append(str(error))

    began = time.monotonic()
    _, stopped = await asyncio.gather(over_a_second(len(numbers), hang_up), generator.stop_calls())
    found.ending = time.monotonic() - began
    found.stops, found.forced = stopped["stops"], stopped["forced"]
