from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.dialects.signalwire import (
    Connected,
    Dtmf,
    Mark,
    Media,
    Nonconforming,
    Start,
    Stop,
    clear,
    decode,
    mark,
    media_template,
)

STREAM = "7d56a1b2-0000-4000-8000-000000000001"
ACCOUNT = "b08d0000-0000-4000-8000-000000000002"
CALL = "76ac0000-0000-4000-8000-000000000003"


def message(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def start_message(**changes: Any) -> bytes:
    body: dict[str, Any] = {
        "streamSid": STREAM,
        "accountSid": ACCOUNT,
        "callSid": CALL,
        "tracks": ["inbound"],
        "customParameters": {"k": "v"},
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    }
    body |= changes
    body = {name: value for name, value in body.items() if value is not None}
    return message(event="start", sequenceNumber="1", start=body)


STARTED = Start(STREAM, ACCOUNT, CALL, ("inbound",), "audio/x-mulaw", 8000, 1, {"k": "v"})


def test_documented_messages() -> None:
    """Each message is read in the form SignalWire documents."""
    assert [
        decode(data)
        for data in (
            b'{"event":"connected","protocol":"Call","version":"0.2.0"}',
            start_message(),
            (
                b'{"event":"media","sequenceNumber":"42","media":{"track":"inbound","chunk":"1",'
                b'"timestamp":"20","payload":"/w=="}}'
            ),
            (
                b'{"event":"dtmf","sequenceNumber":"123","streamSid":"7d56","dtmf":'
                b'{"digit":"5","duration":2000}}'
            ),
            b'{"event":"mark","streamSid":"7d56","mark":{"name":"m1"}}',
            b'{"event":"stop","sequenceNumber":"999"}',
        )
    ] == [
        Connected("0.2.0"),
        STARTED,
        Media("inbound", 20, b"/w=="),
        Dtmf("5"),
        Mark("m1"),
        Stop(),
    ]


@pytest.mark.contract("S47")
def test_twilios_shape_is_taken_too() -> None:
    """connected 1.0.0, a top-level streamSid and a body in stop change nothing."""
    data = json.loads(start_message())
    data["streamSid"] = STREAM
    assert decode(json.dumps(data).encode()) == decode(start_message()) == STARTED
    assert decode(message(event="connected", protocol="Call", version="1.0.0")) == Connected(
        "1.0.0"
    )
    assert decode(message(event="connected", protocol="Call", version="0.2.0")) == Connected(
        "0.2.0"
    )
    assert decode(message(event="stop", streamSid=STREAM, stop={"callSid": CALL})) == Stop()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"customParameters": None}, {"custom_parameters": {}}),
        ({"customParameters": []}, {"custom_parameters": {}}),
        ({"customParameters": {"n": 7, "x": []}}, {"custom_parameters": {"n": "7", "x": ""}}),
        ({"tracks": None}, {"tracks": ("inbound",)}),
        ({"tracks": ["inbound", "outbound"]}, {"tracks": ("inbound", "outbound")}),
        ({"mediaFormat": None}, {"encoding": "audio/x-mulaw", "sample_rate": 8000, "channels": 1}),
        (
            {"mediaFormat": {"encoding": "audio/x-L16", "sampleRate": "16000"}},
            {"encoding": "audio/x-l16", "sample_rate": 16000, "channels": 1},
        ),
        ({"mediaFormat": {"sampleRate": {}}}, {"encoding": "audio/x-mulaw", "sample_rate": 0}),
        ({"streamSid": None}, {"stream_sid": ""}),
        ({"streamSid": 5}, {"stream_sid": "5"}),
    ],
)
def test_start_with_less_or_other(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    """What a start leaves out has a sensible default, and odd types do no harm."""
    decoded = decode(start_message(**changes))
    assert isinstance(decoded, Start)
    assert {name: getattr(decoded, name) for name in expected} == expected


@pytest.mark.contract("S49")
@pytest.mark.parametrize("encoding", ["audio/x-l16", "audio/x-L16", "AUDIO/X-L16"])
def test_encoding_has_no_case(encoding: str) -> None:
    """An encoding is the same in every case."""
    decoded = decode(start_message(mediaFormat={"encoding": encoding, "sampleRate": 16000}))
    assert isinstance(decoded, Start)
    assert decoded.encoding == "audio/x-l16"


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("20", 20),
        (20, 20),
        (None, 0),
        ("", 0),
        ("soon", 0),
        ([], 0),
        (1e300, 0),
        (-20, 0),
        ("-20", 0),
        (2**53 - 1, 2**53 - 1),
        (2**53, 0),
        ("9" * 4_000, 0),
        ("9" * 5_000, 0),
    ],
)
def test_timestamps(timestamp: object, expected: int) -> None:
    """A timestamp may be a string or a number; what is neither, or out of range, counts as 0."""
    body = {"track": "inbound", "payload": "", "timestamp": timestamp}
    assert decode(message(event="media", media=body)) == Media("inbound", expected, b"")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"{}", "unknown event None"),
        (message(event="error"), "unknown event 'error'"),
        (message(event=["x"] * 9), "unknown event a list"),
        (message(event="media"), "missing field media.payload"),
        (message(event="media", media={"payload": 1}), "missing field media.payload"),
        (message(event="media", media={"payload": "", "track": "both"}), "unknown track 'both'"),
        (message(event="media", media={"payload": "", "track": {}}), "unknown track a dict"),
        (message(event="dtmf"), "missing field dtmf.digit"),
        (message(event="dtmf", dtmf={"digit": 5}), "missing field dtmf.digit"),
        (message(event="mark", mark=[]), "missing field mark.name"),
        (message(event="start"), "missing field start"),
    ],
)
def test_unusable(data: bytes, fault: str) -> None:
    """A message that lacks something is ignored, and the fault says what."""
    decoded = decode(data)
    assert isinstance(decoded, Nonconforming)
    assert fault in decoded.fault


@pytest.mark.parametrize("depth", [500, 1_020, 5_000])
@pytest.mark.parametrize(
    "before",
    ['"event":', '"event":"media","media":{"payload":"","track":', '"event":"start","start":'],
)
def test_deep_nesting(before: str, depth: int) -> None:
    """A message nested deeper than Python can print is a fault like any other."""
    closing = "}" * before.count("{")
    data = "{" + before + "[" * depth + "]" * depth + closing + "}"
    assert isinstance(decode(data.encode()), Nonconforming)


def test_deep_nesting_in_a_start() -> None:
    """Odd values inside a start are left empty, however deep."""
    deep = "[" * 1_000 + "]" * 1_000
    decoded = decode(f'{{"event":"start","start":{{"streamSid":{deep}}}}}'.encode())
    assert isinstance(decoded, Start)
    assert decoded.stream_sid == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
EVENTS = ("media", "mark", "dtmf", "connected", "start", "stop")
MESSAGES = st.fixed_dictionaries(
    {"event": st.sampled_from(EVENTS) | JSON},
    optional={
        "media": st.fixed_dictionaries(
            {"payload": st.text() | JSON},
            optional={"track": st.sampled_from(["inbound", "outbound"]) | JSON, "timestamp": JSON},
        )
        | JSON,
        "mark": st.fixed_dictionaries({"name": st.text() | JSON}) | JSON,
        "dtmf": st.fixed_dictionaries({"digit": st.text() | JSON}) | JSON,
        "start": JSON,
        "version": JSON,
    },
)


@given(st.binary())
def test_never_raises(data: bytes) -> None:
    """Any bytes at all are decoded to some message."""
    decode(data)


@given(MESSAGES)
def test_agrees_with_json(fields: dict[str, Any]) -> None:
    """What is decoded is what the JSON says."""
    decoded = decode(json.dumps(fields).encode())
    match decoded:
        case Nonconforming(fault=fault):
            assert fault
        case Media(track=track, payload=payload):
            assert payload.decode() == fields["media"]["payload"]
            assert track == fields["media"].get("track", "inbound")
        case Mark(name=name):
            assert name == fields["mark"]["name"]
        case Dtmf(digit=digit):
            assert digit == fields["dtmf"]["digit"]
        case Connected() | Start() | Stop():
            assert fields["event"] == type(decoded).__name__.lower()


@pytest.mark.parametrize("sid", [STREAM, "", '"%d\\', "100%"])
def test_messages_to_the_carrier(sid: str) -> None:
    """Audio, marks and clears are compact JSON in SignalWire's form, whatever the stream's id."""
    payload = base64.b64encode(b"\xff" * 160)
    quoted = json.dumps(sid)
    assert [media_template(sid) % payload, mark(sid, "m\n"), clear(sid)] == [
        f'{{"event":"media","streamSid":{quoted},"media":{{"payload":"{payload.decode()}"}}}}'.encode(),
        f'{{"event":"mark","streamSid":{quoted},"mark":{{"name":"m\\n"}}}}'.encode(),
        f'{{"event":"clear","streamSid":{quoted}}}'.encode(),
    ]
