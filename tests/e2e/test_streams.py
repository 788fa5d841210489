"""Streams end to end: SignalWire's dialect in, Twilio's out, and back."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from tests.e2e.carrier import Carrier, streams_of
from tests.e2e.processes import AUTH_TOKEN, Bridge, Customer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module", params=["picows", "websockets"])
def media_engine(request: pytest.FixtureRequest) -> str:
    """With either engine."""
    return str(request.param)


VALIDATOR = RequestValidator(AUTH_TOKEN)


def tone(seed: int, frames: int) -> bytes:
    """Audio that can be told from any other: each frame says whose and which it is."""
    return b"".join(
        bytes([seed, number % 256, number // 256]) * 53 + bytes([seed]) for number in range(frames)
    )


def media_of(messages: list[dict[str, Any]], track: str) -> bytes:
    return b"".join(
        base64.b64decode(message["media"]["payload"])
        for message in messages
        if message["event"] == "media" and message["media"]["track"] == track
    )


def check_dialogue(
    messages: list[dict[str, Any]], tracks: list[str], call_sid: str, parameters: dict[str, str]
) -> None:
    """Hold a consumer's messages against the contract: order, fields, types, counters."""
    connected, start, *rest = messages
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    sid = start["streamSid"]
    assert re.fullmatch("MZ[0-9a-f]{32}", sid)
    assert re.fullmatch("AC[0-9a-f]{32}", start["start"]["accountSid"])
    assert start == {
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": start["start"]["accountSid"],
            "streamSid": sid,
            "callSid": call_sid,
            "tracks": tracks,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        },
        "streamSid": sid,
    }
    chunks = dict.fromkeys(tracks, 0)
    last_timestamp: dict[str, int] = {}
    for number, message in enumerate(rest, start=2):
        assert message["sequenceNumber"] == str(number)
        assert message["streamSid"] == sid
        if message["event"] == "media":
            media = message["media"]
            track = media["track"]
            chunks[track] += 1
            assert media["chunk"] == str(chunks[track])
            if track in last_timestamp:
                assert int(media["timestamp"]) == last_timestamp[track] + 20
            last_timestamp[track] = int(media["timestamp"])
            assert len(base64.b64decode(media["payload"], validate=True)) == 160
        else:
            assert message["event"] in ("mark", "dtmf", "stop")
    stops = [message for message in rest if message["event"] == "stop"]
    if stops:
        assert stops == rest[-1:]
        assert rest[-1]["stop"] == {"accountSid": start["start"]["accountSid"], "callSid": call_sid}


def check_callbacks(
    app: Customer, name: str, forms: list[dict[str, str]], stream_name: str | None
) -> None:
    """Callbacks carry the documented fields and Twilio's signature."""
    for form in forms:
        assert form["StreamName"] == (stream_name or form["StreamSid"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", form["Timestamp"])
        assert re.fullmatch("MZ[0-9a-f]{32}", form["StreamSid"])
        assert re.fullmatch("CA[0-9a-f]{32}", form["CallSid"])
        assert re.fullmatch("AC[0-9a-f]{32}", form["AccountSid"])
    for event in app.out.matching(type="http", path=f"/callback/{name}"):
        parameters = dict(event["form"]) if event["method"] == "POST" else {}
        assert VALIDATOR.validate(event["url"], parameters, event["headers"]["x-twilio-signature"])


@pytest.mark.contract(
    "T32", "T35", "T44", "T51", "T52", "T53", "T54", "T55", "T56", "T58", "T59", "T60", "T61",
    "T62", "T63", "T64", "T65", "T66", "T68", "T73", "T83", "T84", "S50", "S51", "S52", "S53",
    "S54",
)  # fmt: skip
async def test_two_way_stream(app: Customer, carrier: Carrier) -> None:
    """A <Connect> stream carries both directions byte for byte, and marks, digits, callbacks.

    Proves T44, T51, T52, T53, T54, T55, T56, T58, T59, T60, T61, T62, T63, T64, T65, T66, T68, T73.
    """
    path = "/ws/echo/two-way"
    await app.put(
        f'<Response><Connect><Stream url="{app.ws}{path}" name="talk"'
        f' statusCallback="{app.http}/callback/two-way">'
        '<Parameter name="who" value="J&amp;J &lt;&quot;é&quot;&gt;"/>'
        '<Parameter name="empty" value=""/></Stream></Connect></Response>'
    )
    (element,) = streams_of(await carrier.document(), "Connect")
    assert element.get("realtime") == "true"
    stream = await carrier.open(element)
    said = tone(7, 100)
    await stream.speak(said[:8000])
    await stream.press("5")
    await stream.speak(said[8000:])
    await app.wait_message(path, "mark", 10)
    await stream.stop()
    await app.wait_message(path, "stop")

    messages = app.messages(path)
    parameters = {"who": 'J&J <"é">', "empty": ""}
    check_dialogue(messages, ["inbound"], carrier.twilio_sid, parameters)
    assert media_of(messages, "inbound") == said
    assert bytes(stream.heard) == said
    assert set(stream.media_sizes) == {160}
    marks = [message["mark"]["name"] for message in messages if message["event"] == "mark"]
    assert marks == [f"m{count}" for count in range(10, 101, 10)]
    assert stream.marks == marks
    (digit,) = [message for message in messages if message["event"] == "dtmf"]
    assert digit["dtmf"] == {"track": "inbound_track", "digit": "5"}
    raw = [event["text"] for event in app.out.matching(type="text", path=path)]
    assert all(
        text == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
        for text in raw
    )

    forms = await app.wait_callbacks("two-way", 2)
    assert [form["StreamEvent"] for form in forms] == ["stream-started", "stream-stopped"]
    check_callbacks(app, "two-way", forms, "talk")
    (opened,) = app.out.matching(type="open", path=path)
    headers = dict(opened["headers"])
    assert VALIDATOR.compute_signature(f"ws://localhost{path}", {}) == headers["x-twilio-signature"]
    assert headers["user-agent"] == "Twilio.TmeWs/1.0"
    for absent in ("origin", "sec-websocket-extensions", "sec-websocket-protocol"):
        assert absent not in headers
    record = await carrier.bridge.call_record(carrier.twilio_sid)
    (counters,) = record["streams"]
    assert (counters["frames_sent"], counters["frames_dropped"]) == (100, 0)


@pytest.mark.parametrize(
    ("track", "tracks"),
    [
        ("inbound_track", ["inbound"]),
        ("outbound_track", ["outbound"]),
        ("both_tracks", ["inbound", "outbound"]),
    ],
)
@pytest.mark.contract("T33", "T56", "T59", "T81", "S57", "S58")
async def test_one_way_streams(
    app: Customer, carrier: Carrier, track: str, tracks: list[str]
) -> None:
    """A <Start> stream carries the tracks asked for and no other, and takes nothing back.

    Proves T56, T59, T81.
    """
    path = f"/ws/echo/one-way-{track}"
    await app.put(
        f'<Response><Start><Stream url="{app.ws}{path}" track="{track}"/></Start>'
        "<Say>hello</Say></Response>"
    )
    document = await carrier.document()
    assert [verb.tag for verb in document] == ["Start", "Say"]
    stream = await carrier.open(streams_of(document, "Start")[0])
    audio = {"inbound": tone(1, 30), "outbound": tone(2, 30)}
    for side, said in audio.items():
        await stream.speak(said, side)
    await app.wait_message(path, "media", 30 * len(tracks))
    await stream.stop()
    await app.wait_message(path, "stop")
    messages = app.messages(path)
    check_dialogue(messages, tracks, carrier.twilio_sid, {})
    for side, said in audio.items():
        assert media_of(messages, side) == (said if side in tracks else b"")
    assert not any(message["event"] in ("mark", "dtmf") for message in messages)
    assert not stream.messages
    record = await carrier.bridge.call_record(carrier.twilio_sid)
    warnings = [e["data"]["code"] for e in record["timeline"] if e["kind"] == "stream.warning"]
    assert warnings == [31951]


@pytest.mark.contract("T38", "T39")
async def test_stop_by_name(app: Customer, carrier: Carrier) -> None:
    """<Stop> by name ends that stream and leaves the other of the same call alone."""
    urls = {name: f"/ws/sink/stop-{name}" for name in ("first", "second")}
    starts = "".join(
        f'<Start><Stream name="{name}" url="{app.ws}{path}"/></Start>'
        for name, path in urls.items()
    )
    await app.put(f'<Response>{starts}<Stop><Stream name="first"/></Stop><Say>on</Say></Response>')
    document = await carrier.document()
    assert [verb.tag for verb in document] == ["Start", "Start", "Stop", "Say"]
    assert [element.get("name") for element in streams_of(document, "Stop")] == ["first"]
    first, second = [await carrier.open(element) for element in streams_of(document, "Start")]
    for stream in (first, second):
        await stream.speak(tone(3, 5))
    for path in urls.values():
        await app.wait_message(path, "media", 5)
    await first.stop()  # what SignalWire does on <Stop>
    await app.wait_message(urls["first"], "stop")
    await second.speak(tone(4, 5))
    await app.wait_message(urls["second"], "media", 10)
    assert not [m for m in app.messages(urls["second"]) if m["event"] == "stop"]
    await carrier.hang_up()
    await app.wait_message(urls["second"], "stop")
    await second.ended()


@pytest.mark.contract("T36", "T37", "T41", "S36")
async def test_customer_closes(app: Customer, carrier: Carrier) -> None:
    """The customer's close ends SignalWire's stream; the next document comes from `action`."""
    path = "/ws/close-after/3"
    await app.put(
        f'<Response><Connect action="/twiml/after" method="GET"><Stream url="{app.ws}{path}"'
        f' statusCallback="{app.http}/callback/closes" statusCallbackMethod="GET"/></Connect>'
        "<Say>never</Say></Response>"
    )
    await app.put("<Response><Say>bye</Say><Hangup/></Response>", "after")
    document = await carrier.document()
    assert [verb.tag for verb in document] == ["Connect", "Redirect"]
    stream = await carrier.open(streams_of(document, "Connect")[0])
    await stream.speak(tone(5, 3))
    await stream.ended()
    assert stream.socket.close_code == 1000
    after = await carrier.document(document[1].text)
    assert [verb.tag for verb in after] == ["Say", "Hangup"]
    (asked,) = app.out.matching(type="http", path="/twiml/after")
    assert asked["method"] == "GET"
    assert dict(asked["query"])["CallSid"] == carrier.twilio_sid
    assert VALIDATOR.validate(asked["url"], {}, asked["headers"]["x-twilio-signature"])
    forms = await app.wait_callbacks("closes", 2)
    assert [form["StreamEvent"] for form in forms] == ["stream-started", "stream-stopped"]
    check_callbacks(app, "closes", forms, None)
    assert len(app.out.matching(type="open", path=path)) == 1


@pytest.mark.contract("S56", "T39")
async def test_carrier_drops(app: Customer, carrier: Carrier) -> None:
    """SignalWire's socket breaking off without `stop` still gives the customer one."""
    path = "/ws/sink/dropped"
    await app.put(
        f'<Response><Connect><Stream url="{app.ws}{path}"'
        f' statusCallback="{app.http}/callback/dropped"/></Connect></Response>'
    )
    stream = await carrier.open(streams_of(await carrier.document(), "Connect")[0])
    await stream.speak(tone(6, 20))
    await app.wait_message(path, "media", 20)
    stream.drop()
    await app.wait_message(path, "stop")
    check_dialogue(app.messages(path), ["inbound"], carrier.twilio_sid, {})
    forms = await app.wait_callbacks("dropped", 2)
    assert [form["StreamEvent"] for form in forms] == ["stream-started", "stream-stopped"]


@pytest.mark.contract("T74", "T75", "T76")
async def test_clear(app: Customer, carrier: Carrier) -> None:
    """`clear` silences ten seconds of queued audio at once, returns its marks, and goes on.

    Proves T74, T75, T76.
    """
    path = "/ws/interrupt/now"
    await app.put(f'<Response><Connect><Stream url="{app.ws}{path}"/></Connect></Response>')
    stream = await carrier.open(streams_of(await carrier.document(), "Connect")[0])
    await stream.speak(tone(8, 1))
    marks = await app.wait_message(path, "mark", 3)
    assert [message["mark"]["name"] for message in marks] == ["a", "b", "c"]
    assert stream.clears == 1
    heard = bytes(stream.heard)
    queued, after = heard.rstrip(b"\xff").split(b"\x22", 1)
    assert set(queued) <= {0x11}
    assert len(queued) < 80_000
    assert after == b"\x22" * 332
    await stream.stop()
    await app.wait_message(path, "stop")
    assert len([m for m in app.messages(path) if m["event"] == "mark"]) == 3


@pytest.mark.contract("T77", "T78", "T79")
async def test_rude_customer(app: Customer, carrier: Carrier) -> None:
    """Binary, bad JSON, a mark without body: each code is warned of once, and the call goes on.

    Proves T77, T78, T79.
    """
    path = "/ws/rude/customer"
    await app.put(f'<Response><Connect><Stream url="{app.ws}{path}"/></Connect></Response>')
    stream = await carrier.open(streams_of(await carrier.document(), "Connect")[0])
    (mark,) = await app.wait_message(path, "mark")
    assert mark["mark"] == {"name": "still here"}
    assert bytes(stream.heard) == b"\x55" * 160
    await stream.stop()
    record = await carrier.bridge.call_record(carrier.twilio_sid)
    warnings = [e["data"]["code"] for e in record["timeline"] if e["kind"] == "stream.warning"]
    assert sorted(warnings) == [31950, 31951]
    assert record["streams"][0]["faults"] == 7


async def test_failures_to_start(app: Customer, carrier: Carrier, service: Bridge) -> None:
    """A customer that refuses, is not there, or is unknown: error, stop, and the next verb runs."""
    dead = "ws://localhost:1/nobody"
    for name, url, code in (
        ("refuses", f"{app.ws}/ws/refuse/x", 31920),
        ("absent", dead, 31902),
        ("nowhere", "wss://nowhere.invalid/x", 31904),
    ):
        await app.put(
            f'<Response><Connect><Stream url="{url}" name="{name}"'
            f' statusCallback="{app.http}/callback/{name}"/></Connect><Say>next</Say></Response>'
        )
        call = Carrier(service, carrier.client)
        document = await call.document()
        stream = await call.open(streams_of(document, "Connect")[0])
        await stream.ended()
        forms = await app.wait_callbacks(name, 2)
        assert [form["StreamEvent"] for form in forms] == ["stream-error", "stream-stopped"]
        assert str(code) in forms[0]["StreamError"]
        check_callbacks(app, name, forms, name)


async def test_reader_too_slow(
    app: Customer, carrier: Carrier, slow_reader: str, service: Bridge
) -> None:
    """A customer who does not read loses frames (31930, once); the call's other stream none."""
    path = "/ws/sink/beside-slow"
    await app.put(
        f'<Response><Start><Stream name="slow" url="{slow_reader}"'
        f' statusCallback="{app.http}/callback/slow"/></Start>'
        f'<Start><Stream name="good" url="{app.ws}{path}"/></Start><Say>on</Say></Response>'
    )
    slow, good = [
        await carrier.open(element) for element in streams_of(await carrier.document(), "Start")
    ]
    said = tone(9, 1000)
    await app.wait_callbacks("slow", 1)
    await slow.speak(tone(10, 60_000))
    for at in range(0, len(said), 50 * 160):
        await good.speak(said[at : at + 50 * 160])
        await app.wait_message(path, "media", at // 160 + 50)
    assert media_of(app.messages(path), "inbound") == said
    for stream in (slow, good):
        await stream.stop()
    record = await service.call_record(carrier.twilio_sid)
    by_name = {stream["name"]: stream for stream in record["streams"]}
    assert by_name["good"]["frames_dropped"] == 0
    dropped = by_name["slow"]["frames_dropped"]
    assert dropped > 0
    assert by_name["slow"]["frames_sent"] + dropped == 60_000
    warnings = [e["data"]["code"] for e in record["timeline"] if e["kind"] == "stream.warning"]
    assert warnings == [31930]


async def test_handshake_too_slow(app: Customer, carrier: Carrier, silent_server: str) -> None:
    """A customer whose server accepts and says nothing is given up with 31901."""
    await app.put(
        f'<Response><Connect><Stream url="{silent_server}"'
        f' statusCallback="{app.http}/callback/silent"/></Connect></Response>'
    )
    stream = await carrier.open(streams_of(await carrier.document(), "Connect")[0])
    await stream.ended()
    forms = await app.wait_callbacks("silent", 2)
    assert "31901" in forms[0]["StreamError"]


@pytest.mark.contract("S46")
async def test_media_socket_is_guarded(app: Customer, carrier: Carrier) -> None:
    """The media socket needs its bearer token, and its token works once."""
    from websockets.exceptions import InvalidStatus

    await app.put(
        f'<Response><Connect><Stream url="{app.ws}/ws/sink/guarded"/></Connect></Response>'
    )
    (element,) = streams_of(await carrier.document(), "Connect")
    bearer = element.attrib["authBearerToken"]
    element.set("authBearerToken", "0" * 64)
    with pytest.raises(InvalidStatus, match="401"):
        await carrier.open(element)
    element.set("authBearerToken", bearer)
    stream = await carrier.open(element)
    with pytest.raises(InvalidStatus, match="404"):
        await carrier.open(element)
    await stream.stop()


@pytest.mark.contract("S48", "S49")
async def test_linear_audio_from_the_carrier(app: Customer, carrier: Carrier) -> None:
    """A carrier that sends L16 at 16 kHz is converted both ways; the customer sees mu-law."""
    path = "/ws/echo/linear"
    await app.put(f'<Response><Connect><Stream url="{app.ws}{path}"/></Connect></Response>')
    stream = await carrier.open(streams_of(await carrier.document(), "Connect")[0], begin=False)
    await stream.begin(encoding="audio/x-L16", sampleRate=16000, channels=1)
    await stream.speak(b"\0" * 640 * 100, frame=640)
    await app.wait_message(path, "mark", 9)
    await stream.stop()
    messages = app.messages(path)
    check_dialogue(messages, ["inbound"], carrier.twilio_sid, {})
    assert set(stream.media_sizes) == {640}
