"""The network fails under the legs that are not a media socket of two ways: taps, and a line.

Time is virtual, the sockets are real, on both engines. One side of each stream is behind a relay.
Whatever happens, the stream ends once, the customer who can be reached is told so, and the caller
of a line hears on. Of the faults there is a choice: two of those that pass, end and hang each.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bridge.dialects.tap import Direction
from bridge.engine.core import Engine
from bridge.engine.line import Line
from bridge.engine.session import StreamSession
from bridge.engine.sockets import Acceptor, Handler, Refusal
from bridge.engine.tap import TapLeg
from bridge.engine.websocket import WebSocket
from bridge.limits import StreamLimits
from bridge.phone import TapePhone
from tests.support.calls import Story, running_engine
from tests.support.engines import chosen
from tests.support.faults import (
    BLACK_HOLE,
    HALF_CLOSE,
    JITTER,
    NOT_READING,
    ODD_PIECES,
    RESET,
    Effect,
    Fault,
)
from tests.support.peers import HOST, Consumer, consumer
from tests.support.relay import Relay, relay
from tests.support.verdicts import hang_up
from tests.support.virtual import run_virtually
from twiml.actions import Stream, Track

pytestmark = pytest.mark.usefixtures("fast")

LIMITS = StreamLimits(connect_time=0.99, carrier_idle=0.39)
SOME_FAULTS = (JITTER, ODD_PIECES, RESET, HALF_CLOSE, NOT_READING, BLACK_HOLE)
BEFORE, AFTER = 5, 20  # frames
FRAMES = [bytes([number]) * 160 for number in range(1, BEFORE + AFTER + 1)]
HEADER = '{"content-type":"audio/mulaw;rate=8000"}'
OF_ANY_KIND = pytest.mark.parametrize("fault", SOME_FAULTS, ids=str)


class Listener:
    """The customer's end of a stream, and what has come there."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.messages: list[Any] = []
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self.connection:
                self.messages.append(json.loads(text))
                self._news.set()

    def heard(self, track: str = "inbound") -> list[bytes]:
        media = [message["media"] for message in self.messages if message["event"] == "media"]
        return [base64.b64decode(body["payload"]) for body in media if body["track"] == track]

    async def until(self, frames: int) -> None:
        while len(self.heard()) < frames:
            self._news.clear()
            await self._news.wait()

    async def over(self) -> None:
        """The stream has ended in order."""
        await self._reading
        assert self.messages[-1]["event"] == "stop"
        assert self.connection.close_code == 1000
        numbers = [int(message["sequenceNumber"]) for message in self.messages[1:]]
        assert numbers == list(range(1, len(self.messages)))


class Scene:
    """An engine, a customer's server, and a relay before one of two ends."""

    def __init__(self, engine: Engine, app: Consumer, stack: AsyncExitStack) -> None:
        self.engine = engine
        self.app = app
        self.story = Story()
        self.relay: Relay
        self._stack = stack

    async def behind_a_relay(self, port: int, *, bridge_connects: bool) -> int:
        made = relay(port, bridge_connects=bridge_connects)
        self.relay = await self._stack.enter_async_context(made)
        return self.relay.port

    async def listener(self) -> Listener:
        return Listener(await self.app.accept())

    async def opened(self, port: int, path: str) -> Connection:
        opening = connect(f"ws://{HOST}:{port}{path}", ping_interval=None, compression=None)
        return await self._stack.enter_async_context(opening)

    async def door(self, accept: Acceptor) -> int:
        server = await asyncio.get_running_loop().create_server(
            lambda: WebSocket.server(accept, max_size=1_000_000, fast=chosen.fast), HOST, 0
        )
        await self._stack.enter_async_context(server)
        port: int = server.sockets[0].getsockname()[1]
        return port


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    async with consumer() as app, running_engine(LIMITS) as engine, AsyncExitStack() as stack:
        made = Scene(engine, app, stack)
        try:
            yield made
        finally:
            hang_up(*made.relay.links)


def run(main: Callable[[Scene], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with scene() as made, asyncio.timeout(60):
            await main(made)

    run_virtually(whole, grace=None)


async def say(socket: Connection, frames: list[bytes]) -> None:
    """A frame every 20 ms, as long as the connection lives."""
    with suppress(ConnectionClosed):
        for frame in frames:
            await socket.send(frame)
            await asyncio.sleep(0.020)


def errors_of(fault: Fault) -> list[int]:
    """What a customer is told of a fault of its own network."""
    return [31903] if fault.effect is Effect.ENDS else []


# Taps


class Tapping:
    """A stream of both tracks: `speak` comes through the relay or the customer does."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.ended = asyncio.Event()
        self.ends = 0
        self.leg: TapLeg
        self.speak: Connection
        self.listen: Connection
        self.customer: Listener

    def end(self, _: TapLeg) -> None:
        self.ends += 1
        self.ended.set()

    async def begin(self, *, at_carrier: bool) -> None:
        """The stream is on, and some frames have come."""
        directions: dict[str, Direction] = {"/speak": "speak", "/listen": "listen"}

        def accept(path: str, headers: dict[str, str]) -> Handler | Refusal:
            return self.leg.handler(directions[path]) or Refusal(404, "no such tap")

        port = await self.scene.door(accept)
        if at_carrier:
            speak, app = await self.scene.behind_a_relay(port, bridge_connects=False), 0
        else:
            app = await self.scene.behind_a_relay(self.scene.app.port, bridge_connects=True)
            speak = port
        self.leg = TapLeg(
            self.scene.engine,
            self.scene.story.call,
            Stream(connect_url=f"ws://{HOST}:{app or self.scene.app.port}/media", track=Track.BOTH),
            stream_sid="MZ" + "3" * 32,
            finished=self.end,
        )
        self.speak = await self.scene.opened(speak, "/speak")
        self.listen = await self.scene.opened(port, "/listen")
        for socket in (self.speak, self.listen):
            await socket.send(HEADER)
        self.customer = await self.scene.listener()
        await say(self.speak, FRAMES[:BEFORE])
        await self.customer.until(BEFORE)

    async def check(self) -> None:
        """It has ended, once, and nothing of it runs any more."""
        await self.ended.wait()
        assert self.ends == 1
        assert not self.leg.running
        assert len(self.scene.story.told("stream.stopped")) == 1
        assert len(self.scene.story.told("carrier.closed")) == 2


@OF_ANY_KIND
def test_a_taps_socket(fault: Fault) -> None:
    """Delay and pieces change nothing; a lost tap ends alone, at once or when it does not answer,
    and the other goes on. One that does not read is heard for as long as it speaks."""

    async def main(scene: Scene) -> None:
        tapping = Tapping(scene)
        await tapping.begin(at_carrier=True)
        fault.strike(scene.relay.link)
        talking = asyncio.create_task(say(tapping.speak, FRAMES[BEFORE:]))
        for _ in range(100):  # four times as long as a tap may be silent
            await say(tapping.listen, FRAMES[:1])
        await talking
        deaf = fault is NOT_READING
        reached = FRAMES if deaf or fault.effect is Effect.PASSES else FRAMES[:BEFORE]
        assert tapping.customer.heard() == reached
        closed = scene.story.told("carrier.closed")
        gone = [] if fault.effect is Effect.PASSES else [("inbound", "warning")]
        assert [(entry.data["track"], entry.level) for entry in closed] == gone
        assert tapping.customer.heard("outbound") == FRAMES[:1] * 100
        assert not tapping.ends
        tapping.leg.stop()
        await tapping.check()
        await tapping.customer.over()

    run(main)


@OF_ANY_KIND
def test_the_customer_of_taps(fault: Fault) -> None:
    """Delay and pieces change nothing. A lost connection ends the stream at once with 31903, and
    closes both taps; one that hangs keeps nobody when the stream is to end."""

    async def main(scene: Scene) -> None:
        tapping = Tapping(scene)
        await tapping.begin(at_carrier=False)
        fault.strike(scene.relay.link)
        await say(tapping.speak, FRAMES[BEFORE:])
        if fault.effect is Effect.PASSES:
            await tapping.customer.until(len(FRAMES))
            assert tapping.customer.heard() == FRAMES
        if fault.effect is Effect.ENDS:
            assert tapping.ends == 1
        else:
            assert not tapping.ends
            tapping.leg.stop()
        await tapping.check()
        assert scene.story.codes("stream.error") == errors_of(fault)
        for socket in (tapping.speak, tapping.listen):
            await socket.wait_closed()
            assert socket.close_code == 1000
        if fault.effect is Effect.PASSES:
            await tapping.customer.over()

    run(main)


# A line


@OF_ANY_KIND
@pytest.mark.parametrize("two_way", [False, True], ids=["one-way", "two-way"])
def test_a_lines_stream(fault: Fault, two_way: bool) -> None:
    """Another stream of the line gets every frame, and the phone hears on, whatever becomes of the
    first: delay and pieces change nothing, a lost connection ends it with 31903, and one that hangs
    ends with the call."""

    async def main(scene: Scene) -> None:
        ended: list[StreamSession] = []
        hung_up = asyncio.Event()
        tape = TapePhone(b"".join(FRAMES), hung_up.set, patience_ms=200)
        line = Line(scene.engine, scene.story.call, tape, stream_ended=ended.append)
        beside = line.begin_stream(Stream(connect_url=scene.app.url), bidirectional=False)
        listener = await scene.listener()
        port = await scene.behind_a_relay(scene.app.port, bridge_connects=True)
        source = Stream(connect_url=f"ws://{HOST}:{port}/media")
        session = line.begin_stream(source, bidirectional=two_way)
        customer = await scene.listener()
        await scene.story.until("stream.started", 2)
        line.pick_up()
        await customer.until(BEFORE)
        fault.strike(scene.relay.link)
        await hung_up.wait()
        assert ended == ([session] if fault.effect is Effect.ENDS else [])
        line.hang_up()
        await scene.story.until("stream.stopped", 2)
        await listener.over()
        assert listener.heard()[: len(FRAMES)] == FRAMES
        assert set(ended) == {session, beside}
        assert len(ended) == 2
        assert scene.story.codes("stream.error") == errors_of(fault)
        if fault.effect is Effect.PASSES:
            await customer.over()
            assert customer.heard() == listener.heard()

    run(main)
