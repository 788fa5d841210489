"""`bench soak`: calls come and go, and whatever is lost or left is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.bench import soak
from app.bench.candidates import Setting, start_service
from app.bench.soak import Result, Sample, Soak, slope

EMPTY = Sample(0.0, 50 * 2**20, 20, 1, 0, 0)


def result(minutes: float = 30.0, growth: float = 0.0, **more: Any) -> Result:
    """A clean run whose memory grows by so many KiB a minute."""
    samples = [
        replace(EMPTY, at=60.0 * minute, rss=EMPTY.rss + round(1024 * growth * minute), calls=300)
        for minute in range(30)
    ]
    given: dict[str, Any] = {
        "samples": samples,
        "ended": 9000,
        "sent": 9_000_000,
        "stops": 9000,
        "callbacks": 18000,
        "delays": [1.0, 2.0, 9.0],
        "late_p99": 0.1,
    }
    return Result(minutes, 300, EMPTY, EMPTY, **{**given, **more})


async def test_calls_come_and_go(setting: Setting) -> None:
    """More calls than at once, each whole; nothing of them is left in the service."""
    said: list[str] = []
    async with start_service(setting, status=True) as service:
        found = await Soak(service, setting.generator, 0.04, 3, said.append).run()
    assert found.complaints == []
    assert found.ended > 3
    assert found.stops == found.ended
    assert found.callbacks == 2 * found.ended
    assert found.sent > 0
    assert found.lost == 0
    assert found.after.calls == 0
    assert found.samples
    assert max(sample.calls for sample in found.samples) > 0


async def test_calls_that_are_refused(setting: Setting) -> None:
    """A service that takes one call less than there are: that is a complaint, and not the end."""
    async with start_service(setting, status=True, max_calls="6") as service:
        found = await Soak(service, setting.generator, 0.03, 7, lambda _: None).run()
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
        ({"callbacks": 17999}, "17999 callbacks came for 9000 streams"),
        ({"growth": 300.0}, "memory grew by 300 KiB a minute"),
    ],
)
def test_complaints(wrong: dict[str, Any], complaint: str) -> None:
    spoilt = result(**wrong)
    assert spoilt.complaints == [complaint]
    assert soak.failed(spoilt)
    assert soak.lines(spoilt)[-1] == f"fault: {complaint}"


@pytest.mark.parametrize("name", ["files", "threads", "calls", "callbacks_pending"])
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


def test_slope() -> None:
    assert slope([]) == 0.0
    assert slope([(1.0, 5.0)]) == 0.0
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == 2.0
    assert slope([(0.0, 1.0), (1.0, 4.0), (2.0, 1.0)]) == 0.0
