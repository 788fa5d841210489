"""Calls in conversation on one engine: what each side heard, and when, on the virtual clock."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import parse_qs

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed

from bridge.engine.core import Engine
from bridge.engine.signalwire import SignalWireLeg
from bridge.engine.sockets import Refusal
from bridge.engine.websocket import WebSocket
from bridge.identity import Counters
from bridge.limits import StreamLimits
from tests.support.calls import Story, running_engine
from tests.support.loopback import Loopback
from tests.support.peers import HOST, Consumer, consumer, read_request, response, tcp_server
from tests.support.relay import Relay, relay
from tests.support.virtual import VirtualLoop, run_virtually
from twiml.actions import Stream

PERIOD = 0.020
CUSTOMERS_TURN = 0.007  # after the carrier's: nobody speaks at the moment somebody listens
CARRIERS_FRAME = (
    '{"event":"media","sequenceNumber":"%(number)d","media":{"track":"inbound",'
    '"chunk":"%(number)d","timestamp":"%(time)d","payload":"%(payload)s"}}'
)
CUSTOMERS_FRAME = '{"event":"media","streamSid":"%s","media":{"payload":"%%(payload)s"}}'
_ENOUGH = 60.0  # virtual seconds of a scene
Frames = list[tuple[float, int]]
Result = TypeVar("Result")


def audio(number: int) -> bytes:
    """20 ms that tell which they are."""
    return number.to_bytes(4) * 40


def number_of(payload: str) -> int:
    """Which 20 ms these are; they are whole."""
    heard = base64.b64decode(payload)
    number = int.from_bytes(heard[:4])
    assert heard == audio(number)
    return number


def now() -> float:
    return round(asyncio.get_running_loop().time(), 6)


class Party:
    """One end of a call's way: says a frame every 20 ms when told to, and notes what it hears."""

    def __init__(self, connection: Connection, sid: str, frame: str, turn: float) -> None:
        self.connection = connection
        self.events: list[str] = []
        self.frames: Frames = []
        self.marks: list[str] = []
        self.said: Frames = []
        self.closed_at: float | None = None
        self._sid = sid
        self._frame = frame
        self._turn = turn
        self._numbers = itertools.count()
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())
        self._speaker: asyncio.Task[None] | None = None

    @property
    def code(self) -> int | None:
        """With which the connection was closed; 1006 when it broke."""
        return self.connection.close_code

    async def says(self, event: str, **fields: Any) -> None:
        with suppress(ConnectionClosed):
            await self.connection.send(
                json.dumps({"event": event, "streamSid": self._sid} | fields)
            )

    async def frame(self) -> None:
        number = next(self._numbers)
        payload = base64.b64encode(audio(number)).decode()
        self.said.append((now(), number))
        with suppress(ConnectionClosed):
            await self.connection.send(
                self._frame % {"number": number, "time": 20 * number, "payload": payload}
            )

    def talk(self) -> None:
        """Speak from now on, until the connection ends or `hush`."""
        self._speaker = asyncio.create_task(self._talk())

    def hush(self) -> None:
        if self._speaker is not None:
            self._speaker.cancel()

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until what has been heard is enough."""
        while not enough():
            self._news.clear()
            await self._news.wait()

    async def over(self) -> None:
        """Wait for the connection's end."""
        self.hush()
        await asyncio.wait({self._reader} | ({self._speaker} if self._speaker else set()))
        self._reader.result()

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        for tick in itertools.count(int(loop.time() / PERIOD) + 1):
            await asyncio.sleep(tick * PERIOD + self._turn - loop.time())
            if self.closed_at is not None:
                return
            await self.frame()

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self.connection:
                message = json.loads(text)
                self.events.append(message["event"])
                self._news.set()
                match message["event"]:
                    case "media":
                        self.frames.append((now(), number_of(message["media"]["payload"])))
                    case "mark":
                        self.marks.append(message["mark"]["name"])
        await self.connection.wait_closed()
        self.closed_at = now()


class Ring:
    """A call on the engine, seen from everywhere. Frames are given to it by the carrier."""

    def __init__(self, number: int, port: int) -> None:
        self.sid = f"MZ{number:032x}"
        self.port = port
        """Where its customer is reached."""
        self.carrier_port = 0
        """What its carrier is connected from, as the door sees it."""
        self.story = Story()
        self.leg: SignalWireLeg
        self.ended_at: float | None = None
        self.ended = asyncio.Event()
        self.carrier: Party | None = None
        self.customer: Party | None = None

    def end(self, _: SignalWireLeg) -> None:
        assert self.ended_at is None
        self.ended_at = now()
        self.ended.set()

    @property
    def sides(self) -> tuple[Party, Party]:
        """Carrier and customer, who are both there."""
        assert self.carrier is not None
        assert self.customer is not None
        return self.carrier, self.customer

    @property
    def counters(self) -> Counters:
        return self.leg._stream.media.counters

    @property
    def given(self) -> int:
        """Frames that the carrier has sent while the stream was on."""
        assert self.carrier is not None
        until = float("inf") if self.ended_at is None else self.ended_at
        return sum(at <= until for at, _ in self.carrier.said)


class Callbacks:
    """Where status callbacks go: the forms by stream sid, as they came."""

    def __init__(self) -> None:
        self.url = ""
        self.forms: dict[str, list[dict[str, str]]] = {}

    def take(self, body: bytes) -> None:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.forms[form["StreamSid"]].append(form)

    def of(self, ring: Ring) -> list[tuple[str, str]]:
        """Event and number of the error, if any, of each callback of a call's stream."""
        return [
            (form["StreamEvent"], form.get("StreamError", "").partition(" ")[0])
            for form in self.forms[ring.sid]
        ]


class Scene:
    """An engine with its carrier's door, the customers' servers and a place for callbacks.

    `fast`: which engine moves the frames, on both sides.
    """

    def __init__(self, engine: Engine, callbacks: Callbacks, stack: AsyncExitStack) -> None:
        self.engine = engine
        self.callbacks = callbacks
        self.door = 0
        self.loopback = Loopback(asyncio.get_running_loop())
        self.fast = engine.connector.fast
        self._stack = stack
        self._parties: list[Party] = []
        self._relays: list[Relay] = []
        self._rings: dict[str, SignalWireLeg] = {}

    def _accept(self, path: str, headers: dict[str, str]) -> SignalWireLeg | Refusal:
        return self._rings.pop(path.removeprefix("/"))

    async def open(self) -> None:
        limits = self.engine.limits
        server = await asyncio.get_running_loop().create_server(
            lambda: WebSocket.server(
                self._accept,
                max_size=1_000_000,
                close_timeout=limits.close_time,
                fast=self.fast,
            ),
            HOST,
            0,
        )
        self.door = server.sockets[0].getsockname()[1]
        await self._stack.enter_async_context(server)

    async def relay(self, target: int, *, bridge_connects: bool) -> Relay:
        made = await self._stack.enter_async_context(relay(target, bridge_connects=bridge_connects))
        self._relays.append(made)
        return made

    def _takes_part(self, party: Party) -> Party:
        self._parties.append(party)
        self._stack.push_async_callback(party.over)
        return party

    def break_off(self) -> None:
        """Drop every connection, for a test that has failed."""
        for party in self._parties:
            party.connection.transport.abort()
        for each in self._relays:
            for link in each.links:
                link.end()

    def ring(self, customer: int, *, two_way: bool, more: str = "") -> Ring:
        """A call whose customer is reached at a port; the carrier has yet to connect."""
        ring = Ring(len(self.callbacks.forms) + 1, customer)
        self.callbacks.forms[ring.sid] = []
        ring.leg = SignalWireLeg(
            self.engine,
            ring.story.call,
            Stream(
                url=f"ws://{HOST}:{customer}/media{more}",
                connect_url=f"ws://{HOST}:{customer}/media",
                status_callback=f"{self.callbacks.url}",
            ),
            stream_sid=ring.sid,
            bidirectional=two_way,
            ended=ring.end,
        )
        self._rings[ring.sid] = ring.leg
        return ring

    async def dial(self, ring: Ring, port: int = 0, *, start: bool = True) -> None:
        """Connect the carrier to the door, or to a relay to it."""
        connection = await connect(
            f"ws://{HOST}:{port or self.door}/{ring.sid}",
            ping_interval=None,
            max_size=None,
            compression=None,
            close_timeout=5,
        )
        ring.carrier_port = connection.local_address[1]
        ring.carrier = self._takes_part(Party(connection, "carrier's", CARRIERS_FRAME, 0.0))
        if start:
            await self.start(ring)

    async def start(self, ring: Ring) -> None:
        assert ring.carrier is not None
        media = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        fields = {"streamSid": "carrier's", "callSid": "x", "tracks": ["inbound"]}
        await ring.carrier.says("start", start=fields | {"mediaFormat": media})

    async def attend(self, ring: Ring, connection: Connection) -> None:
        """Let the customer's side of a connection take part in a call."""
        ring.customer = self._takes_part(
            Party(connection, ring.sid, CUSTOMERS_FRAME % ring.sid, CUSTOMERS_TURN)
        )

    async def bystander(self) -> Ring:
        """A two-way call that nothing happens to, in conversation."""
        app = await self.app()
        ring = self.ring(app.port, two_way=True)
        await self.dial(ring)
        await self.attend(ring, await app.accept())
        for side in ring.sides:
            side.talk()
        carrier, _ = ring.sides
        await carrier.until(lambda: bool(carrier.frames))  # from now on the wheel has its rhythm
        return ring

    def sockets_of(self, ring: Ring) -> int:
        """How many sockets the bridge has open for a call: to its carrier, and to its customer."""
        carriers, customers = (HOST, ring.carrier_port), (HOST, ring.port)
        return sum(
            peer == customers or (own == (HOST, self.door) and peer == carriers)
            for _, own, peer in self.loopback.sockets()
        )

    async def app(self) -> Consumer:
        """A customer's server."""
        return await self._stack.enter_async_context(consumer())


@asynccontextmanager
async def scene(limits: StreamLimits, *, fast: bool) -> AsyncIterator[Scene]:
    """Everything around the calls, which must be over at the end."""
    callbacks = Callbacks()

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callbacks.take((await read_request(reader)).body)
        writer.write(response(204))
        await writer.drain()

    async with (
        tcp_server(serving) as port,
        running_engine(limits) as engine,
        AsyncExitStack() as stack,
    ):
        callbacks.url = f"http://{HOST}:{port}/"
        engine.connector.fast = fast
        made = Scene(engine, callbacks, stack)
        await made.open()
        try:
            async with asyncio.timeout(_ENOUGH):
                yield made
            assert not any(engine.wheel._slots)
        except BaseException:
            made.break_off()
            raise


def play(
    main: Callable[[Scene], Awaitable[Result]], *, fast: bool, limits: StreamLimits | None = None
) -> Result:
    """Run a scene on a virtual clock; no task, timer or socket may be left when it is over, and no
    callback may have failed."""
    failures: list[dict[str, Any]] = []

    async def run() -> Result:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: failures.append(what))
        async with scene(limits or StreamLimits(), fast=fast) as made:
            result = await main(made)
        await asyncio.sleep(PERIOD)  # the wheel turns once more
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        assert not loop.left()
        assert not failures, failures
        return result

    return run_virtually(run, grace=None)
