"""What `bench media` found as plain data, each stage included."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from platform import machine as architecture
from platform import python_version, release
from typing import Any

from app.bench.figures import (
    WAYS,
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
from app.bench.search import Figure
from app.bench.stage import Stage


def record(result: Result) -> dict[str, Any]:
    """Everything; times in ms, CPU in ms per call and second."""
    return {
        "machine": {
            "python": python_version(),
            "kernel": release(),
            "architecture": architecture(),
            "cores": os.cpu_count(),
            "measured_core": result.cores.measured,
            "load_cores": list(result.cores.load),
            "one_physical_core": result.cores.siblings,
        },
        "quick": result.plan.quick,
        "native_load": result.native,
        "also": {name: dict(environment) for name, environment in result.plan.also.items()},
        "seconds": round(result.seconds, 1),
        "left_out": result.left_out,
        "repeated": result.repeated,
        "void": sum(stage.void for stage in result.stages),
        "disturbed": sum(stage.disturbed for stage in result.stages),
        "cheaper_than_the_load": cheaper_than_the_load(result),
        "results": [_row(result, row) for row in result.rows],
        "comparisons": _comparisons(result),
        "stages": [stage.record for stage in result.stages],
    }


def _row(result: Result, row: Row) -> dict[str, Any]:
    best = valid(row.best)
    told: dict[str, Any] = {"candidate": row.name, "forks": row.forks}
    if not best:
        return told | {"figures": False}
    ratio = to_baseline(result, row)
    told |= {
        "figures": True,
        "cpu_ms_per_call_second": asdict(Figure.of([stage.cpu_per_call for stage in best])),
        "load_cpu_ms_per_call_second": asdict(
            Figure.of([stage.load_cpu_per_call for stage in best])
        ),
        "kib_per_call": next((stage.kib_per_call for stage in valid([row.memory])), None),
        "times_naive_by_cpu": _figure(ratio.by_cpu if ratio else None),
    }
    if result.plan.quick:
        return told | {"calls_estimated": estimate(best[0])}
    return told | {
        "calls": asdict(Figure.of(row.capacity)),
        "calls_at_least": row.at_least,
        "times_naive_by_calls": _figure(ratio.by_calls if ratio else None),
        "ratios_agree": ratio.agrees if ratio else None,
        "latency_ms": {str(level): _level(row.levels.get(level, [])) for level in LEVELS},
    }


def _comparisons(result: Result) -> list[dict[str, Any]]:
    return [
        {
            "candidate": row.name,
            "beside": other.name,
            "forks": forks,
            "by_calls": _figure(ratio.by_calls),
            "by_calls_bound": ratio.bound,
            "by_cpu": _figure(ratio.by_cpu),
            "agree": ratio.agrees,
        }
        for forks in dict.fromkeys(row.forks for row in result.rows)
        for row, other, ratio in comparisons(result, forks)
    ]


def _level(stages: Sequence[Stage]) -> dict[str, Any] | None:
    if not timed(stages):
        return None
    return {
        "calls": stages[0].calls,
        **{name: _times([way.time for way in ways(stages, name)]) for name in WAYS},
        "to_caller_without_slot": _times([way.beyond for way in ways(stages, "to_caller")]),
    }


def _times(of: Sequence[Times]) -> dict[str, Any]:
    return {name: asdict(figure) for name, figure in spread(of).items()}


def _figure(figure: Figure | None) -> dict[str, float] | None:
    return asdict(figure) if figure else None
