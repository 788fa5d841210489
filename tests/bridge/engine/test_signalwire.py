"""The test is SignalWire on one side and the customer on the other; time is virtual."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from bridge.audio import audioop
from bridge.codecs import MulawDecoder, MulawEncoder
from bridge.engine.pace import COUNTED
from bridge.engine.signalwire import SignalWireLeg
from bridge.engine.sockets import Refusal
from bridge.engine.websocket import WebSocket
from bridge.errors import MisuseError
from bridge.limits import StreamLimits
from bridge.stream import State
from tests.support.calls import Story, running_engine
from tests.support.engines import chosen
from tests.support.peers import HOST, Consumer, consumer, next_event, next_message, until_broken
from tests.support.virtual import run_virtually
from twiml.actions import Parameter, Stream, Track

pytestmark = pytest.mark.usefixtures("fast")

GRACE = 0.002
SID = "MZ" + "2" * 32
CARRIER_SID = "7d56a1b2-0000-4000-8000-000000000001"
FRAME = bytes(range(160))


class Crossing:
    """One media socket with a stream behind it: `carrier` and `customer` are its two ends."""

    def __init__(self) -> None:
        self.story = Story()
        self.ended = asyncio.Event()
        self.ends = 0
        self.leg: SignalWireLeg
        self.carrier: ClientConnection
        self.customer: ServerConnection

    def end(self, _: SignalWireLeg) -> None:
        self.ends += 1
        self.ended.set()

    async def carries(self, event: str, **fields: Any) -> None:
        """The carrier sends a message."""
        await self.carrier.send(json.dumps({"event": event} | fields))

    async def frame(self, audio: bytes, at: int, track: str = "inbound") -> None:
        payload = base64.b64encode(audio).decode()
        media = {"track": track, "chunk": "1", "timestamp": str(at), "payload": payload}
        await self.carries("media", sequenceNumber="9", media=media)

    async def says(self, event: str, **fields: Any) -> None:
        """The customer sends a message."""
        await self.customer.send(json.dumps({"event": event, "streamSid": SID} | fields))

    async def plays(self, audio: bytes) -> None:
        await self.says("media", media={"payload": base64.b64encode(audio).decode()})

    async def marks(self, name: str) -> None:
        await self.says("mark", mark={"name": name})

    async def echo(self, name: str) -> None:
        """The carrier has played everything up to a mark."""
        await self.carries("mark", streamSid=CARRIER_SID, mark={"name": name})

    async def echoes(self, count: int) -> list[str]:
        """Marks that reach the customer."""
        return [(await next_event(self.customer, "mark"))["mark"]["name"] for _ in range(count)]

    async def heard(self, size: int) -> bytes:
        """Audio that reaches the carrier."""
        audio = b""
        while len(audio) < size:
            message = await next_event(self.carrier, "media")
            assert message.keys() == {"event", "streamSid", "media"}
            audio += base64.b64decode(message["media"]["payload"])
        return audio

    async def rest(self) -> list[Any]:
        return [json.loads(text) async for text in self.customer]


def start_message(encoding: str = "audio/x-mulaw", rate: int = 8000) -> dict[str, Any]:
    return {
        "streamSid": CARRIER_SID,
        "accountSid": "b08d0000-0000-4000-8000-000000000002",
        "callSid": "76ac0000-0000-4000-8000-000000000003",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": encoding, "sampleRate": rate, "channels": 1},
    }


@asynccontextmanager
async def media_socket(
    app: Consumer, limits: StreamLimits | None, *, two_way: bool, noun: dict[str, Any]
) -> AsyncIterator[Crossing]:
    """A carrier's socket that has just been accepted."""
    async with running_engine(limits) as engine:
        crossing = Crossing()
        crossing.leg = leg = SignalWireLeg(
            engine,
            crossing.story.call,
            Stream(**{"connect_url": app.url} | noun),
            stream_sid=SID,
            bidirectional=two_way,
            ended=crossing.end,
        )

        def accept(path: str, headers: dict[str, str]) -> SignalWireLeg | Refusal:
            return leg if path == "/media/token" else Refusal(404, "no such stream")

        server = await asyncio.get_running_loop().create_server(
            lambda: WebSocket.server(accept, max_size=1_000_000, fast=chosen.fast), HOST, 0
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            url = f"ws://{HOST}:{port}/media/token"
            async with connect(url, ping_interval=None, max_size=None) as carrier:
                crossing.carrier = carrier
                yield crossing
                leg.stop()
                await crossing.ended.wait()
                assert crossing.ends == 1


def cross(
    main: Callable[[Crossing], Awaitable[None]],
    *,
    limits: StreamLimits | None = None,
    two_way: bool = True,
    start: dict[str, Any] | None = None,
    **noun: Any,
) -> None:
    """Run one media socket whose start has been sent and whose customer is connected."""

    async def run() -> None:
        async with (
            consumer() as app,
            media_socket(app, limits, two_way=two_way, noun=noun) as crossing,
        ):
            await crossing.carries("connected", protocol="Call", version="0.2.0")
            await crossing.carries("start", sequenceNumber="1", start=start or start_message())
            crossing.customer = await app.accept()
            await crossing.story.until("carrier.start")
            await main(crossing)

    run_virtually(run, grace=GRACE)


# From the carrier to the customer


@pytest.mark.contract("S47", "S48", "S50", "S51", "S52", "S53", "S58")
@pytest.mark.parametrize("twilio_like", [False, True])
def test_one_conversation(twilio_like: bool) -> None:
    """SignalWire's messages arrive as Twilio's: version, ids, numbers, tracks and bodies.

    mu-law passes byte for byte; absent custom parameters are an empty object. Carriers that fill
    in Twilio's fields are understood as well.
    """

    async def main(crossing: Crossing) -> None:
        extra = {"streamSid": CARRIER_SID} if twilio_like else {}
        await crossing.frame(FRAME, 0)
        await crossing.frame(FRAME[::-1], 20)
        dtmf = {"digit": "5", "duration": 2000}
        await crossing.carries("dtmf", sequenceNumber="123", dtmf=dtmf, **extra)
        await crossing.marks("m")
        sent = await next_event(crossing.carrier, "mark")
        assert sent == {"event": "mark", "streamSid": CARRIER_SID, "mark": {"name": "m"}}
        await crossing.echo("m")
        await crossing.frame(FRAME, 40)
        body = {"stop": {"callSid": "x"}} if twilio_like else {}
        await crossing.carries("stop", sequenceNumber="999", **extra, **body)
        await crossing.ended.wait()
        call = crossing.story.call
        sids = {"accountSid": call.account_sid, "callSid": call.sid}

        def media(chunk: int, audio: bytes) -> dict[str, str]:
            return {
                "track": "inbound",
                "chunk": str(chunk),
                "timestamp": str(20 * (chunk - 1)),
                "payload": base64.b64encode(audio).decode(),
            }

        bodies: list[dict[str, Any]] = [
            {
                "event": "start",
                "start": {
                    **sids,
                    "streamSid": SID,
                    "tracks": ["inbound"],
                    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                    "customParameters": {},
                },
            },
            {"event": "media", "media": media(1, FRAME)},
            {"event": "media", "media": media(2, FRAME[::-1])},
            {"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": "5"}},
            {"event": "mark", "mark": {"name": "m"}},
            {"event": "media", "media": media(3, FRAME)},
            {"event": "stop", "stop": sids},
        ]
        assert await crossing.rest() == [
            {"event": "connected", "protocol": "Call", "version": "1.0.0"},
            *(
                body | {"streamSid": SID, "sequenceNumber": str(number + 1)}
                for number, body in enumerate(bodies)
            ),
        ]

    start = start_message()
    if twilio_like:
        start["customParameters"] = {"ours": "x"}
    cross(main, start=start)


def test_the_documents_parameters_reach_the_customer() -> None:
    """Custom parameters are those of the customer's document."""

    async def main(crossing: Crossing) -> None:
        start = await next_event(crossing.customer, "start")
        assert start["start"]["customParameters"] == {"who": "Ada"}

    cross(main, content=(Parameter(name="who", value="Ada"),))


@pytest.mark.contract("S57")
def test_one_feed_with_both_tracks() -> None:
    """Each customer of a feed with both tracks gets its own track alone."""
    for track in (Track.INBOUND, Track.OUTBOUND):

        async def main(crossing: Crossing, names: tuple[str, ...] = track.names) -> None:
            for at in (0, 20):
                await crossing.frame(b"i" * 160, at, "inbound")
                await crossing.frame(b"o" * 160, at, "outbound")
            await crossing.carries("stop")
            media = [m["media"] for m in await crossing.rest() if m["event"] == "media"]
            assert [(body["track"], body["chunk"]) for body in media] == [
                (names[0], "1"),
                (names[0], "2"),
            ]
            first = names[0][:1].encode()
            assert {base64.b64decode(body["payload"]) for body in media} == {first * 160}

        cross(main, two_way=False, track=track)


def test_frames_of_another_length() -> None:
    """A carrier's frames of 40 or 30 ms are cut to 20 ms without losing a byte."""

    async def main(crossing: Crossing) -> None:
        audio = bytes(n % 251 for n in range(320 + 240 * 4))
        await crossing.frame(audio[:320], 0)
        for number in range(4):
            await crossing.frame(audio[320 + 240 * number :][:240], 40 + 30 * number)
        await crossing.carries("stop")
        media = [m["media"] for m in await crossing.rest() if m["event"] == "media"]
        assert b"".join(base64.b64decode(body["payload"]) for body in media) == audio
        assert [body["timestamp"] for body in media] == [str(20 * n) for n in range(8)]

    cross(main)


def tone(rate: int, seconds: float) -> bytes:
    """440 Hz in 16 bits, little-endian."""
    count = int(rate * seconds)
    samples = (int(10_000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(count))
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


@pytest.mark.contract("S48")
@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_linear_carriers(rate: int) -> None:
    """Linear audio becomes mu-law at 8 kHz for the customer, and the customer's becomes linear."""
    linear = tone(rate, 0.5)
    frame = rate // 50 * 2

    async def main(crossing: Crossing) -> None:
        for number in range(25):
            await crossing.frame(linear[number * frame :][:frame], 20 * number)
        await crossing.plays(FRAME * 25)
        await crossing.marks("end")
        heard = await crossing.heard(25 * frame)
        await next_event(crossing.carrier, "mark")
        await crossing.carries("stop")
        media = [m["media"] for m in await crossing.rest() if m["event"] == "media"]
        got = b"".join(base64.b64decode(body["payload"]) for body in media)
        expected = MulawDecoder("audio/x-L16", rate).decode(linear)
        assert got == expected[: len(expected) // 160 * 160]
        assert 23 <= len(media) <= 25
        encoder = MulawEncoder("audio/x-l16", rate)
        assert heard == b"".join(encoder.encode(FRAME) for _ in range(25))

    cross(main, start=start_message("audio/x-L16", rate))


@pytest.mark.parametrize("encoding", ["audio/x-alaw", "audio/PCMA"])
def test_alaw_carriers(encoding: str) -> None:
    """A-law becomes mu-law for the customer, byte for byte, and the customer's becomes A-law."""

    async def main(crossing: Crossing) -> None:
        for number in range(5):
            await crossing.frame(FRAME[number:] + FRAME[:number], 20 * number)
        await crossing.plays(FRAME * 5)
        heard = await crossing.heard(800)
        assert heard == audioop.lin2alaw(audioop.ulaw2lin(FRAME * 5, 2), 2)
        await crossing.carries("stop")
        media = [m["media"] for m in await crossing.rest() if m["event"] == "media"]
        said = b"".join(FRAME[number:] + FRAME[:number] for number in range(5))
        got = b"".join(base64.b64decode(body["payload"]) for body in media)
        assert got == audioop.lin2ulaw(audioop.alaw2lin(said, 2), 2)

    cross(main, start=start_message(encoding, 8000))


@pytest.mark.parametrize(("encoding", "rate"), [("audio/opus", 48000), ("audio/x-mulaw", 16000)])
def test_a_format_we_cannot_read(encoding: str, rate: int) -> None:
    """A carrier's format that is not supported ends the stream, and says why."""

    async def run() -> None:
        async with (
            consumer() as app,
            media_socket(app, None, two_way=True, noun={}) as crossing,
        ):
            await crossing.carries("start", start=start_message(encoding, rate))
            await crossing.ended.wait()
            (fault,) = crossing.story.told("carrier.fault")
            assert "not supported" in fault.data["message"]
            with pytest.raises(ConnectionClosed):
                await crossing.carrier.recv()
            reports = crossing.story.told("stream.error")
            assert all("not supported" in report.data["message"] for report in reports)
            assert len(crossing.story.told("stream.stopped")) == 1

    run_virtually(run, grace=GRACE)


def test_faults_of_the_carrier() -> None:
    """What cannot be understood is noted once and does no harm."""

    async def main(crossing: Crossing) -> None:
        await crossing.carrier.send("hello")
        await crossing.carrier.send(b"\x00\x01")
        await crossing.carries("error")
        await crossing.carries("media", media={"payload": "*", "timestamp": "0"})
        await crossing.echo("never sent")
        await crossing.frame(FRAME, 0)
        message = await next_event(crossing.customer, "media")
        assert base64.b64decode(message["media"]["payload"]) == FRAME
        (fault,) = crossing.story.told("carrier.fault")
        assert "not JSON" in fault.data["message"]

    cross(main)


def test_bad_base64_of_a_linear_carrier() -> None:
    """A payload that is no base64 is a fault there too."""

    async def main(crossing: Crossing) -> None:
        media = {"track": "inbound", "payload": "*", "timestamp": "0"}
        await crossing.carries("media", media=media)
        fault = await crossing.story.until("carrier.fault")
        assert "not base64" in fault.data["message"]

    cross(main, start=start_message("audio/x-L16", 8000))


# From the customer to the carrier


def test_audio_is_cut_and_paced() -> None:
    """A second sent at once reaches the carrier as fifty frames in about a second."""
    audio = bytes(n % 251 for n in range(8_000))

    async def main(crossing: Crossing) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await crossing.plays(audio[:1])
        await crossing.plays(audio[1:])
        await crossing.marks("end")
        assert await crossing.heard(8_000) == audio
        assert loop.time() - began == pytest.approx(1.0, abs=0.1)
        assert (await next_event(crossing.carrier, "mark"))["mark"]["name"] == "end"

    cross(main)


@pytest.mark.parametrize("cadence", [0.020, 0.021, 0.033])
def test_who_speaks_just_after_his_turn(cadence: float) -> None:
    """A frame that comes when none waits is played within 5 ms, not at the next turn of a grid that
    it has just missed; the carrier never gets two within 20 ms."""

    async def main(crossing: Crossing) -> None:
        loop = asyncio.get_running_loop()
        heard: list[float] = []
        said = loop.time()
        for _ in range(100):
            await crossing.plays(FRAME)
            await crossing.heard(len(FRAME))
            heard.append(loop.time())
            assert heard[-1] - said <= 0.0051
            said += cadence
            await asyncio.sleep(said - loop.time())
        gaps = [after - before for before, after in itertools.pairwise(heard)]
        assert min(gaps) >= 0.0199

    cross(main)


@pytest.mark.parametrize("audio", [b"", FRAME])
def test_a_customer_quicker_than_the_carriers_start(audio: bytes) -> None:
    """Audio and marks from before the carrier named its stream wait for the name."""

    async def run() -> None:
        async with (
            consumer() as app,
            media_socket(app, None, two_way=True, noun={}) as crossing,
        ):
            crossing.customer = await app.accept()
            await crossing.plays(b"\x11" * 500)
            await crossing.says("clear")
            await crossing.plays(audio)
            await crossing.marks("m")
            await crossing.story.until("mark.received")
            await asyncio.sleep(1)
            await crossing.carries("start", start=start_message())
            messages = [await next_message(crossing.carrier) for _ in range(1 + bool(audio))]
            assert {message["streamSid"] for message in messages} == {CARRIER_SID}
            assert [message["event"] for message in messages] == ["media", "mark"][-len(messages) :]
            await crossing.echo("m")
            assert await crossing.echoes(1) == ["m"]

    run_virtually(run, grace=GRACE)


@pytest.mark.contract("S54")
@pytest.mark.parametrize("cleared", [False, True])
def test_a_mark_comes_back_once(cleared: bool) -> None:
    """A mark goes to the carrier behind its audio and comes back once, after a clear too."""

    async def main(crossing: Crossing) -> None:
        await crossing.plays(FRAME * 3)
        await crossing.marks("m")
        assert await crossing.heard(480) == FRAME * 3
        await next_event(crossing.carrier, "mark")
        assert not crossing.story.told("mark.echoed")
        if cleared:
            await crossing.says("clear")
            assert (await next_event(crossing.carrier, "clear"))["streamSid"] == CARRIER_SID
            assert await crossing.echoes(1) == ["m"]
        await crossing.echo("m")
        if not cleared:
            assert await crossing.echoes(1) == ["m"]
        await crossing.marks("last")
        await next_event(crossing.carrier, "mark")
        await crossing.echo("last")
        assert await crossing.echoes(1) == ["last"]
        assert not crossing.story.told("carrier.fault")

    cross(main)


@pytest.mark.contract("T74", "T75", "T76")
def test_a_clear_with_marks_everywhere() -> None:
    """Marks at the carrier and marks still here come back in order, and audio after them plays.

    Proves T74, T75, T76.
    """

    async def main(crossing: Crossing) -> None:
        await crossing.plays(FRAME)
        await crossing.marks("x")
        await crossing.plays(FRAME * 500)
        await crossing.marks("y")
        await crossing.marks("x")
        await next_event(crossing.carrier, "mark")
        await crossing.says("clear")
        await crossing.plays(b"\x11" * 160)
        await crossing.marks("x")
        await next_event(crossing.carrier, "clear")
        assert await crossing.echoes(3) == ["x", "y", "x"]
        assert await crossing.heard(160) == b"\x11" * 160
        await next_event(crossing.carrier, "mark")
        await crossing.echo("x")  # the cleared one
        await crossing.echo("x")
        assert await crossing.echoes(1) == ["x"]
        counters = crossing.leg._stream.media.counters
        assert (counters.marks_received, counters.marks_echoed) == (4, 4)

    cross(main)


def test_an_echo_stands_for_those_before_it() -> None:
    """A carrier that skips an echo loses no mark: the next echo brings both, in order."""

    async def main(crossing: Crossing) -> None:
        for name in ("a", "b", "a", "c"):
            await crossing.marks(name)
            await next_event(crossing.carrier, "mark")
        await crossing.echo("b")
        assert await crossing.echoes(2) == ["a", "b"]
        await crossing.echo("c")
        assert await crossing.echoes(2) == ["a", "c"]

    cross(main)


MARK_STEPS = st.lists(
    st.one_of(
        st.sampled_from(["a", "b"]),  # the customer sets a mark, the names repeating
        st.integers(1, 400),  # the customer sends audio
        st.just("clear"),
        st.just("echo"),  # the carrier gives back its oldest mark
        st.just("wait"),  # 20 ms pass
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=40)
@given(MARK_STEPS)
def test_marks_and_clears_in_every_order(steps: list[str | int]) -> None:
    """However audio, marks, clears and echoes follow one another, each mark returns once, in order.

    The carrier gives back every mark it was sent, also the cleared ones, in order.
    """

    async def main(crossing: Crossing) -> None:
        sent: list[str] = []
        marks = clears = 0
        at_carrier: asyncio.Queue[str] = asyncio.Queue()

        async def listen() -> None:
            async for text in crossing.carrier:
                message = json.loads(text)
                if message["event"] == "mark":
                    at_carrier.put_nowait(message["mark"]["name"])

        listening = asyncio.create_task(listen())
        for step in steps:
            match step:
                case int():
                    await crossing.plays(b"\x11" * step)
                case "clear":
                    await crossing.says("clear")
                    clears += 1
                    await crossing.story.until("clear", clears)
                case "echo":
                    if not at_carrier.empty():
                        await crossing.echo(at_carrier.get_nowait())
                case "wait":
                    await asyncio.sleep(0.020)
                case name:
                    await crossing.marks(name)
                    sent.append(name)
                    marks += 1
                    await crossing.story.until("mark.received", marks)
        await crossing.marks("end")
        sent.append("end")
        name = ""
        while name != "end":
            name = await at_carrier.get()
            await crossing.echo(name)
        assert await crossing.echoes(len(sent)) == sent
        await crossing.carries("stop")
        assert all(message["event"] != "mark" for message in await crossing.rest())
        assert not crossing.story.told("carrier.fault")
        await listening

    cross(main)


def test_a_one_way_stream_sends_the_carrier_nothing() -> None:
    """What a one-way customer sends does not reach the carrier."""

    async def main(crossing: Crossing) -> None:
        await crossing.plays(FRAME)
        await crossing.marks("m")
        await crossing.says("clear")
        await crossing.story.until("stream.warning")
        await crossing.carries("stop")
        with pytest.raises(ConnectionClosed):
            await crossing.carrier.recv()

    cross(main, two_way=False)


def test_a_carrier_that_does_not_read() -> None:
    """Audio for a carrier that reads nothing waits here, where it can still be cleared."""

    async def main(crossing: Crossing) -> None:
        transport = crossing.carrier.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        socket = crossing.leg._socket
        assert socket is not None
        while socket.unsent <= 1_000:
            socket.send_text(b" " * 60_000)
        await crossing.plays(FRAME * 100)
        await crossing.marks("m")
        await crossing.story.until("mark.received")
        await asyncio.sleep(1)
        assert crossing.leg._playout.buffered == 16_000
        await crossing.says("clear")
        assert await crossing.echoes(1) == ["m"]
        assert crossing.leg._playout.idle
        transport.resume_reading()

    cross(main, limits=StreamLimits(unsent_size=1_000))


def block(crossing: Crossing) -> asyncio.Transport:
    """Have the carrier read nothing more, and as much unsent to it as may be."""
    transport = crossing.carrier.transport
    assert isinstance(transport, asyncio.Transport)
    transport.pause_reading()
    socket = crossing.leg._socket
    assert socket is not None
    while not crossing.leg._blocked:
        socket.send_text(b'{"event":"filling"}' + b" " * 60_000)
    return transport


def test_clears_and_marks_for_a_carrier_that_does_not_read() -> None:
    """They add nothing to what is unsent: of the clears one goes out when the carrier reads again,
    and of the marks those behind the last clear."""

    async def main(crossing: Crossing) -> None:
        await crossing.marks("first")
        assert (await next_event(crossing.carrier, "mark"))["mark"]["name"] == "first"
        transport = block(crossing)
        socket = crossing.leg._socket
        assert socket is not None
        unsent = socket.unsent
        names = [str(number) for number in range(500)]
        for name in names:
            await crossing.marks(name)
            await crossing.says("clear")
        assert await crossing.echoes(501) == ["first", *names]
        await crossing.marks("last")
        await crossing.story.until("mark.received", 502)
        assert socket.unsent == unsent
        assert list(crossing.leg._cleared) == ["first"]
        assert not crossing.leg._at_carrier
        transport.resume_reading()
        told: list[tuple[str, str | None]] = []
        while told[-1:] != [("mark", "last")]:
            message = await next_message(crossing.carrier)
            told.append((message["event"], message.get("mark", {}).get("name")))
        assert [each for each in told if each[0] != "filling"] == [
            ("clear", None),
            ("mark", "last"),
        ]
        await crossing.echo("first")
        await crossing.echo("last")
        assert await crossing.echoes(1) == ["last"]
        assert not crossing.story.told("carrier.fault")

    cross(main, limits=StreamLimits(unsent_size=1_000))


def test_a_carrier_that_gives_no_mark_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more marks than may wait are with it, the cleared ones among them; others wait here."""
    most = 100
    monkeypatch.setattr("bridge.engine.signalwire.MAX_MARKS", most)

    async def main(crossing: Crossing) -> None:
        leg = crossing.leg
        half = most // 2
        at_carrier: asyncio.Queue[str] = asyncio.Queue()

        async def listen() -> None:
            async for text in crossing.carrier:
                message = json.loads(text)
                if message["event"] == "mark":
                    at_carrier.put_nowait(message["mark"]["name"])

        listening = asyncio.create_task(listen())
        for begin in (0, half):
            for number in range(begin, begin + half):
                await crossing.marks(str(number))
                assert await at_carrier.get() == str(number)
            await crossing.says("clear")
            assert await crossing.echoes(half) == [str(n) for n in range(begin, begin + half)]
        for name in ("x", "y"):
            await crossing.marks(name)
        await crossing.says("clear")
        assert await crossing.echoes(2) == ["x", "y"]
        await crossing.marks("z")
        await crossing.story.until("mark.received", most + 3)
        assert len(leg._cleared) == most
        assert at_carrier.empty()
        await crossing.echo(str(most - 1))
        assert await at_carrier.get() == "z"
        await crossing.echo("z")
        assert await crossing.echoes(1) == ["z"]
        assert not crossing.story.told("carrier.fault")
        await crossing.carries("stop")
        await listening

    cross(main)


def test_more_than_fits_is_discarded() -> None:
    """The play-out's limit is the engine's, to the byte."""

    async def main(crossing: Crossing) -> None:
        await crossing.plays(FRAME * 2)
        await crossing.plays(b"\x11")
        await crossing.story.until("stream.warning")
        assert crossing.story.codes() == [31931]
        assert await crossing.heard(320) == FRAME * 2

    cross(main, limits=StreamLimits(playout_bytes=320))


# Ends


@pytest.mark.contract("S56")
@pytest.mark.parametrize("end", ["close", "abort"])
def test_a_carrier_that_leaves_without_stop(end: str) -> None:
    """A carrier's socket that closes, or breaks, without stop still gives the customer its stop."""

    async def main(crossing: Crossing) -> None:
        await crossing.frame(FRAME, 0)
        await next_event(crossing.customer, "media")
        if end == "close":
            await crossing.carrier.close()
        else:
            crossing.carrier.transport.abort()
        await crossing.ended.wait()
        assert (await crossing.rest())[-1]["event"] == "stop"
        (closed,) = crossing.story.told("carrier.closed")
        assert closed.level == ("info" if end == "close" else "warning")
        assert len(crossing.story.told("stream.stopped")) == 1

    cross(main)


@pytest.mark.parametrize("end", ["close", "abort"])
def test_the_customers_end_ends_the_carriers_stream(end: str) -> None:
    """When the customer's socket closes, the carrier's is closed, so that its next verb runs."""

    async def main(crossing: Crossing) -> None:
        await next_event(crossing.customer, "start")
        if end == "close":
            await crossing.customer.close()
        else:
            crossing.customer.transport.abort()
        with pytest.raises(ConnectionClosed) as caught:
            await crossing.carrier.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1000
        assert crossing.ends == 1
        assert not crossing.story.told("carrier.closed")

    cross(main)


@pytest.mark.parametrize(
    ("noun", "code"),
    [
        ({"connect_url": f"ws://{HOST}:1/"}, 31902),
        ({"connect_url": "", "refusal": 31941, "refusal_reason": "no such track"}, 31941),
    ],
)
def test_a_customer_who_cannot_be_reached(noun: dict[str, Any], code: int) -> None:
    """A stream that cannot start closes the carrier's socket; audio meanwhile does no harm."""

    async def run() -> None:
        async with (
            consumer() as app,
            media_socket(app, None, two_way=True, noun=noun) as crossing,
        ):
            with suppress(ConnectionClosed):
                while not crossing.ended.is_set():
                    await crossing.frame(FRAME, 0)
            with pytest.raises(ConnectionClosed):
                await crossing.carrier.recv()
            assert crossing.story.codes("stream.error") == [code]
            assert crossing.story.codes() == []

    run_virtually(run, grace=GRACE)


def test_a_quiet_carrier_is_asked() -> None:
    """A carrier without audio is warned of once and pinged; while it answers it is kept."""

    async def main(crossing: Crossing) -> None:
        for number in range(6):
            await asyncio.sleep(10)
            await crossing.frame(FRAME, 10_000 * number)
        assert not crossing.story.told("carrier.idle")
        await asyncio.sleep(600)
        (entry,) = crossing.story.told("carrier.idle")
        assert (entry.data["code"], entry.data["seconds"]) == (31953, 30)
        assert not crossing.ended.is_set()
        await crossing.carries("stop")

    cross(main)


def test_a_dead_carrier_is_given_up() -> None:
    """A carrier that does not even answer a ping is taken for dead, and the customer gets stop."""

    async def main(crossing: Crossing) -> None:
        transport = crossing.carrier.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        await crossing.ended.wait()
        assert [entry.data["seconds"] for entry in crossing.story.told("carrier.idle")] == [30, 60]
        assert (await crossing.rest())[-1]["event"] == "stop"
        transport.resume_reading()

    cross(main)


def test_a_carrier_that_floods() -> None:
    """One that sends too much is read more slowly, told of once and counted. It loses nothing,
    and a call beside it waits for nothing."""

    limits = StreamLimits(carrier_rate=200, unsent_size=10_000_000)

    async def run() -> None:
        async with (
            consumer() as app,
            media_socket(app, limits, two_way=True, noun={}) as flooding,
            media_socket(app, None, two_way=True, noun={}) as calm,
        ):
            loop = asyncio.get_running_loop()
            for crossing in (flooding, calm):
                await crossing.carries("start", start=start_message())
                crossing.customer = await app.accept()
            began = loop.time()
            for at in range(16 * COUNTED):
                await flooding.frame(FRAME, 20 * at)
            first = await next_event(flooding.customer, "media")
            await flooding.story.until("carrier.throttled")
            assert loop.time() - began < COUNTED / 200
            await calm.frame(FRAME, 0)
            await next_event(calm.customer, "media")
            assert loop.time() - began < COUNTED / 200  # it is still not read
            await flooding.carries("stop")
            rest = [first] + await flooding.rest()
            stamps = [each["media"]["timestamp"] for each in rest if each["event"] == "media"]
            assert stamps == [str(20 * at) for at in range(16 * COUNTED)]
            assert loop.time() - began > 9.5 * COUNTED / 200  # ten rests, but for rounding
            (entry,) = flooding.story.told("carrier.throttled")
            assert entry.data["message"].startswith("more than 200 messages a second")
            (stopped,) = flooding.story.told("stream.stopped")
            assert stopped.data["carrier_throttled"] >= 1
            assert not calm.story.told("carrier.throttled")

    run_virtually(run, grace=GRACE)


def test_binary_floods_too() -> None:
    """What is no message of the protocol's counts as well, and the end of the call waits for no
    rest to be over."""

    async def main(crossing: Crossing) -> None:
        for _ in range(COUNTED):
            await crossing.carrier.send(b"x")
        await crossing.story.until("carrier.throttled")
        began = asyncio.get_running_loop().time()
        crossing.leg.stop()
        with pytest.raises(ConnectionClosed):
            await crossing.carrier.recv()
        assert asyncio.get_running_loop().time() - began < 0.5

    cross(main, limits=StreamLimits(carrier_rate=200))


def test_a_fault_of_our_own() -> None:
    """When a stream's tick fails the stream ends with an error, and its sockets are closed."""

    async def main(crossing: Crossing) -> None:
        def fail() -> None:
            raise RuntimeError("broken")

        crossing.leg._playout.take_payload = fail  # type: ignore[method-assign]
        await crossing.plays(FRAME)
        await crossing.ended.wait()
        events = await until_broken(crossing.customer, CloseCode.INTERNAL_ERROR)
        assert events == ["connected", "start"]
        with pytest.raises(ConnectionClosed):
            await crossing.carrier.recv()
        assert crossing.carrier.close_code == 1000
        assert crossing.story.codes("stream.error") == [31900]
        assert len(crossing.story.told("stream.stopped")) == 1

    cross(main)


def test_stopping_from_our_side() -> None:
    """The call's end stops the stream and closes the carrier's socket, once."""

    async def main(crossing: Crossing) -> None:
        await crossing.plays(FRAME * 10)
        await crossing.marks("m")
        await crossing.story.until("mark.received")
        crossing.leg.stop()
        crossing.leg.stop()
        assert crossing.ends == 1
        assert (await crossing.rest())[-1]["event"] == "stop"
        assert crossing.leg._stream.media.state is State.STOPPED

    cross(main)


async def test_before_the_socket() -> None:
    """A leg without a socket can be stopped; it has no stream to speak of."""
    async with running_engine() as engine:
        leg = SignalWireLeg(
            engine,
            Story().call,
            Stream(),
            stream_sid=SID,
            bidirectional=True,
            ended=lambda _: pytest.fail("it never began"),
        )
        leg.stop()
        with pytest.raises(MisuseError):
            leg.text(b'{"event":"stop"}')


def test_two_carriers_do_not_mix() -> None:
    """Two media sockets of one engine keep their audio apart, both ways."""

    async def run() -> None:
        async with (
            consumer() as app,
            media_socket(app, None, two_way=True, noun={}) as first,
            media_socket(app, None, two_way=True, noun={}) as second,
        ):
            both = (first, second)
            for crossing in both:
                await crossing.carries("start", start=start_message())
            first.customer = await app.accept()
            second.customer = await app.accept()
            for crossing in both:
                assert (await next_message(crossing.customer))["event"] == "connected"
            for at, (letter, crossing) in itertools.product((0, 20), zip(b"ab", both, strict=True)):
                await crossing.frame(bytes([letter]) * 160, at)
                await crossing.plays(bytes([letter]) * 160)
            for letter, crossing in zip(b"ab", both, strict=True):
                media = await next_event(crossing.customer, "media")
                assert base64.b64decode(media["media"]["payload"]) == bytes([letter]) * 160
                assert await crossing.heard(320) == bytes([letter]) * 320

    run_virtually(run, grace=GRACE)
