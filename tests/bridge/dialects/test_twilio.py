from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.dialects.twilio import (
    CONNECTED,
    Clear,
    Mark,
    Media,
    Nonconforming,
    decode,
    dtmf,
    encode_audio,
    mark,
    media_template,
    start,
    stop,
)

ACCOUNT, CALL, STREAM = ("AC" + "0" * 32, "CA" + "1" * 32, "MZ" + "2" * 32)


def message(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def fault_of(data: bytes) -> str:
    return decode(data, STREAM).fault


def start_message(tracks: tuple[str, ...], **parameters: str) -> bytes:
    return start(
        sequence=1,
        account_sid=ACCOUNT,
        call_sid=CALL,
        stream_sid=STREAM,
        tracks=tracks,
        custom_parameters=parameters,
    )


@pytest.mark.contract("T67")
def test_wire_form() -> None:
    """T67: Every message has the keys, order and compact form that were seen on the wire."""
    template = media_template(STREAM, "inbound")
    sids = f'"accountSid":"{ACCOUNT}","callSid":"{CALL}"'
    assert [
        CONNECTED,
        start_message(("inbound",)),
        template % (2, 1, 102, b"/w=="),
        dtmf(sequence=3, stream_sid=STREAM, digit="1"),
        mark(sequence=4, stream_sid=STREAM, name="my label"),
        stop(sequence=5, stream_sid=STREAM, account_sid=ACCOUNT, call_sid=CALL),
    ] == [
        text.encode()
        for text in (
            '{"event":"connected","protocol":"Call","version":"1.0.0"}',
            (
                f'{{"event":"start","sequenceNumber":"1","start":{{"accountSid":"{ACCOUNT}",'
                f'"streamSid":"{STREAM}","callSid":"{CALL}","tracks":["inbound"],"mediaFormat":'
                '{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},'
                f'"customParameters":{{}}}},"streamSid":"{STREAM}"}}'
            ),
            (
                '{"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1",'
                f'"timestamp":"102","payload":"/w=="}},"streamSid":"{STREAM}"}}'
            ),
            (
                f'{{"event":"dtmf","streamSid":"{STREAM}","sequenceNumber":"3",'
                '"dtmf":{"track":"inbound_track","digit":"1"}}'
            ),
            (
                f'{{"event":"mark","sequenceNumber":"4","streamSid":"{STREAM}",'
                '"mark":{"name":"my label"}}'
            ),
            f'{{"event":"stop","sequenceNumber":"5","streamSid":"{STREAM}","stop":{{{sids}}}}}',
        )
    ]


@pytest.mark.contract("T54")
def test_rate_and_channels_are_numbers() -> None:
    """T54: The format's sample rate and channel count are JSON numbers."""
    body = json.loads(start_message(("inbound",)))["start"]
    assert body["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    assert type(body["mediaFormat"]["sampleRate"]) is int
    assert type(body["mediaFormat"]["channels"]) is int


@pytest.mark.contract("T55")
def test_stream_sid_twice() -> None:
    """T55: start has the stream's sid at the top and inside."""
    data = json.loads(start_message(("inbound",)))
    assert (data["streamSid"], data["start"]["streamSid"]) == (STREAM, STREAM)


@pytest.mark.contract("T57")
@given(st.dictionaries(st.text(), st.text()))
@example({})
def test_custom_parameters_are_an_object(parameters: dict[str, str]) -> None:
    """T57: customParameters is an object of strings, verbatim, also when there are none."""
    data = start(
        sequence=1,
        account_sid=ACCOUNT,
        call_sid=CALL,
        stream_sid=STREAM,
        tracks=("inbound", "outbound"),
        custom_parameters=parameters,
    )
    assert json.loads(data)["start"]["customParameters"] == parameters


@given(st.text(), st.text())
def test_any_digit_and_name(digit: str, name: str) -> None:
    """Whatever a digit or a mark's name holds, the message stays one JSON object."""
    assert json.loads(dtmf(sequence=2, stream_sid=STREAM, digit=digit))["dtmf"]["digit"] == digit
    assert json.loads(mark(sequence=2, stream_sid=STREAM, name=name))["mark"]["name"] == name


@given(st.binary(max_size=1_000))
def test_media_is_taken_whatever_its_size(audio: bytes) -> None:
    """A media message's audio comes out as it went in."""
    payload = encode_audio(audio)
    assert payload == base64.b64encode(audio)
    data = message(event="media", streamSid=STREAM, media={"payload": payload.decode()})
    assert decode(data, STREAM) == Media(audio)


@given(st.text())
def test_mark_is_taken_whatever_its_name(name: str) -> None:
    """A mark's name is opaque, the empty one too."""
    data = message(event="mark", streamSid=STREAM, mark={"name": name})
    assert decode(data, STREAM) == Mark(name)


def test_clear() -> None:
    """A clear has nothing but its event and its stream."""
    assert decode(message(event="clear", streamSid=STREAM), STREAM) == Clear()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b'{"event":"clear"', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"event":"\\ud800"}', "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"clear"', "not a JSON object"),
        (b"{}", "unknown event None"),
        (message(event="dtmf", streamSid=STREAM, dtmf={"digit": "1"}), "unknown event 'dtmf'"),
        (message(event="Clear", streamSid=STREAM), "unknown event 'Clear'"),
        (message(event=["clear"], streamSid=STREAM), "unknown event a list"),
        (message(event="clear"), "missing field streamSid"),
        (message(event="clear", stream_sid=STREAM), "missing field streamSid"),
        (message(event="clear", streamSid="MZ"), "wrong streamSid 'MZ'"),
        (message(event="clear", streamSid={}), "wrong streamSid a dict"),
        (message(event="clear", streamSid=None), "wrong streamSid None"),
        (message(event="media", streamSid=STREAM), "missing field media"),
        (message(event="media", streamSid=STREAM, media="/w=="), "missing field media"),
        (message(event="media", streamSid=STREAM, media={}), "missing field media.payload"),
        (
            message(event="media", streamSid=STREAM, media={"payload": 1}),
            "missing field media.payload",
        ),
        (message(event="media", streamSid=STREAM, media={"payload": "*"}), "not base64"),
        (message(event="media", streamSid=STREAM, media={"payload": "/"}), "not base64"),
        (message(event="media", streamSid=STREAM, media={"payload": "/w==x"}), "not base64"),
        (message(event="media", streamSid=STREAM, media={"payload": "/w==/w=="}), "not base64"),
        (message(event="media", streamSid=STREAM, media={"payload": "ü"}), "not base64"),
        (message(event="mark", streamSid=STREAM), "missing field mark"),
        (message(event="mark", streamSid=STREAM, mark=None), "missing field mark"),
        (message(event="mark", streamSid=STREAM, mark={}), "missing field mark.name"),
        (message(event="mark", streamSid=STREAM, mark={"name": 7}), "missing field mark.name"),
    ],
)
def test_unusable(data: bytes, fault: str) -> None:
    """A message that lacks something is ignored, and the fault says what."""
    decoded = decode(data, STREAM)
    assert isinstance(decoded, Nonconforming)
    assert fault in decoded.fault


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (message(event="clear", streamSid=STREAM, clear={}), Clear("extra field 'clear'")),
        (
            message(event="mark", streamSid=STREAM, mark={"name": "a"}, sequenceNumber="1"),
            Mark("a", "extra field 'sequenceNumber'"),
        ),
        (
            message(event="mark", streamSid=STREAM, mark={"name": "a", "id": 1}),
            Mark("a", "extra field 'mark.id'"),
        ),
        (
            message(event="media", streamSid=STREAM, media={"payload": "/w==", "track": "inbound"}),
            Media(b"\xff", "extra field 'media.track'"),
        ),
        (
            message(event="media", streamSid=STREAM, media={"payload": "", "a": 1}, b=1),
            Media(b"", "extra field 'b'"),
        ),
    ],
)
def test_extra_fields(data: bytes, expected: Media | Mark | Clear) -> None:
    """A message with something more than needed is obeyed, and the fault names it."""
    assert decode(data, STREAM) == expected


@pytest.mark.parametrize(
    ("payload", "audio"),
    [("/w", b"\xff"), ("/w=", b"\xff"), ("/w==\r\n", b"\xff"), ("AAEC\nAwQ", bytes(range(5)))],
)
def test_sloppy_base64(payload: str, audio: bytes) -> None:
    """Base64 with line breaks or without its padding is played, and noted."""
    decoded = decode(message(event="media", streamSid=STREAM, media={"payload": payload}), STREAM)
    assert isinstance(decoded, Media)
    assert decoded.audio == audio
    assert "line breaks or without padding" in decoded.fault


@pytest.mark.parametrize("depth", [500, 1_000, 1_023, 5_000])
@pytest.mark.parametrize("key", ["event", "streamSid", "media", "mark"])
def test_deep_nesting(key: str, depth: int) -> None:
    """A message nested deeper than Python can print is a fault like any other."""
    fields = {"event": '"mark"', "streamSid": f'"{STREAM}"', "mark": "{}"}
    fields[key] = "[" * depth + "]" * depth
    body = ",".join(f'"{name}":{value}' for name, value in fields.items())
    assert fault_of(f"{{{body}}}".encode())


@pytest.mark.parametrize(
    "data",
    [
        message(event="x" * 100_000),
        message(event="clear", streamSid="x" * 100_000),
        message(event="clear", streamSid=STREAM, **{"x" * 100_000: 1}),
        message(event="media", streamSid=STREAM, media={"payload": "x" * 100_001}),
        b"x" * 100_000,
    ],
)
def test_a_fault_is_short(data: bytes) -> None:
    """However long the offending value, the fault's text stays short."""
    assert 0 < len(fault_of(data)) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "event": st.sampled_from(["media", "mark", "clear", "stop"]) | JSON,
        "streamSid": st.just(STREAM) | JSON,
        "media": st.fixed_dictionaries({"payload": st.sampled_from(["", "/w==", "/"]) | JSON})
        | JSON,
        "mark": st.fixed_dictionaries({"name": st.text() | JSON}) | JSON,
        "extra": JSON,
    },
)


@given(st.binary())
def test_never_raises(data: bytes) -> None:
    """Any bytes at all are decoded to some message."""
    decode(data, STREAM)


@given(MESSAGES)
@example({"event": "mark", "streamSid": STREAM})
def test_agrees_with_json(fields: dict[str, Any]) -> None:
    """What is decoded is what the JSON says, and nothing without its event, sid and body is."""
    decoded = decode(json.dumps(fields).encode(), STREAM)
    if isinstance(decoded, Nonconforming):
        assert decoded.fault
        return
    assert fields["streamSid"] == STREAM
    assert fields["event"] == type(decoded).__name__.lower()
    match decoded:
        case Media(audio=audio):
            if "padding" in decoded.fault:
                return
            assert audio == base64.b64decode(fields["media"]["payload"])
        case Mark(name=name):
            assert name == fields["mark"]["name"]
        case Clear():
            pass
    needed = 2 if isinstance(decoded, Clear) else 3
    assert bool(decoded.fault) == (
        len(fields) > needed or any(len(v) > 1 for k, v in fields.items() if k == fields["event"])
    )
