"""What counts in a stage, and what it says of itself."""

from __future__ import annotations

import pytest

from app.bench.generator import Report
from app.bench.machine import Core, Layout, Usage
from app.bench.stage import Moment, Noise, Stage
from tests.app.bench import made


def test_figures_of_a_stage() -> None:
    """CPU is per call and second, memory is what came on top of the idle process."""
    stage = made.stage(calls=100)
    assert stage.share == 0.5
    assert stage.cpu_per_call == 5.0
    assert stage.kib_per_call == 10.24
    assert stage.passed
    assert not stage.disturbed
    assert stage.record["cpu_ms_per_call_second"] == 5.0
    assert stage.record["to_app"]["time"]["p99"] == 1.0
    assert stage.outcome == "carried; p99 1.0 ms, 50% of the core"


@pytest.mark.parametrize(
    "spoilt",
    [
        made.report(to_app=made.way(lost=1)),
        made.report(to_caller=made.way(doubled=1)),
        made.report(to_app=made.way(misrouted=1)),
        made.report(to_app=made.way(corrupt=1)),
        made.report(to_caller=made.way(disordered=1)),
        made.report(lost_sockets=1),
        made.report(dialect=1),
        made.report(to_app=made.way(time=20.0)),
        made.report(to_caller=made.way(time=30.0, beyond=20.0)),
    ],
)
def test_a_load_that_is_not_carried(spoilt: Report) -> None:
    """One frame lost or spoilt, a socket lost, or a p99 of 20 ms either way."""
    stage = made.stage(report=spoilt)
    assert not stage.passed
    assert not stage.void
    assert stage.outcome.startswith("too much; ")


def test_the_slot_of_the_play_out_is_no_delay() -> None:
    """What an app says may wait for its slot; only what is beyond that is added latency."""
    stage = made.stage(report=made.report(to_caller=made.way(time=25.0, beyond=6.0)))
    assert stage.delay == 6.0
    assert stage.passed


def test_calls_that_did_not_come_up() -> None:
    stage = Stage("naive", 1, 3, ["refused", "refused"])
    assert not stage.passed
    assert not stage.void
    assert stage.outcome == "2 calls did not come up, or not end: refused"
    assert stage.record["missing"] == ["refused", "refused"]
    assert not made.stage(missing=["the status callback was answered 500"]).passed


def test_a_void_stage_has_no_figure() -> None:
    stage = made.stage(report=made.report(late=5.1))
    assert stage.void
    assert not stage.passed
    assert stage.outcome == "void: the load was late, p99 5.1 ms"
    assert set(stage.record) == {
        "candidate",
        "forks",
        "calls",
        "void",
        "passed",
        "missing",
        "late_ms",
        "noise",
    }


def test_a_load_that_is_a_little_late() -> None:
    """CPU and losses count, latencies do not; what was carried all the same was carried."""
    late = made.stage(report=made.report(late=3.0))
    assert late.passed
    assert not late.void
    assert not late.timed
    assert "the load was late, p99 3.0 ms" in late.outcome
    assert late.record["cpu_ms_per_call_second"] == 5.0
    assert not {"time", "beyond"} & set(late.record["to_app"])
    assert late.record["to_app"]["lost"] == 0


@pytest.mark.parametrize(
    ("late", "load_cpu", "limited"), [(0.1, 5.0, False), (3.0, 5.0, True), (0.1, 8.6, True)]
)
def test_what_the_load_limits(late: float, load_cpu: float, limited: bool) -> None:
    """What fails while the load is late, or takes its whole core, need not be the candidate."""
    given = {"late": late, "cpu": load_cpu}
    assert made.stage(report=made.report(to_app=made.way(time=30.0), **given)).limited is limited
    assert not made.stage(report=made.report(**given)).limited


def moment(at: float, candidate: float, load: float, busy: float, stolen: float = 0.0) -> Moment:
    """Core 0 is the load's, core 1 the candidate's; both have been busy for so long."""
    return Moment(
        at,
        Usage(cpu=candidate, waited=candidate / 10),
        Usage(cpu=load, waited=load / 10),
        Usage(cpu=0.1),
        {0: Core(busy, 0.0), 1: Core(busy, stolen)},
    )


def test_noise() -> None:
    """Others' work on a core is what it was busy for and neither we nor the candidate used."""
    noise = Noise.between(moment(0, 0, 0, 0), moment(10, 4, 5, 6, 0.5), Layout(1, (0,)))
    assert noise.steal == 0.05
    assert noise.foreign == pytest.approx(0.2)
    assert noise.foreign_load == pytest.approx(0.1)
    assert noise.waited == pytest.approx(0.4)
    assert noise.load_waited == pytest.approx(0.5)
    assert noise.disturbances == ["steal 5%", "others on the measured core 20%"]
    stage = made.stage(noise=noise)
    assert stage.disturbed
    assert "disturbed: steal 5%" in stage.outcome


def test_noise_on_one_core() -> None:
    """Where all share a core, what the load used is not others' work."""
    noise = Noise.between(moment(0, 0, 0, 0), moment(10, 4, 5, 9), Layout(1, (1,)))
    assert noise.foreign == pytest.approx(0.0)
    assert noise.disturbances == []
