"""What `bench media` tells of made-up results."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.bench.candidates import BASELINE, BRIDGE
from app.bench.figures import estimate, failed, valid
from app.bench.machine import Layout
from app.bench.media import Plan, Result, Row
from app.bench.record import record
from app.bench.report import lines
from app.bench.stage import Stage
from tests.app.bench import made


def quick(*stages: Stage, native: bool = True) -> Result:
    result = Result(Plan(quick=True, seconds=3.0), Layout(1, (0,)), native)
    result.rows = [Row(stage.candidate, 1, best=[stage], memory=stage) for stage in stages]
    result.stages = list(stages)
    return result


def full(bridge: Callable[[int], Stage], capacity: list[int]) -> Result:
    """Three rounds in which the naive relay carried 100, 110 and 90 calls with 9 ms each."""
    result = Result(Plan(forks=(1,)), Layout(1, (0,)), native=True)
    naive = Row(BASELINE, 1, [100, 110, 90])
    naive.best += [made.stage(calls=calls, cpu=calls * 0.09) for calls in naive.capacity]
    ours = Row(BRIDGE, 1, capacity)
    ours.best += [bridge(calls) for calls in capacity]
    for row in (naive, ours):
        row.memory = made.stage(row.name)
        row.levels = {
            level: [made.stage(row.name, calls=level, forks=1)] * 3 for level in (25, 50, 80)
        }
    result.rows = [naive, ours]
    result.stages = valid([*naive.best, *ours.best])
    return result


def text(result: Result) -> str:
    return "\n".join(lines(result))


def line(result: Result, name: str) -> list[str]:
    """The first line of a candidate, in words."""
    return next(told for told in lines(result) if told.startswith(f"{name:<14}")).split()


def test_quick() -> None:
    """Ratios by CPU, and estimated capacities that are marked as such."""
    result = quick(made.stage(BASELINE), made.stage(BRIDGE, cpu=2.0))
    assert line(result, BASELINE)[1:5] == ["5.00", "1.00", "~180", "10.2"]
    assert line(result, BRIDGE)[1:5] == ["2.00", "2.50", "~450", "10.2"]
    assert estimate(made.stage(BRIDGE, cpu=2.0)) == 450
    (_, ours) = record(result)["results"]
    assert ours["times_naive_by_cpu"]["median"] == 2.5
    assert ours["calls_estimated"] == 450
    assert not failed(result)


def test_no_figure_of_a_late_load() -> None:
    """A void stage has no figure, and without the naive relay's there is no ratio."""
    late = made.stage(BASELINE, report=made.report(late=5.5), cpu=7.7)
    result = quick(late, made.stage(BRIDGE))
    assert "7.7" not in text(result)
    assert line(result, BASELINE)[1:3] == ["no", "figure:"]
    assert line(result, BRIDGE)[2] == "-"
    first, second = record(result)["results"]
    assert first == {"candidate": BASELINE, "forks": 1, "figures": False}
    assert second["times_naive_by_cpu"] is None
    assert "7.7" not in json.dumps(record(result))
    assert failed(result)


def test_a_python_load_makes_lower_bounds() -> None:
    told = text(quick(made.stage(BASELINE), native=False))
    assert "≥~180" in told
    assert "the load costs much itself" in told


def test_left_out_by_name() -> None:
    result = quick(made.stage(BASELINE))
    result.left_out = {"bun": "there is no Node.js"}
    assert "left out: bun: there is no Node.js" in text(result)
    assert record(result)["left_out"] == {"bun": "there is no Node.js"}


def test_full() -> None:
    """Medians with their ranges; ratios by calls and by CPU from the same rounds."""
    result = full(lambda calls: made.stage(BRIDGE, calls, cpu=9.0), [500, 440, 540])
    told = line(result, BRIDGE)
    assert told[1:5] == ["500", "(440-540)", "5.00", "(4.00-6.00)"]
    assert told[5:9] == ["1.80", "(1.67-2.05)", "5.00", "(4.40-5.40)"]
    assert "disagree" not in text(result)
    assert told[9] == "10.2"
    ours = record(result)["results"][1]
    assert ours["kib_per_call"] == 10.24
    assert ours["calls"] == {"median": 500, "least": 440, "greatest": 540}
    assert ours["ratios_agree"] is True
    assert set(ours["latency_ms"]) == {"25", "50", "80"}
    assert ours["latency_ms"]["80"]["to_caller"]["p99"]["median"] == 15.0
    assert ours["latency_ms"]["80"]["to_caller_without_slot"]["p99"]["median"] == 1.0
    assert "80 %  80" in text(result)


def test_ratios_that_disagree() -> None:
    """A candidate that stops at half a core is no faster for it, and that is said."""
    result = full(lambda calls: made.stage(BRIDGE, calls, cpu=4.5), [500, 440, 540])
    assert "the ratios disagree" in text(result)
    assert record(result)["results"][1]["ratios_agree"] is False


def test_other_peers() -> None:
    """The service, by each of its names, beside every peer; a bounded peer bounds the ratio."""
    result = full(lambda calls: made.stage(BRIDGE, calls, cpu=9.0), [500, 440, 540])
    peer = Row("c epoll", 1, [1000, 1000, 1000], at_least=True)
    peer.best += [made.stage(peer.name, 1000, cpu=9.0) for _ in range(3)]
    result.rows.append(peer)
    (told,) = [line.split() for line in lines(result) if line.startswith(f"{BRIDGE} / ")]
    assert told[2:] == ["c", "epoll", "0.50", "(0.44-0.54)", "≤0.50", "(0.44-0.54)"]
    (ratio,) = record(result)["comparisons"]
    assert (ratio["candidate"], ratio["beside"], ratio["agree"]) == (BRIDGE, "c epoll", None)
    assert ratio["by_cpu"]["median"] == 0.5


def test_variants_are_compared() -> None:
    """A second service has rows of its own, as wide as its name, and a ratio to the first."""
    result = quick(made.stage(BASELINE), made.stage(BRIDGE, cpu=2.0), made.stage("another engine"))
    result.plan = replace(result.plan, also={"another engine": {"X": "1"}})
    assert line(result, "another engine")[2:4] == ["5.00", "1.00"]
    pairs = [(one["candidate"], one["beside"]) for one in record(result)["comparisons"]]
    assert pairs == [(BRIDGE, "another engine"), ("another engine", BRIDGE)]
    assert f"{BRIDGE} / another engine" in text(result)
    assert record(result)["also"] == {"another engine": {"X": "1"}}


def test_a_load_that_costs_more() -> None:
    """A candidate on which the load spends more than the candidate itself is named."""
    cheap = made.stage("c epoll", cpu=0.5)
    told = text(quick(made.stage(BASELINE), cheap))
    assert "the load spends 2.0 times the CPU of c epoll" in told
    assert "CPU of naive" not in told
    assert "the load's own CPU: 1.00 ms a call and second" in told


def test_latencies_of_a_late_load() -> None:
    """They are left out; CPU is told."""
    late = made.stage(BRIDGE, cpu=2.0, report=made.report(late=3.0))
    result = quick(made.stage(BASELINE), late)
    told = line(result, BRIDGE)
    assert told[1:3] == ["2.00", "2.50"]
    assert told[5:] == ["none:", "the", "load", "was", "late,", "p99", "3.0", "ms"]
    assert not failed(result)


def test_a_round_in_which_nothing_was_carried() -> None:
    """It has no ratio, and the others keep their own."""
    result = full(lambda calls: made.stage(BRIDGE, calls, cpu=9.0), [500, 440, 540])
    result.rows[1].capacity[0], result.rows[1].best[0] = 0, None
    ours = record(result)["results"][1]
    expected = {"median": 4.9, "least": 4.4, "greatest": 5.4}
    assert ours["times_naive_by_cpu"] == pytest.approx(expected)
    assert ours["calls"]["least"] == 0


def test_nothing_carried() -> None:
    """A candidate that carried no load has no figure, and the command fails."""
    result = full(lambda calls: made.stage(BRIDGE, calls), [0, 0, 0])
    result.rows[1].best = []
    result.rows[1].levels = {}
    assert f"{BRIDGE:<14}no figure: no load was carried" in text(result)
    assert failed(result)


def test_lower_bounds_and_the_machine() -> None:
    """A capacity that the load bounded is marked; repeats, disturbances and waits are told."""
    result = full(lambda calls: made.stage(BRIDGE, calls, cpu=9.0), [500, 440, 540])
    result.rows[1].at_least = True
    result.repeated = 2
    told = text(result)
    assert "≥500 (440-540)" in told
    assert "the load was the first to be full or late" in told
    assert "6 stages; 2 were repeats; 0 disturbed, 0 void" in told
    assert "candidate at most 10 ms, load 20 ms" in told
    assert record(result)["repeated"] == 2
