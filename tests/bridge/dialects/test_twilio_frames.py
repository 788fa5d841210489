"""The short way of reading a customer's audio gives what the parser would."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.dialects import twilio
from tests.support.json_forms import Pairs, disturbed, written

SID = "MZ" + "0" * 32
FORMS = (
    '{"event":"media","streamSid":"%s","media":{"payload":"%s"}}',
    '{"event": "media", "streamSid": "%s", "media": {"payload": "%s"}}',
    '{"media":{"payload":"%2$s"},"streamSid":"%1$s","event":"media"}',
)


def filled(form: str, payload: str) -> bytes:
    if "%1$s" in form:
        return form.replace("%1$s", SID).replace("%2$s", payload).encode()
    return (form % (SID, payload)).encode()


def spoilt(data: bytes, at: int, piece: bytes, gone: int) -> bytes:
    at %= len(data) + 1
    return data[:at] + piece + data[at + gone :]


@given(
    st.sampled_from(FORMS),
    st.binary(min_size=1, max_size=400),
    st.binary(max_size=400),
    st.integers(0, 1_000),
    st.one_of(
        st.sampled_from([b"", b'"', b"\\/", b" ", b"=", b"\\u0041", b'","payload":"', b"}"]),
        st.binary(max_size=4),
    ),
    st.integers(0, 40),
)
def test_a_known_form_is_read_as_the_parser_would(
    form: str, first: bytes, second: bytes, at: int, piece: bytes, gone: int
) -> None:
    """Whatever follows a message of known form, cutting gives what parsing gives, or nothing."""
    reader = twilio.Reader(SID)
    assert reader.decode(filled(form, base64.b64encode(first).decode())) == twilio.Media(first)
    whole = filled(form, base64.b64encode(second).decode())
    assert reader.audio(whole) in (second, None if len(first) < 3 else second)
    frame = filled(form, base64.b64encode((second * 160 or bytes(160))[:160]).decode())
    assert reader.payload(frame) is not None
    for data in (whole, spoilt(whole, at, piece, gone), frame, spoilt(frame, at, piece, gone)):
        audio = reader.audio(data)
        assert audio is None or twilio.decode(data, SID) == twilio.Media(audio)
        payload = reader.payload(data)
        if payload is not None:
            assert twilio.decode(data, SID) == twilio.Media(base64.b64decode(payload))
            assert len(base64.b64decode(payload)) == 160


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_learnt(form: str) -> None:
    """After one message of a form the next are not parsed; a message of another form still is."""
    reader = twilio.Reader(SID)
    assert reader.audio(filled(form, "AAAA")) is None
    reader.decode(filled(form, base64.b64encode(bytes(range(160))).decode()))
    assert reader.audio(filled(form, "AAAA")) == bytes(3)
    assert reader.audio(filled(form, "AA\\u0041A")) is None
    others = [other for other in FORMS if other != form]
    assert [reader.audio(filled(other, "AAAA")) for other in others] == [None, None]


def test_a_payload_that_stands_twice_is_not_learnt_from() -> None:
    """Nor is a string that only has the payload's letters."""
    reader = twilio.Reader("AAAA")
    message = b'{"event":"media","streamSid":"AAAA","media":{"payload":"AAAA"}}'
    assert reader.decode(message) == twilio.Media(bytes(3))
    assert reader.audio(message) is None


@pytest.mark.parametrize(
    ("payload", "taken"),
    [
        (base64.b64encode(bytes(160)).decode(), True),
        ("A" * 212 + "/w==", True),
        ("A" * 212 + "/x==", False),  # bits that no byte has
        ("A" * 212 + "A===", False),
        ("A" * 210 + "==Aw==", False),
        ("A" * 216, False),  # 162 bytes
        ("A" * 210 + "\\/AA==", False),
        ("A" * 212 + "_w==", False),
    ],
)
def test_a_frame_that_is_passed_on_as_it_came(payload: str, taken: bool) -> None:
    """Only what is sure to be base64 of one frame is not decoded."""
    reader = twilio.Reader(SID)
    reader.decode(filled(FORMS[0], "AAAA"))
    assert (reader.payload(filled(FORMS[0], payload)) is not None) is taken


# Messages written in any way, against Python's own JSON parser

VALUES = st.one_of(
    st.sampled_from(["media", "mark", SID, "MZ00", "", "é", "AAAA", 1, 1.5, -1, 2**70, True, None]),
    st.text(max_size=3),
)
PAYLOADS = st.one_of(
    st.binary(max_size=4).map(lambda audio: base64.b64encode(audio).decode()),
    st.binary(min_size=160, max_size=160).map(lambda audio: base64.b64encode(audio).decode()),
    st.sampled_from(
        ["AAA", "AA==", "AB==", "A===", "=AAA", "AA\nAA", "+/+/", "-_-_", "é", "A" * 216]
    ),
)


@st.composite
def messages(draw: st.DrawFn) -> str:
    """A media message, conforming or not."""
    media: Pairs = [("payload", draw(PAYLOADS))]
    message: Pairs = [
        ("event", "media"),
        ("streamSid", SID),
        ("media", draw(disturbed(media, VALUES))),
    ]
    return draw(written(draw(disturbed(message, VALUES))))


def by_the_parser(data: bytes) -> bytes | None:
    """The audio of a message that conforms in every point; None for any other."""
    try:
        message: Any = json.loads(data)
    except ValueError:
        return None
    if not isinstance(message, dict) or message.keys() != {"event", "streamSid", "media"}:
        return None
    body = message["media"]
    if message["event"] != "media" or message["streamSid"] != SID or not isinstance(body, dict):
        return None
    if body.keys() != {"payload"} or not isinstance(body["payload"], str):
        return None
    try:
        return binascii.a2b_base64(body["payload"], strict_mode=True)
    except ValueError:
        return None


@given(st.lists(messages(), min_size=1, max_size=4))
def test_any_json_is_read_as_by_a_parser(texts: list[str]) -> None:
    """Escapes, blanks, orders, names twice, numbers for strings: short way and long way agree.

    So they do for every message by the form of every other.
    """
    reader = twilio.Reader(SID)
    for text in texts:
        reader.decode(text.encode())
        for other in texts:
            data = other.encode()
            expected = by_the_parser(data)
            decoded = twilio.decode(data, SID)
            conforms = isinstance(decoded, twilio.Media) and not decoded.fault
            assert (decoded.audio if conforms else None) == expected  # type: ignore[union-attr]
            audio = reader.audio(data)
            assert audio is None or audio == expected
            payload = reader.payload(data)
            if payload is not None:
                assert base64.b64decode(payload, validate=True) == expected
                assert expected is not None
                assert len(expected) == 160


@st.composite
def conforming(draw: st.DrawFn) -> str:
    """A message with audio and no fault, in any words."""
    audio = draw(st.binary(min_size=3, max_size=400))
    media: Pairs = [("payload", base64.b64encode(audio).decode())]
    message = [("event", "media"), ("streamSid", SID), ("media", media)]
    return draw(written(draw(st.permutations(message))))


@given(conforming(), st.binary(min_size=1, max_size=400), st.binary(min_size=160, max_size=160))
def test_whatever_conforms_is_learnt_from(text: str, audio: bytes, frame: bytes) -> None:
    """A form that conforms, however it is written, is known afterwards, with any audio in it."""
    data = text.encode()
    first = by_the_parser(data)
    assert first is not None
    payload = base64.b64encode(first)
    assume(data.count(payload) == data.count(b'"%b"' % payload) == 1)  # not in escapes
    reader = twilio.Reader(SID)
    assert reader.audio(data) is None
    reader.decode(data)
    for other in (audio, frame):
        assert reader.audio(data.replace(payload, base64.b64encode(other))) == other
    encoded = base64.b64encode(frame)
    assert reader.payload(data.replace(payload, encoded)) == encoded
