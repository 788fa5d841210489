"""Numbers that all workers and their parent see: shared memory, made before the first fork."""

from __future__ import annotations

import mmap
from enum import IntEnum


class _Cell(IntEnum):
    LIFE = 0
    CALLS = 1
    BEAT = 2
    STRAYS = 3


_ROW = len(_Cell)
_DEATHS, _LOST = 0, 1
"""Cells of the last row, which is the parent's."""


class Board:
    """One row for each worker; each cell has one writer, so there is nothing to lock."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._cells = memoryview(mmap.mmap(-1, 8 * _ROW * (count + 1))).cast("Q")

    # Written by a worker about itself

    def publish(self, number: int, calls: int, now: float) -> None:
        """Its calls that count towards the limit; also the sign that its event loop turns.

        `now` is in seconds, on the clock that all processes of a machine share.
        """
        self._cells[number * _ROW + _Cell.CALLS] = calls
        self._cells[number * _ROW + _Cell.BEAT] = int(now * 1000)

    def stray(self, number: int) -> None:
        """It has taken a call, or passed one on, that belongs to a worker that is away."""
        self._cells[number * _ROW + _Cell.STRAYS] += 1

    # Written by the parent

    def died(self, number: int) -> int:
        """A worker has died: its calls are lost. Returns how many those were."""
        lost = self.calls(number)
        row = number * _ROW
        self._cells[row + _Cell.LIFE] += 1
        self._cells[row + _Cell.CALLS] = 0
        self._cells[self.count * _ROW + _DEATHS] += 1
        self._cells[self.count * _ROW + _LOST] += lost
        return lost

    # Read by all

    def life(self, number: int) -> int:
        """How often a worker has been replaced."""
        return self._cells[number * _ROW + _Cell.LIFE]

    def calls(self, number: int) -> int:
        return self._cells[number * _ROW + _Cell.CALLS]

    def beat(self, number: int) -> float:
        """When a worker's event loop turned last, in seconds; 0 if it never has."""
        return self._cells[number * _ROW + _Cell.BEAT] / 1000

    @property
    def deaths(self) -> int:
        return self._cells[self.count * _ROW + _DEATHS]

    @property
    def calls_lost(self) -> int:
        return self._cells[self.count * _ROW + _LOST]

    @property
    def settled(self) -> bool:
        """Whether every call is certain to live where it belongs."""
        strays = (self._cells[number * _ROW + _Cell.STRAYS] for number in range(self.count))
        return not self.deaths and not any(strays)
