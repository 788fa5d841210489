from __future__ import annotations

import itertools

import pytest

from bridge.call import MAX_TRACKS, Call, CallStatus, Parties
from bridge.ids import is_sid
from bridge.stream import MediaStream, Report, State
from bridge.timeline import Timeline
from twiml.actions import Parameter, Stream, Track

INBOUND = Stream(url="wss://example.com/a", connect_url="wss://example.com/a")


def new_call() -> Call:
    timeline = Timeline(lambda: 0.0)
    return Call("CA" + "1" * 32, "AC" + "0" * 32, Parties("+15550001111", "+15550002222"), timeline)


class Calling:
    """A call whose stream sids count up from zero."""

    def __init__(self) -> None:
        self.call = new_call()
        self._numbers = itertools.count()

    def begin(
        self,
        track: Track = Track.INBOUND,
        *,
        name: str | None = None,
        two_way: bool = False,
        sid: str | None = None,
    ) -> MediaStream:
        return self.call.begin_stream(
            Stream(connect_url=INBOUND.connect_url, track=track, name=name),
            bidirectional=two_way,
            random_bytes=lambda size: next(self._numbers).to_bytes(size, "big"),
            sid=sid,
        )


def refused(stream: MediaStream) -> str:
    """The error with which a stream failed at once."""
    error, stopped = stream.reports()
    assert (error.event, stopped, stream.state) == (
        "stream-error",
        Report("stream-stopped"),
        State.STOPPED,
    )
    return error.error


def running(*streams: MediaStream) -> bool:
    return all(stream.state is State.CONNECTING and not stream.reports() for stream in streams)


def test_identity() -> None:
    """A stream gets the call's sids, a new sid of its own and what its noun says."""
    call = new_call()
    noun = Stream(
        connect_url=INBOUND.connect_url,
        name="tap",
        track=Track.BOTH,
        content=(
            Parameter(name="a", value="1"),
            Parameter(name="b", value="2"),
            Parameter(name="a", value="3"),
        ),
    )
    stream = call.begin_stream(noun, bidirectional=False, random_bytes=bytes)
    identity = stream.identity
    assert (identity.call_sid, identity.account_sid) == (call.sid, call.account_sid)
    assert identity.stream_sid == "MZ" + "0" * 32
    assert is_sid(identity.stream_sid, "MZ")
    assert (identity.name, identity.tracks) == ("tap", ("inbound", "outbound"))
    assert identity.custom_parameters == {"a": "3", "b": "2"}
    assert call.streams == (stream,)
    assert call.has_stream(identity.stream_sid)
    assert not call.has_stream("MZ" + "1" * 32)


def test_a_given_sid_is_kept() -> None:
    """A sid minted earlier, for the carrier's token, is the stream's."""
    sid = "MZ" + "f" * 32
    assert Calling().begin(sid=sid).identity.stream_sid == sid


def test_an_empty_name_is_none() -> None:
    """An empty name names nothing: two such streams do not clash."""
    calling = Calling()
    streams = calling.begin(name=""), calling.begin(name="")
    assert running(*streams)
    assert streams[0].identity.name is None


@pytest.mark.contract("T28")
@pytest.mark.parametrize(
    "tracks",
    [
        [Track.INBOUND] * 4,
        [Track.OUTBOUND] * 4,
        [Track.BOTH] * 2,
        [Track.INBOUND, Track.BOTH, Track.OUTBOUND],
    ],
)
@pytest.mark.parametrize("more", [Track.INBOUND, Track.BOTH])
def test_four_tracks(tracks: list[Track], more: Track) -> None:
    """One-way streams may carry four tracks together; the next is refused until one has ended."""
    calling = Calling()
    streams = [calling.begin(track) for track in tracks]
    assert sum(len(track.names) for track in tracks) == MAX_TRACKS
    assert running(*streams)
    assert "4 streamed tracks" in refused(calling.begin(more))
    streams[0].stop()
    streams[1].stop()
    assert running(calling.begin(more))


def test_a_two_way_stream_takes_no_track() -> None:
    """The two-way stream is not counted among the four tracks."""
    calling = Calling()
    assert running(calling.begin(two_way=True), *[calling.begin() for _ in range(4)])
    assert refused(calling.begin()).startswith("31900")


def test_both_tracks_need_room_for_both() -> None:
    """With three tracks running, one more fits and two do not."""
    calling = Calling()
    streams = [calling.begin() for _ in range(3)]
    assert refused(calling.begin(Track.BOTH))
    assert running(*streams, calling.begin())


@pytest.mark.contract("T29")
def test_one_two_way_stream() -> None:
    """A call has one two-way stream at a time; when it has ended the next may begin."""
    calling = Calling()
    first = calling.begin(two_way=True)
    assert refused(calling.begin(two_way=True)).startswith("31900")
    assert running(first)
    first.stop()
    assert running(calling.begin(two_way=True))


@pytest.mark.contract("T30")
@pytest.mark.parametrize("two_way", [False, True])
def test_names_are_unique(two_way: bool) -> None:
    """A name in use is refused, on any kind of stream; when its stream has ended it is free."""
    calling = Calling()
    first = calling.begin(name="tap")
    assert "'tap'" in refused(calling.begin(name="tap", two_way=two_way))
    assert running(first, calling.begin(name="Tap"))
    first.stop()
    assert running(calling.begin(name="tap", two_way=two_way))


def test_a_document_refusal() -> None:
    """A stream that its document forbids fails with the document's number and reason."""
    calling = Calling()
    noun = Stream(refusal=31922, refusal_reason="ws is not wss")
    stream = calling.call.begin_stream(noun, bidirectional=True, random_bytes=bytes)
    assert refused(stream) == "31922 Stream - URL scheme is not wss: ws is not wss"


def test_no_stream_after_the_end() -> None:
    """A call that has ended begins no stream."""
    calling = Calling()
    calling.call.status = CallStatus.COMPLETED
    assert "the call has ended" in refused(calling.begin())


def test_found_by_name_or_sid() -> None:
    """A running one-way stream is found by its name and by its sid; others are not."""
    calling = Calling()
    ended = calling.begin(name="tap")
    ended.stop()
    tap, other = calling.begin(name="tap"), calling.begin()
    two_way = calling.begin(name="agent", two_way=True)
    assert calling.call.stream_named("tap") is tap
    assert calling.call.stream_named(tap.identity.stream_sid) is tap
    assert calling.call.stream_named(other.identity.stream_sid) is other
    for name in ("agent", two_way.identity.stream_sid, ended.identity.stream_sid, "", "none"):
        assert calling.call.stream_named(name) is None
