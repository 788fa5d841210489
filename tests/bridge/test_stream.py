from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import STREAM_TITLES, MisuseError
from bridge.identity import Identity
from bridge.stream import (
    Cleared,
    MarkSet,
    MediaStream,
    Report,
    State,
    describe,
    excerpt,
)

FRAME = base64.b64encode(bytes(range(160)))
STARTED, STOPPED = Report("stream-started"), Report("stream-stopped")
TWO_WAY = Identity(
    account_sid="AC" + "0" * 32,
    call_sid="CA" + "1" * 32,
    stream_sid="MZ" + "2" * 32,
    name="agent",
    tracks=("inbound",),
    bidirectional=True,
    custom_parameters={"who": "Ada"},
)
ONE_WAY = replace(TWO_WAY, tracks=("inbound", "outbound"), bidirectional=False)


def opened(identity: Identity = TWO_WAY) -> MediaStream:
    """A stream whose first messages have been sent and whose start has been reported."""
    stream = MediaStream(identity)
    stream.opened()
    stream.reports()
    return stream


def parsed(*messages: bytes | None) -> list[Any]:
    return [json.loads(message) for message in messages if message is not None]


def asking(event: str, **fields: Any) -> bytes:
    return json.dumps({"event": event, "streamSid": TWO_WAY.stream_sid} | fields).encode()


def playing(audio: bytes) -> bytes:
    return asking("media", media={"payload": base64.b64encode(audio).decode()})


@pytest.mark.contract("T51", "T52")
def test_first_messages() -> None:
    """T51, T52: connected comes first, exactly, then start as number 1; the start is reported."""
    stream = MediaStream(TWO_WAY)
    connected, start = parsed(*stream.opened())
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert (start["event"], start["sequenceNumber"]) == ("start", "1")
    assert stream.state is State.OPEN
    assert stream.reports() == [STARTED]
    assert stream.reports() == []


@pytest.mark.contract("T56")
@pytest.mark.parametrize("tracks", [("inbound",), ("outbound",), ("inbound", "outbound")])
def test_track_names(tracks: tuple[str, ...]) -> None:
    """start and media spell tracks inbound and outbound; a track not asked for gives nothing.

    Proves T56.
    """
    stream = MediaStream(replace(ONE_WAY, tracks=tracks))
    _, start = parsed(*stream.opened())
    assert start["start"]["tracks"] == list(tracks)
    media = parsed(*stream.audio("inbound", FRAME, 0), *stream.audio("outbound", FRAME, 0))
    assert [message["media"]["track"] for message in media] == list(tracks)


@pytest.mark.contract("T53", "T58", "T59")
def test_numbering() -> None:
    """One sequence runs over every message; chunks count per track; all are decimal strings.

    Proves T53, T58, T59.
    """
    stream = MediaStream(replace(TWO_WAY, tracks=("inbound", "outbound")))
    messages = parsed(
        *stream.opened(),
        *stream.audio("inbound", FRAME, 40),
        *stream.audio("outbound", FRAME, 40),
        stream.dtmf("5"),
        *stream.audio("inbound", FRAME, 60),
        stream.mark("m"),
        *stream.audio("outbound", FRAME, 60),
        stream.stop(),
    )
    assert [message.get("sequenceNumber") for message in messages] == [
        None,
        *[str(number) for number in range(1, 9)],
    ]
    media = [message["media"] for message in messages if message["event"] == "media"]
    assert [(body["track"], body["chunk"], body["timestamp"]) for body in media] == [
        ("inbound", "1", "40"),
        ("outbound", "1", "40"),
        ("inbound", "2", "60"),
        ("outbound", "2", "60"),
    ]


@pytest.mark.contract("T64")
def test_stop_comes_once_and_last() -> None:
    """T64: stop carries both sids and comes once; after it nothing is sent."""
    stream = opened()
    assert parsed(stream.stop()) == [
        {
            "event": "stop",
            "sequenceNumber": "2",
            "streamSid": TWO_WAY.stream_sid,
            "stop": {"accountSid": TWO_WAY.account_sid, "callSid": TWO_WAY.call_sid},
        }
    ]
    assert stream.stop() is None
    assert stream.audio("inbound", FRAME, 0) == []
    assert stream.dtmf("1") is None
    assert stream.mark("m") is None
    assert stream.received(asking("clear")) is None
    assert stream.reports() == [STOPPED]


@pytest.mark.contract("T62")
def test_dtmf_is_for_two_way_streams() -> None:
    """A pressed key reaches a two-way stream on inbound_track and a one-way stream not at all.

    Proves T62.
    """
    (message,) = parsed(opened().dtmf("#"))
    assert message["dtmf"] == {"track": "inbound_track", "digit": "#"}
    assert opened(ONE_WAY).dtmf("#") is None


@pytest.mark.contract("T63")
def test_mark_is_for_two_way_streams() -> None:
    """T63: A played mark is told to a two-way stream and never to a one-way stream."""
    (message,) = parsed(opened().mark("m"))
    assert message["mark"] == {"name": "m"}
    assert opened(ONE_WAY).mark("m") is None


def test_opening_twice_is_misuse() -> None:
    """A stream opens once; neither while open nor when ended does it open again."""
    stream = opened()
    with pytest.raises(MisuseError, match="open"):
        stream.opened()
    stream.stop()
    with pytest.raises(MisuseError, match="stopped"):
        stream.opened()


# Audio to the customer


@given(st.lists(st.binary(max_size=400)))
def test_frames_are_160_bytes(pieces: list[bytes]) -> None:
    """However the carrier cuts audio, frames of 160 bytes in padded base64 go out, in order."""
    stream = opened()
    out = b""
    sent = 0
    for piece in pieces:
        for message in parsed(*stream.audio("inbound", base64.b64encode(piece), sent // 8)):
            frame = base64.b64decode(message["media"]["payload"], validate=True)
            assert len(frame) == 160
            out += frame
        sent += len(piece)
    whole = b"".join(pieces)
    assert out == whole[: len(whole) // 160 * 160]
    assert stream.counters.frames_sent == len(whole) // 160


@pytest.mark.parametrize("payload", [b"*", b"/w=", b'"}' + b"A" * 212 + b"==", b"\xff" * 216])
def test_a_payload_that_is_no_base64_never_reaches_the_customer(payload: bytes) -> None:
    """Bad base64 of any length is counted as a fault; what comes after it goes out."""
    stream = opened()
    assert stream.audio("inbound", payload, 0) == []
    assert stream.counters.faults == 1
    assert len(stream.audio("inbound", FRAME, 20)) == 1


def test_a_payload_that_only_looks_like_a_frame() -> None:
    """161 bytes have as many base64 digits as 160; they are cut to a frame all the same."""
    stream = opened()
    payload = base64.b64encode(bytes(160) + b"\xff")
    assert len(payload) == len(FRAME)
    (message,) = parsed(*stream.audio("inbound", payload, 0))
    assert base64.b64decode(message["media"]["payload"]) == bytes(160)
    (message,) = parsed(*stream.audio("inbound", FRAME, 20))
    assert base64.b64decode(message["media"]["payload"]) == b"\xff" + bytes(range(159))


@pytest.mark.contract("T60")
def test_timestamps_follow_the_audio() -> None:
    """Timestamps advance 20 ms per frame over jitter, and jump over a real gap of the carrier's.

    Proves T60.
    """
    stream = opened()
    at = [100, 120, 139, 165, 179, 300, 310, 345, 0]
    messages = parsed(*(m for time in at for m in stream.audio("inbound", FRAME, time)))
    stamps = [int(message["media"]["timestamp"]) for message in messages]
    assert stamps == [100, 120, 140, 160, 180, 300, 320, 340, 360]
    assert stream.counters.carrier_gaps_ms == 100


@pytest.mark.parametrize(("late", "expected", "gap"), [(39, 20, 0), (40, 40, 20)])
def test_a_gap_is_a_whole_frame(late: int, expected: int, gap: int) -> None:
    """Less than one frame of lateness is jitter; a whole frame is a gap."""
    stream = opened()
    stream.audio("inbound", FRAME, 0)
    (message,) = parsed(*stream.audio("inbound", FRAME, late))
    assert message["media"]["timestamp"] == str(expected)
    assert stream.counters.carrier_gaps_ms == gap


@pytest.mark.parametrize("first", [-20, -1, 0])
def test_timestamps_are_never_negative(first: int) -> None:
    """A carrier without usable timestamps gives numbers from 0, also when frames are re-cut."""
    stream = opened()
    half = base64.b64encode(b"\x00" * 80)
    messages = parsed(
        *stream.audio("inbound", half, first),
        *stream.audio("inbound", half, first),
        *stream.audio("inbound", FRAME, first),
    )
    assert [message["media"]["timestamp"] for message in messages] == ["0", "20"]


def test_long_frames_are_cut_in_time() -> None:
    """A frame of 40 ms becomes two, 20 ms apart."""
    stream = opened()
    long = base64.b64encode(bytes(320))
    stamps = [
        message["media"]["timestamp"]
        for time in (0, 40)
        for message in parsed(*stream.audio("inbound", long, time))
    ]
    assert stamps == ["0", "20", "40", "60"]


def test_audio_waits_for_the_socket() -> None:
    """Audio and keys from before the socket opened follow start, in order and counted."""
    stream = MediaStream(TWO_WAY)
    assert stream.audio("inbound", FRAME, 0) == []
    assert stream.dtmf("1") is None
    assert stream.audio("inbound", FRAME, 20) == []
    assert stream.audio("outbound", FRAME, 20) == []
    messages = parsed(*stream.opened())
    assert [message["event"] for message in messages] == [
        "connected",
        "start",
        "media",
        "dtmf",
        "media",
    ]
    assert [message.get("sequenceNumber") for message in messages[1:]] == ["1", "2", "3", "4"]
    assert (stream.counters.frames_waited, stream.counters.frames_sent) == (2, 2)
    assert stream.counters.dtmf == 1


@pytest.mark.parametrize(("frames", "lost"), [(3, 0), (4, 1)])
def test_what_waits_is_bounded(frames: int, lost: int) -> None:
    """Beyond the limit the oldest waiting frame is dropped for each new one, and counted."""
    stream = MediaStream(TWO_WAY, pending_limit=3)
    for number in range(frames):
        stream.audio("inbound", FRAME, 20 * number)
    assert stream.counters.frames_dropped == lost
    stamps = [m["media"]["timestamp"] for m in parsed(*stream.opened()) if m["event"] == "media"]
    assert stamps == [str(20 * number) for number in range(lost, frames)]


@pytest.mark.parametrize("end", [MediaStream.stop, lambda stream: stream.failed(31902)])
def test_what_waits_in_vain_is_counted(end: Callable[[MediaStream], object]) -> None:
    """Frames that waited for a socket that never opened count as dropped."""
    stream = MediaStream(TWO_WAY)
    for number in range(3):
        stream.audio("inbound", FRAME, 20 * number)
    stream.dtmf("1")
    end(stream)
    assert stream.counters.frames_dropped == 3


def test_what_is_released() -> None:
    """What waited for a customer to read comes out in order, and a mark's echo says whose it is."""
    stream = opened()
    stream.hold()
    stream.audio("inbound", base64.b64encode(bytes(400)), 0)
    stream.mark("first")
    stream.dtmf("1")
    stream.audio("inbound", base64.b64encode(bytes(80)), 50)
    stream.mark("")
    assert stream.counters.marks_echoed == 0
    released = stream.release()
    assert [waited.mark for waited in released] == [None, None, "first", None, None, ""]
    messages = parsed(*(waited.message for waited in released))
    assert [message["event"] for message in messages] == [
        "media",
        "media",
        "mark",
        "dtmf",
        "media",
        "mark",
    ]
    assert [messages[at]["mark"]["name"] for at in (2, 5)] == ["first", ""]
    assert [message["sequenceNumber"] for message in messages] == list("234567")
    assert stream.counters.marks_echoed == 2
    assert stream.release() == []


# What the customer asks for


def test_requests() -> None:
    """media, mark and clear become what is to be done, and are counted."""
    stream = opened()
    assert [
        stream.received(data)
        for data in (playing(b"abc"), asking("mark", mark={"name": "m"}), asking("clear"))
    ] == [b"abc", MarkSet("m"), Cleared()]
    counters = stream.counters
    assert (counters.messages_received, counters.audio_bytes) == (3, 3)
    assert (counters.marks_received, counters.clears, counters.faults) == (1, 1, 0)
    assert stream.warnings() == []


BAD = [
    b"{",
    b"hello",
    b'{"event":"what"}',
    asking("mark"),
    asking("media", media={}),
    asking("media", streamSid="MZ" + "9" * 32, media={"payload": ""}),
    asking("clear", clear=1),
    asking("dtmf", dtmf={"digit": "1"}),
]


@pytest.mark.contract("S55")
def test_a_customer_may_not_send_dtmf() -> None:
    """A dtmf message from the customer does nothing and is warned of."""
    stream = opened()
    assert stream.received(asking("dtmf", dtmf={"digit": "1"})) is None
    (warning,) = stream.warnings()
    assert warning.code == 31951


@pytest.mark.parametrize("first", BAD)
def test_31951_comes_once(first: bytes) -> None:
    """The first unusable message raises 31951, whichever it is; all are counted, none harms."""
    stream = opened()
    stream.received(first)
    (warning,) = stream.warnings()
    assert warning.code == 31951
    for data in BAD:
        stream.received(data)
    assert stream.warnings() == []
    assert stream.counters.faults == 1 + len(BAD)
    assert stream.received(playing(b"abc")) == b"abc"


def test_each_warning_has_its_own_once() -> None:
    """31950, 31930 and 31931 are each raised once, also beside one another."""
    stream = opened()
    for _ in range(2):
        stream.received_binary(b"\x00\x01")
        stream.congested(2)
        stream.received(playing(b"x" * 10))
        stream.overflowed(4)
        stream.received(b"{")
    assert [warning.code for warning in stream.warnings()] == [31950, 31930, 31931, 31951]
    counters = stream.counters
    assert (counters.frames_dropped, counters.audio_bytes, counters.discarded_bytes) == (4, 12, 8)


@pytest.mark.contract("T81")
@pytest.mark.parametrize(
    "data", [playing(b"abc"), asking("mark", mark={"name": "m"}), asking("clear")]
)
def test_a_one_way_stream_takes_nothing(data: bytes) -> None:
    """T81: A one-way stream ignores media, mark and clear, with a warning that says how to send."""
    stream = opened(ONE_WAY)
    assert stream.received(data) is None
    (warning,) = stream.warnings()
    assert (warning.code, "<Connect><Stream>" in warning.message) == (31951, True)
    assert stream.state is State.OPEN
    assert len(stream.audio("inbound", FRAME, 0)) == 1


def test_a_warning_quotes_the_message_without_its_audio() -> None:
    """A warning quotes the offending message's beginning, and no audio of it."""
    stream = opened()
    data = asking("media", extra=1, media={"payload": "SECRET=="})
    stream.received(data.replace(b" ", b""))
    (warning,) = stream.warnings()
    assert warning.quote.startswith('{"event":"media"')
    assert "SECRET" not in warning.quote


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ""),
        (b"x" * 80, "x" * 80),
        (b"x" * 81, "x" * 80 + "…"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"media":{"payload":"abcd"}}', '{"media":{'),
    ],
)
def test_excerpt(data: bytes, expected: str) -> None:
    """An excerpt is the message's first 80 bytes up to a payload, and says if there was more."""
    assert excerpt(data) == expected


# One start or error, one stop


@pytest.mark.parametrize(
    ("end", "reports"),
    [
        (lambda s: s.failed(31902, "no"), [Report("stream-error", describe(31902, "no")), STOPPED]),
        (lambda s: s.closed(), [Report("stream-error", describe(31903)), STOPPED]),
        (lambda s: s.closed(31924), [Report("stream-error", describe(31924)), STOPPED]),
        (
            lambda s: s.stop(),
            [Report("stream-error", describe(31900, "the call ended first")), STOPPED],
        ),
    ],
)
def test_a_stream_that_never_opened(
    end: Callable[[MediaStream], object], reports: list[Report]
) -> None:
    """A stream that ends before its socket opened reports one error, then that it stopped."""
    stream = MediaStream(TWO_WAY)
    assert end(stream) is None
    assert stream.reports() == reports


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (lambda s: s.stop(), ""),
        (lambda s: s.closed(), ""),
        (lambda s: s.closed(31924, "bad"), describe(31924, "bad")),
    ],
)
def test_a_stream_that_was_open(end: Callable[[MediaStream], object], error: str) -> None:
    """A stream that had opened reports that it stopped, with the failure's number if it failed."""
    stream = opened()
    end(stream)
    assert stream.reports() == [Report("stream-stopped", error)]


def test_describe() -> None:
    """An error is told as number, title and what was seen."""
    assert describe(31902) == f"31902 {STREAM_TITLES[31902]}"
    assert describe(31902, "no") == f"31902 {STREAM_TITLES[31902]}: no"
    assert describe(39999) == "39999 Stream error"


def test_marks_are_bounded() -> None:
    """More marks than may wait, or a name that is too long, are told of once and ignored."""
    stream = opened()
    assert stream.received(asking("mark", mark={"name": "x" * 10_001})) is None
    for number in range(10_000):
        name = str(number)
        assert stream.received(asking("mark", mark={"name": name})) == MarkSet(name)
    assert stream.received(asking("mark", mark={"name": "more"})) is None
    assert [warning.code for warning in stream.warnings()] == [31951]
    assert stream.mark("0") is not None
    assert stream.received(asking("mark", mark={"name": "more"})) == MarkSet("more")


# Any sequence of events at all

TRACK = st.sampled_from(["inbound", "outbound", "other"])
PAYLOAD = st.one_of(
    st.just(FRAME),
    st.binary(max_size=500).map(base64.b64encode),
    st.binary(max_size=3),
)
METHOD = st.one_of(
    st.tuples(st.just("opened")),
    st.tuples(st.just("failed"), st.sampled_from([31901, 31904])),
    st.tuples(st.just("closed"), st.sampled_from([0, 31903, 31924])),
    st.tuples(st.just("stop")),
    st.tuples(st.just("audio"), TRACK, PAYLOAD, st.integers(-100, 100_000)),
    st.tuples(st.just("audio"), st.just("inbound"), st.just(FRAME), st.integers(0, 1_000)),
    st.tuples(st.just("dtmf"), st.sampled_from("0*#")),
    st.tuples(st.just("mark"), st.text(max_size=3)),
    st.tuples(st.just("received"), st.sampled_from([*BAD, playing(b"x"), asking("clear")])),
    st.tuples(st.just("received_binary"), st.binary(max_size=3)),
    st.tuples(st.just("congested"), st.just(1)),
)


@pytest.mark.contract("T58", "T59", "T60", "T65")
@given(st.lists(METHOD), st.booleans(), st.sampled_from([[], [("opened",)]]))
def test_any_sequence_of_events(
    calls: list[tuple[Any, ...]], bidirectional: bool, first: list[tuple[Any, ...]]
) -> None:
    """Whatever happens in whatever order, what goes out is a well-formed stream.

    Sequence numbers rise by 1, chunks by 1 per track, timestamps by 20 or by a gap; only the known
    events are sent, nothing after stop; there is one started or error and then one stopped.

    Proves T58, T59, T60, T65.
    """
    stream = MediaStream(replace(ONE_WAY, bidirectional=bidirectional), pending_limit=4)
    out: list[bytes] = []
    reports: list[str] = []
    for name, *arguments in [*first, *calls, ("stop",)]:
        connecting = stream.state is State.CONNECTING
        try:
            result = getattr(stream, name)(*arguments)
        except MisuseError:
            assert name == "opened"
            assert not connecting
            continue
        if name != "received":
            out += result if isinstance(result, list) else [result] if result else []
        reports += [report.event for report in stream.reports()]
    assert reports in (["stream-started", "stream-stopped"], ["stream-error", "stream-stopped"])
    assert len(stream.warnings()) <= 4
    messages = parsed(*out)
    if reports[0] == "stream-error":
        assert messages == []
        return
    assert [message["event"] for message in messages[:2]] == ["connected", "start"]
    numbered = messages[1:]
    assert [m["sequenceNumber"] for m in numbered] == [str(n + 1) for n in range(len(numbered))]
    later = {"media", "stop"} | ({"dtmf", "mark"} if bidirectional else set())
    assert {message["event"] for message in messages[2:]} <= later
    assert all(message["event"] != "stop" for message in messages[:-1])
    for track in ("inbound", "outbound"):
        media = [m["media"] for m in messages if m.get("media", {}).get("track") == track]
        assert [body["chunk"] for body in media] == [str(n + 1) for n in range(len(media))]
        stamps = [int(body["timestamp"]) for body in media]
        assert all(stamp >= 0 for stamp in stamps)
        steps = [after - before for before, after in pairwise(stamps)]
        assert all(step == 20 or step >= 40 for step in steps)
