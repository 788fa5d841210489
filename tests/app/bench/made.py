"""Stages and reports made up for tests of what is told of them."""

from __future__ import annotations

from typing import Any

from app.bench.generator import Report, Times, Way
from app.bench.stage import Noise, Stage

QUIET = Noise(0.0, 0.0, 0.0, 0.01, 0.02)


def times(p99: float = 1.0) -> Times:
    return Times(p99 / 2, p99, 1.5 * p99, 2 * p99)


def way(time: float = 1.0, beyond: float = 1.0, **counts: int) -> Way:
    zero = dict.fromkeys(("lost", "doubled", "misrouted", "corrupt", "disordered"), 0)
    return Way(sent=1000, **{**zero, **counts}, time=times(time), beyond=times(beyond))


def report(late: float = 0.1, **more: Any) -> Report:
    given: dict[str, Any] = {
        "calls": 10,
        "lost_sockets": 0,
        "dialect": 0,
        "cpu": 1.0,
        "late": times(late),
        "to_app": way(),
        "to_caller": way(time=15.0),
    }
    return Report(**{**given, **more})


def stage(candidate: str = "naive", calls: int = 100, **more: Any) -> Stage:
    """A stage of 10 s that took half of the core and 1 MiB over what was there before."""
    given: dict[str, Any] = {
        "candidate": candidate,
        "forks": 1,
        "calls": calls,
        "seconds": 10.0,
        "cpu": 5.0,
        "rss": 3 * 2**20,
        "idle_rss": 2 * 2**20,
        "report": report(),
        "noise": QUIET,
    }
    return Stage(**{**given, **more})
