"""The short way of reading a customer's audio gives what the parser would."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.dialects import twilio

SID = "MZ" + "0" * 32
FORMS = (
    '{"event":"media","streamSid":"%s","media":{"payload":"%s"}}',
    '{"event": "media", "streamSid": "%s", "media": {"payload": "%s"}}',
    '{"media":{"payload":"%2$s"},"streamSid":"%1$s","event":"media"}',
)


def written(form: str, payload: str) -> bytes:
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
    assert reader.decode(written(form, base64.b64encode(first).decode())) == twilio.Media(first)
    whole = written(form, base64.b64encode(second).decode())
    assert reader.audio(whole) in (second, None if len(first) < 3 else second)
    frame = written(form, base64.b64encode((second * 160 or bytes(160))[:160]).decode())
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
    assert reader.audio(written(form, "AAAA")) is None
    reader.decode(written(form, base64.b64encode(bytes(range(160))).decode()))
    assert reader.audio(written(form, "AAAA")) == bytes(3)
    assert reader.audio(written(form, "AA\\u0041A")) is None
    others = [other for other in FORMS if other != form]
    assert [reader.audio(written(other, "AAAA")) for other in others] == [None, None]


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
    reader.decode(written(FORMS[0], "AAAA"))
    assert (reader.payload(written(FORMS[0], payload)) is not None) is taken
