from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from bridge.audio import FRAME_BYTES
from bridge.playout import SILENCE, TEN_MINUTES, Playout


def frames(playout: Playout) -> list[bytes]:
    """Everything left, one take each 20 ms until nothing has come for two."""
    taken: list[bytes] = []
    missed = 0
    while missed < 2:
        frame = playout.take()
        missed = missed + 1 if frame is None else 0
        if frame is not None:
            taken.append(frame)
    return taken


def test_nothing_to_play() -> None:
    """An empty queue is idle and gives nothing."""
    playout = Playout()
    assert playout.idle
    assert playout.take() is None
    assert playout.due() == []
    assert playout.clear() == []


def test_whole_frames_in_order() -> None:
    """Audio comes out in frames of 160 bytes, in order."""
    playout = Playout()
    playout.play(b"a" * 320)
    playout.play(b"b" * 160)
    assert not playout.idle
    assert frames(playout) == [b"a" * 160, b"a" * 160, b"b" * 160]
    assert (playout.taken, playout.padded, playout.idle) == (480, 0, True)


def test_pieces_are_joined() -> None:
    """Pieces of any length are joined to frames with no byte lost between them."""
    playout = Playout()
    for piece in (b"a", b"b" * 100, b"", b"c" * 200, b"d" * 19):
        playout.play(piece)
    assert frames(playout) == [b"a" + b"b" * 100 + b"c" * 59, b"c" * 141 + b"d" * 19]
    assert playout.padded == 0


def test_a_tail_waits_one_frame_for_more() -> None:
    """A last odd piece waits one frame; what follows in time is joined to it."""
    playout = Playout()
    playout.play(b"a" * 100)
    assert playout.take() is None
    playout.play(b"b" * 60)
    assert playout.take() == b"a" * 100 + b"b" * 60
    assert playout.padded == 0


def test_a_tail_is_filled_up_with_silence() -> None:
    """A last odd piece that nothing follows is played after one frame, silence behind it."""
    playout = Playout()
    playout.play(b"a" * 100)
    assert playout.take() is None
    assert playout.take() == b"a" * 100 + SILENCE[100:]
    assert (playout.taken, playout.padded, playout.idle) == (100, 60, True)


def test_a_marked_tail_does_not_wait() -> None:
    """A last odd piece that a mark follows is complete, and is played at once."""
    playout = Playout()
    playout.play(b"a" * 100)
    playout.mark("end")
    assert playout.take() == b"a" * 100 + SILENCE[100:]
    assert playout.due() == ["end"]


def test_each_tail_waits_anew() -> None:
    """Having waited once does not use up the wait of a later odd piece."""
    playout = Playout()
    for _ in range(2):
        playout.play(b"a" * 10)
        assert playout.take() is None
        assert playout.take() == b"a" * 10 + SILENCE[10:]


def test_marks_follow_the_audio_before_them() -> None:
    """A mark is due when the frame with the last byte before it has been taken."""
    playout = Playout()
    playout.mark("start")
    assert playout.due() == ["start"]
    playout.play(b"a" * 240)
    playout.mark("middle")
    playout.mark("middle")
    playout.play(b"b" * 80)
    playout.mark("end")
    assert playout.due() == []
    playout.take()
    assert playout.due() == []
    playout.take()
    assert playout.due() == ["middle", "middle", "end"]
    assert playout.due() == []


def test_clear_returns_the_waiting_marks() -> None:
    """A clear empties the queue and returns, in order, the marks not yet due; none comes again."""
    playout = Playout()
    playout.play(b"a" * 160)
    playout.mark("played")
    playout.play(b"b" * 165)
    playout.mark("x")
    playout.mark("x")
    playout.take()
    assert playout.due() == ["played"]
    assert playout.clear() == ["x", "x"]
    assert (playout.idle, playout.cleared, playout.taken) == (True, 165, 160)
    assert frames(playout) == []
    assert playout.due() == []


def test_audio_after_a_clear_starts_at_once() -> None:
    """What is sent after a clear is the next to be played, and its mark is timed to it."""
    playout = Playout()
    playout.play(b"a" * 1_000)
    playout.take()
    playout.clear()
    playout.play(b"b" * 160)
    playout.mark("b")
    assert playout.due() == []
    assert playout.take() == b"b" * 160
    assert playout.due() == ["b"]


def test_clear_forgets_a_held_tail() -> None:
    """A tail that waited when it was cleared leaves nothing behind for the next one."""
    playout = Playout()
    playout.play(b"a" * 10)
    assert playout.take() is None
    playout.clear()
    playout.play(b"b" * 10)
    assert playout.take() is None
    assert playout.take() == b"b" * 10 + SILENCE[10:]


def test_ten_minutes_fit() -> None:
    """Ten minutes of audio fit to the byte; one more byte is discarded and counted."""
    playout = Playout()
    assert playout.play(b"a" * TEN_MINUTES) == 0
    assert playout.play(b"b") == 1
    assert playout.buffered == TEN_MINUTES == 4_800_000
    playout.take()
    assert playout.play(b"c" * 161) == 1
    assert playout.buffered == TEN_MINUTES


def test_what_does_not_fit_is_cut_from_the_end() -> None:
    """Of audio that does not fit whole, the beginning is kept and the rest counted."""
    playout = Playout(limit=160)
    assert playout.play(b"a" * 100 + b"b" * 100) == 40
    playout.mark("end")
    assert frames(playout) == [b"a" * 100 + b"b" * 60]
    assert playout.due() == ["end"]


Step = bytes | str | int
STEPS = st.lists(
    st.one_of(
        st.binary(max_size=7).map(lambda piece: piece * 61),  # odd lengths, up to 427 bytes
        st.sampled_from(["a", "b", "a"]),  # marks, their names repeating
        st.integers(0, 4),  # frames to take; 0 clears
    )
)


@given(STEPS)
def test_nothing_is_lost_made_up_or_disordered(steps: list[Step]) -> None:
    """Bytes out are bytes in without the cleared ones; each mark comes back once, in order.

    A mark is due neither before all the audio ahead of it was taken nor later than that.
    """
    playout = Playout()
    kept = b""  # what must come out, in order
    out = b""
    marks: list[str] = []
    back: list[str] = []
    waiting: list[int] = []  # how much must be out before each mark not yet back

    def note(due: list[str]) -> None:
        back.extend(due)
        assert all(at <= len(out) for at in waiting[: len(due)])
        del waiting[: len(due)]
        assert all(at > len(out) for at in waiting)

    def take() -> bool:
        nonlocal out
        before = playout.padded
        frame = playout.take()
        if frame is not None:
            assert len(frame) == FRAME_BYTES
            size = FRAME_BYTES - (playout.padded - before)
            assert frame[size:] == SILENCE[size:]
            out += frame[:size]
        note(playout.due())
        return frame is not None

    for step in steps:
        match step:
            case bytes():
                assert playout.play(step) == 0
                kept += step
            case str():
                playout.mark(step)
                marks.append(step)
                waiting.append(len(kept))
                note(playout.due())
            case 0:
                kept = out
                names = playout.clear()
                waiting = [len(out)] * len(waiting)
                note(names)
            case count:
                for _ in range(count):
                    take()
        assert playout.buffered == len(kept) - len(out)
    while take() or take():
        pass
    assert out == kept
    assert back == marks
    assert (playout.taken, playout.idle) == (len(out), True)


def test_crumbs_take_little_room() -> None:
    """Audio that comes byte by byte is kept in frames, and comes out as it went in."""
    playout = Playout()
    audio = bytes(range(256)) * 10
    for byte in audio:
        assert playout.play(bytes([byte])) == 0
    assert len(playout._chunks) == len(audio) / FRAME_BYTES
    taken = [playout.take() for _ in range(len(audio) // FRAME_BYTES)]
    assert b"".join(frame or b"" for frame in taken) == audio


PIECE = st.tuples(st.just("audio"), st.binary(min_size=1, max_size=400))
WHOLE = st.tuples(st.just("payload"), st.binary(min_size=160, max_size=160))
STEP = st.one_of(PIECE, WHOLE, st.just(("take", b"")), st.just(("clear", b"")))


@given(st.lists(STEP, max_size=60), st.booleans())
def test_frames_in_base64_are_the_same_audio(
    steps: list[tuple[str, bytes]], taken_so: bool
) -> None:
    """Given and taken as they are or in base64, the same frames come out at the same times."""
    plain, encoded = Playout(4_000), Playout(4_000)
    for step, audio in [*steps, *[("take", b"")] * 60]:
        match step:
            case "audio":
                assert plain.play(audio) == encoded.play(audio)
            case "payload":
                assert plain.play(audio) == encoded.play_payload(base64.b64encode(audio))
            case "clear":
                assert plain.clear() == encoded.clear()
            case _:
                frame = plain.take()
                if taken_so:
                    payload = encoded.take_payload()
                    assert frame == (None if payload is None else base64.b64decode(payload))
                else:
                    assert frame == encoded.take()
        state = (plain.buffered, plain.received, plain.taken, plain.cleared, plain.padded)
        assert state == (
            encoded.buffered,
            encoded.received,
            encoded.taken,
            encoded.cleared,
            encoded.padded,
        )
    assert plain.idle
