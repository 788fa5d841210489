"""What `bench media` found, for a person."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from platform import python_version
from statistics import median

from app.bench.figures import (
    Ratio,
    cheaper_than_the_load,
    comparisons,
    estimate,
    spread,
    timed,
    to_baseline,
    valid,
    ways,
)
from app.bench.generator import Times
from app.bench.media import LEVELS, Result, Row
from app.bench.search import FULL_CORE, Figure
from app.bench.stage import DELAY_MS, LATE_MS, VOID_MS, Stage


def lines(result: Result) -> Iterator[str]:
    """The tables, line by line."""
    yield _heading(result)
    yield from (f"left out: {name}: {why}" for name, why in result.left_out.items())
    if result.plan.quick:
        yield from _quick(result)
        yield from _comparisons(result, 1)
    else:
        for forks in result.plan.forks:
            yield from _capacities(result, forks)
            yield from _comparisons(result, forks)
            yield from _latencies(result, forks)
    yield from _notes(result)


def _heading(result: Result) -> str:
    load = ",".join(map(str, result.cores.load))
    kind = "C" if result.native else "Python"
    where = "the load on the same core" if result.cores.shared else f"the load ({kind}) on {load}"
    return (
        f"twiml-bridge bench media: Python {python_version()}, {os.cpu_count()} cores, candidates"
        f" on core {result.cores.measured}, {where}; {result.seconds:.0f} s in all"
    )


def _quick(result: Result) -> Iterator[str]:
    width, plan, bound = (
        _width(result),
        result.plan,
        "" if result.native and not result.cores.shared else "≥",
    )
    yield (
        f"{plan.calls} two-way calls each, for {plan.seconds:g} s; ratios by CPU; the calls that"
        f" fill {FULL_CORE:.0%} of a core are an estimate"
    )
    yield (
        f"{'candidate':<{width}}{'CPU ms/call-s':>14}{'x naive':>9}{'~calls':>9}{'KiB/call':>10}"
        f"  {'to app p50/p99/p99.9 ms':<26}to caller"
    )
    for row in result.rows:
        if not valid(row.best):
            why = "; ".join(stage.outcome for stage in row.best if stage)
            yield f"{row.name:<{width}}no figure: {why}"
            continue
        (stage,) = valid(row.best)
        ratio = to_baseline(result, row)
        report = stage.report
        assert report is not None
        times = f"{ratio.by_cpu.median:.2f}" if ratio and ratio.by_cpu else "-"
        most = f"{bound}~{estimate(stage)}"
        told = (
            f"{row.name:<{width}}{stage.cpu_per_call:>14.2f}{times:>9}{most:>9}"
            f"{stage.kib_per_call:>10.1f}  "
        )
        if stage.timed:
            told += f"{_ms(report.to_app.time):<26}{_ms(report.to_caller.beyond):<20}"
        else:
            told += f"none: the load was late, p99 {report.late.p99:.1f} ms"
        faults = [f"{name}: {count}" for name, count in report.faults.items()]
        yield "; ".join((told, *faults)).rstrip() + _disturbed([stage])


def _capacities(result: Result, forks: int) -> Iterator[str]:
    width = _width(result)
    yield ""
    yield (
        f"{_what(forks)}: most calls on one core with p99 added latency under {DELAY_MS:g} ms and"
        f" nothing lost; medians of {result.plan.rounds} rounds (ranges)"
    )
    yield (
        f"{'candidate':<{width}}{'calls':<18}{'x naive':<19}{'CPU ms/call-s':<19}{'x naive':<19}"
        "KiB/call"
    )
    for row in result.rows:
        if row.forks == forks:
            yield _capacity(result, row)


def _capacity(result: Result, row: Row) -> str:
    best, width = valid(row.best), _width(result)
    if not best:
        return f"{row.name:<{width}}no figure: no load was carried"
    ratio = to_baseline(result, row)
    calls = ("≥" if row.at_least else "") + _figure(Figure.of(row.capacity), 0)
    cpu = _figure(Figure.of([stage.cpu_per_call for stage in best]), 2)
    by_calls, by_cpu = _both(ratio)
    told = f"{row.name:<{width}}{calls:<18}{by_calls:<19}{cpu:<19}{by_cpu:<19}"
    told += next((f"{stage.kib_per_call:.1f}" for stage in valid([row.memory])), "-")
    return told + _disagreement(ratio) + _disturbed(best)


def _comparisons(result: Result, forks: int) -> Iterator[str]:
    found = comparisons(result, forks)
    if not found:
        return
    yield ""
    yield "times what others carry (ranges), by CPU" + (
        "" if result.plan.quick else " and by calls"
    )
    for row, other, ratio in found:
        by_calls, by_cpu = _both(ratio)
        told = f"{row.name + ' / ' + other.name:<32}{by_cpu:<19}"
        yield (told + ("" if result.plan.quick else by_calls)).rstrip() + _disagreement(ratio)


def _latencies(result: Result, forks: int) -> Iterator[str]:
    width = _width(result)
    yield ""
    yield (
        f"{_what(forks)}: latency at parts of the capacity, p50/p99/p99.9 ms, medians of rounds"
        " (range of p99)"
    )
    name = f"{'candidate':<{width}}"
    yield f"{name}{'load':<7}{'calls':<7}{'to app':<34}{'to caller':<34}without slot"
    for row in result.rows:
        if row.forks != forks:
            continue
        for level in LEVELS:
            stages = timed(row.levels.get(level, []))
            if not stages:
                yield f"{row.name:<{width}}{level:>3} %  no figure"
                continue
            back = ways(stages, "to_caller")
            yield (
                f"{row.name:<{width}}{level:>3} %  {stages[0].calls:<7}"
                f"{_ranges(way.time for way in ways(stages, 'to_app')):<34}"
                f"{_ranges(way.time for way in back):<34}"
                f"{_ranges(way.beyond for way in back)}" + _disturbed(stages)
            )


def _notes(result: Result) -> Iterator[str]:
    yield ""
    stages = result.stages
    noise = [stage.noise for stage in stages if stage.noise is not None]
    if noise:
        yield (
            f"{len(stages)} stages; {result.repeated} were repeats;"
            f" {sum(stage.disturbed for stage in stages)} disturbed,"
            f" {sum(stage.void for stage in stages)} void because the load was late"
            f" (p99 over {VOID_MS:g} ms; latencies need {LATE_MS:g} ms)"
        )
        yield (
            f"steal at most {max(one.steal for one in noise):.1%} of a core; run-queue wait in a"
            f" stage: candidate at most {1000 * max(one.waited for one in noise):.0f} ms, load"
            f" {1000 * max(one.load_waited for one in noise):.0f} ms"
        )
    counted = [stage for row in result.rows for stage in valid(row.best)]
    if counted:
        yield (
            f"the load's own CPU: {median(stage.load_cpu_per_call for stage in counted):.2f} ms a"
            " call and second"
        )
    for name, times in cheaper_than_the_load(result).items():
        yield f"the load spends {times:.1f} times the CPU of {name}, which may carry more than this"
    if result.cores.siblings:
        yield "the load's core is the measured one's other thread: both are slower for it"
    if not result.native or result.cores.shared:
        yield "≥: a lower bound, as the load costs much itself"
    elif any(row.at_least for row in result.rows):
        yield "≥: a lower bound, as the load was the first to be full or late"


def _width(result: Result) -> int:
    """Of the column of names."""
    return max(14, *(len(row.name) + 2 for row in result.rows)) if result.rows else 14


def _what(forks: int) -> str:
    return f"K = {forks} ({forks} customer socket{'s' if forks > 1 else ''} a call)"


def _disturbed(stages: Sequence[Stage]) -> str:
    count = sum(stage.disturbed for stage in stages)
    return f"  disturbed: {count} of {len(stages)}" if count else ""


def _disagreement(ratio: Ratio | None) -> str:
    return "  the ratios disagree" if ratio and ratio.agrees is False else ""


def _both(ratio: Ratio | None) -> tuple[str, str]:
    """A ratio by calls, and by CPU."""
    if ratio is None:
        return "-", "-"
    by_calls = (ratio.bound if ratio.by_calls else "") + _figure(ratio.by_calls, 2)
    return by_calls, _figure(ratio.by_cpu, 2)


def _figure(figure: Figure | None, digits: int) -> str:
    if figure is None:
        return "-"
    if figure.least == figure.greatest:
        return f"{figure.median:.{digits}f}"
    return f"{figure.median:.{digits}f} ({figure.least:.{digits}f}-{figure.greatest:.{digits}f})"


def _ms(times: Times) -> str:
    return f"{times.p50:.2f}/{times.p99:.2f}/{times.p999:.2f}"


def _ranges(of: Iterable[Times]) -> str:
    found = spread(list(of))
    p99 = found["p99"]
    medians = "/".join(f"{found[name].median:.2f}" for name in ("p50", "p99", "p999"))
    return f"{medians} ({p99.least:.2f}-{p99.greatest:.2f})"
