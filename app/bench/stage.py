"""One stage of a benchmark: so many calls at one candidate for a while, and what that cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from app.bench import machine
from app.bench.candidates import Candidate
from app.bench.generator import Generator, Report, Way, Window
from app.bench.machine import Core, Layout, Usage

LATE_MS, VOID_MS = 2.0, 5.0
"""Bounds on the load's own lateness, at its 99th percentile: above the first a stage's latencies do
not count; above the second, a quarter of the time between two frames, nothing of it does."""
DELAY_MS = 20.0
"""A load is carried while the added latency stays under this, at its 99th percentile."""
LOAD_FULL = 0.85
"""Above this share of its core the load may itself be what a candidate's calls wait for."""
STEAL, FOREIGN, FOREIGN_LOAD = 0.02, 0.05, 0.25
"""A stage is disturbed above these shares of a core: taken by the host; by other processes on the
measured core; by others on the load's core, which has room to spare."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What the machine says at one time."""

    at: float
    candidate: Usage
    load: Usage
    ours: Usage
    cores: dict[int, Core]

    @classmethod
    def take(cls, candidate: Sequence[int], load: Sequence[int]) -> Moment:
        return cls(
            time.monotonic(),
            machine.usage(candidate),
            machine.usage(load),
            Usage(cpu=time.process_time()),
            machine.cores(),
        )


@dataclass(frozen=True, slots=True)
class Noise:
    """The machine's part in a stage, as shares of a core; `waited` in seconds of the window."""

    steal: float
    foreign: float
    foreign_load: float
    waited: float
    load_waited: float

    @classmethod
    def between(cls, first: Moment, last: Moment, cores: Layout) -> Noise:
        seconds = last.at - first.at

        def others(numbers: Sequence[int], own: float) -> float:
            busy = sum(last.cores[n].busy - first.cores[n].busy for n in numbers)
            return max(0.0, (busy - own) / seconds)

        candidate = last.candidate.cpu - first.candidate.cpu
        load = last.load.cpu - first.load.cpu + last.ours.cpu - first.ours.cpu
        shared = candidate + load if cores.shared else 0.0
        return cls(
            max(last.cores[n].stolen - first.cores[n].stolen for n in first.cores) / seconds,
            others((cores.measured,), shared or candidate),
            others(cores.load, shared or load),
            last.candidate.waited - first.candidate.waited,
            last.load.waited - first.load.waited,
        )

    @property
    def disturbances(self) -> list[str]:
        """What of it was above its bound, in words."""
        found = (
            ("steal", self.steal, STEAL),
            ("others on the measured core", self.foreign, FOREIGN),
            ("others on the load's core", self.foreign_load, FOREIGN_LOAD),
        )
        return [f"{name} {share:.0%}" for name, share, bound in found if share > bound]


@dataclass(frozen=True, slots=True)
class Stage:
    """What came of a stage. `missing` says why calls did not come up, so that nothing was measured,
    or why the candidate did not take their end.

    `cpu` is the candidate's seconds in the window of `seconds`, `rss` its bytes at the end of it.
    """

    candidate: str
    forks: int
    calls: int
    missing: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0
    rss: int = 0
    idle_rss: int = 0
    report: Report | None = None
    noise: Noise | None = None

    @property
    def void(self) -> bool:
        """Whether the load was late, so that nothing of this counts."""
        return self.report is not None and self.report.late.p99 > VOID_MS

    @property
    def timed(self) -> bool:
        """Whether the load was so punctual that latencies count."""
        return self.report is not None and self.report.late.p99 <= LATE_MS

    @property
    def load_share(self) -> float:
        """The load's share of its core."""
        return self.report.cpu / self.seconds if self.report and self.seconds else 0.0

    @property
    def limited(self) -> bool:
        """Whether the load was late or full: what failed then need not be the candidate."""
        if self.report is None or self.passed:
            return False
        return not self.timed or self.load_share > LOAD_FULL

    @property
    def disturbed(self) -> bool:
        return self.noise is not None and bool(self.noise.disturbances)

    @property
    def delay(self) -> float:
        """The greater 99th percentile of both ways' added latency, ms.

        What an app says waits for the play-out's clock, 20 ms at most; that is no delay.
        """
        assert self.report is not None
        return max(self.report.to_app.time.p99, self.report.to_caller.beyond.p99)

    @property
    def passed(self) -> bool:
        """Whether the candidate carried this load: nothing lost or spoilt, nothing too late."""
        return (
            self.report is not None
            and not self.missing
            and not self.void
            and not self.report.faults
            and self.delay < DELAY_MS
        )

    @property
    def share(self) -> float:
        """The candidate's share of its core."""
        return self.cpu / self.seconds if self.seconds else 0.0

    @property
    def cpu_per_call(self) -> float:
        """CPU milliseconds per call and second."""
        return 1000 * self.share / self.calls

    @property
    def load_cpu_per_call(self) -> float:
        """The same of the load."""
        return 1000 * self.load_share / self.calls

    @property
    def kib_per_call(self) -> float:
        """What a call adds to the candidate's memory, KiB."""
        return (self.rss - self.idle_rss) / 1024 / self.calls

    @property
    def outcome(self) -> str:
        """In words, for a line of progress."""
        if self.missing:
            return f"{len(self.missing)} calls did not come up, or not end: {self.missing[0]}"
        if self.report is None:
            return "nothing was measured"
        if self.void:
            return f"void: the load was late, p99 {self.report.late.p99:.1f} ms"
        words = [f"{name} {count}" for name, count in self.report.faults.items()]
        words.append(f"p99 {self.delay:.1f} ms")
        words.append(f"{self.share:.0%} of the core")
        if not self.timed:
            words.append(f"the load was late, p99 {self.report.late.p99:.1f} ms")
        elif self.limited:
            words.append(f"the load took {self.load_share:.0%} of its own core")
        if self.noise is not None:
            words += [f"disturbed: {what}" for what in self.noise.disturbances]
        return ("carried" if self.passed else "too much") + "; " + ", ".join(words)

    @property
    def record(self) -> dict[str, Any]:
        """In plain data; of a void stage no figure but how late the load was, and no latencies
        where it was late at all."""
        told: dict[str, Any] = {
            "candidate": self.candidate,
            "forks": self.forks,
            "calls": self.calls,
            "void": self.void,
            "passed": self.passed,
            "missing": self.missing,
        }
        if self.report is None or self.noise is None:
            return told
        told |= {"late_ms": asdict(self.report.late), "noise": asdict(self.noise)}
        if self.void:
            return told
        return told | {
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu, 4),
            "cpu_ms_per_call_second": round(self.cpu_per_call, 4),
            "rss_bytes": self.rss,
            "kib_per_call": round(self.kib_per_call, 1),
            "faults": self.report.faults,
            "load_cpu_seconds": round(self.report.cpu, 4),
            "limited_by_the_load": self.limited,
            "to_app": self._way(self.report.to_app),
            "to_caller": self._way(self.report.to_caller),
        }

    def _way(self, way: Way) -> dict[str, Any]:
        return {
            name: value
            for name, value in asdict(way).items()
            if self.timed or name not in ("time", "beyond")
        }


async def run_stage(
    candidate: Candidate,
    generator: Generator,
    cores: Layout,
    calls: int,
    forks: int,
    window: Window,
) -> Stage:
    """Open the calls, let them talk for the window, and end them all."""
    missing = await candidate.open(generator, calls, forks)
    if missing:
        await candidate.close(generator)
        return Stage(candidate.name, forks, calls, missing)
    try:
        members, load = candidate.members(), [generator.child.pid]
        generator.run(window)
        await generator.child.event(window.seconds + 20, type="measuring")
        first = Moment.take(members, load)
        await generator.child.event(window.seconds + 20, type="measured")
        last = Moment.take(members, load)
        report = Report.read(await generator.child.event(30, type="report"))
    finally:
        missing = await candidate.close(generator)
    return Stage(
        candidate.name,
        forks,
        calls,
        missing,
        seconds=last.at - first.at,
        cpu=last.candidate.cpu - first.candidate.cpu,
        rss=last.candidate.rss,
        idle_rss=candidate.idle_rss,
        report=report,
        noise=Noise.between(first, last, cores),
    )
