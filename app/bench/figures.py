"""Figures and ratios from the stages of a `bench media` run; report.py and record.py tell them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.bench.candidates import BASELINE, BRIDGE
from app.bench.generator import Times, Way
from app.bench.media import Result, Row
from app.bench.search import FULL_CORE, Figure, agree
from app.bench.stage import Stage

WAYS = ("to_app", "to_caller")
_TIMES = ("p50", "p99", "p999", "max")


def valid(stages: Iterable[Stage | None]) -> list[Stage]:
    """The stages whose figures count."""
    return [
        stage
        for stage in stages
        if stage is not None and stage.report is not None and not stage.void
    ]


def failed(result: Result) -> bool:
    """Whether a candidate ended without a figure: the load was late, or its calls failed."""
    return any(not valid(row.best) for row in result.rows)


class Ratio:
    """One candidate's results by another's, round by round: how many times the calls, how many
    times less CPU. None where no round has both."""

    def __init__(self, row: Row, base: Row) -> None:
        pairs = [
            (ours, theirs)
            for ours, theirs in zip(row.best, base.best, strict=False)
            if len(valid((ours, theirs))) == 2
        ]
        self.by_calls = Figure.ratios(row.capacity, base.capacity)
        self.by_cpu = Figure.ratios(
            [theirs.cpu_per_call for _, theirs in pairs if theirs],
            [ours.cpu_per_call for ours, _ in pairs if ours],
        )
        self.bound = {(True, False): "≥", (False, True): "≤", (True, True): "?"}.get(
            (row.at_least, base.at_least), ""
        )
        """How the ratio by calls is to be read where one of the capacities is a lower bound."""

    @property
    def agrees(self) -> bool | None:
        """Whether both tell the same; None where one is missing or only a bound."""
        if self.by_calls is None or self.by_cpu is None or self.bound:
            return None
        return agree(self.by_calls.median, self.by_cpu.median)


def to_baseline(result: Result, row: Row) -> Ratio | None:
    base = result.row(BASELINE, row.forks)
    return Ratio(row, base) if base else None


def comparisons(result: Result, forks: int) -> list[tuple[Row, Row, Ratio]]:
    """The service, under each of its names, beside every candidate that is not the baseline."""
    rows = [row for row in result.rows if row.forks == forks and valid(row.best)]
    return [
        (row, other, Ratio(row, other))
        for row in rows
        if row.name in (BRIDGE, *result.plan.also)
        for other in rows
        if other is not row and other.name != BASELINE
    ]


def estimate(stage: Stage) -> int:
    """How many calls would fill a core, by the CPU that they cost in this stage."""
    return round(FULL_CORE * 1000 / stage.cpu_per_call) if stage.cpu_per_call else 0


def cheaper_than_the_load(result: Result) -> dict[str, float]:
    """Candidates on which the load spends more CPU than they do themselves, and how many times."""
    found: dict[str, float] = {}
    for row in result.rows:
        for stage in valid(row.best):
            times = stage.load_cpu_per_call / stage.cpu_per_call if stage.cpu_per_call else 0.0
            if times > max(1.0, found.get(row.name, 0.0)):
                found[row.name] = times
    return found


def timed(stages: Iterable[Stage]) -> list[Stage]:
    """The stages whose latencies count."""
    return [stage for stage in valid(stages) if stage.timed]


def ways(stages: Iterable[Stage], name: str) -> list[Way]:
    """One direction, by its name in WAYS, of each stage whose latencies count."""
    return [getattr(stage.report, name) for stage in timed(stages)]


def spread(of: Sequence[Times]) -> dict[str, Figure]:
    """Each percentile's median and range."""
    return {name: Figure.of([getattr(times, name) for times in of]) for name in _TIMES}
