"""What of a call's timeline reaches the log."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from app.logs import SAFE, log_entry
from bridge.timeline import Entry

PRIVATE: dict[str, object] = {
    "from_": "+15550001111",
    "name": "Alice",
    "digits": "4711",
    "parameters": {"pin": "4711"},
    "quote": '{"pin": 4711}',
    "signed": "https://x/?pin=4711",
    "url": "https://x/",
    "message": "a sentence",
    "advice": "a sentence",
    "anything": "else",
}


def logged(kind: str, level: str = "info", /, **data: object) -> list[dict[str, object]]:
    with capture_logs() as lines:
        log_entry("CA1", Entry(1.5, kind, level, data))
    return [dict(line) for line in lines]


def test_only_harmless_fields_are_logged() -> None:
    """Of an entry its kind, call and time are logged, with ids, codes, sizes and counters only."""
    (line,) = logged("stream.started", stream="MZ1", code=31900, frames_sent=7, **PRIVATE)
    assert line == {
        "event": "stream.started",
        "log_level": "info",
        "call": "CA1",
        "at": 1.5,
        "stream": "MZ1",
        "code": 31900,
        "frames_sent": 7,
    }
    assert not SAFE & PRIVATE.keys()


@pytest.mark.parametrize("level", ["warning", "error"])
def test_what_went_wrong_is_explained(level: str) -> None:
    """A warning or error also says what, where, and how to mend it; still nothing private."""
    (line,) = logged("webhook.failed", level, code=11200, **PRIVATE)
    explained = ("url", "message", "advice")
    assert line == {
        "event": "webhook.failed",
        "log_level": level,
        "call": "CA1",
        "at": 1.5,
        "code": 11200,
        **{key: PRIVATE[key] for key in explained},
    }


@pytest.mark.parametrize("kind", ["mark.received", "mark.echoed", "clear"])
def test_what_happens_often_is_not_logged(kind: str) -> None:
    """Marks and clears would fill the log; they are on the timeline."""
    assert logged(kind, marks=1) == []


def test_a_callbacks_event_does_not_hide_the_lines_own() -> None:
    """A field that is called as the log's own name is logged under another."""
    (line,) = logged("callback.delivered", event="stream-started")
    assert (line["event"], line["callback"]) == ("callback.delivered", "stream-started")


def test_the_apps_own_words_are_not_logged() -> None:
    """The reason an app gives for its close may say anything; ours are words we know."""
    (line,) = logged("stream.closed_by_app", reason="bye +15550001111", close_code=1000)
    assert "reason" not in line
    assert line["close_code"] == 1000
    (line,) = logged("call.ended", reason="hung up")
    assert line["reason"] == "hung up"


def test_what_is_not_there_is_not_logged() -> None:
    """A field without a value is left out."""
    (line,) = logged("stream.connecting", stream="MZ1", code=None)
    assert "code" not in line
