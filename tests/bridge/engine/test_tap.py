"""The test is SignalWire's taps on one side and the customer on the other; time is virtual."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import CloseCode

from bridge.codecs import G711Decoder
from bridge.dialects.tap import DIRECTIONS, Direction
from bridge.engine.pace import COUNTED
from bridge.engine.rtp import REST, NoPortError, RtpPorts
from bridge.engine.sockets import Handler, Refusal
from bridge.engine.tap import TapLeg
from bridge.engine.websocket import WebSocket
from bridge.limits import StreamLimits
from bridge.playout import SILENCE
from tests.support.calls import Story, running_engine
from tests.support.engines import chosen
from tests.support.peers import HOST, Consumer, consumer, next_event, until_broken
from tests.support.rtp import Sender, free_range, joined, sender, sent
from tests.support.virtual import run_virtually
from twiml.actions import Parameter, Stream, Track

pytestmark = pytest.mark.usefixtures("fast")

GRACE = 0.002
SID = "MZ" + "3" * 32
HEADER = '{"content-type":"audio/mulaw;rate=8000"}'


class Tapped:
    """A leg of taps with its two ends: `carrier` opens taps, `customer` is what they feed."""

    def __init__(self, app: Consumer, ports: RtpPorts | None, stack: AsyncExitStack) -> None:
        self.story = Story()
        self.ended = asyncio.Event()
        self.ends = 0
        self.app = app
        self.leg: TapLeg
        self._ports = ports
        self._stack = stack
        self._url = ""

    @property
    def in_use(self) -> int:
        assert self._ports is not None
        return self._ports.in_use

    def end(self, _: TapLeg) -> None:
        self.ends += 1
        self.ended.set()

    async def listen(self) -> None:
        """Accept sockets at `/speak` and `/listen`."""
        directions: dict[str, Direction] = {"/speak": "speak", "/listen": "listen"}

        def accept(path: str, headers: dict[str, str]) -> Handler | Refusal:
            return self.leg.handler(directions[path]) or Refusal(404, "no such tap")

        server = await asyncio.get_running_loop().create_server(
            lambda: WebSocket.server(accept, max_size=1_000_000, fast=chosen.fast), HOST, 0
        )
        await self._stack.enter_async_context(server)
        self._url = f"ws://{HOST}:{server.sockets[0].getsockname()[1]}"

    async def carrier(self, direction: Direction, header: str | None = HEADER) -> ClientConnection:
        """The carrier opens a tap's socket."""
        url = f"{self._url}/{direction}"
        opening = connect(url, ping_interval=None, max_size=None, compression=None)
        socket = await self._stack.enter_async_context(opening)
        if header is not None:
            await socket.send(header)
        return socket

    def rtp(self, direction: Direction) -> Sender:
        """The carrier's sender to a tap's port."""
        return self._stack.enter_context(sender(self.leg.port(direction)))

    async def customer(self) -> ServerConnection:
        """The customer's socket, once the stream has started."""
        customer = await self.app.accept()
        await self.story.until("stream.started")
        return customer


@asynccontextmanager
async def tapped(
    *, rtp: int = 0, limits: StreamLimits | None = None, **noun: Any
) -> AsyncIterator[Tapped]:
    """A leg for a stream of both tracks, over sockets or over as many ports."""
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(consumer())
        engine = await stack.enter_async_context(running_engine(limits))
        if rtp:
            engine.ports = RtpPorts(HOST, free_range(rtp))
            stack.callback(engine.ports.close)
        taps = Tapped(app, engine.ports, stack)
        taps.leg = TapLeg(
            engine,
            taps.story.call,
            Stream(**{"connect_url": app.url, "track": Track.BOTH} | noun),
            stream_sid=SID,
            finished=taps.end,
        )
        await taps.listen()
        yield taps
        taps.leg.stop()
        assert taps.ends == 1
        assert not taps.leg.running
        assert engine.ports is None or engine.ports.in_use == 0


def run(main: Callable[[Tapped], Awaitable[None]], **given: Any) -> None:
    async def whole() -> None:
        async with tapped(**given) as taps:
            await main(taps)

    run_virtually(whole, grace=GRACE)


def frames(audio: bytes) -> list[bytes]:
    return [audio[at : at + 160] for at in range(0, len(audio), 160)]


def tone(seed: int, size: int = 1_600) -> bytes:
    return bytes((seed + n * 7) % 199 + 1 for n in range(size))


async def rest(customer: ServerConnection) -> list[Any]:
    return [json.loads(text) async for text in customer]


class Heard:
    """What a customer got of one track."""

    def __init__(self, messages: list[Any], track: str) -> None:
        media = [message["media"] for message in messages if message["event"] == "media"]
        bodies = [body for body in media if body["track"] == track]
        self.audio = b"".join(base64.b64decode(body["payload"]) for body in bodies)
        self.times = [int(body["timestamp"]) for body in bodies]
        self.chunks = [int(body["chunk"]) for body in bodies]


# Over WebSockets


@pytest.mark.contract("S48", "S50", "S51", "S53", "S58")
def test_two_taps_are_one_stream() -> None:
    """Each tap is one track of one stream, in Twilio's form, byte for byte."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        listen = await taps.carrier("listen")
        said, played = tone(0), tone(100)
        for one, other in zip(frames(said), frames(played), strict=True):
            await speak.send(one)
            await listen.send(other)
        customer = await taps.customer()
        await speak.close()
        await listen.close()
        messages = await rest(customer)
        call = taps.story.call
        sids = {"accountSid": call.account_sid, "callSid": call.sid}
        assert messages[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        assert messages[1] == {
            "event": "start",
            "sequenceNumber": "1",
            "start": {
                **sids,
                "streamSid": SID,
                "tracks": ["inbound", "outbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {},
            },
            "streamSid": SID,
        }
        assert messages[-1] == {
            "event": "stop",
            "sequenceNumber": "22",
            "streamSid": SID,
            "stop": sids,
        }
        assert {message["event"] for message in messages[2:-1]} == {"media"}
        assert {message["streamSid"] for message in messages[1:]} == {SID}
        numbers = [message["sequenceNumber"] for message in messages[1:]]
        assert numbers == [str(n + 1) for n in range(22)]
        for track, audio in (("inbound", said), ("outbound", played)):
            heard = Heard(messages, track)
            assert heard.audio == audio
            assert heard.chunks == list(range(1, 11))
            assert heard.times == [20 * n for n in range(10)]
        assert customer.close_code == 1000
        assert len(taps.story.told("stream.started")) == 1
        assert len(taps.story.told("stream.stopped")) == 1
        assert taps.ends == 1

    run(main)


def test_a_fault_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a leg's tick fails its stream ends with an error, and so do its taps."""

    def fail(self: object, now: int) -> bool:
        raise RuntimeError("broken")

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        await speak.send(tone(0))
        customer = await taps.customer()
        monkeypatch.setattr("bridge.engine.tapsource.SocketTap.tick", fail)
        await asyncio.sleep(1)
        await speak.send(tone(0))  # so late that it has to be looked at again
        await taps.ended.wait()
        assert "stop" not in await until_broken(customer, CloseCode.INTERNAL_ERROR)
        with pytest.raises(ConnectionClosed):
            await speak.recv()
        assert taps.story.codes("stream.error") == [31900]
        assert len(taps.story.told("stream.stopped")) == 1

    run(main)


@pytest.mark.parametrize("track", [Track.INBOUND, Track.OUTBOUND])
def test_a_stream_of_one_track(track: Track) -> None:
    """A stream of one track has one tap; the other direction's is not expected."""
    (name,) = track.names
    other: Direction = "listen" if name == "inbound" else "speak"

    async def main(taps: Tapped) -> None:
        assert taps.leg.handler(other) is None
        with pytest.raises(InvalidStatus, match="404"):
            await taps.carrier(other)
        carrier = await taps.carrier(DIRECTIONS[name])
        await carrier.send(tone(5))
        customer = await taps.customer()
        await carrier.close()
        messages = await rest(customer)
        assert messages[1]["start"]["tracks"] == [name]
        assert messages[1]["start"]["customParameters"] == {"who": "Ada"}
        assert Heard(messages, name).audio == tone(5)

    run(main, track=track, content=(Parameter(name="who", value="Ada"),))


def test_pieces_and_another_codec() -> None:
    """Pieces of any size and A-law become frames of mu-law; the last one is filled up."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak", '{"Content-Type": "audio/PCMA; rate=8000"}')
        listen = await taps.carrier("listen", None)
        audio = tone(3, 1_000)
        for at in range(0, 1_000, 37):
            await speak.send(audio[at : at + 37])
        await listen.send(audio)
        customer = await taps.customer()
        await speak.close()
        await listen.close()
        messages = await rest(customer)
        converted = G711Decoder("alaw", 8000).decode(audio)
        assert Heard(messages, "inbound").audio == converted + SILENCE[:120]
        assert Heard(messages, "outbound").audio == audio + SILENCE[:120]
        (start,) = taps.story.told("carrier.start")
        assert (start.data["track"], start.data["encoding"]) == ("inbound", "alaw")
        (fault,) = taps.story.told("carrier.fault")
        assert (fault.data["track"], fault.level) == ("outbound", "warning")
        assert "before any header" in fault.data["message"]
        for closed in taps.story.told("carrier.closed"):
            assert (closed.data["received_bytes"], closed.data["padded_bytes"]) == (1_000, 120)

    run(main)


def test_the_time_of_a_tap_that_opens_later() -> None:
    """Both tracks are on one clock: a tap that opens a second later begins a second later."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        await speak.send(tone(0, 160))
        customer = await taps.customer()
        await next_event(customer, "media")
        await asyncio.sleep(1)
        listen = await taps.carrier("listen")
        await listen.send(tone(0, 160))
        await speak.close()
        await listen.close()
        (second,) = Heard(await rest(customer), "outbound").times
        assert 970 <= second <= 1_000

    run(main)


def test_a_pause() -> None:
    """Audio after a silent time has the time at which it came, and comes soon."""

    async def main(taps: Tapped) -> None:
        loop = asyncio.get_running_loop()
        speak = await taps.carrier("speak")
        customer = await taps.customer()
        for _ in range(3):
            await speak.send(tone(1, 160))
            await next_event(customer, "media")
            await asyncio.sleep(10)
        began = loop.time()
        await speak.send(tone(2, 480))
        times = [int((await next_event(customer, "media"))["media"]["timestamp"]) for _ in range(3)]
        assert loop.time() - began < 0.1
        assert 29_900 < times[0] < 30_200
        assert [time - times[0] for time in times] == [0, 20, 40]
        await speak.close()

    run(main, track=Track.INBOUND)


@pytest.mark.contract("S56")
@pytest.mark.parametrize("end", ["close", "abort"])
def test_the_stream_ends_with_its_last_tap(end: str) -> None:
    """While one tap is left the stream goes on; the last one's end, of any kind, gives stop."""

    async def leave(carrier: ClientConnection) -> None:
        if end == "close":
            await carrier.close()
        else:
            carrier.transport.abort()

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        listen = await taps.carrier("listen")
        customer = await taps.customer()
        await leave(speak)
        first = await taps.story.until("carrier.closed")
        await asyncio.sleep(20)
        await listen.send(tone(0, 160))
        assert (await next_event(customer, "media"))["media"]["track"] == "outbound"
        assert not taps.ends
        await leave(listen)
        await taps.ended.wait()
        assert [message["event"] for message in await rest(customer)] == ["stop"]
        second = await taps.story.until("carrier.closed", 2)
        tracks = [entry.data["track"] for entry in (first, second)]
        assert tracks == ["inbound", "outbound"]
        level, code = ("info", 1000) if end == "close" else ("warning", 1006)
        assert [entry.level for entry in (first, second)] == [level] * 2
        assert [entry.data["close_code"] for entry in (first, second)] == [code] * 2
        assert len(taps.story.told("stream.stopped")) == 1

    run(main)


def test_a_tap_that_never_opens() -> None:
    """When the only open tap ends, the other one has a while to open; then the stream ends."""

    async def main(taps: Tapped) -> None:
        loop = asyncio.get_running_loop()
        speak = await taps.carrier("speak")
        customer = await taps.customer()
        await speak.close()
        began = loop.time()
        await taps.ended.wait()
        assert loop.time() - began == pytest.approx(5, abs=0.1)
        assert (await rest(customer))[-1]["event"] == "stop"

    run(main)


def test_a_tap_that_opens_after_the_other_has_ended() -> None:
    """A tap that opens within that while keeps the stream, for as long as it lasts."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        customer = await taps.customer()
        await speak.close()
        await taps.story.until("carrier.closed")
        await asyncio.sleep(4)
        listen = await taps.carrier("listen")
        await asyncio.sleep(20)
        await listen.send(tone(0, 160))
        await next_event(customer, "media")
        assert not taps.ends

    run(main)


@pytest.mark.parametrize("end", ["close", "abort"])
def test_the_customers_end(end: str) -> None:
    """When the customer's socket ends, the taps' sockets are closed; one to come is refused."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        customer = await taps.customer()
        await next_event(customer, "start")
        if end == "close":
            await customer.close()
        else:
            customer.transport.abort()
        with pytest.raises(ConnectionClosed) as caught:
            await speak.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1000
        assert taps.ends == 1
        with pytest.raises(InvalidStatus, match="404"):
            await taps.carrier("listen")

    run(main)


@pytest.mark.parametrize(
    ("noun", "code"),
    [
        ({"connect_url": f"ws://{HOST}:1/"}, 31902),
        ({"connect_url": "", "refusal": 31941, "refusal_reason": "no such track"}, 31941),
    ],
)
def test_a_customer_who_cannot_be_reached(noun: dict[str, Any], code: int) -> None:
    """A stream that cannot start closes the taps' sockets, and is told once."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak", None)
        with pytest.raises(ConnectionClosed):
            await speak.recv()
        await taps.ended.wait()
        assert taps.story.codes("stream.error") == [code]

    run(main, **noun)


@pytest.mark.parametrize("known", [False, True])
def test_audio_that_we_cannot_use(known: bool) -> None:
    """A tap of another codec ends the stream, and says why."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak", None)
        if known:
            await next_event(await taps.customer(), "start")
        await speak.send('{"content-type":"audio/opus;rate=48000"}')
        await taps.ended.wait()
        with pytest.raises(ConnectionClosed):
            await speak.recv()
        (fault,) = taps.story.told("carrier.fault")
        assert "audio/opus;rate=48000' is not supported" in fault.data["message"]
        assert len(taps.story.told("stream.stopped")) == 1
        for error in taps.story.told("stream.error"):
            assert "not supported" in error.data["message"]

    run(main)


def test_one_socket_for_each_tap() -> None:
    """While a tap is open, and after it, there is no second one for its direction."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        await taps.carrier("listen")
        for _ in range(2):
            with pytest.raises(InvalidStatus, match="404"):
                await taps.carrier("speak")
            await speak.close()
            await taps.story.until("carrier.closed")

    run(main)


def test_faults_do_no_harm() -> None:
    """Text behind the header is noted once; the audio around it arrives."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        await speak.send('{"event":"x"}')
        await speak.send(tone(0, 160))
        await speak.send("more")
        await speak.send(tone(1, 160))
        customer = await taps.customer()
        await speak.close()
        assert Heard(await rest(customer), "inbound").audio == tone(0, 160) + tone(1, 160)
        (fault,) = taps.story.told("carrier.fault")
        assert "13 bytes behind the header" in fault.data["message"]
        (closed,) = taps.story.told("carrier.closed")
        assert closed.data["faults"] == 2

    run(main, track=Track.INBOUND)


def test_nothing_goes_back() -> None:
    """What the customer sends is a fault of a one-way stream, and no tap hears of it."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        customer = await taps.customer()
        media = {"event": "media", "streamSid": SID, "media": {"payload": "/w=="}}
        await customer.send(json.dumps(media))
        await taps.story.until("stream.warning")
        assert taps.story.codes() == [31951]
        taps.leg.stop()
        with pytest.raises(ConnectionClosed):
            await speak.recv()

    run(main, track=Track.INBOUND)


def test_quiet_taps_are_asked() -> None:
    """A quiet tap, or one that never opened, is warned of once; while it answers it is kept."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        customer = await taps.customer()
        await asyncio.sleep(600)
        idle = taps.story.told("carrier.idle")
        assert sorted(entry.data["track"] for entry in idle) == ["inbound", "outbound"]
        assert {(entry.data["code"], entry.data["seconds"]) for entry in idle} == {(31953, 30)}
        assert not taps.ends
        await speak.send(tone(0, 160))
        await next_event(customer, "media")

    run(main)


def test_a_tap_that_floods() -> None:
    """Is read more slowly, told once and counted; the other tap is read meanwhile."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        listen = await taps.carrier("listen")
        customer = await taps.customer()
        for _ in range(COUNTED):
            await speak.send(tone(0, 160))
        entry = await taps.story.until("carrier.throttled")
        assert entry.data["track"] == "inbound"
        told = asyncio.get_running_loop().time()
        await listen.send(tone(0, 160))
        while (await next_event(customer, "media"))["media"]["track"] != "outbound":
            pass
        assert asyncio.get_running_loop().time() - told < COUNTED / 200
        taps.leg.stop()
        closed = {entry.data["track"]: entry.data for entry in taps.story.told("carrier.closed")}
        assert (closed["inbound"]["throttled"], closed["outbound"]["throttled"]) == (1, 0)

    run(main, limits=StreamLimits(carrier_rate=200))


def test_a_dead_tap_is_given_up() -> None:
    """A tap that does not even answer a ping has ended; the other one's stream goes on."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        listen = await taps.carrier("listen")
        customer = await taps.customer()
        transport = speak.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        closed = await taps.story.until("carrier.closed")
        assert (closed.data["track"], closed.level) == ("inbound", "warning")
        idle = [e for e in taps.story.told("carrier.idle") if e.data["track"] == "inbound"]
        assert [entry.data["seconds"] for entry in idle] == [30, 60]
        await speak.send(tone(0, 160))  # too late
        await speak.send("more")
        await asyncio.sleep(0.001)
        await listen.send(tone(0, 160))
        assert (await next_event(customer, "media"))["media"]["track"] == "outbound"
        assert not taps.story.told("carrier.fault")
        await listen.close()
        await taps.ended.wait()
        transport.resume_reading()

    run(main)


def test_stopping() -> None:
    """stop() gives out what is held, sends stop and closes every socket, once."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        listen = await taps.carrier("listen")
        await speak.send(tone(0, 200))
        customer = await taps.customer()
        await next_event(customer, "media")
        taps.leg.stop()
        taps.leg.stop()
        taps.leg.ended()
        assert taps.ends == 1
        media, stop = await rest(customer)
        assert base64.b64decode(media["media"]["payload"]) == tone(0, 200)[160:] + SILENCE[:120]
        assert stop["event"] == "stop"
        for carrier in (speak, listen):
            with pytest.raises(ConnectionClosed):
                await carrier.recv()

    run(main)


@pytest.mark.parametrize("rtp", [0, 2])
def test_stopping_before_anything_came(rtp: int) -> None:
    """A leg that nobody opened ends without a word to the customer."""

    async def main(taps: Tapped) -> None:
        taps.leg.tapping()
        taps.leg.stop()
        assert taps.ends == 1
        assert taps.app.connections.empty()
        for kind in ("stream.connecting", "stream.error", "stream.stopped"):
            assert not taps.story.told(kind)

    run(main, rtp=rtp)


def test_finished_sockets() -> None:
    """A tap that SignalWire calls finished ends with its socket: what is on its way still comes."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        customer = await taps.customer()
        await next_event(customer, "start")
        await speak.send(tone(0))
        taps.leg.ended("listen")
        taps.leg.ended("speak")
        await taps.ended.wait()
        messages = await rest(customer)
        assert Heard(messages, "inbound").audio == tone(0)
        assert messages[-1]["event"] == "stop"
        assert speak.close_code == 1000

    run(main)


@pytest.mark.parametrize("rtp", [0, 2])
def test_finished_before_anything_came(rtp: int) -> None:
    """When SignalWire ends the taps without having opened one, the customer is told of an error."""

    async def main(taps: Tapped) -> None:
        taps.leg.ended("speak")
        assert not taps.ended.is_set()
        taps.leg.ended()
        await taps.ended.wait()
        assert taps.story.codes("stream.error") == [31900]
        assert len(taps.story.told("stream.stopped")) == 1
        assert taps.app.connections.empty()

    run(main, rtp=rtp)


# Over RTP


@pytest.mark.contract("S48", "S50", "S51", "S53")
def test_two_ports_are_one_stream() -> None:
    """The first packet opens the stream; both tracks come out whole, in spite of the network."""

    async def main(taps: Tapped) -> None:
        speak, listen = taps.rtp("speak"), taps.rtp("listen")
        said, played = sent(50, first=65_500), sent(50, ssrc=77, payload_type=8)
        assert taps.app.connections.empty()
        order = [0, 2, 1, 3, 3, 4, 6, 7, 5, *range(9, 49), 49]  # 8 is lost
        for number, index in enumerate(order):
            speak.send(said[index])
            listen.send(played[min(number, 49)])
            await asyncio.sleep(0.020)
        customer = await taps.customer()
        taps.leg.ended("speak")
        assert not taps.ends
        assert taps.in_use == 1
        taps.leg.ended("listen")
        messages = await rest(customer)
        assert messages[-1]["event"] == "stop"
        heard = Heard(messages, "inbound")
        assert heard.audio == joined(said[:8]) + SILENCE + joined(said[9:])
        assert heard.times == [20 * n for n in range(50)]
        assert heard.chunks == list(range(1, 51))
        outbound = Heard(messages, "outbound")
        assert outbound.audio == G711Decoder("alaw", 8000).decode(joined(played))
        assert all(abs(at - 20 * n) < 20 for n, at in enumerate(outbound.times))
        numbers = [int(message["sequenceNumber"]) for message in messages[1:]]
        assert numbers == list(range(1, len(messages)))
        starts = {entry.data["track"]: entry.data for entry in taps.story.told("carrier.start")}
        assert starts["inbound"]["encoding"] == "mulaw"
        assert starts["outbound"]["encoding"] == "alaw"
        closed = {entry.data["track"]: entry.data for entry in taps.story.told("carrier.closed")}
        counted = {name: closed["inbound"][name] for name in ("lost", "duplicates", "late")}
        assert counted == {"lost": 1, "duplicates": 1, "late": 0}
        assert closed["outbound"]["duplicates"] == 0

    run(main, rtp=2)


def test_what_waits_for_a_lost_packet_comes_in_time() -> None:
    """The clock gives out what is held when no packet does."""

    async def main(taps: Tapped) -> None:
        loop = asyncio.get_running_loop()
        carrier = taps.rtp("speak")
        packets = sent(4)
        carrier.send(packets[0])
        customer = await taps.customer()
        await next_event(customer, "media")
        began = loop.time()
        carrier.send(packets[2])
        first, second = [await next_event(customer, "media") for _ in range(2)]
        assert base64.b64decode(first["media"]["payload"]) == SILENCE
        assert base64.b64decode(second["media"]["payload"]) == packets[2].payload
        assert 0.05 < loop.time() - began < 0.15
        carrier.send(packets[3])
        await next_event(customer, "media")

    run(main, rtp=1, track=Track.INBOUND)


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_the_window_is_a_limit_of_the_engines(seconds: float) -> None:
    """How long a packet may wait for another is what the engine's limits say."""

    async def main(taps: Tapped) -> None:
        carrier = taps.rtp("speak")
        packets = sent(3)
        carrier.send(packets[0])
        customer = await taps.customer()
        await next_event(customer, "media")
        carrier.send(packets[2])
        await asyncio.sleep(0.3)
        carrier.send(packets[1])
        await asyncio.sleep(0.001)
        taps.leg.ended()
        heard = Heard(await rest(customer), "inbound")
        assert heard.audio == (packets[1].payload if seconds else SILENCE) + packets[2].payload

    run(main, rtp=1, track=Track.INBOUND, limits=StreamLimits(reorder_time=seconds))


def test_a_second_source_is_not_heard() -> None:
    """Packets of somebody else do not reach the customer; the timeline says so, once."""

    async def main(taps: Tapped) -> None:
        carrier, attacker = taps.rtp("speak"), taps.rtp("speak")
        packets = sent(10)
        for number, packet in enumerate(packets):
            carrier.send(packet)
            attacker.send(packet._replace(payload=b"x" * 160, sequence=number + 1))
        customer = await taps.customer()
        await asyncio.sleep(0.1)
        taps.leg.ended()
        assert Heard(await rest(customer), "inbound").audio == joined(packets)
        (fault,) = taps.story.told("carrier.fault")
        assert "a second source" in fault.data["message"]
        (closed,) = taps.story.told("carrier.closed")
        assert closed.data["foreign"] == 10

    run(main, rtp=1, track=Track.INBOUND)


def test_the_customers_end_keeps_the_ports() -> None:
    """The carrier may go on sending when the customer has gone: nobody else gets the port yet."""

    async def main(taps: Tapped) -> None:
        carrier = taps.rtp("speak")
        carrier.send(*sent(5))
        customer = await taps.customer()
        await customer.close()
        await taps.story.until("stream.stopped")
        carrier.send(*sent(5))
        await asyncio.sleep(600)
        assert not taps.leg.running
        assert taps.in_use == 2
        taps.leg.ended()
        await taps.ended.wait()
        assert len(taps.story.told("stream.stopped")) == 1

    run(main, rtp=2)


@pytest.mark.parametrize("told", [False, True])
def test_silence_of_a_port(told: bool) -> None:
    """RTP that stops, or never begins though SignalWire says it taps, is warned of and kept."""

    async def main(taps: Tapped) -> None:
        if told:
            taps.leg.tapping()
            taps.leg.tapping()
        else:
            taps.rtp("speak").send(*sent(5))
            await taps.customer()
        await asyncio.sleep(600)
        idle = taps.story.told("carrier.idle")
        assert sorted(entry.data["track"] for entry in idle) == ["inbound", "outbound"]
        assert {(entry.data["code"], entry.data["seconds"]) for entry in idle} == {(31953, 30)}
        assert taps.leg.running is not told
        assert not taps.ends

    run(main, rtp=2)


def test_no_port_is_left() -> None:
    """A stream that finds one port where it needs two takes none."""

    async def main(taps: Tapped) -> None:
        engine = taps.leg._engine
        assert taps.in_use == 2
        with pytest.raises(NoPortError):
            TapLeg(
                engine,
                Story().call,
                Stream(track=Track.BOTH),
                stream_sid=SID,
                finished=lambda _: pytest.fail("it never began"),
            )
        assert taps.in_use == 2
        taps.leg.stop()
        await asyncio.sleep(REST)
        assert taps.in_use == 0

    run(main, rtp=3)


@pytest.mark.parametrize("rtp", [0, 2])
def test_nothing_runs_when_all_is_over(rtp: int) -> None:
    """After the end no timer is left, and the shared clock stands still."""

    async def main(taps: Tapped) -> None:
        if rtp:
            taps.rtp("speak").send(sent(1)[0])  # held, so that the clock runs
        else:
            await taps.carrier("speak")
        await taps.customer()
        taps.leg.stop()
        await asyncio.sleep(600)
        assert not taps.story.told("carrier.idle")
        assert not any(taps.leg._engine.wheel._slots)
        for tap in taps.leg._taps.values():
            assert tap._idle is not None
            assert tap._idle._timer.cancelled()

    run(main, rtp=rtp)
