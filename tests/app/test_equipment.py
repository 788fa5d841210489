"""Which engine a service takes, and what it says when it cannot have the one it was told."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app import equipment
from app.equipment import fast_of
from app.settings import SettingsError, load
from bridge.engine.trial import fault_of_fast_frames
from bridge.engine.websocket import FAST

ENGINES = ("auto", "picows", "websockets")

needs_fast = pytest.mark.skipif(not FAST, reason="picows is not installed")


def engine_of(name: str) -> bool:
    return fast_of(load(local=True, media_engine=name))


@needs_fast
def test_picows_where_it_works() -> None:
    """The version that is installed passes its trial, and is taken unless told otherwise."""
    assert fault_of_fast_frames() == ""
    with capture_logs() as logs:
        assert [engine_of(name) for name in ENGINES] == [True, True, False]
    assert logs == []


@needs_fast
async def test_the_trial_disturbs_no_event_loop() -> None:
    """A service may be made while a loop runs: the trial has its own."""
    assert engine_of("picows")


@needs_fast
def test_a_constructor_that_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picows whose protocol takes other arguments is told of; calls go on without it."""

    class Changed:
        def __init__(self, *, settings: object) -> None:
            """As no version has it yet."""

    monkeypatch.setattr("bridge.engine.fast._Frames", Changed)
    with capture_logs() as logs:
        assert not engine_of("auto")
    (entry,) = logs
    assert entry["log_level"] == "error"
    assert "TypeError" in entry["why"]
    with pytest.raises(SettingsError, match=r"TypeError.*install picows.*2\.3.*, or use auto$"):
        engine_of("picows")
    assert not engine_of("websockets")


@needs_fast
def test_frames_that_go_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picows that can be made and delivers nothing does not pass either."""
    monkeypatch.setattr("bridge.engine.fast.FastFrames.on_ws_frame", lambda *_: None)
    assert "came []" in fault_of_fast_frames()
    assert not engine_of("auto")


def test_no_picows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not installed, auto does without."""
    monkeypatch.setattr(equipment, "FAST", False)
    assert not engine_of("auto")
    with pytest.raises(SettingsError, match="picows is not installed"):
        engine_of("picows")


@pytest.mark.parametrize("name", ["picows", "uvicorn"])
def test_what_is_not_public_is_pinned(name: str) -> None:
    """Packages of which internal parts are used have an upper bound."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    (line,) = (each for each in project["project"]["dependencies"] if each.startswith(name))
    assert ",<" in line
