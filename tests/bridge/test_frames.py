from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bridge.frames import Framer
from bridge.playout import SILENCE

STEPS = st.lists(
    st.one_of(
        st.binary(max_size=500),  # audio
        st.tuples(st.just("skip"), st.integers(0, 1_000)),
        st.tuples(st.just("silence"), st.integers(0, 1_000)),
    ),
    max_size=20,
)


class Taker:
    """Keeps the frames that a Framer gives out."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes]] = []
        self.framer = Framer(lambda frame, at: self.frames.append((at, frame)))

    @property
    def audio(self) -> bytes:
        return b"".join(frame for _, frame in self.frames)


def test_whole_frames_pass() -> None:
    """A piece of 20 ms is a frame; the next one is 20 ms later."""
    taker = Taker()
    taker.framer.feed(b"a" * 160)
    taker.framer.feed(b"b" * 160)
    assert taker.frames == [(0, b"a" * 160), (20, b"b" * 160)]


def test_time_that_is_skipped_fills_the_frame_it_cuts_off() -> None:
    """Audio before a gap is filled up within the gap; what follows has the time it should."""
    taker = Taker()
    taker.framer.feed(b"a" * 100)
    taker.framer.skip(1_000)
    taker.framer.feed(b"b" * 160)
    assert taker.frames == [(0, b"a" * 100 + SILENCE[100:]), (137, b"b" * 160)]
    assert (taker.framer.padded, taker.framer.position) == (60, 1_260)


def test_a_gap_shorter_than_the_frame_it_cuts_off() -> None:
    """Audio after a tiny gap goes into the same frame."""
    taker = Taker()
    taker.framer.feed(b"a" * 100)
    taker.framer.skip(10)
    taker.framer.feed(b"b" * 50)
    assert taker.frames == [(0, b"a" * 100 + SILENCE[:10] + b"b" * 50)]


def test_the_end_fills_the_last_frame_up() -> None:
    """Less than a frame is filled up with silence at the end; a whole one is the end."""
    taker = Taker()
    taker.framer.feed(b"a")
    taker.framer.end()
    taker.framer.end()
    assert taker.frames == [(0, b"a" + SILENCE[1:])]
    assert taker.framer.padded == 159


@given(STEPS)
def test_every_byte_is_where_it_belongs(steps: list[bytes | tuple[str, int]]) -> None:
    """However audio, gaps and silence follow one another, each byte keeps its time, to the ms.

    Frames never overlap, and all that was not given is silence.
    """
    taker = Taker()
    expected: dict[int, int] = {}
    for step in steps:
        match step:
            case bytes():
                at = taker.framer.position
                expected |= {at + offset: byte for offset, byte in enumerate(step)}
                taker.framer.feed(step)
            case ("skip", samples):
                taker.framer.skip(samples)
            case (_, samples):
                taker.framer.silence(samples)
    taker.framer.end()
    assert all(len(frame) == 160 for _, frame in taker.frames)
    times = [at for at, _ in taker.frames]
    assert all(later - earlier >= 20 for earlier, later in pairwise(times))
    audio = [byte for _, byte in sorted(expected.items())]
    got = iter(taker.audio)
    assert all(byte in got for byte in audio)  # in order, with nothing but silence between
    assert len(taker.audio) % 160 == 0
    for position, byte in expected.items():
        near = [
            frame[offset]
            for at, frame in taker.frames
            for offset in range(max(0, position - 8 * at - 7), position - 8 * at + 1)
            if 0 <= offset < 160
        ]
        assert byte in near
