from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.backlog import Backlog, Waiting, WhenSlow
from bridge.overrides import when_slow


def audio(number: int) -> Waiting:
    return Waiting("inbound", b"%d" % number)


KEY = Waiting("dtmf", b"1", is_audio=False)


@pytest.mark.parametrize(
    ("policy", "kept", "overrun"),
    [
        (WhenSlow.DROP_OLDEST, [2, 3, 4], False),
        (WhenSlow.DROP_NEWEST, [0, 1, 2], False),
        (WhenSlow.CLOSE, [0, 1, 2], True),
    ],
)
def test_a_full_one(policy: WhenSlow, kept: list[int], overrun: bool) -> None:
    """What is lost, and whether that ends the stream, is the policy's to say."""
    backlog = Backlog(3, keep=3)
    backlog.policy = policy
    assert [backlog.add(audio(number)) for number in range(5)] == [0, 0, 0, 1, 1]
    assert backlog.overrun is overrun
    assert list(backlog.take()) == [audio(number) for number in kept]
    assert (len(backlog), backlog.frames) == (0, 0)


def test_what_may_not_be_lost() -> None:
    """It comes on top of the frames, in its place, and has a bound of its own."""
    backlog = Backlog(1, keep=2)
    for waiting in (audio(0), KEY, audio(1), KEY):
        backlog.add(waiting)
    before = backlog.overrun
    assert backlog.add(KEY) == 0
    assert (before, backlog.overrun) == (False, True)
    assert list(backlog.take()) == [KEY, audio(1), KEY, KEY]


@pytest.mark.parametrize(
    ("policy", "kept", "lost"),
    [(WhenSlow.DROP_OLDEST, "cd", [0, 0, 3, 1, 5]), (WhenSlow.DROP_NEWEST, "ab", [0, 0, 2, 2, 5])],
)
def test_audio_in_larger_pieces(policy: WhenSlow, kept: str, lost: list[int]) -> None:
    """It counts by its size, in frames of 216 bytes, and so does what is lost of it."""
    sizes = {"a": 3 * 216, "b": 1, "c": 2 * 216, "d": 217, "e": 4 * 216 + 1}
    backlog = Backlog(4, keep=4)
    backlog.policy = policy
    pieces = {name: Waiting("inbound", name.encode() * size) for name, size in sizes.items()}
    assert [backlog.add(piece) for piece in pieces.values()] == lost
    assert backlog.frames == 4
    assert list(backlog.take()) == [pieces[name] for name in kept]
    assert (len(backlog), backlog.frames) == (0, 0)


@given(st.lists(st.booleans()), st.sampled_from(WhenSlow), st.integers(0, 5))
def test_nothing_goes_uncounted(kinds: list[bool], policy: WhenSlow, limit: int) -> None:
    """What was added is there in order, or was counted as lost."""
    backlog = Backlog(limit, keep=limit)
    backlog.policy = policy
    added = [audio(n) if kind else KEY for n, kind in enumerate(kinds)]
    lost = sum(map(backlog.add, added))
    assert backlog.frames <= limit
    left = list(backlog.take())
    assert len(left) + lost == len(added)
    assert left.count(KEY) == added.count(KEY)
    numbers = [int(waiting.data) for waiting in left if waiting.is_audio]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("url", "policy"),
    [
        ("wss://example.com/media", WhenSlow.CLOSE),
        ("wss://example.com/media#slow=drop-newest", WhenSlow.DROP_NEWEST),
        ("wss://example.com/media?slow=drop-newest", WhenSlow.CLOSE),
        ("wss://example.com/media#ct=2000&slow=drop-oldest", WhenSlow.DROP_OLDEST),
        ("wss://example.com/media#slow=never", WhenSlow.CLOSE),
        ("", WhenSlow.CLOSE),
    ],
)
def test_a_streams_own_policy(url: str, policy: WhenSlow) -> None:
    """It stands in the fragment of its URL; else the service's holds."""
    assert when_slow(url, WhenSlow.CLOSE) is policy
