from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.twiml import fuzz


def test_a_round_passes(capsys: pytest.CaptureFixture[str]) -> None:
    """With no time there is one round of each kind, and the seed is told."""
    assert fuzz.main(["--minutes", "0", "--seed", "7", "--examples", "3"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("seed 7, 0 minutes\n")
    for kind in fuzz.KINDS:
        assert kind in said


def test_a_failure_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shortest document that fails, and how to have it again; the status is 1."""
    strategy, _ = fuzz.KINDS["noise"]

    def break_down(data: bytes | str) -> None:
        if len(data) > 3:
            raise ZeroDivisionError

    monkeypatch.setitem(fuzz.KINDS, "noise", (strategy, break_down))
    assert fuzz.main(["--minutes", "0", "--seed", "7", "--examples", "20"]) == 1
    said = capsys.readouterr()
    assert "ZeroDivisionError" in said.err
    assert "data=b'\\x00\\x00\\x00\\x00'" in said.err
    assert "FAILED: noise. Again: --seed 7 --minutes 0" in said.out


def test_an_interrupt_ends_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C says how far it came."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    check: Callable[[Any], None] = interrupt
    monkeypatch.setitem(fuzz.KINDS, "valid", (fuzz.KINDS["noise"][0], check))
    assert fuzz.main(["--minutes", "0", "--examples", "3"]) == 130
    assert "1 documents" in capsys.readouterr().out
