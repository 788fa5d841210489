"""The short way of reading a carrier's frame gives what the parser would."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.dialects import signalwire
from tests.support.json_forms import Pairs, disturbed, written

PAYLOAD = base64.b64encode(bytes(range(160))).decode()
FRAMES = (
    (
        '{"event":"media","sequenceNumber":"42","media":{"track":"inbound","chunk":"1",'
        f'"timestamp":"20","payload":"{PAYLOAD}"}}}}'
    ),
    (
        '{"event":"media","sequenceNumber":"42","streamSid":"7d56-é","media":{"track":"outbound",'
        f'"chunk":"1","timestamp":"20","payload":"{PAYLOAD}"}}}}'
    ),
    (
        '{"event":"media","sequenceNumber":"42","media":{"track":"outbound","chunk":"1",'
        f'"timestamp":"999999","payload":"{PAYLOAD}"}},"streamSid":"7d56"}}'
    ),
)


@given(
    st.sampled_from(FRAMES),
    st.integers(0, 500),
    st.one_of(
        st.sampled_from([b"", b'"', b"\\", b" ", b"=", b"0", b'","track":"outbound', b"}", b"{"]),
        st.binary(max_size=3),
    ),
    st.integers(0, 30),
)
def test_a_frame_is_cut_out_as_the_parser_would(
    message: str, at: int, piece: bytes, gone: int
) -> None:
    """What the pattern finds is what the parser reads: a track, a time, 160 bytes in base64."""
    data = message.encode()
    at %= len(data)
    for tried in (data, data[:at] + piece + data[at + gone :]):
        found = signalwire.frame_in(tried)
        if found is not None:
            track, timestamp, payload = found.groups()
            read = signalwire.decode(tried)
            assert read == signalwire.Media(track.decode(), int(timestamp), payload)
            audio = base64.b64decode(payload, validate=True)
            assert len(audio) == 160
            assert base64.b64encode(audio) == payload


def test_frames_of_the_documented_form_are_found() -> None:
    """The carrier's own form takes the short way, with and without a streamSid."""
    assert [signalwire.frame_in(message.encode()) is not None for message in FRAMES] == [
        *(True, False, True)
    ]


# Messages written in any way, against Python's own JSON parser

VALUES = st.one_of(
    st.sampled_from(["inbound", "outbound", "media", "mark", "20", "-1", "", "é", "7d56", PAYLOAD]),
    st.sampled_from([20, 20.0, -1, 1e300, 2**70, True, None]),
    st.text(max_size=3),
)
PAYLOADS = st.one_of(
    st.binary(min_size=160, max_size=160).map(lambda audio: base64.b64encode(audio).decode()),
    st.sampled_from(
        ["", "AAAA", "A" * 216, "A" * 212 + "/w==", "A" * 212 + "/x==", "A" * 215 + "="]
    ),
)
SIDS = st.sampled_from(["7d56a1b2-0000-4000-8000-000000000001", "", "a b", 'a"b', "a\\b", "é"])


@st.composite
def messages(draw: st.DrawFn) -> str:
    """A media message, true to the documented form or not."""
    stamps = [*["0", "20", "007", "9" * 15] * 3, "9" * 16, "1.5", "٣"]
    media: Pairs = [
        ("track", draw(st.sampled_from([*["inbound", "outbound"] * 5, "both"]))),
        ("chunk", "1"),
        (
            "timestamp",
            draw(st.sampled_from(stamps)),
        ),
        ("payload", draw(PAYLOADS)),
    ]
    message: Pairs = [("event", "media"), ("sequenceNumber", "42")]
    where = draw(st.sampled_from(["before", "behind", "nowhere"]))
    if where == "before":
        message.append(("streamSid", draw(SIDS)))
    message.append(("media", draw(disturbed(media, VALUES))))
    if where == "behind":
        message.append(("streamSid", draw(SIDS)))
    return draw(written(draw(disturbed(message, VALUES))))


def by_the_parser(data: bytes) -> signalwire.Message | None:
    """What the message is, if it is audio; None when it is something else, or not JSON."""
    try:
        message: Any = json.loads(data)
    except ValueError:
        return None
    if not isinstance(message, dict) or message.get("event") != "media":
        return None
    body = message.get("media")
    if not isinstance(body, dict) or not isinstance(body.get("payload"), str):
        return None
    track = body.get("track", "inbound")
    if track not in ("inbound", "outbound"):
        return None
    try:
        at = int(body["timestamp"])
    except (KeyError, TypeError, ValueError, OverflowError):
        at = 0
    return signalwire.Media(track, at if 0 <= at < 2**53 else 0, body["payload"].encode())


@settings(max_examples=300)
@given(messages())
def test_any_json_is_read_as_by_a_parser(text: str) -> None:
    """Escapes, blanks, orders, names twice, numbers for strings: short way and long way agree."""
    data = text.encode()
    expected = by_the_parser(data)
    read = signalwire.decode(data)
    assert (read if isinstance(read, signalwire.Media) else None) == expected
    found = signalwire.frame_in(data)
    if found is not None:
        track, timestamp, payload = found.groups()
        assert signalwire.Media(track.decode(), int(timestamp), payload) == expected
        assert len(base64.b64decode(payload, validate=True)) == 160


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"event"', '"\\u0065vent"'),
        ('"inbound"', '"\\u0069nbound"'),
        ('"inbound"', '"inbound","track":"outbound"'),
        ('"20"', "20"),
        ('"20"', '"20","timestamp":"40"'),
        ('"20"', '"-20"'),
        ('"20"', '"٢"'),
        ('"42"', "42"),
        ('"media",', '"media","event":"mark",'),
        ('"}}', '"},"media":{"payload":"AAAA"}}'),
        ('"}}', '"},"event":"stop"}'),
        ('"}}', '"}}\n'),
        ('"}}', '"}},'),
        (PAYLOAD, PAYLOAD[:-1]),
        (PAYLOAD, "\\/" + PAYLOAD[1:]),
        (PAYLOAD, PAYLOAD[:-3] + "x=="),
    ],
)
def test_what_only_looks_like_the_form_is_left_to_the_parser(old: str, new: str) -> None:
    """Whatever stands otherwise than documented takes the long way."""
    assert FRAMES[0].count(old) == 1
    data = FRAMES[0].replace(old, new).encode()
    assert signalwire.frame_in(data) is None
    read = signalwire.decode(data)
    assert (read if isinstance(read, signalwire.Media) else None) == by_the_parser(data)
