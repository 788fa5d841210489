"""How far a long command is, on standard error, for a person who looks on."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import Self

_PAUSE = 0.1
"""Seconds between two looks: drawing must not take longer than the work."""
_WIDTH = 40


class Progress:
    """A bar while documents are read. A context manager: the line is clean again at its end.

    There is none when standard error is no terminal. `total` counts the documents; it is asked
    only when a bar is drawn, and fewer than two are not worth one.
    """

    def __init__(self, total: Callable[[], int]) -> None:
        self._total = total() if sys.stderr.isatty() else 0
        self._done = 0
        self._shown = False
        self._looked = 0.0

    def __enter__(self) -> Self:
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def step(self) -> None:
        """One document more is done."""
        self._done += 1
        self._draw()

    def clear(self) -> None:
        """Make room for a line of output; a later step draws the bar again."""
        if self._shown:
            self._shown = False
            self._write("\r\x1b[K")

    def _draw(self) -> None:
        if self._total < 2:
            return
        now = time.monotonic()
        if now - self._looked >= _PAUSE:
            self._looked = now
            self._shown = True
            self._write(f"\r{self._line()}\x1b[K")

    def _line(self) -> str:
        total = max(self._total, self._done)  # files may have come since they were counted
        counted = f" {self._done}/{total}"
        width = min(_WIDTH, shutil.get_terminal_size().columns - len(counted) - 3)
        if width < 1:
            return counted.strip()
        filled = width * self._done // total
        return f"[{'#' * filled}{'.' * (width - filled)}]{counted}"

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
