"""How the greatest load that a candidate carries is found, and how figures of rounds are told.

Pure: loads go out, outcomes come in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

RESOLUTION = 1.05
"""The search ends when the least load that failed is at most so many times what passed."""
AGREEMENT = 0.10
"""Ratios by calls and by CPU are taken to agree within this."""
FULL_CORE = 0.90
"""The share of a core at which a relay is taken to be full, where that is only estimated."""


class Search:
    """Looks for a capacity: grows geometrically until a load fails, then bisects.

    Ask for `next`, the load to try, until it is None; `tell` what came of each. `growth` is the
    most that a step multiplies by; steps are shorter where the candidate's share of its core says
    that it is nearly full. At most `stages` loads are tried, none above `limit`.
    """

    def __init__(
        self, first: int, *, growth: float = 4.0, stages: int = 12, limit: int = 4000
    ) -> None:
        self._growth = growth
        self._left = stages
        self._limit = limit
        self.passed = 0
        """The greatest load that was carried."""
        self.failed: int | None = None
        """The least load that was not."""
        self.limited = False
        """Whether at the least load that failed it was the load that was full."""
        self.next: int | None = max(1, min(first, limit))

    def tell(self, calls: int, passed: bool, *, limited: bool = False, share: float = 0.0) -> None:
        """A load was carried or not; `limited`: if not, that may be due to the load itself."""
        self._left -= 1
        if passed:
            self.passed = max(self.passed, calls)
        elif self.failed is None or calls < self.failed:
            self.failed, self.limited = calls, limited
        self.next = self._choose(share)

    @property
    def at_least(self) -> bool:
        """Whether `passed` is only a lower bound."""
        return self.limited or self.failed is None

    def _choose(self, share: float) -> int | None:
        low, high = self.passed, self.failed
        if self._left <= 0 or low >= self._limit or high == 1:
            return None
        if high is None:
            room = FULL_CORE / share if share > 0 else self._growth
            step = min(self._growth, max(1 + 2 * (RESOLUTION - 1), room))
            return min(self._limit, max(low + 1, round(low * step)))
        if low == 0:
            return max(1, round(high / min(2.0, self._growth)))
        if high <= max(low * RESOLUTION, low + 1):
            return None
        return min(high - 1, max(low + 1, round(math.sqrt(low * high))))


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of several rounds: the median, and the range."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        return cls(median(values), min(values), max(values))

    @classmethod
    def ratios(cls, values: Sequence[float], others: Sequence[float]) -> Figure | None:
        """The rounds' own ratios `values / others`, where both have one; None without any."""
        found = [a / b for a, b in zip(values, others, strict=False) if b]
        return cls.of(found) if found else None


def agree(by_calls: float, by_cpu: float) -> bool:
    """Whether two ratios tell the same."""
    return abs(by_calls - by_cpu) <= AGREEMENT * max(by_calls, by_cpu)
