"""`twiml-bridge bench media`, `latency` and `soak`, as a person types them."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.bench import machine, native
from app.bench.candidates import BASELINE, BRIDGE, starters
from app.bench.generator import Window
from app.bench.media import Plan
from app.cli import cli
from tests.app.bench.conftest import needs_compiler
from tests.app.bench.watching import watched
from tests.app.commands import start

SHORT = ("--calls", "2")


def bench(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["bench", *arguments], catch_exceptions=False)


def record(*arguments: str) -> dict[str, Any]:
    """The JSON that a command prints. Status 1: the load was late, as on a busy machine."""
    answer = bench(*arguments, "--json")
    assert answer.exit_code in (0, 1), answer.output
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


@pytest.fixture(autouse=True)
def short_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is about figures: windows are short, a disturbed stage is as good as any, and
    on a busy machine a quick run may take its time."""
    monkeypatch.setattr("app.bench.media.REPEATS", 0)
    monkeypatch.setattr("app.bench.media.QUICK", 600.0)
    monkeypatch.setattr(Plan, "window", Window(warm=5, rest=3, frames=10))


@pytest.fixture
def prebuilt(monkeypatch: pytest.MonkeyPatch, built: Path) -> None:
    """The C programs are there already."""

    async def build(program: str, directory: Path) -> Path:
        return Path(shutil.copy(built / program, directory))

    monkeypatch.setattr(native, "build", build)


@pytest.fixture
def only_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with neither a compiler nor Node.js."""
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("only_python")
def test_quick_with_only_python() -> None:
    """The service and the naive relay are measured; what needs more is left out by name."""
    told = record("media", "--quick", *SHORT, "--also", "debug:TWIML_BRIDGE_LOG_LEVEL=debug")
    assert set(told["left_out"]) == {"node ws", "bun", "c epoll"}
    assert told["left_out"]["node ws"] == "there is no Node.js"
    assert "no C compiler" in told["left_out"]["c epoll"]
    assert told["native_load"] is False
    assert [row["candidate"] for row in told["results"]] == [BASELINE, BRIDGE, "debug"]
    assert all(stage["calls"] == 2 and not stage["missing"] for stage in told["stages"])


@needs_compiler
def test_quick() -> None:
    """A table with a line for each candidate that was asked for, and for the baseline of all."""
    answer = bench("media", "--quick", "--only", "c epoll", *SHORT)
    assert answer.exit_code in (0, 1), answer.output
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("twiml-bridge bench media: Python ")
    names = [name for name in starters({}) if any(line.startswith(f"{name:<14}") for line in lines)]
    assert names == [BASELINE, "c epoll"]


@needs_compiler
@pytest.mark.usefixtures("prebuilt")
def test_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Capacities, then latencies at parts of them; every frame of every stage comes through."""
    monkeypatch.setattr("app.bench.media.STAGES", (2, 1))
    monkeypatch.setattr("app.bench.media.LEVELS", (50,))
    told = record("media", "--rounds", "1", "--forks", "2", "--only", "c epoll", *SHORT)
    rows = {(row["candidate"], row["forks"]) for row in told["results"]}
    assert rows == {(BASELINE, 2), ("c epoll", 2)}
    for row in told["results"]:
        if row["figures"]:
            assert row["cpu_ms_per_call_second"]["least"] > 0
            assert set(row["latency_ms"]) == {"25", "50", "80"}
    measured = [stage for stage in told["stages"] if not stage["void"]]
    assert not [stage["missing"] for stage in told["stages"] if stage["missing"]]
    assert all(stage["to_app"]["sent"] and not stage["to_app"]["lost"] for stage in measured)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("media", "--only", "cobol"), "there is no candidate 'cobol'; there are naive, "),
        (("media", "--forks", "1,6"), "--forks is numbers from 1 to 5"),
        (("media", "--quick", "--seconds", "9"), "--quick leaves 5 s for a stage at most"),
        (("media", "--also", "TWIML_BRIDGE_X=1"), "--also is given as NAME:VARIABLE=VALUE"),
        (("media", "--also", "bun:X=1"), "--also needs a name of its own"),
        (("latency", "--set", "TWIML_BRIDGE_X=1"), "there is no setting TWIML_BRIDGE_X"),
        (("soak", "--set", "X"), "a variable is given as NAME=VALUE"),
    ],
)
def test_misuse(arguments: tuple[str, ...], message: str) -> None:
    """One message and status 2."""
    answer = bench(*arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize("command", ["media", "latency", "soak"])
def test_another_system(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "supported", lambda: False)
    answer = bench(command)
    assert answer.exit_code == 2
    assert "a benchmark needs Linux" in answer.stderr


@pytest.mark.usefixtures("prebuilt")
def test_latency() -> None:
    """Also: what the benchmark has started has ended, and we are on all our cores again."""
    before = set(machine.tree(os.getpid()))
    cores = os.sched_getaffinity(0)
    told = record("latency", "--calls", "3", "--set", "TWIML_BRIDGE_LOG_LEVEL=debug")
    assert told["refused"] == told["faults"] == []
    assert told["started_ms"]["count"] == 3
    assert told["mark_samples"]["max"] < 160
    assert set(machine.tree(os.getpid())) <= before
    assert os.sched_getaffinity(0) == cores


@pytest.mark.usefixtures("prebuilt")
def test_soak() -> None:
    """More calls than at once, each whole, then all at once; nothing of them is left."""
    told = record("soak", "--minutes", "0.04", "--calls", "3", "--burst", "10")
    assert told["complaints"] == []
    assert told["lost"] == 0
    assert told["ended"] > 3
    assert told["stops"] == told["ended"]
    assert told["sent"] > 0
    assert told["after"]["calls"] == 0
    assert max(sample["calls"] for sample in told["samples"]) > 0
    assert told["rss_flat"] is None
    assert told["burst"]["started"] == 10
    assert told["burst"]["sent"] == 2 * 10 * 50
    assert told["burst"]["events"] == {"stream-started": 10, "stream-stopped": 10}


def test_help() -> None:
    """Every command says what it is for."""
    answer = bench("--help")
    assert answer.exit_code == 0
    for name in ("media", "latency", "soak"):
        assert name in answer.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_interrupted(number: signal.Signals, tmp_path: Path) -> None:
    """Whatever ends a benchmark ends all that it started; only SIGKILL leaves its directory."""
    environment = {"TMPDIR": str(tmp_path), "CC": "no-such-compiler"}
    process = await start("bench", "latency", "--calls", "30", env=environment)
    assert process.stderr is not None
    while b"start within one second" not in (line := await process.stderr.readline()):
        assert line, "the benchmark has ended"
    started = machine.tree(process.pid)[1:]
    assert len(started) >= 2
    with watched(started) as ended:
        process.send_signal(number)
        _, told = await process.communicate()
        assert ended()
    killed = number == signal.SIGKILL
    assert process.returncode == (-number if killed else 130)
    assert killed or b"was interrupted" in told
    assert bool(list(tmp_path.iterdir())) == killed
