"""`bench soak`: calls come and go, and whatever is lost or left is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.bench import soak
from app.bench.burst import STARTED, STOPPED, Burst
from app.bench.candidates import start_service
from app.bench.soak import Result, Sample, Soak, slope
from app.bench.stand import Stand
from app.bench.starts import Starts

EMPTY = Sample(0.0, 50 * 2**20, 20, 1, 5, 0, 0)


def result(minutes: float = 30.0, growth: float = 0.0, **more: Any) -> Result:
    """A clean run whose memory grows by so many KiB a minute."""
    times = [60 * minutes * index / 29 for index in range(30)]
    samples = [
        replace(EMPTY, at=at, rss=EMPTY.rss + round(1024 * growth * at / 60), calls=300)
        for at in times
    ]
    given: dict[str, Any] = {
        "samples": samples,
        "ended": 9000,
        "sent": 9_000_000,
        "stops": 9000,
        "events": {STARTED: 9000, STOPPED: 9000},
        "delays": [1.0, 2.0, 9.0],
        "late_p99": 0.1,
    }
    return Result(minutes, 300, EMPTY, EMPTY, **{**given, **more})


async def test_calls_that_are_refused(stand: Stand) -> None:
    """A service that takes one call less than there are: that is a complaint, and not the end."""
    async with start_service(
        stand, status=True, environment={"TWIML_BRIDGE_MAX_CALLS": "6"}
    ) as service:
        found = await Soak(service, stand.generator, 0.03, 7, lambda _: None).run()
    assert found.refused
    assert found.ended > 0
    assert soak.failed(found)


def test_a_clean_run() -> None:
    clean = result()
    assert clean.complaints == []
    assert clean.flat
    assert not soak.failed(clean)
    told = "\n".join(soak.lines(clean))
    assert "9000000 sent, 0 lost; callbacks: 18000" in told
    assert "+0 KiB a minute, flat" in told
    assert "median 2.0 ms, worst 9.0 ms" in told
    assert soak.record(clean)["delay_p99_ms"] == {"median": 2.0, "worst": 9.0}


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"faults": {"lost to the app": 3}}, "lost to the app: 3"),
        ({"refused": ["busy", "busy"]}, "2 calls failed: busy"),
        ({"stops": 8999}, "1 apps were not told `stop`"),
        ({"forced": 2}, "2 sockets were left open by the service"),
        (
            {"events": {STARTED: 9000, STOPPED: 8999}},
            "of 9000 streams came these callbacks: 9000 stream-started, 8999 stream-stopped",
        ),
        ({"growth": 400.0}, "memory grew by 400 KiB a minute"),
    ],
)
def test_complaints(wrong: dict[str, Any], complaint: str) -> None:
    spoilt = result(**wrong)
    assert spoilt.complaints == [complaint]
    assert soak.failed(spoilt)
    assert soak.lines(spoilt)[-1] == f"fault: {complaint}"


@pytest.mark.parametrize("name", ["files", "threads", "tasks", "calls", "callbacks_pending"])
def test_what_is_left(name: str) -> None:
    """Fewer than before is no fault; one more is."""
    left = result()
    left.after = replace(EMPTY, files=19)
    assert left.complaints == []
    left.after = replace(EMPTY, **{name: getattr(EMPTY, name) + 1})
    assert left.complaints == [f"1 {name.replace('_', ' ')} are left when all calls have ended"]


def test_a_short_run_is_not_judged() -> None:
    """Its slope is told all the same."""
    short = result(minutes=1.0, growth=900.0)
    assert short.flat is None
    assert short.complaints == []
    assert "+900 KiB a minute, too short a run to judge" in "\n".join(soak.lines(short))


def test_no_latency_of_a_late_load() -> None:
    late = result(late_p99=3.0)
    assert "no latency is given: the load was late (p99 3.0 ms)" in soak.lines(late)
    assert "worst" not in "\n".join(soak.lines(late))
    assert soak.record(late)["delay_p99_ms"] is None


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({}, None),
        ({"faults": {"lost to the app": 3}}, "burst: lost to the app: 3"),
        ({"unended": ["busy"]}, "burst: 1 calls did not end: busy"),
        ({"stops": 199}, "burst: 1 apps were not told `stop`"),
        ({"forced": 2}, "burst: 2 sockets were left open by the service"),
        (
            {"events": {STARTED: 200}},
            "burst: of 200 streams came these callbacks: 200 stream-started",
        ),
        ({"pending": 4}, "burst: 4 callbacks are still to be delivered"),
    ],
)
def test_a_burst(wrong: dict[str, Any], complaint: str | None) -> None:
    """What must not be in a burst is a fault of the whole run."""
    given: dict[str, Any] = {
        "stops": 200,
        "events": {STARTED: 200, STOPPED: 200},
        "sent": 20_000,
        "ending": 1.1,
    }
    starts = Starts([1.0] * 200, [2.0] * 200, [], 0.99)
    found = result(burst=Burst(200, starts, **{**given, **wrong}))
    assert found.complaints == ([complaint] if complaint else [])
    told = "\n".join(soak.lines(found))
    assert "burst: 200 calls, 0 of them refused" in told
    assert "p50 2.0, p99 2.0, max 2.0 ms" in told
    assert soak.record(found)["burst"]["started"] == 200


def test_a_burst_that_is_refused() -> None:
    refused = Burst(2, Starts([], [], ["busy", "busy"], 0.5))
    assert refused.complaints == ["burst: 2 calls failed: busy"]


def test_slope() -> None:
    assert slope([]) == 0.0
    assert slope([(1.0, 5.0)]) == 0.0
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == 2.0
    assert slope([(0.0, 1.0), (1.0, 4.0), (2.0, 1.0)]) == 0.0
