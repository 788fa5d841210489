"""`bench media`: what one core carries, for the service and for peers in the same run."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from app.bench import machine
from app.bench.candidates import BASELINE, Candidate, Starter, starters
from app.bench.errors import BenchError, BuildError, ChildError, MissingError
from app.bench.generator import Generator, Window
from app.bench.machine import Layout
from app.bench.search import Search
from app.bench.stage import Stage, run_stage
from app.bench.stand import FETCH, Say, open_stand
from app.bench.variants import Environment

LEVELS = (25, 50, 80)
"""Percents of its capacity at which a candidate's latency is measured."""
STAGES = 12, 6
"""The most stages in which a capacity is looked for: in the first round, and in a later one, which
begins where the one before ended."""
REPEATS = 2
"""How often a stage is run again that the machine disturbed, or for which the load was late."""
QUICK = 45.0
"""Seconds that a quick run may take: what would go beyond is left out by name."""

LONGEST_QUICK = 5.0
"""Seconds that the measured part of its stages may have."""

_QUICK_FETCH = 8.0
_AROUND = 1.0  # seconds to set a stage's calls up and to end them
_SMOKE = Window(warm=0, rest=0, frames=10)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for. `seconds` is a stage's measured part; `calls` the load to begin with, for
    a quick run the only one. `only` names candidates, none for all; `also` is the service again, by
    other names, each with the environment that it runs in."""

    quick: bool = False
    rounds: int = 3
    seconds: float = 10.0
    forks: tuple[int, ...] = (1, 4)
    calls: int = 60
    only: tuple[str, ...] = ()
    also: Mapping[str, Environment] = field(default_factory=dict)

    @property
    def window(self) -> Window:
        return Window(frames=max(1, round(self.seconds * 50)))

    @property
    def starters(self) -> dict[str, Starter]:
        """The candidates in the order of their turns; the baseline of all ratios is among them.

        Raises BenchError for a name in `only` that no candidate has.
        """
        known = starters(self.also)
        for name in self.only:
            if name not in known:
                raise BenchError(f"there is no candidate {name!r}; there are {', '.join(known)}")
        wanted = {*self.only, *self.also, BASELINE}
        return {name: starter for name, starter in known.items() if not self.only or name in wanted}


@dataclass(slots=True)
class Row:
    """One candidate's results with one number of forks, round by round.

    `best` are the stages at capacity, None for a round in which no load was carried. `levels` are
    the stages at a percentage of it. `memory` is a stage from before the candidate was overloaded
    for the first time: what it took then, it may keep.
    """

    name: str
    forks: int
    capacity: list[int] = field(default_factory=list)
    at_least: bool = False
    best: list[Stage | None] = field(default_factory=list)
    levels: dict[int, list[Stage]] = field(default_factory=dict)
    memory: Stage | None = None


@dataclass(slots=True)
class Result:
    """A whole run. `left_out` says why, by the name of a candidate."""

    plan: Plan
    cores: Layout
    native: bool
    left_out: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    repeated: int = 0
    seconds: float = 0.0

    def row(self, name: str, forks: int) -> Row | None:
        return next((row for row in self.rows if (row.name, row.forks) == (name, forks)), None)


async def measure(plan: Plan, say: Say) -> Result:
    """Run the benchmark. `say` is told of its progress.

    Raises BenchError when this machine cannot run it, ChildError when a part of it fails.
    """
    began = time.monotonic()
    starting = plan.starters
    async with (
        open_stand(say, _QUICK_FETCH if plan.quick else FETCH) as stand,
        AsyncExitStack() as running,
    ):
        result = Result(plan, stand.cores, stand.generator.native)
        runner = Runner(result, stand.generator, say, began)
        for name, starter in starting.items():
            try:
                candidate = await running.enter_async_context(starter(stand))
                await runner.warm(candidate)
            except (MissingError, BuildError, ChildError) as error:
                result.left_out[name] = str(error)
                say(f"{name} is left out: {error}")
            else:
                runner.candidates.append(candidate)
        await (runner.quick() if plan.quick else runner.full())
    result.seconds = time.monotonic() - began
    return result


class Runner:
    """Gives the candidates their turns and writes the result."""

    def __init__(self, result: Result, generator: Generator, say: Say, began: float) -> None:
        self.candidates: list[Candidate] = []
        self._result = result
        self._plan = result.plan
        self._generator = generator
        self._say = say
        self._deadline = began + QUICK if result.plan.quick else None

    async def warm(self, candidate: Candidate) -> None:
        """See that a candidate works, and note its memory; raises ChildError if it does not."""
        stage = await self._run(candidate, 2, 1, _SMOKE)
        if stage.report is None or stage.report.faults:
            raise ChildError(f"{candidate.name} does not relay: {stage.outcome}")
        due = ((self._result.cores.measured,), os.sched_getscheduler(0))
        if machine.placement(candidate.members()) != {due}:
            raise ChildError(f"{candidate.name} left its core, or its scheduling class")
        candidate.idle_rss = machine.usage(candidate.members()).rss

    async def quick(self) -> None:
        """Each candidate once, with the same load."""
        for candidate in self.candidates:
            if self._lacks_time(1):
                self._result.left_out[candidate.name] = f"{QUICK:g} s did not suffice"
                continue
            row = Row(candidate.name, 1)
            self._result.rows.append(row)
            row.memory = await self.stage(candidate, self._plan.calls, 1)
            row.best.append(row.memory)

    async def full(self) -> None:
        """Memory, before anything is overloaded; capacities in rounds; latencies in rounds."""
        table = {
            forks: {candidate: Row(candidate.name, forks) for candidate in self.candidates}
            for forks in sorted(self._plan.forks)
        }
        for forks, rows in table.items():
            self._result.rows += rows.values()
            for candidate, row in rows.items():
                row.memory = await self.stage(candidate, self._plan.calls, forks)
        for forks, rows in table.items():
            for number in range(self._plan.rounds):
                self._say(f"{forks} forks: capacity, round {number + 1}")
                await self._capacities(rows)
            for number in range(self._plan.rounds):
                self._say(f"{forks} forks: latency, round {number + 1}")
                await self._latencies(rows)

    async def _capacities(self, rows: dict[Candidate, Row]) -> None:
        searches = {candidate: self._search(row) for candidate, row in rows.items()}
        best: dict[Candidate, Stage] = {}
        while any(search.next is not None for search in searches.values()):
            for candidate, search in searches.items():
                if search.next is None:
                    continue
                calls = search.next
                stage = await self.stage(candidate, calls, rows[candidate].forks)
                search.tell(calls, stage.passed, limited=stage.limited, share=stage.share)
                if calls == search.passed:
                    best[candidate] = stage
        for candidate, search in searches.items():
            row = rows[candidate]
            row.capacity.append(search.passed)
            row.at_least = row.at_least or search.at_least or self._lower_bounds
            row.best.append(best.get(candidate))

    def _search(self, row: Row) -> Search:
        first, later = STAGES
        if row.capacity and row.capacity[-1]:
            return Search(row.capacity[-1], growth=1.15, stages=later)
        return Search(self._plan.calls, stages=first)

    @property
    def _lower_bounds(self) -> bool:
        """Whether the load weighs so much that every capacity is a lower bound."""
        return not self._result.native or self._result.cores.shared

    async def _latencies(self, rows: dict[Candidate, Row]) -> None:
        for level in LEVELS:
            for candidate, row in rows.items():
                calls = sorted(row.capacity)[len(row.capacity) // 2] * level // 100
                if calls:
                    stage = await self.stage(candidate, calls, row.forks)
                    row.levels.setdefault(level, []).append(stage)

    async def stage(self, candidate: Candidate, calls: int, forks: int) -> Stage:
        """A stage, again when the machine disturbed it or the load was late."""
        for _ in range(REPEATS):
            stage = await self._run(candidate, calls, forks, self._plan.window)
            if (stage.timed and not stage.disturbed) or self._lacks_time(self._untried + 1):
                return stage
            self._result.repeated += 1
        return await self._run(candidate, calls, forks, self._plan.window)

    @property
    def _untried(self) -> int:
        begun = {stage.candidate for stage in self._result.stages}
        return sum(candidate.name not in begun for candidate in self.candidates)

    def _lacks_time(self, stages: int) -> bool:
        """Whether a quick run has no time for so many stages more."""
        need = stages * (self._plan.window.seconds + _AROUND)
        return self._deadline is not None and time.monotonic() + need > self._deadline

    async def _run(self, candidate: Candidate, calls: int, forks: int, window: Window) -> Stage:
        stage = await run_stage(
            candidate, self._generator, self._result.cores, calls, forks, window
        )
        if window is not _SMOKE:
            self._result.stages.append(stage)
            self._say(f"{candidate.name}: {calls} calls, {forks} forks: {stage.outcome}")
        await asyncio.sleep(0)
        return stage
