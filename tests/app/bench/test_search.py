"""The search for a capacity, and the figures of rounds; all of it pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bench.search import RESOLUTION, Figure, Search, agree


def find(search: Search, capacity: int, *, shares: bool) -> list[int]:
    """Search at a candidate that carries so many calls; the loads that were tried."""
    tried: list[int] = []
    while search.next is not None:
        calls = search.next
        tried.append(calls)
        share = min(1.0, calls / capacity) if shares and capacity else 0.0
        search.tell(calls, calls <= capacity, share=share)
    return tried


@given(capacity=st.integers(1, 4000), first=st.integers(1, 300), shares=st.booleans())
def test_capacity_is_found(capacity: int, first: int, shares: bool) -> None:
    """Whatever the capacity and the first load: to within the resolution, in few stages."""
    search = Search(first, stages=40)
    tried = find(search, capacity, shares=shares)
    assert search.passed <= capacity
    assert search.failed is None or search.failed > capacity
    assert capacity - search.passed <= max(1, (RESOLUTION - 1) * capacity + 1)
    assert len(tried) == len(set(tried))
    assert len(tried) <= 24


def test_the_core_s_share_saves_stages() -> None:
    """A candidate that fills half of its core is not tried with four times the load."""
    tried = find(Search(60), 150, shares=True)
    assert tried[1] == 135
    assert len(tried) <= 6


def test_later_rounds_stay_near() -> None:
    search = Search(400, growth=1.15, stages=6)
    assert find(search, 420, shares=True) == [400, 440, 420]
    assert (search.passed, search.failed, search.at_least) == (420, 440, False)


def test_nothing_is_carried() -> None:
    """A candidate that fails with every load has the capacity 0."""
    search = Search(40)
    assert find(search, 0, shares=False)[-1] == 1
    assert (search.passed, search.failed) == (0, 1)


def test_no_more_stages_than_allowed() -> None:
    search = Search(1, growth=1.1, stages=3)
    assert len(find(search, 4000, shares=False)) == 3
    assert search.at_least


def test_the_limit() -> None:
    """What nothing stops is stopped by the limit, and is a lower bound."""
    search = Search(100, limit=500)
    assert find(search, 10_000, shares=False) == [100, 400, 500]
    assert search.passed == 500
    assert search.at_least


def test_a_late_load_makes_a_lower_bound() -> None:
    """Where the load was late nothing is known of the candidate but what it carried before."""
    search = Search(100)
    search.tell(100, passed=True)
    search.tell(400, passed=False, limited=True)
    while search.next is not None:
        search.tell(search.next, search.next < 200)
    assert not search.at_least  # in the end the candidate failed first
    search = Search(100)
    search.tell(100, passed=True)
    while search.next is not None:
        search.tell(search.next, search.next < 200, limited=search.next >= 200)
    assert search.at_least
    assert 190 <= search.passed < 200


def test_figures() -> None:
    """A figure is the median with the range; a ratio is the rounds' own."""
    assert Figure.of([3.0, 1.0, 2.0]) == Figure(2.0, 1.0, 3.0)
    assert Figure.ratios([100, 400, 90], [50, 100, 30]) == Figure(3.0, 2.0, 4.0)
    assert Figure.ratios([100, 400], [0, 100]) == Figure(4.0, 4.0, 4.0)
    assert Figure.ratios([100], [0]) is None
    assert Figure.ratios([], []) is None


@pytest.mark.parametrize(
    ("calls", "cpu", "expected"), [(5.0, 5.4, True), (5.4, 5.0, True), (5.0, 5.6, False)]
)
def test_agreement(calls: float, cpu: float, expected: bool) -> None:
    """Two ratios agree within 10 %."""
    assert agree(calls, cpu) is expected
