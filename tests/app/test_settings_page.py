"""docs/settings.md says what app/settings says."""

from __future__ import annotations

from pathlib import Path

from app.settings import Settings
from scripts.settings import page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_up_to_date() -> None:
    """When this fails: `.venv/bin/python scripts/settings.py > docs/settings.md`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_setting_is_explained() -> None:
    """Each field has its row, and a row says what the setting means."""
    rows = [line for line in page().splitlines() if line.startswith("| `TWIML_BRIDGE_")]
    assert len(rows) == len(Settings.model_fields)
    assert all(row.split(" | ")[-1].rstrip(" |") for row in rows)
