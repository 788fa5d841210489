from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.audio import AudioError
from bridge.codecs import G711Decoder
from bridge.dialects.tap import DIRECTIONS, TRACKS, Format, TapReader, read_header
from bridge.errors import PeerError
from bridge.playout import SILENCE
from tests.support.framed import Framed

HEADER = b'{"content-type":"audio/mulaw;rate=8000"}'


class Tap(Framed):
    """A reader and the frames that it has given out."""

    def __init__(self, header: bytes | None = HEADER) -> None:
        super().__init__()
        self.reader = TapReader(self.take)
        if header is not None:
            self.reader.text(header)

    def speaks(self, audio: bytes, now: int) -> None:
        """Frames of 20 ms, in real time: the first one arrives now."""
        for at in range(0, len(audio), 160):
            self.reader.binary(audio[at : at + 160], now + at // 8)
            self.reader.tick(now + at // 8)


def test_directions_are_tracks() -> None:
    """What the party says is the inbound track, what it hears the outbound one, and back."""
    assert TRACKS == {"speak": "inbound", "listen": "outbound"}
    assert DIRECTIONS == {"inbound": "speak", "outbound": "listen"}


@pytest.mark.parametrize(
    ("content_type", "law", "rate"),
    [
        ("audio/mulaw;rate=8000", "mulaw", 8000),
        ("audio/mulaw", "mulaw", 8000),
        ("Audio/X-MuLaw ; Rate = 8000 ;", "mulaw", 8000),
        ("audio/PCMU;channels=1;rate=16000;ptime=20", "mulaw", 16000),
        (' audio/basic;rate="8000"', "mulaw", 8000),
        ("PCMU", "mulaw", 8000),
        ("audio/ulaw", "mulaw", 8000),
        ("audio/pcma;rate=8000", "alaw", 8000),
        ("audio/x-alaw", "alaw", 8000),
    ],
)
@pytest.mark.parametrize("key", ["content-type", "Content-Type", "contentType", "CONTENT_TYPE"])
def test_headers(key: str, content_type: str, law: str, rate: int) -> None:
    """A header is read however its key, its names and its blanks are written."""
    header = json.dumps({"version": 1, key: content_type, "other": {"content": None}})
    form = read_header(header.encode())
    assert (form.law, form.sample_rate) == (law, rate)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"audio/mulaw", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"content-type"', "not a JSON object"),
        (b"{}", "names no content type"),
        (b'{"event":"connected"}', "names no content type"),
        (b'{"content-type":7}', "the content type is 7"),
    ],
)
def test_what_is_no_header(header: bytes, why: str) -> None:
    """A message that names no audio is none; it says what was seen."""
    with pytest.raises(PeerError, match=why):
        read_header(header)


@pytest.mark.parametrize(
    "content_type",
    ["audio/opus;rate=48000", "video/mulaw", "", "audio/mulaw;rate=x", "audio/mulaw;channels=2"],
)
def test_audio_that_we_cannot_use(content_type: str) -> None:
    """A header that names other audio says so, and what would do."""
    with pytest.raises(AudioError, match=r"not supported; use PCMU or PCMA with one channel"):
        read_header(json.dumps({"content-type": content_type}).encode())


def test_a_rate_that_we_cannot_resample() -> None:
    """The rate counts when the header is taken."""
    with pytest.raises(AudioError, match="mulaw at 11025 is not supported"):
        Tap(b'{"content-type":"audio/mulaw;rate=11025"}')


def test_mulaw_passes_byte_for_byte() -> None:
    """Frames of 20 ms come out as they came in, 20 ms apart."""
    tap = Tap()
    audio = bytes(n % 251 for n in range(800))
    tap.speaks(audio, 20)
    tap.reader.end()
    assert tap.audio == audio
    assert tap.times == [0, 20, 40, 60, 80]
    counters = tap.reader.counters
    assert (counters.received_bytes, counters.padded_bytes, counters.pause_ms) == (800, 0, 0)
    assert not tap.reader.fault


def test_the_first_audio_has_the_time_of_its_arrival() -> None:
    """Audio that comes later than the stream began is as much later on the stream's clock."""
    tap = Tap()
    tap.speaks(b"a" * 320, 1_000)
    assert tap.times == [980, 1_000]


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_other_audio_is_converted(law: Literal["mulaw", "alaw"], rate: int) -> None:
    """A-law becomes mu-law, and a faster rate 8000, frame for frame."""
    name = {"mulaw": "audio/mulaw", "alaw": "audio/pcma"}[law]
    tap = Tap(json.dumps({"content-type": f"{name};rate={rate}"}).encode())
    audio = bytes(n * 7 % 251 for n in range(rate // 10))
    step = rate // 50
    for at in range(0, len(audio), step):
        tap.reader.binary(audio[at : at + step], at * 1000 // rate)
    assert tap.audio == G711Decoder(law, rate).decode(audio)
    assert tap.times == [0, 20, 40, 60, 80]


@given(st.binary(min_size=1, max_size=3_000), st.lists(st.integers(1, 700), max_size=30))
def test_pieces_of_any_size(audio: bytes, cuts: list[int]) -> None:
    """However a second's audio is cut, no byte is lost and the last frame is filled up."""
    tap = Tap()
    at = 0
    for cut in (*cuts, len(audio)):
        tap.reader.binary(audio[at : at + cut], 0)
        at += cut
    tap.reader.end()
    filling = -len(audio) % 160
    assert tap.audio == audio + SILENCE[:filling]
    assert tap.times == [20 * n for n in range(len(tap.frames))]
    assert tap.reader.counters.padded_bytes == filling
    assert tap.reader.counters.received_bytes == len(audio)


# Time


def test_a_pause() -> None:
    """Audio after a pause is held for a moment and then has the time at which it came."""
    tap = Tap()
    tap.speaks(b"a" * 160, 20)
    tap.speaks(b"b" * 160, 10_020)
    assert tap.times == [0]
    tap.speaks(b"b" * 480, 10_040)
    assert not tap.reader.waiting
    assert tap.times == [0, 10_000, 10_020, 10_040, 10_060]
    assert tap.audio == b"a" * 160 + b"b" * 640
    assert tap.reader.counters.pause_ms == 9_980


def test_a_backlog_is_no_pause() -> None:
    """Audio that the network held up comes all at once, and keeps its own time."""
    tap = Tap()
    tap.speaks(b"a" * 160, 20)
    for _ in range(100):
        tap.reader.binary(b"b" * 160, 2_020)
    for _ in range(5):
        tap.reader.binary(b"c" * 160, 2_060)
    tap.reader.tick(2_079)
    assert tap.times == [0]
    tap.reader.tick(2_080)
    assert tap.times == [20 * n for n in range(106)]
    assert tap.reader.counters.pause_ms == 0


@pytest.mark.parametrize(("late", "pause"), [(199, 0), (200, 200)])
def test_unrest_is_no_pause(late: int, pause: int) -> None:
    """Less than 200 ms is unrest of the network, and changes no time."""
    tap = Tap()
    tap.speaks(b"a" * 160, 20)
    tap.speaks(b"b" * 160, 40 + late)
    tap.reader.end()
    assert tap.times == [0, 20 + pause]
    assert tap.reader.counters.pause_ms == pause


def test_what_is_held_at_the_end_is_given_out() -> None:
    """A tap that ends right after a pause loses nothing."""
    tap = Tap()
    tap.speaks(b"a" * 100, 20)
    tap.reader.binary(b"b" * 10, 1_000)
    tap.reader.end()
    assert tap.audio == b"a" * 100 + SILENCE[:60] + b"b" * 10 + SILENCE[:150]
    assert tap.times == [7, 999]
    assert tap.reader.counters.padded_bytes == 210


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 2_000)), max_size=40))
def test_time_never_goes_back(pieces: Iterable[tuple[int, int]]) -> None:
    """Whatever comes when, frames are at least 20 ms apart and no byte is lost or doubled."""
    tap = Tap()
    now = size = 0
    for wait, length in pieces:
        now += wait
        tap.reader.tick(now)
        tap.reader.binary(b"\x01" * length, now)
        size += length
    tap.reader.end()
    assert tap.audio.count(1) == size
    assert all(later - earlier >= 20 for earlier, later in pairwise(tap.times))


# Faults


def test_audio_without_a_header() -> None:
    """It is taken as mu-law at 8000, with one fault; a header that comes later is still read."""
    tap = Tap(header=None)
    tap.reader.binary(b"\x01" * 160, 0)
    tap.reader.binary(b"\x01" * 160, 20)
    assert "before any header" in tap.reader.fault
    assert tap.reader.counters.faults == 1
    assert tap.reader.text(b'{"content-type":"audio/pcma"}') == Format("alaw", 8000)
    tap.reader.binary(b"\x01" * 160, 40)
    assert tap.audio == b"\x01" * 320 + G711Decoder("alaw", 8000).decode(b"\x01" * 160)


def test_the_first_fault_is_kept_and_all_are_counted() -> None:
    """Messages that are no header do no harm; the first one is what is told."""
    tap = Tap(header=None)
    assert tap.reader.text(b"hello") is None
    assert tap.reader.text(HEADER) == Format("mulaw", 8000)
    assert tap.reader.text(b"more") is None
    tap.speaks(b"a" * 160, 20)
    assert "not JSON" in tap.reader.fault
    assert tap.reader.counters.faults == 2
    assert tap.audio == b"a" * 160


@given(st.binary(max_size=60) | st.from_regex(r'\{"content-type":".*"\}').map(str.encode))
def test_no_header_does_harm(data: bytes) -> None:
    """Whatever is sent as a header is a format, a fault, or audio that we cannot use."""
    with suppress(PeerError, AudioError):
        assert read_header(data).law in ("mulaw", "alaw")
