"""The example agent, over real sockets, as Twilio would use it."""

from __future__ import annotations

import ast
import asyncio
import base64
import itertools
import json
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

import app.agent
from app.agent import CALLER_WAV, Call, Calls, create_agent
from app.agent.echo import LEAD_IN, LONGEST, PAUSE, Echo
from bridge.audio import FRAME_BYTES
from bridge.wav import read_wav

SPEECH = bytes([0x20, 0xA0]) * (FRAME_BYTES // 2)
QUIET = b"\xff" * FRAME_BYTES
CALL_SID = "CA" + "0" * 32
STREAM_SID = "MZ" + "0" * 32
PAUSE_FRAMES = PAUSE // FRAME_BYTES


class Server(uvicorn.Server):
    """A uvicorn that says when it listens and leaves the signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, *args: Any, **kwargs: Any) -> None:
        await super().startup(*args, **kwargs)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve(agent: FastAPI) -> AsyncIterator[str]:
    """Runs the app; yields its host and port; on leaving, every connection has been handled."""
    config = uvicorn.Config(agent, port=0, lifespan="off", log_config=None, access_log=False)
    server = Server(config)
    task = asyncio.create_task(server.serve())
    await server.listening.wait()
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@pytest.fixture(autouse=True)
def no_tracebacks(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever the peer does, the agent's log holds no error."""
    yield
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


class Twilio:
    """Twilio's side of one stream."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.chunks = itertools.count(1)

    async def send(self, event: str, body: Any = None) -> None:
        message = {"event": event, "streamSid": STREAM_SID} | ({event: body} if body else {})
        await self.socket.send(json.dumps(message))

    async def start(self, call_sid: str = CALL_SID, **parameters: str) -> None:
        await self.socket.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        body = {"callSid": call_sid, "streamSid": STREAM_SID, "customParameters": parameters}
        await self.send("start", body)

    async def speak(self, frames: Iterable[bytes], track: str = "inbound") -> None:
        for frame in frames:
            payload = base64.b64encode(frame).decode()
            chunk = str(next(self.chunks))
            await self.send("media", {"track": track, "chunk": chunk, "payload": payload})

    async def receive(self) -> dict[str, Any]:
        message = json.loads(await self.socket.recv())
        assert isinstance(message, dict)
        assert message.pop("streamSid") == STREAM_SID
        return message

    async def hear(self, mark: str) -> bytes:
        """The audio of the next echo, which its mark must follow."""
        media = await self.receive()
        assert media["event"] == "media"
        assert await self.receive() == {"event": "mark", "mark": {"name": mark}}
        return base64.b64decode(media["media"]["payload"], validate=True)


@asynccontextmanager
async def stream(host: str, path: str = "/stream") -> AsyncIterator[Twilio]:
    async with connect(f"ws://{host}{path}") as socket:
        yield Twilio(socket)


def sentence(frames: int = 10) -> list[bytes]:
    return [SPEECH] * frames + [QUIET] * PAUSE_FRAMES


# --- TwiML ----------------------------------------------------------------------------------


async def twiml(url: str, **headers: str) -> etree._Element:
    async with httpx.AsyncClient() as client:
        response = await client.post(url, data={"CallSid": CALL_SID}, headers=headers)
        assert (await client.get(url, headers=headers)).content == response.content
    assert response.headers["content-type"].startswith("text/xml")
    return etree.fromstring(response.content)


def attributes(document: etree._Element, path: str) -> dict[str, str]:
    element = document.find(path)
    assert element is not None
    return {str(name): str(value) for name, value in element.attrib.items()}


async def test_twiml_forks_to_the_listener_and_connects_to_the_echo() -> None:
    async with serve(create_agent()) as host:
        document = await twiml(f"http://{host}/voice")
    assert [verb.tag for verb in document] == ["Start", "Connect", "Stop", "Hangup"]
    assert attributes(document, "Start/Stream") == {
        "name": "listener",
        "url": f"ws://{host}/listen",
        "track": "both_tracks",
        "statusCallback": f"http://{host}/status",
    }
    assert attributes(document, "Connect/Stream") == {
        "url": f"ws://{host}/stream",
        "statusCallback": f"http://{host}/status",
    }
    assert attributes(document, "Connect/Stream/Parameter")["name"] == "greeting"


async def test_a_mounted_agent_names_the_paths_below_its_mount() -> None:
    service = FastAPI()
    service.mount("/agent", create_agent())
    async with serve(service) as host:
        document = await twiml(f"http://{host}/agent/voice")
        url = attributes(document, "Connect/Stream")["url"]
        assert url == f"ws://{host}/agent/stream"
        async with connect(url) as socket:
            twilio = Twilio(socket)
            await twilio.start()
            await twilio.speak(sentence())
            assert await twilio.hear("echo-1")


@pytest.mark.parametrize(
    ("headers", "site"),
    [
        ({"Host": "agent.example.com"}, "s://agent.example.com"),
        ({"Host": "agent.example.com", "X-Forwarded-Proto": "https"}, "s://agent.example.com"),
        ({"Host": "localhost:8000", "X-Forwarded-Proto": "https"}, "s://localhost:8000"),
        ({"Host": "localhost:8000"}, "://localhost:8000"),
        ({"Host": "me.localhost"}, "://me.localhost"),
        ({"Host": "[::1]:8000"}, "://[::1]:8000"),
        ({"Host": "10.0.0.1"}, "s://10.0.0.1"),
    ],
)
async def test_urls_go_without_tls_only_on_this_machine(headers: dict[str, str], site: str) -> None:
    async with serve(create_agent()) as host:
        document = await twiml(f"http://{host}/voice", **headers)
    assert attributes(document, "Connect/Stream") == {
        "url": f"ws{site}/stream",
        "statusCallback": f"http{site}/status",
    }


# --- the conversation -----------------------------------------------------------------------


async def test_an_utterance_comes_back_byte_for_byte_with_a_mark() -> None:
    agent = create_agent()
    async with serve(agent) as host, stream(host) as twilio:
        await twilio.start(greeting="hello")
        await twilio.speak([QUIET] * 20 + sentence())
        heard = await twilio.hear("echo-1")
        await twilio.send("mark", {"name": "echo-1"})
        await twilio.speak(sentence(5))
        heard_next = await twilio.hear("echo-2")
        await twilio.send("stop", {"callSid": CALL_SID})
        await twilio.socket.wait_closed()
    assert heard == QUIET * (LEAD_IN // FRAME_BYTES) + b"".join(sentence())
    assert heard_next == b"".join(sentence(5))
    call = agent.state.calls.get(CALL_SID)
    assert list(call.echoes) == [heard, heard_next]
    assert call.as_json() | {"echoes": [], "listened": {}} == {
        "callSid": CALL_SID,
        "parameters": {"greeting": "hello"},
        "received": {"frames": 65, "lost": 0, "last_chunk": 65},
        "listened": {},
        "echoes": [],
        "bytesSent": len(heard) + len(heard_next),
        "marksSent": 2,
        "marksReturned": 1,
        "clears": 0,
        "digits": "",
        "ignored": 0,
        "ended": "stop",
        "statuses": [],
    }


async def test_speech_over_an_echo_clears_it_at_once_and_only_once() -> None:
    agent = create_agent()
    async with serve(agent) as host, stream(host) as twilio:
        await twilio.start()
        await twilio.speak(sentence())
        await twilio.hear("echo-1")
        await twilio.speak([QUIET, SPEECH])
        assert await twilio.receive() == {"event": "clear"}
        await twilio.send("mark", {"name": "echo-1"})
        await twilio.speak(sentence())
        assert await twilio.hear("echo-2") == QUIET + SPEECH + b"".join(sentence())
    assert agent.state.calls.get(CALL_SID).clears == 1


async def test_hash_sends_back_what_was_said_so_far() -> None:
    async with serve(create_agent()) as host, stream(host) as twilio:
        await twilio.start()
        await twilio.send("dtmf", {"track": "inbound_track", "digit": "#"})  # nothing said yet
        await twilio.speak([SPEECH] * 3)
        await twilio.send("dtmf", {"track": "inbound_track", "digit": "#"})
        assert await twilio.hear("echo-1") == SPEECH * 3


async def test_star_closes_the_socket_so_that_the_next_verb_runs() -> None:
    agent = create_agent()
    async with serve(agent) as host, stream(host) as twilio:
        await twilio.start()
        for digit in "12*":
            await twilio.send("dtmf", {"track": "inbound_track", "digit": digit})
        await twilio.socket.wait_closed()
        assert twilio.socket.close_code == 1000
    call = agent.state.calls.get(CALL_SID)
    assert ("".join(call.digits), call.ended) == ("12*", "star")


async def test_a_dropped_socket_ends_the_conversation_quietly() -> None:
    agent = create_agent()
    async with serve(agent) as host, stream(host) as twilio:
        await twilio.start()
        await twilio.speak(sentence())
        await twilio.hear("echo-1")
        twilio.socket.transport.abort()
    assert agent.state.calls.get(CALL_SID).ended == "disconnected"


async def test_sockets_that_never_start_leave_no_record() -> None:
    agent = create_agent()
    async with serve(agent) as host:
        for path in ("/stream", "/listen"):
            async with stream(host, path) as twilio:
                await twilio.speak([SPEECH])
    assert agent.state.calls.all() == []


UNUSABLE: list[str | bytes] = [
    "",
    "not JSON",
    "[" * 100_000,
    "[]",
    "null",
    "{}",
    b"\x00\x01",
    '{"event":"media"}',
    '{"event":"media","media":[]}',
    '{"event":"media","media":{"chunk":1,"payload":"AA=="}}',
    '{"event":"media","media":{"track":"inbound","chunk":"x","payload":"AA=="}}',
    '{"event":"media","media":{"track":"sideways","chunk":"x","payload":"%"}}',
    '{"event":"mark"}',
    '{"event":"mark","mark":{"name":"never sent"}}',
    '{"event":"dtmf","dtmf":"5"}',
    '{"event":"start"}',
    '{"event":"closed"}',
]


@pytest.mark.parametrize("path", ["/stream", "/listen"])
async def test_unusable_messages_are_counted_and_otherwise_ignored(path: str) -> None:
    agent = create_agent()
    async with serve(agent) as host, stream(host, path) as twilio:
        for message in UNUSABLE:
            await twilio.socket.send(message)
        await twilio.start()
        for message in UNUSABLE:
            await twilio.socket.send(message)
        await twilio.speak(sentence())
        if path == "/stream":
            assert await twilio.hear("echo-1") == b"".join(sentence())
        await twilio.send("stop", {"callSid": CALL_SID})
        await twilio.socket.wait_closed()
    assert agent.state.calls.get(CALL_SID).ignored == len(UNUSABLE)


async def test_the_listener_counts_frames_per_track_and_says_nothing() -> None:
    agent = create_agent()
    async with serve(agent) as host, stream(host, "/listen") as twilio:
        await twilio.start()
        await twilio.speak([SPEECH] * 3)
        twilio.chunks = itertools.count(1)
        await twilio.speak([QUIET] * 2, track="outbound")
        next(twilio.chunks)
        await twilio.speak([QUIET], track="outbound")
        await twilio.send("stop", {"callSid": CALL_SID})
        assert [message async for message in twilio.socket] == []
    listened = agent.state.calls.get(CALL_SID).listened
    assert (listened["inbound"].frames, listened["inbound"].lost) == (3, 0)
    assert (listened["outbound"].frames, listened["outbound"].lost) == (3, 1)


# --- records --------------------------------------------------------------------------------


async def test_status_callbacks_are_kept_with_their_call() -> None:
    async with serve(create_agent()) as host, httpx.AsyncClient() as client:
        events = [
            {"CallSid": CALL_SID, "StreamSid": STREAM_SID, "StreamEvent": event}
            for event in ("stream-started", "stream-stopped")
        ]
        url = f"http://{host}/status"
        assert (await client.post(url, data=events[0])).status_code == 204
        assert (await client.get(url, params=events[1])).status_code == 204
        assert (await client.post(url)).status_code == 204
        [call] = (await client.get(f"http://{host}/calls")).json()
        assert call == (await client.get(f"http://{host}/calls/{CALL_SID}")).json()
        assert (await client.get(f"http://{host}/calls/CA1")).status_code == 404
    assert call["statuses"] == events


def test_only_the_last_calls_are_remembered() -> None:
    calls = Calls(limit=2)
    first = calls.record("CA1")
    assert calls.record("CA1") is first
    calls.record("CA2")
    assert len(calls.all()) == 2
    calls.record("CA3")
    assert [call.call_sid for call in calls.all()] == ["CA2", "CA3"]
    assert calls.get("CA1") is None


# --- signatures -----------------------------------------------------------------------------


async def test_with_a_token_only_signed_requests_are_served() -> None:
    sign = RequestValidator("12345").compute_signature
    async with serve(create_agent(auth_token="12345")) as host, httpx.AsyncClient() as client:
        url, form = f"http://{host}/status?a=1", {"CallSid": CALL_SID, "StreamEvent": "ü"}
        for signature, status in [
            (sign(url, form), 204),
            (sign("http://127.0.0.1/status?a=1", form), 204),
            (sign(url, {}), 403),
            ("é", 403),
        ]:
            headers = {"X-Twilio-Signature": signature.encode()}
            response = await client.post(url, data=form, headers=headers)
            assert response.status_code == status
        assert (await client.get(f"http://{host}/voice")).status_code == 403


@pytest.mark.parametrize("path", ["/stream", "/listen"])
async def test_with_a_token_only_signed_sockets_are_accepted(path: str) -> None:
    async with serve(create_agent(auth_token="12345")) as host:
        url = f"ws://{host}{path}"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url)
        assert refused.value.response.status_code == 403
        signature = RequestValidator("12345").compute_signature(url, {})
        async with connect(url, additional_headers={"X-Twilio-Signature": signature}):
            pass


async def test_a_socket_behind_a_proxy_is_signed_over_its_public_address() -> None:
    signature = RequestValidator("12345").compute_signature("wss://example.com/stream", {})
    headers = {"Host": "example.com", "X-Twilio-Signature": signature}
    async with serve(create_agent(auth_token="12345")) as host, httpx.AsyncClient() as client:
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        }
        async with client.stream(
            "GET", f"http://{host}/stream", headers=headers | upgrade
        ) as reply:
            assert reply.status_code == 101


# --- the conversation without a socket ------------------------------------------------------


def media(audio: bytes, chunk: int = 1) -> dict[str, Any]:
    payload = base64.b64encode(audio).decode()
    return {"event": "media", "media": {"chunk": str(chunk), "payload": payload}}


@pytest.mark.parametrize(("frames", "kept"), [(-1, -1), (0, 0), (1, 0)])
def test_the_rest_of_a_very_long_utterance_is_not_repeated(frames: int, kept: int) -> None:
    """One frame under the limit, at it, and over it."""
    call = Call(CALL_SID)
    echo = Echo(call, STREAM_SID)
    longest = LONGEST // FRAME_BYTES
    for frame in sentence(longest - PAUSE_FRAMES + frames):
        echo.receive(media(frame))
    [audio] = call.echoes
    assert len(audio) == (longest + kept) * FRAME_BYTES


def test_frames_of_any_size_are_taken() -> None:
    call = Call(CALL_SID)
    echo = Echo(call, STREAM_SID)
    for audio in (b"", SPEECH[:1], SPEECH * 7, b"\xff" * (PAUSE - 1), b"", b"\xff"):
        echo.receive(media(audio))
    assert list(call.echoes) == [SPEECH[:1] + SPEECH * 7 + b"\xff" * PAUSE]


def test_the_recorded_caller_interrupts_the_first_echo() -> None:
    """Played on a phone's clock: two sentences, the second begun over the echo of the first."""
    call = Call(CALL_SID)
    echo = Echo(call, STREAM_SID)
    audio = read_wav(CALLER_WAV)
    left, mark, returned, sent = 0, "", [], []
    for chunk, start in enumerate(range(0, len(audio), FRAME_BYTES), 1):
        for reply in echo.receive(media(audio[start : start + FRAME_BYTES], chunk)):
            sent.append(reply["event"])
            match reply:
                case {"event": "media", "media": {"payload": payload}}:
                    left = len(base64.b64decode(payload))
                case {"event": "mark", "mark": {"name": mark}}:
                    pass
                case {"event": "clear"}:
                    left = 0
        left -= FRAME_BYTES
        if mark and left <= 0:
            echo.receive({"event": "mark", "mark": {"name": mark}})
            returned.append(mark)
            mark = ""
    assert sent == ["media", "mark", "clear", "media", "mark"]
    assert returned == ["echo-1"]
    assert (call.clears, call.received.lost, call.ignored) == (1, 0, 0)
    assert all(16_000 < len(echo) < 24_000 for echo in call.echoes)


scalars = st.none() | st.integers() | st.sampled_from(["", "1", "AA==", "%", "*", "#", "é"])
bodies = scalars | st.dictionaries(st.sampled_from(["chunk", "payload", "name", "digit"]), scalars)
events = st.sampled_from(["media", "mark", "dtmf", "stop", "start"])


@given(st.dictionaries(events, bodies), events | scalars)
def test_no_message_breaks_the_conversation(message: dict[str, Any], event: object) -> None:
    """Any JSON object is taken, ignored or refused with ValueError."""
    echo = Echo(Call(CALL_SID), STREAM_SID)
    with suppress(ValueError):
        assert isinstance(echo.receive({"event": event} | message), list)


def test_the_agent_knows_nothing_of_this_service() -> None:
    """It imports neither our bridge nor our parser, so it is what a customer could write."""
    for source in Path(app.agent.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [n for n in names if n.split(".")[0] in {"bridge", "twiml"}]
            assert all(n.startswith("app.agent") for n in names if n.split(".")[0] == "app")
