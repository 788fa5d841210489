"""`twiml-bridge bench media`, `latency` and `soak`, as a person types them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.bench import machine
from app.bench.candidates import BASELINE, BRIDGE, STARTERS
from app.cli import cli
from tests.app.bench.conftest import needs_compiler

SHORT = ("--seconds", "0.4", "--calls", "2")


def bench(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["bench", *arguments], catch_exceptions=False)


def record(*arguments: str) -> dict[str, Any]:
    """The JSON that a command prints. Status 1: the load was late, as on a busy machine."""
    answer = bench(*arguments, "--json")
    assert answer.exit_code in (0, 1), answer.output
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


@pytest.fixture(autouse=True)
def no_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is to make these tests no longer: a disturbed stage is as good as another."""
    monkeypatch.setattr("app.bench.media.REPEATS", 0)


@pytest.fixture
def only_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with neither a compiler nor Node.js."""
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("only_python")
def test_quick_with_only_python() -> None:
    """The service and the naive relay are measured; what needs more is left out by name."""
    told = record("media", "--quick", *SHORT)
    assert set(told["left_out"]) == {"node ws", "bun", "c epoll"}
    assert told["left_out"]["node ws"] == "there is no Node.js"
    assert "no C compiler" in told["left_out"]["c epoll"]
    assert told["native_load"] is False
    assert {row["candidate"] for row in told["results"]} == {BASELINE, BRIDGE}
    assert all(stage["calls"] == 2 and not stage["missing"] for stage in told["stages"])


@needs_compiler
def test_quick() -> None:
    """A table with a line for each candidate that was asked for, and for the baseline of all."""
    answer = bench("media", "--quick", "--only", "c epoll", *SHORT)
    assert answer.exit_code in (0, 1), answer.output
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("twiml-bridge bench media: Python ")
    names = [name for name in STARTERS if any(line.startswith(f"{name:<14}") for line in lines)]
    assert names == [BASELINE, "c epoll"]


@needs_compiler
def test_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Capacities, then latencies at parts of them; every frame of every stage comes through."""
    monkeypatch.setattr("app.bench.media.STAGES", (2, 1))
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
        (("--only", "cobol"), "there is no candidate 'cobol'; there are naive, "),
        (("--forks", "1,6"), "--forks is numbers from 1 to 5"),
        (("--quick", "--seconds", "9"), "--quick leaves 5 s for a stage at most"),
    ],
)
def test_misuse(arguments: tuple[str, ...], message: str) -> None:
    """One message and status 2."""
    answer = bench("media", *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize("command", ["media", "latency", "soak"])
def test_another_system(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "supported", lambda: False)
    answer = bench(command)
    assert answer.exit_code == 2
    assert "a benchmark needs Linux" in answer.stderr


def test_latency() -> None:
    told = record("latency", "--calls", "3")
    assert told["refused"] == told["faults"] == []
    assert told["started_ms"]["count"] == 3
    assert told["mark_samples"]["max"] < 160


def test_soak() -> None:
    told = record("soak", "--minutes", "0.03", "--calls", "2")
    assert told["complaints"] == []
    assert told["lost"] == 0
    assert told["ended"] >= 2
    assert told["rss_flat"] is None


def test_help() -> None:
    """Every command says what it is for."""
    answer = bench("--help")
    assert answer.exit_code == 0
    for name in ("media", "latency", "soak"):
        assert name in answer.stdout


def test_nothing_is_left_running() -> None:
    """The benchmark ends what it starts, also when it cannot go on."""
    before = set(machine.tree(os.getpid()))
    bench("latency", "--calls", "1")
    assert set(machine.tree(os.getpid())) <= before
