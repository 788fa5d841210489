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

from app.bench.candidates import Relay, start_relay
from app.bench.generator import Generator, Report, Window
from app.bench.machine import Layout
from app.bench.stage import run_stage
from app.bench.stand import Stand
from tests.app.bench import made
from tests.app.bench.conftest import both_loads, needs_compiler

FORKS = 2
WINDOW = Window(warm=5, rest=3, frames=20)
FRAMES = WINDOW.warm + WINDOW.frames
TENTHS = FRAMES // 10
ROOT = Path(__file__).resolve().parents[3]
CORES = Layout(0, (0,))

WRONG = {
    "drop": {"lost": TENTHS},
    "double": {"doubled": TENTHS},
    "disorder": {"disordered": TENTHS},
    "spoil": {"corrupt": TENTHS, "lost": TENTHS},
}
"""What is counted of each stream of which one frame in ten is wrong."""

FAULTS = [
    *("none", "pipe", "hang-up", "delay"),
    *("swap", "swap", "swap-back", "swap-back"),
    *(name + way for name in WRONG for way in ("", "-back")),
]

Reports = dict[str, list[Report]]


@asynccontextmanager
async def relay(stand: Stand, *faults: str) -> AsyncIterator[Relay]:
    command = (sys.executable, str(ROOT / "tests/app/bench/relay.py"), *faults)
    async with start_relay("faulty", stand, *command) as running:
        yield running


async def talk_with_faults(program: Path | None, directory: Path) -> Reports:
    """A call with each fault, all at the same time, each with a report of its own."""
    generator = await Generator.start(program)
    found: Reports = {}
    try:
        async with relay(Stand(generator, CORES, directory), *FAULTS) as candidate:
            assert await candidate.open(generator, len(FAULTS), FORKS) == []
            for call in range(1, len(FAULTS) + 1):
                generator.talk(call, FRAMES)
            for _ in FAULTS:
                event = await generator.child.event(20, type="report")
                fault = FAULTS[event["call"] % len(FAULTS)]
                found.setdefault(fault, []).append(Report.read(event))
            await generator.stop_calls()
    finally:
        await generator.close()
    return found


@pytest.fixture(scope="module", params=[pytest.param("c", marks=needs_compiler), "python"])
def reports(
    request: pytest.FixtureRequest, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> Reports:
    """What each load says of calls through a relay that does things wrong."""
    program = built / "load" if request.param == "c" else None
    return asyncio.run(talk_with_faults(program, tmp_path_factory.mktemp("stand")))


@both_loads
async def test_a_good_relay(stand: Stand) -> None:
    """Every frame of every call and fork is counted, both ways, and timed but for the warm-up."""
    async with relay(stand, "none") as candidate:
        stage = await run_stage(candidate, stand.generator, CORES, 3, FORKS, WINDOW)
    assert not stage.missing
    report = stage.report
    assert report is not None
    assert report.faults == {}
    assert report.calls == 3
    assert report.to_app.sent == 3 * FORKS * FRAMES
    assert report.to_caller.sent == 3 * FRAMES
    for way in (report.to_app, report.to_caller):
        assert 0 < way.time.p50 <= way.time.p99 <= way.time.p999 <= way.time.max
        assert 0 <= way.beyond.p50 <= way.time.p50
    assert report.cpu > 0


@pytest.mark.parametrize("back", ["", "-back"])
@pytest.mark.parametrize("name", WRONG)
def test_spoilt_frames(reports: Reports, name: str, back: str) -> None:
    """One frame in ten is wrong: so many are counted, on that way and on no other."""
    (report,) = reports[name + back]
    ways = [report.to_app, report.to_caller]
    right, wrong = ways if back else ways[::-1]
    streams = 1 if back else FORKS
    assert wrong.faults == {key: streams * count for key, count in WRONG[name].items()}
    assert right.faults == {}


@pytest.mark.parametrize("back", ["", "-back"])
def test_frames_of_other_calls(reports: Reports, back: str) -> None:
    """A frame that comes to another call is missed where it belongs and counted where it is."""
    two = reports["swap" + back]
    ways = [report.to_caller if back else report.to_app for report in two]
    assert sum(way.misrouted for way in ways) > 0
    assert all(way.lost >= way.misrouted for way in ways)


def test_no_other_call_suffers(reports: Reports) -> None:
    """What goes wrong with a call is not counted at another."""
    (good,) = reports["none"]
    assert good.faults == {}
    assert (good.to_app.sent, good.to_caller.sent) == (FORKS * FRAMES, FRAMES)


def test_a_mere_pipe(reports: Reports) -> None:
    """A candidate that only passes messages on is no relay: Twilio's have a streamSid each."""
    (pipe,) = reports["pipe"]
    assert pipe.faults == {"sockets with the wrong dialect": FORKS}
    assert not made.stage(report=pipe).passed


def test_a_relay_that_hangs_up(reports: Reports) -> None:
    """Sockets closed in the middle of a call are counted, and the call comes to its end."""
    (short,) = reports["hang-up"]
    assert short.lost_sockets > 0
    assert short.to_app.sent < FORKS * FRAMES


def test_delay_is_seen(reports: Reports) -> None:
    """A relay that waits 50 ms takes 50 ms; the play-out's slot takes 20 of them off at most."""
    (late,) = reports["delay"]
    assert late.faults == {}
    assert late.to_app.time.p50 >= 50
    assert late.to_caller.time.p50 >= 50
    assert late.to_caller.beyond.p50 >= 30


@both_loads
async def test_a_late_load_is_void(stand: Stand) -> None:
    """A load that was stopped knows how late it sent, and nothing of that stage counts."""
    generator = stand.generator
    async with relay(stand, "none") as candidate:
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


@both_loads
async def test_nobody_listens(stand: Stand) -> None:
    """Calls that do not come up are told, each with its reason, and the next stage is whole."""
    async with relay(stand, "none") as candidate:
        good = candidate._port
        candidate._port = 1
        stage = await run_stage(candidate, stand.generator, CORES, 2, 1, WINDOW)
        assert stage.missing == ["the candidate refuses connections"] * 2
        assert not stage.passed
        candidate._port = good
        stage = await run_stage(candidate, stand.generator, CORES, 2, 1, WINDOW)
        assert stage.missing == []
        assert stage.report is not None
        assert stage.report.faults == {}


@both_loads
async def test_one_call_after_the_other(stand: Stand) -> None:
    """A call may talk alone: it ends by itself, the others go on, and the app is told `stop`."""
    generator = stand.generator
    async with relay(stand, "none") as candidate:
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


@both_loads
async def test_nonsense(generator: Generator) -> None:
    """A command that makes no sense is told of, and does no harm."""
    for line in ("dance 1", "run", "call", "leg 1"):
        generator.child.send(line)
        await generator.child.event(20, type="misuse")
