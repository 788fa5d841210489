"""Whose turn it is, what is repeated, and what a run makes of its stages; no process is started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from app.bench import media
from app.bench.candidates import Candidate
from app.bench.generator import Generator
from app.bench.machine import Layout
from app.bench.media import LEVELS, Plan, Result, Runner
from app.bench.record import record
from app.bench.stage import Noise, Stage
from tests.app.bench import made

NOISY = Noise(0.5, 0.0, 0.0, 0.0, 0.0)
Model = Callable[[str, int, int], Stage]


class Named:
    def __init__(self, name: str) -> None:
        self.name = name


class Run:
    """A runner whose stages come from a model; what it ran is in `turns`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, plan: Plan, model: Model) -> None:
        self.turns: list[tuple[str, int, int]] = []
        self.result = Result(plan, Layout(1, (0,)), native=True)
        self.runner = Runner(self.result, cast(Generator, None), lambda _: None, began=0.0)

        async def run_stage(
            candidate: Named, _load: Any, _cores: Any, calls: int, forks: int, _window: Any
        ) -> Stage:
            self.turns.append((candidate.name, calls, forks))
            return model(candidate.name, calls, forks)

        monkeypatch.setattr(media, "run_stage", run_stage)

    def candidates(self, *names: str) -> None:
        self.runner.candidates += [cast(Candidate, Named(name)) for name in names]


def core(milliseconds: dict[str, float]) -> Model:
    """Candidates that cost so much a call and second, and fail when the core is full."""

    def stage(name: str, calls: int, forks: int) -> Stage:
        cpu = 10 * min(1.0, calls * forks * milliseconds[name] / 1000)
        late = made.way(time=1.0 if cpu < 9.5 else 50.0)
        return made.stage(name, calls, forks=forks, cpu=cpu, report=made.report(to_app=late))

    return stage


def test_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates take turns stage by stage; capacities, ratios and levels follow from the model."""
    run = Run(monkeypatch, Plan(forks=(1, 2)), core({"naive": 6.5, "other": 1.3}))
    run.candidates("naive", "other")
    asyncio.run(run.runner.full())
    memory = [("naive", 60, 1), ("other", 60, 1), ("naive", 60, 2), ("other", 60, 2)]
    assert run.turns[:4] == memory
    assert [row.memory is not None for row in run.result.rows] == [True] * 4
    assert run.turns[4:8] == [
        ("naive", 60, 1),
        ("other", 60, 1),
        ("naive", 138, 1),
        ("other", 240, 1),
    ]
    naive, other = (run.result.row(name, 1) for name in ("naive", "other"))
    assert naive is not None
    assert other is not None
    assert naive.capacity == pytest.approx([146] * 3, rel=0.05)
    assert other.capacity == pytest.approx([730] * 3, rel=0.05)
    assert not other.at_least
    told = {(row["candidate"], row["forks"]): row for row in record(run.result)["results"]}
    assert told["other", 1]["times_naive_by_calls"]["median"] == pytest.approx(5, rel=0.1)
    assert told["other", 1]["times_naive_by_cpu"]["median"] == pytest.approx(5, rel=0.01)
    assert told["other", 1]["ratios_agree"] is True
    assert told["other", 2]["calls"]["median"] == pytest.approx(365, rel=0.05)
    assert set(other.levels) == set(LEVELS)
    (at_half, *_) = other.levels[50]
    assert at_half.calls == sorted(other.capacity)[1] // 2
    assert all(len(stages) == 3 for stages in other.levels.values())


def test_disturbed_stages_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice at most, and counted; then the stage is taken as it is."""
    noise = iter([NOISY, NOISY, made.QUIET, NOISY, NOISY, NOISY])
    run = Run(monkeypatch, Plan(), lambda *_: made.stage(noise=next(noise)))
    run.candidates("naive")
    (naive,) = run.runner.candidates
    first = asyncio.run(run.runner.stage(naive, 60, 1))
    assert not first.disturbed
    assert run.result.repeated == 2
    second = asyncio.run(run.runner.stage(naive, 60, 1))
    assert second.disturbed
    assert run.result.repeated == 4
    assert len(run.result.stages) == 6


def test_late_stages_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a capacity that only a late load bounds is a lower bound."""

    def model(name: str, calls: int, forks: int) -> Stage:
        late = 0.1 if calls < 200 else 6.0
        return made.stage(name, calls, cpu=0.1, report=made.report(late=late))

    run = Run(monkeypatch, Plan(rounds=1, forks=(1,)), model)
    run.candidates("naive")
    asyncio.run(run.runner.full())
    (row,) = run.result.rows
    assert row.at_least
    assert 190 <= row.capacity[0] < 200
    tried = [calls for _, calls, _ in run.turns]
    assert tried.count(240) == 3


def test_quick_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is no time for is left out by name; nothing is repeated at its expense."""
    now = 0.0

    def model(name: str, calls: int, forks: int) -> Stage:
        nonlocal now
        now += 12.0
        return made.stage(name, calls, noise=NOISY if name == "a" else made.QUIET)

    run = Run(monkeypatch, Plan(quick=True, seconds=3.0), model)
    monkeypatch.setattr("app.bench.media.time.monotonic", lambda: now)
    run.candidates("a", "b", "c", "d", "e")
    asyncio.run(run.runner.quick())
    assert [name for name, *_ in run.turns] == ["a", "a", "b", "c"]
    assert run.result.left_out == dict.fromkeys("de", "45 s did not suffice")
    assert [row.name for row in run.result.rows] == ["a", "b", "c"]
