"""A call without a carrier, run on a real engine against real consumers and apps."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from app.cli.call import begin_local_call
from app.customer import Reply
from app.live import LiveCall
from app.localcall import LocalCall, Outcome, Phone
from app.service import Service
from bridge.call import CallStatus, Parties
from tests.app.running import CALLED, CALLER, local_service, told
from tests.support.peers import (
    Consumer,
    WebApp,
    consumer,
    next_event,
    next_message,
    response,
    tcp_server,
    web_app,
)
from twiml.parser import parse

XML = "Content-Type: text/xml"
HANGUP = response(200, b"<Response><Hangup/></Response>", XML)
LONG = b"\x55" * 160 * 50 * 60
"""A minute: a call that ends sooner was not ended by the caller."""


class Desk:
    """Places calls on one service; each has its timeline in `live`."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.live: LiveCall

    async def call(self, twiml: str, audio: bytes = b"", patience_ms: int = 200) -> Outcome:
        """Run a document that is at hand."""
        document = parse(twiml.encode(), allow_plain_ws=True)
        return await self._place(
            audio, patience_ms, lambda call: call.run_document(Reply(document, ""))
        )

    async def dial(
        self, url: str, audio: bytes = b"", patience_ms: int = 200, method: str = "POST"
    ) -> Outcome:
        """Ask an app for the document."""
        return await self._place(audio, patience_ms, lambda call: call.run(url, method))

    async def _place(
        self, audio: bytes, patience_ms: int, run: Callable[[LocalCall], Awaitable[Outcome]]
    ) -> Outcome:
        self.live = begin_local_call(self.service, Parties(CALLER, CALLED))
        outcome = await run(LocalCall(self.service, self.live, Phone(audio, patience_ms)))
        self.service.end_call(self.live.call.sid, "hung up")
        await self.service.engine.sender.drain(10)
        return outcome

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [entry.data for entry in told(self.live.call, kind)]

    @property
    def reason(self) -> str:
        """Why the script ended."""
        (ended,) = self.told("script.ended")
        return str(ended["reason"])


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with local_service(stream_close_seconds=0.2) as service:
        yield Desk(service)


@pytest_asyncio.fixture
async def consumers() -> AsyncIterator[list[Consumer]]:
    """Three consumers."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(consumer()) for _ in range(3)]


async def until_closed(connection: ServerConnection) -> list[dict[str, Any]]:
    """Every message to the end."""
    messages = []
    try:
        while True:
            messages.append(await next_message(connection))
    except ConnectionClosed:
        return messages


def audio_of(messages: list[dict[str, Any]], track: str) -> bytes:
    return b"".join(
        base64.b64decode(message["media"]["payload"])
        for message in messages
        if message["event"] == "media" and message["media"]["track"] == track
    )


# Verbs


@pytest.mark.contract("T14")
async def test_verbs_run_in_order_and_the_end_hangs_up(desk: Desk) -> None:
    """What cannot run is skipped where it stands, visibly; after the last verb the call ends."""
    outcome = await desk.call(
        '<Response><Sms>a</Sms><Pause length="1"/>\n<Pay/><Stop><Stream name="c"/></Stop>\n'
        "<Refer><Sip>sip:a@example.com</Sip></Refer></Response>",
        LONG,
    )
    assert outcome.hung_up_by == "document"
    assert desk.reason == "end-of-document"
    skipped = told(desk.live.call, "verb.skipped")
    assert [(e.data["verb"], e.data["line"]) for e in skipped] == [
        ("Sms", 1),
        ("Pay", 2),
        ("Refer", 3),
    ]
    assert all(e.level == "warning" and "skipped" in e.data["message"] for e in skipped)
    assert outcome.spoken_frames > 0


async def test_hangup_ends_the_call_there(desk: Desk) -> None:
    """What follows <Hangup> is not run."""
    outcome = await desk.call("<Response><Hangup/><Say>never</Say></Response>", LONG)
    assert (outcome.hung_up_by, desk.reason) == ("document", "hangup")
    assert outcome.spoken_frames == 0
    assert desk.told("verb.skipped") == []


@pytest.mark.parametrize(
    ("verbs", "why"),
    [
        ("<Reject/>", "rejected"),
        ('<Reject reason="busy"/>', "busy"),
        ("<Sms>hi</Sms><Reject/>", "hangup"),
    ],
)
async def test_reject(desk: Desk, verbs: str, why: str) -> None:
    """A call that is rejected is over; after another verb there is nothing left to reject."""
    await desk.call(f"<Response>{verbs}</Response>", LONG)
    assert desk.reason == why


async def test_an_unusable_document(desk: Desk) -> None:
    """A document that cannot be read ends the call at once."""
    outcome = await desk.call("<Response><Say>", LONG)
    assert (outcome.hung_up_by, desk.reason) == ("document", "unusable-document")


async def test_the_caller_hangs_up(desk: Desk) -> None:
    """When all has been said and nothing but silence has come back for so long, the caller leaves;
    meanwhile <Echo> has played every frame back."""
    outcome = await desk.call("<Response><Echo/></Response>", b"\x55" * 333, patience_ms=100)
    assert outcome.hung_up_by == "caller"
    assert outcome.spoken_frames == 3
    assert outcome.heard == b"\x55" * 333 + b"\xff" * (160 * (3 + 5) - 333)
    assert desk.live.call.status is CallStatus.COMPLETED


async def test_the_longest_call() -> None:
    """A call that neither side ends is ended by the limit on a call's length."""
    async with local_service(call_hours=0.2 / 3600) as service:
        desk = Desk(service)
        outcome = await desk.call('<Response><Pause length="60"/></Response>', LONG)
    assert outcome.hung_up_by == "time-limit"


async def test_a_service_that_goes_down(desk: Desk, consumers: list[Consumer]) -> None:
    """Draining ends a local call as any other: its stream hears `stop`."""
    place = asyncio.create_task(
        desk.call(
            f'<Response><Connect><Stream url="{consumers[0].url}"/></Connect></Response>', LONG
        )
    )
    connection = await consumers[0].accept()
    await next_event(connection, "media")
    await desk.service.drain()
    assert (await place).hung_up_by == "service"
    assert (await until_closed(connection))[-1]["event"] == "stop"


# <Start> and <Stop>


@pytest.mark.contract("T34")
async def test_nothing_after_start(desk: Desk, consumers: list[Consumer]) -> None:
    """A <Start> is no reason to stay: with nothing after it the call is over at once."""
    outcome = await desk.call(
        f'<Response><Start><Stream url="{consumers[0].url}"/></Start></Response>', LONG
    )
    assert (outcome.hung_up_by, desk.reason) == ("document", "end-of-document")
    assert outcome.spoken_frames == 0


@pytest.mark.contract("T33")
async def test_start_does_not_wait(desk: Desk) -> None:
    """The next verb runs though the consumer has taken the connection and not answered."""
    connected = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        connected.set()
        await reader.read()

    async def app(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await connected.wait()
        writer.write(HANGUP)

    async with tcp_server(silent) as port, tcp_server(app) as app_port:
        await desk.call(
            f'<Response><Start><Stream url="ws://127.0.0.1:{port}/"/></Start>'
            f"<Redirect>http://127.0.0.1:{app_port}/</Redirect></Response>",
            LONG,
        )
    assert desk.reason == "hangup"
    assert desk.told("stream.started") == []


@pytest.mark.contract("T38", "T39")
async def test_stop_by_name(desk: Desk, consumers: list[Consumer]) -> None:
    """<Stop> ends the stream it names and no other; the call's end stops the rest."""
    named, other, talk = consumers

    async def consume() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        first, second, third = [await each.accept() for each in (named, other, talk)]
        await next_event(second, "media")
        await next_event(third, "media")
        await third.close()
        stopped = await until_closed(first)
        await next_event(second, "media")
        return stopped, await until_closed(second)

    consuming = asyncio.create_task(consume())
    await desk.call(
        f'<Response><Start><Stream name="a" url="{named.url}"/></Start>'
        f'<Start><Stream name="b" url="{other.url}"/></Start>'
        f'<Connect><Stream url="{talk.url}"/></Connect>'
        '<Stop><Stream name="a"/></Stop><Pause length="1"/></Response>',
        LONG,
    )
    stopped, rest = await consuming
    assert stopped[-1]["event"] == "stop"
    assert rest[-1]["event"] == "stop"
    assert desk.told("stream.unknown") == []


async def test_stopping_what_does_not_run(desk: Desk) -> None:
    """A <Stop> for a name nobody has is told on the timeline, and the next verb runs."""
    await desk.call('<Response><Stop><Stream name="x"/></Stop><Sms>on</Sms></Response>')
    assert desk.told("stream.unknown") == [{"name": "x"}]
    assert len(desk.told("verb.skipped")) == 1


async def test_one_way_streams_hear_what_they_asked_for(
    desk: Desk, consumers: list[Consumer]
) -> None:
    """Each track has its own frames: the caller's, what the two-way app plays, or both."""
    inbound, both, talk = consumers

    async def consume() -> list[list[dict[str, Any]]]:
        listening = [asyncio.create_task(until_closed(await c.accept())) for c in (inbound, both)]
        speaking = await talk.accept()
        sid = (await next_event(speaking, "start"))["streamSid"]
        payload = base64.b64encode(b"\x33" * 1600).decode()
        await speaking.send(
            f'{{"event":"media","streamSid":"{sid}","media":{{"payload":"{payload}"}}}}'
        )
        await until_closed(speaking)
        return await asyncio.gather(*listening)

    consuming = asyncio.create_task(consume())
    said = bytes(range(1, 101)) * 80
    outcome = await desk.call(
        f'<Response><Start><Stream url="{inbound.url}"/></Start>'
        f'<Start><Stream track="both_tracks" url="{both.url}"/></Start>'
        f'<Connect><Stream url="{talk.url}"/></Connect></Response>',
        said,
    )
    heard_inbound, heard_both = await consuming
    for messages in (heard_inbound, heard_both):
        assert audio_of(messages, "inbound").startswith(said)
        assert audio_of(messages, "inbound")[len(said) :].strip(b"\xff") == b""
    assert audio_of(heard_inbound, "outbound") == b""
    assert audio_of(heard_both, "outbound").strip(b"\xff") == b"\x33" * 1600
    assert outcome.heard.strip(b"\xff") == b"\x33" * 1600
    assert outcome.played_frames == 10


# <Connect>


@pytest.mark.contract("T35")
async def test_connect_holds_the_document(desk: Desk, consumers: list[Consumer]) -> None:
    """While the consumer keeps its socket the next verb waits; the caller's end is the call's."""
    async with web_app(HANGUP) as app:
        place = asyncio.create_task(
            desk.call(
                f'<Response><Connect><Stream url="{consumers[0].url}"/></Connect>'
                f"<Redirect>{app.url('/')}</Redirect></Response>",
                b"\x55" * 1600,
            )
        )
        messages = await until_closed(await consumers[0].accept())
        assert (await place).hung_up_by == "caller"
    assert messages[-1]["event"] == "stop"
    assert app.requests == []


@pytest.mark.contract("T36", "T41")
@pytest.mark.parametrize("abruptly", [False, True])
async def test_the_next_verb_runs_when_the_app_closes(
    desk: Desk, consumers: list[Consumer], abruptly: bool
) -> None:
    """However the consumer leaves, the document goes on, and the consumer is not dialled again."""
    async with web_app(HANGUP) as app:
        place = asyncio.create_task(
            desk.call(
                f'<Response><Connect><Stream url="{consumers[0].url}"/></Connect>'
                f"<Redirect>{app.url('/next')}</Redirect></Response>",
                LONG,
            )
        )
        connection = await consumers[0].accept()
        await next_event(connection, "media")
        if abruptly:
            connection.transport.abort()
        else:
            await connection.close()
        assert (await place).hung_up_by == "document"
    assert [request.target for request in app.requests] == ["/next"]
    assert consumers[0].connections.empty()


@pytest.mark.contract("T36")
async def test_nothing_after_connect(desk: Desk, consumers: list[Consumer]) -> None:
    """When the consumer closes and no verb follows, the call is over."""
    place = asyncio.create_task(
        desk.call(
            f'<Response><Connect><Stream url="{consumers[0].url}"/></Connect></Response>', LONG
        )
    )
    await (await consumers[0].accept()).close()
    assert (await place).hung_up_by == "document"
    assert desk.reason == "end-of-document"


@pytest.mark.contract("T37")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_action_takes_over(desk: Desk, consumers: list[Consumer], method: str) -> None:
    """After the stream `action` is asked, by `method`; its answer runs instead of the rest."""
    answer = response(200, b"<Response><Sms>instead</Sms></Response>", XML)
    async with web_app(answer) as app, web_app(HANGUP) as never:
        place = asyncio.create_task(
            desk.call(
                f'<Response><Connect action="{app.url("/after")}" method="{method}">'
                f'<Stream url="{consumers[0].url}"/></Connect>'
                f"<Redirect>{never.url('/')}</Redirect></Response>",
                LONG,
            )
        )
        await (await consumers[0].accept()).close()
        await place
    (asked,) = app.requests
    assert asked.method == method
    assert f"CallSid={desk.live.call.sid}" in (asked.target + asked.body.decode())
    assert never.requests == []
    assert [skipped["verb"] for skipped in desk.told("verb.skipped")] == ["Sms"]


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ('url="{url}" track="both_tracks"', 31941),
        ('url="https://example.com/"', 31922),
        ('url="ws://127.0.0.1:1/"', 31902),
        ('url="ws://nowhere.invalid/"', 31904),
    ],
)
async def test_a_stream_that_is_refused(
    desk: Desk, consumers: list[Consumer], stream: str, code: int
) -> None:
    """A stream that cannot begin is an error with its number, and the next verb runs."""
    async with web_app(response(204)) as app:
        outcome = await desk.call(
            f'<Response><Connect><Stream statusCallback="{app.url("/s")}"'
            f" {stream.format(url=consumers[0].url)}/></Connect><Sms>on</Sms></Response>",
            LONG,
        )
    assert outcome.hung_up_by == "document"
    assert [error["code"] for error in desk.told("stream.error")] == [code]
    assert len(desk.told("verb.skipped")) == 1
    assert [body_field(app, at, "StreamEvent") for at in (0, 1)] == [
        "stream-error",
        "stream-stopped",
    ]
    assert consumers[0].connections.empty()


def body_field(app: WebApp, at: int, name: str) -> str:
    fields = dict(part.split("=") for part in app.requests[at].body.decode().split("&"))
    return fields[name]


@pytest.mark.contract("T39")
async def test_the_end_of_the_call_reaches_a_stream_that_is_connecting(desk: Desk) -> None:
    """A call that ends before the consumer has answered tells one error and one stop."""
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    async with tcp_server(silent) as port, web_app(response(204)) as app:
        await desk.call(
            f'<Response><Connect><Stream url="ws://127.0.0.1:{port}/"'
            f' statusCallback="{app.url("/s")}"/></Connect></Response>'
        )
    assert asked.is_set()
    events = [body_field(app, at, "StreamEvent") for at in range(len(app.requests))]
    assert events == ["stream-error", "stream-stopped"]


# <Redirect>, and asking an app


async def test_redirects_are_relative_to_the_document(desk: Desk) -> None:
    """Each document is the base of the URLs in it; no URL at all is the document again."""
    first = b'<Response><Redirect method="GET">two?x=1</Redirect></Response>'
    second = b"<Response><Redirect>/three</Redirect></Response>"
    third = b"<Response><Redirect></Redirect></Response>"
    answers = [response(200, body, XML) for body in (first, second, third)]
    async with web_app(*answers, HANGUP) as app:
        outcome = await desk.dial(app.url("/a/one"), LONG)
    assert outcome.error is None
    methods = [(r.method, r.target.partition("&")[0]) for r in app.requests]
    assert methods[0] == ("POST", "/a/one")
    assert methods[1][0] == "GET"
    assert methods[1][1].startswith("/a/two?x=1")
    assert methods[2:] == [("POST", "/three"), ("POST", "/three")]
    bodies = [request.body.decode() for request in app.requests]
    assert "CallStatus=ringing" in bodies[0]
    assert "CallStatus=ringing" in bodies[2]  # no verb has needed an answer yet


async def test_the_caller_may_leave_while_a_document_is_fetched(desk: Desk) -> None:
    """A document that is slow in coming does not keep the caller on the line."""

    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    async with tcp_server(silent) as port:
        calling = asyncio.create_task(
            desk.call(f"<Response><Redirect>http://127.0.0.1:{port}/</Redirect></Response>")
        )
        await asked.wait()
        assert desk.live.control is not None
        desk.live.control.hang_up("caller")
        outcome = await calling
    assert outcome.hung_up_by == "caller"
    assert desk.told("webhook.failed") == []
