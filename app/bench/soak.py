"""`bench soak`: calls that come and go for a while, and what is left when they have gone."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from app.bench import machine
from app.bench.burst import STARTED, STOPPED, Burst, burst
from app.bench.candidates import Service, start_service
from app.bench.children import Event
from app.bench.errors import CarrierError
from app.bench.generator import Generator, Report
from app.bench.stage import LATE_MS
from app.bench.stand import Say, open_stand
from app.bench.variants import Environment

JUDGED_MINUTES = 10.0
"""A shorter run says its slope of memory and does not judge it: what is kept of calls that have
ended is bounded, and needs some minutes to reach its bound."""
GROWTH = 0.005
"""Memory that grows by more than this share of itself in a minute is not flat."""

_LONGEST = 1500  # frames of a call, 30 s; in a short run a third of it; at least a third of this
_PATIENCE = 20.0  # seconds for a call to come up, and for the end of one that has said all
_SAMPLES = 120
_LEFT = ("files", "threads", "tasks", "calls", "callbacks_pending")
"""Of what no more may be left than there was before."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The service at one time: seconds since the beginning; bytes; numbers."""

    at: float
    rss: int
    files: int
    threads: int
    tasks: int
    calls: int
    callbacks_pending: int


@dataclass(slots=True)
class Result:
    """What came of it. `before` and `after`: without any call; `samples` in between.

    `stops` counts apps that were told `stop`, `forced` sockets that the service left open, `events`
    the streams' callbacks.
    """

    minutes: float
    calls: int
    before: Sample
    after: Sample
    samples: list[Sample] = field(default_factory=list)
    ended: int = 0
    refused: list[str] = field(default_factory=list)
    sent: int = 0
    lost: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    stops: int = 0
    forced: int = 0
    events: dict[str, int] = field(default_factory=dict)
    burst: Burst | None = None
    late_p99: float = 0.0
    delays: list[float] = field(default_factory=list)

    @property
    def slope(self) -> float:
        """KiB a minute by which memory grew in the second half of the run."""
        return self.growth("rss") / 1024

    def growth(self, name: str) -> float:
        """By how much a sample's number grew in a minute, in the second half of the run, while all
        calls were kept going."""
        end = 60 * self.minutes
        half = [sample for sample in self.samples if end / 2 <= sample.at <= end]
        return 60 * slope([(sample.at, getattr(sample, name)) for sample in half])

    @property
    def flat(self) -> bool | None:
        """Whether memory stayed flat; None when the run was too short to tell."""
        if self.minutes < JUDGED_MINUTES:
            return None
        return self.slope * 1024 <= GROWTH * self.samples[-1].rss

    @property
    def complaints(self) -> list[str]:
        """What must not be, in sentences."""
        found = [f"{name}: {count}" for name, count in self.faults.items()]
        if self.refused:
            found.append(f"{len(self.refused)} calls failed: {self.refused[0]}")
        if self.stops < self.ended:
            found.append(f"{self.ended - self.stops} apps were not told `stop`")
        if self.forced:
            found.append(f"{self.forced} sockets were left open by the service")
        if self.events != {STARTED: self.ended, STOPPED: self.ended} and not self.refused:
            told = ", ".join(f"{count} {name}" for name, count in sorted(self.events.items()))
            found.append(f"of {self.ended} streams came these callbacks: {told or 'none'}")
        for name in _LEFT:
            left = getattr(self.after, name) - getattr(self.before, name)
            if left > 0:
                found.append(f"{left} {name.replace('_', ' ')} are left when all calls have ended")
        if self.flat is False:
            found.append(f"memory grew by {self.slope:.0f} KiB a minute")
        return found + (self.burst.complaints if self.burst else [])


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much the second grows for each 1 of the first, by least squares; 0 for one point."""
    count = len(points)
    middle = sum(x for x, _ in points) / count if count else 0.0
    spread = sum((x - middle) ** 2 for x, _ in points)
    return 0.0 + sum((x - middle) * y for x, y in points) / spread if spread else 0.0


async def measure(
    minutes: float, calls: int, in_burst: int, environment: Environment, say: Say
) -> Result:
    """Keep so many calls going for so long, then have `in_burst` come and go within a second each.

    Raises BenchError when this machine or the service cannot.
    """
    async with (
        open_stand(say) as stand,
        start_service(stand, environment=environment, status=True) as service,
    ):
        soak = Soak(service, stand.generator, minutes, calls, say)
        result = await soak.run()
        if in_burst:
            say(f"{in_burst} calls start within one second and end within one second")
            result.burst = await burst(service, stand.generator, in_burst)
            result.after = await soak.settled(result.before)
        return result


class Soak:
    """Keeps calls coming and going at a service."""

    def __init__(
        self, service: Service, generator: Generator, minutes: float, calls: int, say: Say
    ) -> None:
        self._service = service
        self._generator = generator
        self._minutes = minutes
        self._calls = calls
        self._say = say
        self._waiting: dict[tuple[str, int], asyncio.Future[Event]] = {}
        self._lengths = random.Random(calls)  # noqa: S311 -- how long calls last
        self._began = time.monotonic()
        self._result: Result | None = None

    async def run(self) -> Result:
        """Keep the calls going for the time, then let them end."""
        await self._settle_first_calls()
        before = await self._sample()
        result = self._result = Result(self._minutes, self._calls, before, before)
        self._began = time.monotonic()
        events = Counter(self._service.app.events)
        listening = asyncio.create_task(self._listen())
        watching = asyncio.create_task(self._watch(result))
        calling = asyncio.create_task(self._keep_all_calling())
        tasks = (listening, watching, calling)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises when the load or the service has ended
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        result.after = await self.settled(before)
        result.events = dict(self._service.app.events - events)
        return result

    async def _settle_first_calls(self) -> None:
        """A few calls before the first look: what a service does only once is not growth."""
        failures = await self._service.open(self._generator, 5, 1)
        failures += await self._service.close(self._generator)
        if failures:
            raise CarrierError(f"the service takes no calls: {failures[0]}")
        await self.settled(None)

    async def _keep_all_calling(self) -> None:
        async with asyncio.TaskGroup() as group:
            for index in range(self._calls):
                group.create_task(self._keep_calling(index))

    async def _keep_calling(self, index: int) -> None:
        """One call after the other until the time is over; they begin spread over some seconds."""
        seconds = self._minutes * 60
        await asyncio.sleep(min(15.0, seconds / 4) * index / self._calls)
        while (left := seconds - (time.monotonic() - self._began)) > 0:
            longest = min(_LONGEST, round(seconds * 50 / 3))
            frames = self._lengths.randint(longest // 3, longest)
            await self._call(max(25, min(frames, round(left * 50))))

    async def _call(self, frames: int) -> None:
        assert self._result is not None
        number = self._generator.new_id()
        try:
            legs = await self._service.carrier.call(number)
            up = self._expect("up", number)
            self._generator.open(number, legs, 1)
            event = await asyncio.wait_for(up, _PATIENCE)
            if event["type"] == "down":
                self._result.refused.append(event["why"])
            else:
                report, ended = self._expect("report", number), self._expect("ended", number)
                self._generator.talk(number, frames)
                async with asyncio.timeout(frames / 50 + _PATIENCE):
                    self._count(Report.read(await report), await ended)
            await self._service.carrier.hang_up(number)
        except CarrierError as error:
            self._result.refused.append(str(error))
        except TimeoutError:
            self._result.refused.append(f"call {number} was not up, or not over, in time")

    def _count(self, report: Report, ended: Event) -> None:
        assert self._result is not None
        result = self._result
        result.ended += 1
        result.sent += report.to_app.sent + report.to_caller.sent
        result.lost += report.to_app.lost + report.to_caller.lost
        for name, count in report.faults.items():
            result.faults[name] = result.faults.get(name, 0) + count
        result.stops += ended["stops"]
        result.forced += ended["forced"]
        result.late_p99 = report.late.p99
        result.delays.append(max(report.to_app.time.p99, report.to_caller.beyond.p99))

    def _expect(self, kind: str, number: int) -> asyncio.Future[Event]:
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._waiting[kind, number] = future
        return future

    async def _listen(self) -> None:
        while True:
            event = await self._generator.child.any_event()
            kind = "up" if event["type"] == "down" else event["type"]
            future = self._waiting.pop((kind, event.get("call", -1)), None)
            if future is not None and not future.done():
                future.set_result(event)

    async def _watch(self, result: Result) -> None:
        every = max(0.5, self._minutes * 60 / _SAMPLES)
        while True:
            await asyncio.sleep(every)
            sample = await self._sample()
            result.samples.append(sample)
            if len(result.samples) % 10 == 0:
                self._say(
                    f"{sample.at:.0f} s: {sample.calls} calls, {result.ended} ended,"
                    f" {result.lost} frames lost, {sample.rss / 2**20:.1f} MiB,"
                    f" {sample.files} files"
                )

    async def _sample(self) -> Sample:
        usage = machine.usage(self._service.members())
        told = await self._service.carrier.ready()
        return Sample(
            time.monotonic() - self._began,
            usage.rss,
            usage.files,
            usage.threads,
            int(told["tasks"]),
            int(told["calls"]),
            int(told["callbacks_pending"]),
        )

    async def settled(self, before: Sample | None) -> Sample:
        """The service when its calls, their callbacks and their sockets are gone, or after 10 s."""
        deadline = time.monotonic() + 10
        while True:
            sample = await self._sample()
            gone = not sample.calls and not sample.callbacks_pending
            if before is not None:
                gone &= sample.files <= before.files and sample.tasks <= before.tasks
            if gone:
                return sample
            if time.monotonic() > deadline:
                return sample
            await asyncio.sleep(0.2)


def failed(result: Result) -> bool:
    return bool(result.complaints)


def lines(result: Result) -> list[str]:
    """For a person."""
    first, last = result.before, result.after
    verdict = {True: "flat", False: "growing", None: "too short a run to judge"}[result.flat]
    told = [
        f"{result.minutes:g} minutes, {result.calls} calls at once, {result.ended} in all",
        f"frames: {result.sent} sent, {result.lost} lost; callbacks: {sum(result.events.values())}",
        f"memory: {first.rss / 2**20:.1f} MiB before, {last.rss / 2**20:.1f} MiB after",
        f"memory's slope, second half: {result.slope:+z.0f} KiB a minute, {verdict}",
    ]
    told += [
        f"{name}: {getattr(first, name)} before, {getattr(last, name)} after;"
        f" slope {result.growth(name):+z.1f} a minute"
        for name in ("files", "tasks", "threads")
    ]
    if result.late_p99 > LATE_MS:
        told.append(f"no latency is given: the load was late (p99 {result.late_p99:.1f} ms)")
    elif result.delays:
        told.append(
            f"p99 added latency of a call: median {median(result.delays):.1f} ms,"
            f" worst {max(result.delays):.1f} ms"
        )
    if result.burst:
        told += result.burst.lines()
    return told + [f"fault: {complaint}" for complaint in result.complaints]


def record(result: Result) -> dict[str, Any]:
    """In plain data."""
    late = result.late_p99 > LATE_MS
    told: dict[str, Any] = asdict(result)
    del told["delays"]
    return told | {
        "burst": result.burst.record() if result.burst else None,
        "rss_kib_per_minute": round(result.slope, 1) + 0.0,
        "files_per_minute": round(result.growth("files"), 2),
        "tasks_per_minute": round(result.growth("tasks"), 2),
        "rss_flat": result.flat,
        "delay_p99_ms": None
        if late or not result.delays
        else {"median": median(result.delays), "worst": max(result.delays)},
        "complaints": result.complaints,
    }
