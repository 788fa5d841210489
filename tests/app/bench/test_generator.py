"""The load's own word: a candidate that drops, doubles, swaps or delays frames is caught."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.bench.candidates import Relay, Setting, start_relay
from app.bench.generator import Generator, Report, Window
from app.bench.machine import Layout
from app.bench.stage import Stage, run_stage
from tests.app.bench import made

CALLS, FORKS = 3, 2
WINDOW = Window(warm=5, rest=3, frames=20)
FRAMES = WINDOW.warm + WINDOW.frames
TENTHS = FRAMES // 10
ROOT = Path(__file__).resolve().parents[3]
CORES = Layout(0, (0,))


@asynccontextmanager
async def relay(setting: Setting, fault: str) -> AsyncIterator[Relay]:
    command = (sys.executable, str(ROOT / "tests/app/bench/relay.py"), fault)
    async with start_relay("faulty", setting, *command) as running:
        yield running


async def stage_with(setting: Setting, fault: str, window: Window = WINDOW) -> Stage:
    async with relay(setting, fault) as candidate:
        return await run_stage(candidate, setting.generator, CORES, CALLS, FORKS, window)


async def report_with(setting: Setting, fault: str) -> Report:
    stage = await stage_with(setting, fault)
    assert not stage.missing
    assert stage.report is not None
    return stage.report


async def test_a_good_relay(setting: Setting) -> None:
    """Every frame of every call and fork is counted, both ways, and timed but for the warm-up."""
    report = await report_with(setting, "none")
    assert report.faults == {}
    assert report.calls == CALLS
    assert report.to_app.sent == CALLS * FORKS * FRAMES
    assert report.to_caller.sent == CALLS * FRAMES
    for way in (report.to_app, report.to_caller):
        assert 0 < way.time.p50 <= way.time.p99 <= way.time.p999 <= way.time.max
        assert 0 <= way.beyond.p50 <= way.time.p50
    assert report.cpu > 0


@pytest.mark.parametrize("back", ["", "-back"])
@pytest.mark.parametrize(
    ("fault", "counts"),
    [
        ("drop", {"lost": 1}),
        ("double", {"doubled": 1}),
        ("disorder", {"disordered": 1}),
        ("spoil", {"corrupt": 1, "lost": 1}),
    ],
)
async def test_spoilt_frames(
    setting: Setting, fault: str, counts: dict[str, int], back: str
) -> None:
    """One frame in ten is wrong: so many are counted, on that way and on no other."""
    report = await report_with(setting, fault + back)
    streams = CALLS if back else CALLS * FORKS
    wrong, right = (report.to_caller, report.to_app) if back else (report.to_app, report.to_caller)
    assert wrong.faults == {name: count * streams * TENTHS for name, count in counts.items()}
    assert right.faults == {}


@pytest.mark.parametrize("back", ["", "-back"])
async def test_frames_of_another_call(setting: Setting, back: str) -> None:
    """A frame that comes to another call is missed where it belongs and counted where it is."""
    report = await report_with(setting, "swap" + back)
    way = report.to_caller if back else report.to_app
    assert way.misrouted > 0
    assert way.lost >= way.misrouted


async def test_a_mere_pipe(setting: Setting) -> None:
    """A candidate that only passes messages on is no relay: Twilio's have a streamSid each."""
    stage = await stage_with(setting, "pipe")
    assert stage.report is not None
    assert stage.report.dialect == CALLS * FORKS
    assert not stage.passed


async def test_a_relay_that_hangs_up(setting: Setting) -> None:
    """Sockets closed in the middle of a call are counted, and the run comes to its end."""
    report = await report_with(setting, "hang-up")
    assert report.lost_sockets > 0
    assert report.to_app.sent < CALLS * FORKS * FRAMES


async def test_delay_is_seen(setting: Setting) -> None:
    """A relay that waits 50 ms takes 50 ms; the play-out's slot takes 20 of them off at most."""
    report = await report_with(setting, "delay")
    assert report.faults == {}
    assert report.to_app.time.p50 >= 50
    assert report.to_caller.time.p50 >= 50
    assert report.to_caller.beyond.p50 >= 30


async def test_a_late_load_is_void(setting: Setting) -> None:
    """A load that was stopped knows how late it sent, and nothing of that stage counts."""
    generator = setting.generator
    async with relay(setting, "none") as candidate:
        assert await candidate.open(generator, 1, 1) == []
        generator.run(Window(warm=0, rest=0, frames=50))
        await generator.child.event(20, type="measuring")
        os.kill(generator.child.pid, signal.SIGSTOP)
        await asyncio.sleep(0.3)  # what a busy machine does to it
        os.kill(generator.child.pid, signal.SIGCONT)
        report = Report.read(await generator.child.event(20, type="report"))
        await candidate.close(generator)
    assert report.late.p99 > 100
    stage = made.stage(report=report)
    assert stage.void
    assert not stage.passed
    assert not {"to_app", "to_caller", "cpu_seconds"} & set(stage.record)


async def test_nobody_listens(setting: Setting) -> None:
    """Calls that do not come up are told, each with its reason, and the next stage is whole."""
    async with relay(setting, "none") as candidate:
        good = candidate._port
        candidate._port = 1
        stage = await run_stage(candidate, setting.generator, CORES, 2, 1, WINDOW)
        assert stage.missing == ["the candidate refuses connections"] * 2
        assert not stage.passed
        candidate._port = good
        stage = await run_stage(candidate, setting.generator, CORES, 2, 1, WINDOW)
        assert stage.missing == []
        assert stage.report is not None
        assert stage.report.faults == {}


async def test_one_call_after_the_other(setting: Setting) -> None:
    """A call may talk alone: it ends by itself, the others go on, and the app is told `stop`."""
    generator = setting.generator
    async with relay(setting, "none") as candidate:
        assert await candidate.open(generator, 2, 1) == []
        first, second = generator._last - 1, generator._last
        generator.talk(first, 10)
        report = Report.read(await generator.child.event(20, type="report", call=first))
        assert report.faults == {}
        assert (report.calls, report.to_app.sent, report.to_caller.sent) == (1, 10, 10)
        ended = await generator.child.event(20, type="ended", call=first)
        assert (ended["stops"], ended["forced"]) == (1, False)
        generator.talk(second, 5)
        report = Report.read(await generator.child.event(20, type="report", call=second))
        assert report.to_app.sent == 5
        stopped = await generator.stop_calls()
        assert stopped["forced"] == 0


async def test_nonsense(generator: Generator) -> None:
    """A command that makes no sense is told of, and does no harm."""
    for line in ("dance 1", "run", "call", "leg 1"):
        generator.child.send(line)
        await generator.child.event(20, type="misuse")
