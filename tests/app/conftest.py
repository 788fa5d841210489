"""Every test of this folder sees only the settings that it makes itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_settings_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours in the environment, no `.env` in the working directory."""
    for name in tuple(os.environ):
        if name.upper().startswith("TWIML_BRIDGE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
