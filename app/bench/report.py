"""What `bench media` found, for a person and as plain data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from platform import machine as architecture
from platform import python_version, release
from statistics import median
from typing import Any

from app.bench.candidates import BASELINE
from app.bench.generator import Times
from app.bench.media import LEVELS, Result, Row
from app.bench.search import FULL_CORE, Figure, agree
from app.bench.stage import DELAY_MS, LATE_MS, Stage


def lines(result: Result) -> Iterator[str]:
    """The tables, line by line."""
    yield _heading(result)
    yield from (f"left out: {name}: {why}" for name, why in result.left_out.items())
    if result.plan.quick:
        yield from _quick(result)
    else:
        for forks in result.plan.forks:
            yield from _capacities(result, forks)
            yield from _latencies(result, forks)
    yield from _notes(result)


def record(result: Result) -> dict[str, Any]:
    """Everything in plain data, each stage included."""
    return {
        "machine": {
            "python": python_version(),
            "kernel": release(),
            "architecture": architecture(),
            "cores": os.cpu_count(),
            "measured_core": result.cores.measured,
            "load_cores": list(result.cores.load),
        },
        "quick": result.plan.quick,
        "native_load": result.native,
        "seconds": round(result.seconds, 1),
        "left_out": result.left_out,
        "repeated": result.repeated,
        "void": _count(result, lambda stage: stage.void),
        "disturbed": _count(result, lambda stage: stage.disturbed),
        "results": [_row(result, row) for row in result.rows],
        "stages": [stage.record for stage in result.stages],
    }


def failed(result: Result) -> bool:
    """Whether a candidate ended without a figure: the load was late, or its calls failed."""
    return any(not valid(row.best) for row in result.rows)


def valid(stages: Sequence[Stage]) -> list[Stage]:
    """The stages whose figures count."""
    return [stage for stage in stages if stage.report is not None and not stage.void]


def ratios(result: Result, row: Row) -> tuple[Figure | None, Figure | None]:
    """A row's ratios to the baseline, by calls and by CPU, from the same rounds."""
    base = result.row(BASELINE, row.forks)
    if base is None:
        return None, None
    pairs = [
        (ours, theirs)
        for ours, theirs in zip(row.best, base.best, strict=False)
        if valid([ours, theirs]) == [ours, theirs]
    ]
    by_cpu = Figure.ratios([b.cpu_per_call for _, b in pairs], [a.cpu_per_call for a, _ in pairs])
    return Figure.ratios(row.capacity, base.capacity), by_cpu


def estimate(stage: Stage) -> int:
    """How many calls would fill a core, by the CPU that they cost in this stage."""
    return round(FULL_CORE * 1000 / stage.cpu_per_call) if stage.cpu_per_call else 0


# For a person


def _heading(result: Result) -> str:
    load = ",".join(map(str, result.cores.load))
    kind = "C" if result.native else "Python"
    where = "the load on the same core" if result.cores.shared else f"the load ({kind}) on {load}"
    return (
        f"twiml-bridge bench media: Python {python_version()}, {os.cpu_count()} cores, candidates"
        f" on core {result.cores.measured}, {where}; {result.seconds:.0f} s in all"
    )


def _quick(result: Result) -> Iterator[str]:
    plan = result.plan
    yield (
        f"{plan.calls} two-way calls each, for {plan.seconds:g} s; ratios by CPU; the calls that"
        f" fill {FULL_CORE:.0%} of a core are an estimate"
    )
    yield (
        f"{'candidate':<14}{'CPU ms':>8}{'x naive':>9}{'~calls':>9}{'KiB/call':>10}"
        f"  {'to app p50/p99/p99.9 ms':<26}{'to caller':<20}"
    )
    for row in result.rows:
        if not valid(row.best):
            yield f"{row.name:<14}no figure: {row.best[0].outcome}"
            continue
        stage = row.best[0]
        _, by_cpu = ratios(result, row)
        report = stage.report
        assert report is not None
        most = f"{'' if result.native and not result.cores.shared else '≥'}~{estimate(stage)}"
        yield (
            f"{row.name:<14}{stage.cpu_per_call:>8.2f}{_times(by_cpu):>9}{most:>9}"
            f"{stage.kib_per_call:>10.1f}  {_ms(report.to_app.time):<26}"
            f"{_ms(report.to_caller.beyond):<20}" + _caveat(stage)
        )


def _capacities(result: Result, forks: int) -> Iterator[str]:
    yield ""
    yield (
        f"{_what(forks)}: most calls on one core with p99 added latency under {DELAY_MS:g} ms and"
        f" nothing lost; medians of {result.plan.rounds} rounds (ranges)"
    )
    yield (
        f"{'candidate':<14}{'calls':<18}{'x naive':<18}{'CPU ms/call-s':<20}{'x naive':<18}KiB/call"
    )
    for row in result.rows:
        if row.forks == forks:
            yield _capacity(result, row)


def _capacity(result: Result, row: Row) -> str:
    best = valid(row.best)
    if not best:
        return f"{row.name:<14}no figure: no load was carried"
    by_calls, by_cpu = ratios(result, row)
    calls = ("≥" if row.at_least else "") + _figure(Figure.of(row.capacity), 0)
    cpu = _figure(Figure.of([stage.cpu_per_call for stage in best]), 2)
    memory = median(stage.kib_per_call for stage in best)
    told = (
        f"{row.name:<14}{calls:<18}{_figure(by_calls, 2):<18}{cpu:<20}{_figure(by_cpu, 2):<18}"
        f"{memory:.1f}"
    )
    if by_calls and by_cpu and not agree(by_calls.median, by_cpu.median):
        told += "  the ratios disagree"
    return told


def _latencies(result: Result, forks: int) -> Iterator[str]:
    yield ""
    yield f"{_what(forks)}: latency at parts of the capacity, p50/p99/p99.9 ms; medians of rounds"
    yield f"{'candidate':<14}{'load':<7}{'calls':<7}{'to app':<26}{'to caller':<26}without slot"
    for row in result.rows:
        if row.forks != forks:
            continue
        for level in LEVELS:
            stages = valid(row.levels.get(level, []))
            if not stages:
                yield f"{row.name:<14}{level:>3} %  no figure"
                continue
            reports = [stage.report for stage in stages if stage.report is not None]
            yield (
                f"{row.name:<14}{level:>3} %  {stages[0].calls:<7}"
                f"{_ms(_medians([report.to_app.time for report in reports])):<26}"
                f"{_ms(_medians([report.to_caller.time for report in reports])):<26}"
                f"{_ms(_medians([report.to_caller.beyond for report in reports]))}"
            )


def _notes(result: Result) -> Iterator[str]:
    yield ""
    stages = result.stages
    noise = [stage.noise for stage in stages if stage.noise is not None]
    if noise:
        yield (
            f"{len(stages)} stages; {result.repeated} were repeats;"
            f" {_count(result, lambda stage: stage.disturbed)} disturbed,"
            f" {_count(result, lambda stage: stage.void)} void because the load was late"
            f" (p99 over {LATE_MS:g} ms)"
        )
        yield (
            f"steal at most {max(one.steal for one in noise):.1%} of a core; run-queue wait in a"
            f" stage: candidate at most {1000 * max(one.waited for one in noise):.0f} ms, load"
            f" {1000 * max(one.load_waited for one in noise):.0f} ms"
        )
    if not result.native or result.cores.shared:
        yield "≥: a lower bound, as the load costs much itself"
    elif any(row.at_least for row in result.rows):
        yield "≥: a lower bound, as the load was the first to be late"


def _what(forks: int) -> str:
    return f"K = {forks} ({forks} customer socket{'s' if forks > 1 else ''} a call)"


def _caveat(stage: Stage) -> str:
    assert stage.report is not None
    words = [f"{name}: {count}" for name, count in stage.report.faults.items()]
    return "  " + "; ".join(words + (["disturbed"] if stage.disturbed else []))


def _figure(figure: Figure | None, digits: int) -> str:
    if figure is None:
        return "-"
    return f"{figure.median:.{digits}f} ({figure.least:.{digits}f}-{figure.greatest:.{digits}f})"


def _times(figure: Figure | None) -> str:
    return f"{figure.median:.2f}" if figure else "-"


def _ms(times: Times) -> str:
    return f"{times.p50:.2f}/{times.p99:.2f}/{times.p999:.2f}"


def _medians(of: Sequence[Times]) -> Times:
    return Times(
        median(times.p50 for times in of),
        median(times.p99 for times in of),
        median(times.p999 for times in of),
        median(times.max for times in of),
    )


# As plain data


def _row(result: Result, row: Row) -> dict[str, Any]:
    by_calls, by_cpu = ratios(result, row)
    best = valid(row.best)
    told: dict[str, Any] = {"candidate": row.name, "forks": row.forks}
    if not best:
        return told | {"figures": False}
    told |= {
        "figures": True,
        "cpu_ms_per_call_second": asdict(Figure.of([stage.cpu_per_call for stage in best])),
        "kib_per_call": asdict(Figure.of([stage.kib_per_call for stage in best])),
        "times_naive_by_cpu": asdict(by_cpu) if by_cpu else None,
    }
    if result.plan.quick:
        return told | {"calls_estimated": estimate(best[0])}
    return told | {
        "calls": asdict(Figure.of(row.capacity)),
        "calls_at_least": row.at_least,
        "times_naive_by_calls": asdict(by_calls) if by_calls else None,
        "ratios_agree": agree(by_calls.median, by_cpu.median) if by_calls and by_cpu else None,
        "latency_ms": {str(level): _level(row.levels.get(level, [])) for level in LEVELS},
    }


def _level(stages: Sequence[Stage]) -> dict[str, Any] | None:
    reports = [stage.report for stage in valid(stages) if stage.report is not None]
    if not reports:
        return None
    return {
        "calls": stages[0].calls,
        "to_app": asdict(_medians([report.to_app.time for report in reports])),
        "to_caller": asdict(_medians([report.to_caller.time for report in reports])),
        "to_caller_without_slot": asdict(_medians([report.to_caller.beyond for report in reports])),
    }


def _count(result: Result, wanted: Callable[[Stage], bool]) -> int:
    return sum(map(wanted, result.stages))
