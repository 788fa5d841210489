"""Writes the script's tables into docs/script.md: `python -m tests.twiml.script.page`."""

from __future__ import annotations

import re
from pathlib import Path

from twiml.script.page import render

PAGE = Path(__file__).parents[3] / "docs" / "script.md"
_BEGIN, _END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"


def tables(page: str) -> str:
    """What stands between the marks."""
    match = re.search(f"{_BEGIN}\n(.*)\n{_END}", page, flags=re.DOTALL)
    assert match is not None, "docs/script.md has lost its marks"
    return match[1]


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page.replace(tables(page), render()), encoding="utf-8")


if __name__ == "__main__":
    main()
