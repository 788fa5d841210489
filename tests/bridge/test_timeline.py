from __future__ import annotations

from bridge.timeline import Entry, Timeline


def test_entries_are_timed_from_the_beginning() -> None:
    """An entry's time is in seconds since the timeline was made."""
    times = iter([100.0, 100.0, 101.23456])
    timeline = Timeline(lambda: next(times))
    timeline.add("call.began")
    timeline.add("stream.error", "error", code=31902)
    assert timeline.began == 100.0
    assert timeline.entries == (
        Entry(0.0, "call.began", "info", {}),
        Entry(1.2346, "stream.error", "error", {"code": 31902}),
    )


def test_data_may_use_any_name() -> None:
    """An entry's data may have fields called like the method's own arguments."""
    timeline = Timeline(lambda: 0.0)
    timeline.add("x", kind="y", level="z")
    assert timeline.entries == (Entry(0.0, "x", "info", {"kind": "y", "level": "z"}),)


def test_the_oldest_entries_are_dropped_and_counted() -> None:
    """A full timeline loses its oldest entry for each new one, and says how many."""
    timeline = Timeline(lambda: 0.0, limit=3)
    for number in range(3):
        timeline.add(str(number))
    assert (timeline.dropped, [entry.kind for entry in timeline.entries]) == (0, ["0", "1", "2"])
    timeline.add("3")
    assert (timeline.dropped, [entry.kind for entry in timeline.entries]) == (1, ["1", "2", "3"])


def test_the_observer_hears_every_entry() -> None:
    """An observer is told each entry once, also those dropped later."""
    heard: list[Entry] = []
    timeline = Timeline(lambda: 0.0, limit=1, observer=heard.append)
    timeline.add("a")
    timeline.add("b")
    assert [entry.kind for entry in heard] == ["a", "b"]
    assert timeline.entries == (heard[1],)


def test_errors_are_kept_apart() -> None:
    """The first hundred errors outlive the entries that crowd them out."""
    timeline = Timeline(lambda: 0.0, limit=1)
    for number in range(101):
        timeline.add(str(number), "error")
        timeline.add("noise", "warning")
    assert [entry.kind for entry in timeline.errors] == [str(number) for number in range(100)]
