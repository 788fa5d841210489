from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.frames import Opcode

from bridge.engine.core import Engine
from bridge.engine.guard import AddressGuard
from bridge.engine.session import StreamSession
from bridge.limits import StreamLimits
from bridge.playout import TEN_MINUTES
from bridge.stream import State
from tests.support.calls import AUTH_TOKEN, Names, Story, running_engine
from tests.support.deck import Deck
from tests.support.peers import (
    HOST,
    WebApp,
    consumer,
    next_event,
    next_message,
    response,
    server_frame,
    tcp_server,
    upgrade,
    web_app,
)
from twiml.actions import Parameter, Stream, Track

pytestmark = pytest.mark.usefixtures("fast")

FRAME = base64.b64encode(bytes(range(160)))
Fork = tuple[StreamSession, Story, asyncio.Event]


def begin(
    engine: Engine,
    url: str,
    *,
    story: Story | None = None,
    deck: Deck | None = None,
    **noun: Any,
) -> Fork:
    """A stream under way to that URL, two-way when it has a deck; the event says it has ended."""
    story = story or Story()
    source = Stream(url=url, connect_url=url, **noun)
    media = story.call.begin_stream(
        source,
        bidirectional=deck is not None,
        random_bytes=engine.random_bytes,
        limits=engine.limits,
    )
    ended = asyncio.Event()

    def end(_: StreamSession) -> None:
        assert not ended.is_set()
        ended.set()

    session = StreamSession(engine, story.call, source, media, playback=deck, ended=end)
    if deck is not None:
        deck.session = session
    session.begin()
    return session, story, ended


class Conversation:
    """A two-way stream, open: its session, deck and timeline, and the customer's socket."""

    def __init__(self, fork: Fork, deck: Deck, customer: ServerConnection) -> None:
        self.session, self.story, self.ended = fork
        self.deck = deck
        self.customer = customer
        self.sid = self.session.sid
        self._numbers = itertools.count()

    async def says(self, event: str, **fields: Any) -> None:
        await self.customer.send(json.dumps({"event": event, "streamSid": self.sid} | fields))

    async def plays(self, audio: bytes) -> None:
        await self.says("media", media={"payload": base64.b64encode(audio).decode()})

    async def marks(self, name: str) -> None:
        await self.says("mark", mark={"name": name})

    async def settles(self) -> None:
        """Wait until everything the customer has sent so far has been acted upon."""
        name = f"settled {next(self._numbers)}"
        await self.marks(name)
        count = 1
        while (await self.story.until("mark.received", count)).data["name"] != name:
            count += 1

    async def echoes(self, count: int) -> list[str]:
        return [(await next_event(self.customer, "mark"))["mark"]["name"] for _ in range(count)]


@asynccontextmanager
async def conversation(
    limits: StreamLimits | None = None, *, playout: int = TEN_MINUTES, **noun: Any
) -> AsyncIterator[Conversation]:
    """A two-way stream whose customer has read connected and start."""
    async with consumer() as app, running_engine(limits) as engine:
        deck = Deck(playout)
        fork = begin(engine, app.url, deck=deck, **noun)
        customer = await app.accept()
        for event in ("connected", "start"):
            assert (await next_message(customer))["event"] == event
        yield Conversation(fork, deck, customer)
        fork[0].stop()
        assert fork[2].is_set()


# The messages to the customer


@pytest.mark.contract("T51", "T52", "T66")
async def test_a_one_way_stream() -> None:
    """connected, start, numbered media of both tracks and stop, each one compact text frame.

    Proves T51, T52, T66.
    """
    async with consumer() as app, running_engine() as engine:
        session, story, ended = begin(
            engine,
            app.url,
            track=Track.BOTH,
            name="tap",
            content=(Parameter(name="who", value="Ada"),),
        )
        customer = await app.accept()
        await story.until("stream.started")
        for at in (0, 20):
            session.audio("inbound", FRAME, at)
            session.audio("outbound", FRAME, at)
        session.stop()
        assert ended.is_set()
        texts = [text async for text in customer]
    assert customer.close_code == 1000
    messages = [json.loads(text) for text in texts]
    for text, message in zip(texts, messages, strict=True):
        assert isinstance(text, str)
        assert text == json.dumps(message, separators=(",", ":"))
    assert [message["event"] for message in messages] == [
        "connected",
        "start",
        *["media"] * 4,
        "stop",
    ]
    assert [message.get("sequenceNumber") for message in messages] == [None, *"123456"]
    assert messages[1]["start"]["customParameters"] == {"who": "Ada"}
    assert messages[1]["start"]["tracks"] == ["inbound", "outbound"]
    assert all(m["media"]["payload"] == FRAME.decode() for m in messages[2:-1])
    assert {message["streamSid"] for message in messages[1:]} == {session.sid}


async def test_audio_from_before_the_socket_opened() -> None:
    """What was said while the socket opened follows start."""
    async with consumer() as app, running_engine() as engine:
        session, story, _ = begin(engine, app.url)
        for at in (0, 20, 40):
            session.audio("inbound", FRAME, at)
        customer = await app.accept()
        messages = [await next_message(customer) for _ in range(5)]
        session.stop()
    assert [m["media"]["timestamp"] for m in messages[2:]] == ["0", "20", "40"]
    assert story.told("stream.stopped")[0].data["frames_waited"] == 3


@pytest.mark.contract("T62")
async def test_keys() -> None:
    """T62: A pressed key reaches a two-way stream, on inbound_track, and no one-way stream."""
    async with conversation() as talk:
        talk.session.dtmf("#")
        message = await next_message(talk.customer)
    assert message["dtmf"] == {"track": "inbound_track", "digit": "#"}
    async with consumer() as app, running_engine() as engine:
        session, story, _ = begin(engine, app.url)
        customer = await app.accept()
        await story.until("stream.started")
        session.dtmf("#")
        session.stop()
        assert [json.loads(text)["event"] async for text in customer] == [
            "connected",
            "start",
            "stop",
        ]


# Audio, marks and clears from the customer


@pytest.mark.contract("T68")
async def test_audio_of_any_size_is_played_in_order() -> None:
    """T68: Messages from one byte to a minute are played in order, none lost."""
    pieces = [bytes([n]) * size for n, size in enumerate((1, 159, 160, 161, 480_000, 7, 3_333))]
    async with conversation() as talk:
        for piece in pieces:
            await talk.plays(piece)
        await talk.settles()
        while talk.deck.step():
            pass
        whole = b"".join(pieces)
        assert talk.deck.heard[: len(whole)] == whole
        assert talk.session.media.counters.audio_bytes == len(whole)


@pytest.mark.contract("T69", "T70")
async def test_ten_minutes_of_audio() -> None:
    """Ten minutes sent at once are kept to the byte; a byte more is discarded, with one 31931.

    Proves T69, T70.
    """
    async with conversation() as talk:
        for _ in range(2):
            await talk.plays(b"\x55" * (TEN_MINUTES // 2))
        await talk.settles()
        assert talk.deck.playout.buffered == TEN_MINUTES
        assert talk.story.codes() == []
        for _ in range(3):
            await talk.plays(b"\x66")
        await talk.settles()
        assert talk.deck.playout.buffered == TEN_MINUTES
        assert talk.story.codes() == [31931]
        counters = talk.session.media.counters
        assert (counters.audio_bytes, counters.discarded_bytes) == (TEN_MINUTES, 3)
        assert talk.deck.step()
        await talk.plays(b"\x66" * 160)
        await talk.settles()
        assert talk.deck.playout.buffered == TEN_MINUTES


async def test_one_message_of_ten_minutes() -> None:
    """Ten minutes in a single message fit the message limit."""
    async with conversation() as talk:
        await talk.plays(b"\x55" * TEN_MINUTES)
        await talk.settles()
        assert talk.deck.playout.buffered == TEN_MINUTES


@pytest.mark.contract("T72")
async def test_a_mark_with_nothing_buffered() -> None:
    """T72: A mark with nothing before it returns at once."""
    async with conversation() as talk:
        await talk.marks("now")
        assert await next_message(talk.customer) == {
            "event": "mark",
            "sequenceNumber": "2",
            "streamSid": talk.sid,
            "mark": {"name": "now"},
        }


@pytest.mark.contract("T73")
async def test_marks_return_in_order_with_their_names() -> None:
    """T73: Marks, their names repeated, empty or odd, return in the order they were sent."""
    names = ["a", "b", "a", "", "a", "müll \n\"'"]
    async with conversation() as talk:
        for name in names:
            await talk.plays(b"\x55" * 100)
            await talk.marks(name)
        await talk.settles()
        while talk.deck.step():
            pass
        assert await talk.echoes(len(names)) == names


@pytest.mark.contract("T74", "T75")
async def test_clear_returns_the_waiting_marks_once() -> None:
    """A clear silences at once and returns the waiting marks in order; none returns again.

    Proves T74, T75.
    """
    async with conversation() as talk:
        await talk.plays(b"\x55" * 160)
        await talk.marks("played")
        await talk.plays(b"\x66" * 1_600)
        await talk.marks("x")
        await talk.marks("y")
        await talk.marks("x")
        await talk.settles()
        talk.deck.step()
        talk.deck.step()
        assert await talk.echoes(1) == ["played"]
        await talk.says("clear")
        await talk.story.until("clear")
        assert not talk.deck.step()
        assert (await talk.echoes(4))[:3] == ["x", "y", "x"]
        await talk.says("clear")
        await talk.marks("last")
        assert await talk.echoes(1) == ["last"]
        counters = talk.session.media.counters
        assert (counters.clears, counters.marks_received, counters.marks_echoed) == (2, 6, 6)
    assert talk.deck.heard == b"\x55" * 160 + b"\x66" * 160


@pytest.mark.contract("T76")
async def test_audio_after_a_clear() -> None:
    """T76: What follows a clear is heard next, and its mark is timed to it."""
    async with conversation() as talk:
        await talk.plays(b"\x55" * 16_000)
        await talk.marks("old")
        await talk.says("clear")
        await talk.plays(b"\x66" * 320)
        await talk.marks("new")
        await talk.story.until("mark.received", 2)
        assert await talk.echoes(1) == ["old"]
        assert talk.deck.step()
        assert len(talk.story.told("mark.echoed")) == 1
        assert talk.deck.step()
        assert await talk.echoes(1) == ["new"]
    assert talk.deck.heard == b"\x66" * 320


# Misbehaviour that the stream survives

BAD: dict[str, str | list[str]] = {
    "bad JSON": "{",
    "no JSON": "hello",
    "empty": "",
    "a list": "[]",
    "unknown event": '{"event":"what","streamSid":"SID"}',
    "mark without a body": '{"event":"mark","streamSid":"SID"}',
    "media without a body": '{"event":"media","streamSid":"SID"}',
    "wrong streamSid": '{"event":"clear","streamSid":"MZ00"}',
    "no streamSid": '{"event":"clear"}',
    "extra field": '{"event":"mark","streamSid":"SID","mark":{"name":"extra"},"chunk":"1"}',
    "bad base64": '{"event":"media","streamSid":"SID","media":{"payload":"*"}}',
    "dtmf": '{"event":"dtmf","streamSid":"SID","dtmf":{"digit":"1"}}',
    "deep": '{"event":' + "[" * 1_000 + "]" * 1_000 + "}",
    "in fragments": ['{"event":', '"wh', 'at"}'],
}


@pytest.mark.contract("T77", "T79")
@pytest.mark.parametrize("first", BAD)
async def test_unusable_messages(first: str) -> None:
    """T77, T79: Whichever unusable message comes first raises the one 31951; the stream goes on."""
    async with conversation() as talk:
        for text in [BAD[first], *BAD.values()]:
            parts = [text] if isinstance(text, str) else text
            await talk.customer.send([part.replace("SID", talk.sid) for part in parts])
        await talk.plays(b"\x55" * 160)
        await talk.settles()
        assert talk.story.codes() == [31951]
        assert talk.session.media.counters.faults == len(BAD) + 1
        assert talk.deck.step()
        talk.session.audio("inbound", FRAME, 0)
        assert (await next_event(talk.customer, "media"))["media"]["chunk"] == "1"
    assert talk.deck.heard == b"\x55" * 160


@pytest.mark.contract("T78")
async def test_binary_frames() -> None:
    """T78: Binary frames raise one 31950 and are not played; the stream goes on."""
    async with conversation() as talk:
        for _ in range(3):
            await talk.customer.send(b"\x55" * 160)
        await talk.plays(b"\x66" * 160)
        await talk.settles()
        assert talk.story.codes() == [31950]
        assert talk.deck.step()
    assert talk.deck.heard == b"\x66" * 160


@pytest.mark.contract("T82")
async def test_pings() -> None:
    """T82: A ping of the customer's is answered with its data."""
    async with conversation() as talk:
        assert await (await talk.customer.ping(b"there?")) >= 0


async def test_fragmented_messages() -> None:
    """A message in fragments is a message."""
    async with conversation() as talk:
        text = json.dumps({"event": "mark", "streamSid": talk.sid, "mark": {"name": "whole"}})
        await talk.customer.send([text[:5], text[5:9], "", text[9:]])
        assert await talk.echoes(1) == ["whole"]
        assert talk.story.codes() == []


@pytest.mark.contract("T81")
async def test_a_one_way_stream_takes_nothing() -> None:
    """T81: media, mark and clear on a one-way stream do nothing but warn once."""
    async with consumer() as app, running_engine() as engine:
        session, story, _ = begin(engine, app.url)
        customer = await app.accept()
        for event, body in (("media", {"payload": "/w=="}), ("mark", {"name": "m"}), ("clear", {})):
            message = {"event": event, "streamSid": session.sid, event: body}
            await customer.send(json.dumps(message))
        await story.until("stream.warning")
        await customer.ping()
        session.audio("inbound", FRAME, 0)
        assert await next_event(customer, "media")
        session.stop()
        assert [json.loads(text)["event"] async for text in customer] == ["stop"]
    assert story.codes() == [31951]
    assert not story.told("mark.received")
    assert not story.told("clear")


# Ends


@asynccontextmanager
async def status_app(*answers: bytes) -> AsyncIterator[WebApp]:
    async with web_app(*answers or (response(204),)) as app:
        yield app


def events(app: WebApp) -> list[tuple[str, str]]:
    """The event and error of each callback, in order; each must be signed."""
    told = []
    for request in app.requests:
        fields = dict(parse_qsl(request.body.decode()))
        signature = request.header("X-Twilio-Signature")
        assert RequestValidator(AUTH_TOKEN).validate(app.url(request.target), fields, signature)
        told.append((fields["StreamEvent"], fields.get("StreamError", "").partition(" ")[0]))
    return told


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4400])
async def test_the_customer_closes(code: int) -> None:
    """A close by the customer, whatever its code, ends the stream in order; 31921 is noted."""
    async with status_app() as status, conversation(status_callback=status.url("/s")) as talk:
        await talk.customer.close(code, "thanks")
        await talk.ended.wait()
        (closed,) = talk.story.told("stream.closed_by_app")
        assert closed.data["code"] == 31921
        assert (closed.data["close_code"], closed.data["reason"]) == (code, "thanks")
    assert events(status) == [("stream-started", ""), ("stream-stopped", "")]


@pytest.mark.contract("T41")
async def test_a_dropped_socket_is_not_dialled_again() -> None:
    """A connection that is lost ends the stream with 31903; nothing is sent or dialled after."""
    async with status_app() as status, consumer() as app, running_engine() as engine:
        session, story, ended = begin(engine, app.url, status_callback=status.url("/s"))
        customer = await app.accept()
        await story.until("stream.started")
        customer.transport.abort()
        await ended.wait()
        session.audio("inbound", FRAME, 0)
        session.stop()
        await story.until("callback.delivered", 2)
        assert app.connections.empty()
    assert events(status) == [("stream-started", ""), ("stream-stopped", "31903")]
    assert story.codes("stream.error") == [31903]


@pytest.mark.contract("T80")
@pytest.mark.parametrize(
    "data",
    [
        server_frame(Opcode.PING, b"x", fin=False),
        server_frame(Opcode.TEXT, b"\xff"),
        server_frame(Opcode.CONT, b"x"),
        b"\xf1\x00",
        server_frame(Opcode.TEXT, b"x" * 1_001),
    ],
    ids=[
        "fragmented ping",
        "invalid UTF-8",
        "continuation of nothing",
        "reserved bits",
        "oversize",
    ],
)
async def test_a_protocol_violation(data: bytes) -> None:
    """A customer that breaks the protocol ends its stream with 31924, told in the last callback.

    Proves T80.
    """
    async with status_app() as status, running_engine(StreamLimits(message_size=1_000)) as engine:

        async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upgrade(reader, writer)
            writer.write(server_frame(Opcode.TEXT, b"x" * 1_000) + data)
            await reader.read()

        async with tcp_server(serving) as port:
            url = f"ws://{HOST}:{port}/"
            session, story, ended = begin(
                engine, url, deck=Deck(), status_callback=status.url("/s")
            )
            await ended.wait()
            await story.until("callback.delivered", 2)
        assert session.media.state is State.STOPPED
    assert story.codes() == [31951]  # the message of 1000 bytes was taken
    assert events(status) == [("stream-started", ""), ("stream-stopped", "31924")]


@pytest.mark.parametrize(
    ("noun", "code"),
    [
        ({"connect_url": f"ws://{HOST}:1/"}, 31902),
        ({"connect_url": "ws://nowhere.invalid/"}, 31904),
        ({"connect_url": "wss://[::1"}, 31923),
        ({"connect_url": None}, 31923),
        ({"connect_url": "", "refusal": 31922, "refusal_reason": "not wss"}, 31922),
    ],
)
async def test_a_stream_that_cannot_start(noun: dict[str, Any], code: int) -> None:
    """A stream that cannot start is one stream-error and one stream-stopped, and has ended."""
    async with status_app() as status, running_engine() as engine:
        story = Story()
        source = Stream(status_callback=status.url("/s"), **noun)
        media = story.call.begin_stream(source, bidirectional=False, random_bytes=bytes)
        ended = asyncio.Event()
        session = StreamSession(
            engine, story.call, source, media, playback=None, ended=lambda _: ended.set()
        )
        session.begin()
        session.audio("inbound", FRAME, 0)
        await ended.wait()
        session.stop()
        session.fail(31900, "too late")
        await story.until("callback.delivered", 2)
    assert events(status) == [("stream-error", str(code)), ("stream-stopped", "")]
    assert story.codes("stream.error") == [code]
    assert len(story.told("stream.stopped")) == 1


async def test_an_unexpected_failure_is_one_error_too() -> None:
    """Whatever breaks while connecting, the customer is told of one error."""

    async def broken(host: str, port: int) -> list[str]:
        raise RuntimeError("broken resolver")

    guard = AddressGuard(resolver=broken)
    async with running_engine(guard=guard) as engine:
        _, story, ended = begin(engine, "wss://app.test/")
        await ended.wait()
    assert story.codes("stream.error") == [31900]


async def test_stopping_while_the_socket_opens() -> None:
    """A call that ends first drops the attempt: an error, a stop, and no socket."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        assert await reader.read() == b""
        gone.set()

    asked, gone = asyncio.Event(), asyncio.Event()
    async with status_app() as status, tcp_server(silent) as port, running_engine() as engine:
        session, story, ended = begin(
            engine, f"ws://{HOST}:{port}/", status_callback=status.url("/s")
        )
        await asked.wait()
        session.stop()
        assert ended.is_set()
        await gone.wait()
        await story.until("callback.delivered", 2)
    assert events(status) == [("stream-error", "31900"), ("stream-stopped", "")]


async def test_stopping_before_anything() -> None:
    """A stream stopped in the moment it began never dials."""
    async with consumer() as app, running_engine() as engine:
        session, story, ended = begin(engine, app.url)
        session.stop()
        assert ended.is_set()
        assert app.connections.empty()
    assert [entry.kind for entry in story.call.timeline.entries] == [
        "stream.connecting",
        "stream.error",
        "stream.stopped",
    ]


@pytest.mark.contract("T64")
async def test_stop_is_the_last_word() -> None:
    """T64: After stop there is nothing but the close, whatever the call still has to say."""
    async with conversation() as talk:
        talk.session.stop()
        talk.session.audio("inbound", FRAME, 0)
        talk.session.dtmf("1")
        talk.session.mark_played("m")
        talk.session.stop()
        message = await next_message(talk.customer)
        identity = talk.session.media.identity
        assert message["stop"] == {
            "accountSid": identity.account_sid,
            "callSid": identity.call_sid,
        }
        with pytest.raises(ConnectionClosed) as caught:
            await talk.customer.recv()
        assert not isinstance(caught.value, ConnectionClosedError)
    assert len(talk.story.told("stream.stopped")) == 1


async def test_a_customer_that_does_not_close() -> None:
    """A customer who ignores our close loses the connection when its time is over."""

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        while await reader.read(1_000):
            pass
        gone.set()

    gone = asyncio.Event()
    limits = StreamLimits(close_time=0.01)
    async with tcp_server(deaf) as port, running_engine(limits) as engine:
        session, story, ended = begin(engine, f"ws://{HOST}:{port}/")
        await story.until("stream.started")
        session.stop()
        assert ended.is_set()
        await gone.wait()


# Callbacks


@pytest.mark.contract("T86")
@pytest.mark.parametrize(
    "answer",
    [
        response(500),
        response(404, b"gone"),
        response(200, b"<Response><Hangup/></Response>", "Content-Type: text/xml"),
        response(302, b"", "Location: ftp://h/"),
        b"junk\r\n\r\n",
        None,
    ],
)
async def test_a_callbacks_answer_never_touches_the_call(answer: bytes | None) -> None:
    """Whatever a status callback answers, the stream and its audio go on."""
    async with web_app(answer) as app, conversation(status_callback=app.url("/s")) as talk:
        kind = "delivered" if answer and b" 200 " in answer else "failed"
        await talk.story.until(f"callback.{kind}")
        talk.session.audio("inbound", FRAME, 0)
        assert (await next_message(talk.customer))["event"] == "media"
        await talk.marks("m")
        assert await talk.echoes(1) == ["m"]
        assert not talk.ended.is_set()


@pytest.mark.contract("T83", "T84", "T85")
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_callbacks_on_the_wire(method: str) -> None:
    """Each callback has the documented fields, as a form or a query, signed."""
    async with (
        status_app() as app,
        conversation(status_callback=app.url("/s?a=1"), status_callback_method=method) as talk,
    ):
        identity = talk.session.media.identity
    for request, event in zip(app.requests, ("started", "stopped"), strict=True):
        assert request.method == method
        query = request.target.partition("?")[2]
        form = request.body.decode()
        fields = dict(parse_qsl(form or query.removeprefix("a=1&")))
        assert fields.pop("Timestamp").endswith("Z")
        assert fields == {
            "StreamName": identity.stream_sid,
            "StreamEvent": f"stream-{event}",
            "CallSid": identity.call_sid,
            "AccountSid": identity.account_sid,
            "StreamSid": identity.stream_sid,
        }
        assert RequestValidator(AUTH_TOKEN).validate(
            app.url(request.target), dict(parse_qsl(form)), request.header("X-Twilio-Signature")
        )


# Ends before a begin


@pytest.mark.parametrize(("refusal", "code"), [(0, 31900), (31922, 31922)])
async def test_failing_without_a_begin(refusal: int, code: int) -> None:
    """A stream that is failed before it began ends; one that was refused says why itself."""
    async with running_engine() as engine:
        story = Story()
        source = Stream(refusal=refusal, refusal_reason="not wss")
        media = story.call.begin_stream(source, bidirectional=False, random_bytes=bytes)
        ended = asyncio.Event()
        session = StreamSession(
            engine, story.call, source, media, playback=None, ended=lambda _: ended.set()
        )
        session.fail(31900, "the carrier gave up")
        assert ended.is_set()
        assert story.codes("stream.error") == [code]
        assert len(story.told("stream.stopped")) == 1


async def test_a_socket_that_opens_too_late() -> None:
    """A socket that opens when its stream has failed meanwhile is closed without a word."""
    async with consumer() as app, running_engine() as engine:
        session, story, ended = begin(engine, app.url)
        session.fail(31900, "the carrier gave up")
        assert ended.is_set()
        customer = await app.accept()
        assert [text async for text in customer] == []
    assert story.codes("stream.error") == [31900]


async def test_downgrading_is_told() -> None:
    """In local mode a server without TLS is reached, and the timeline warns of it."""
    async with consumer() as app, running_engine() as engine:
        engine.connector.downgrade_loopback = True
        session, story, _ = begin(engine, app.url.replace("ws:", "wss:"))
        assert (await story.until("stream.downgraded")).level == "warning"
        session.stop()


# Two streams


async def test_streams_of_one_call_do_not_mix() -> None:
    """Each stream of a call gets its own track, sid and numbers."""
    async with consumer() as app, running_engine() as engine:
        story = Story()
        streams = []
        for track in (Track.INBOUND, Track.OUTBOUND):
            session, _, _ = begin(engine, app.url, story=story, track=track)
            streams.append((session, await app.accept()))
        await story.until("stream.started", 2)
        for at in (0, 20):
            for session, _ in streams:
                session.audio("inbound", base64.b64encode(b"i" * 160), at)
                session.audio("outbound", base64.b64encode(b"o" * 160), at)
        for (session, customer), name in zip(streams, ("inbound", "outbound"), strict=True):
            session.stop()
            messages = [json.loads(text) async for text in customer][1:]
            assert [m["sequenceNumber"] for m in messages] == ["1", "2", "3", "4"]
            assert {m["streamSid"] for m in messages} == {session.sid}
            frames = [m["media"] for m in messages if m["event"] == "media"]
            assert [frame["track"] for frame in frames] == [name] * 2
            firsts = {base64.b64decode(frame["payload"])[:1] for frame in frames}
            assert firsts == {name[:1].encode()}


async def test_names_are_resolved_by_the_engines_guard() -> None:
    """A stream's host is resolved once, by the guard, and dialled where that said."""
    async with consumer() as app:
        names = Names(app_test=[[HOST], ["10.0.0.1"]])
        guard = AddressGuard(allow_private=True, resolver=names)
        async with running_engine(guard=guard) as engine:
            session, story, _ = begin(engine, f"ws://app.test:{app.port}/")
            await story.until("stream.started")
            session.stop()
    assert names.asked == ["app.test"]
