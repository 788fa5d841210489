"""The network between the bridge and a customer fails, at every state of a stream.

Time is virtual, the sockets are real. Whatever happens, the customer is told of one beginning or
one error and of one end, nothing is left behind, and a call beside it keeps its rhythm exactly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bridge.engine.websocket import FAST
from bridge.limits import StreamLimits
from tests.support.faults import FAULTS, Effect, Fault
from tests.support.peers import Consumer
from tests.support.relay import HEAD_END, Link, Relay
from tests.support.talking import Ring, Scene, play
from tests.support.verdicts import (
    between_frames,
    check_bystander,
    check_end,
    check_heard,
    hang_up,
    rhythm,
)

LIMITS = StreamLimits(connect_time=0.99)
ENGINES = pytest.mark.parametrize("fast", [False, True] if FAST else [False])
EVERY_FAULT = pytest.mark.parametrize("fault", FAULTS, ids=str)
DIRECTIONS = pytest.mark.parametrize("two_way", [False, True], ids=["one-way", "two-way"])


class Act:
    """A stream whose customer is behind a relay, and a call beside it."""

    def __init__(self, scene: Scene, beside: Ring, app: Consumer, relay: Relay) -> None:
        self.scene = scene
        self.beside = beside
        self.app = app
        self.relay = relay
        self.ring: Ring
        self.link: Link

    async def dial(self, *, two_way: bool, more: str = "") -> None:
        self.ring = self.scene.ring(self.relay.port, two_way=two_way, more=more)
        await self.scene.dial(self.ring)
        self.link = await self.relay.linked()

    async def attend(self) -> None:
        await self.scene.attend(self.ring, await self.app.accept())

    def strike(self, fault: Fault) -> None:
        """The network fails; what it had held goes on when it can."""
        fault.strike(self.link)
        if fault.effect is Effect.PASSES:
            for way in self.link.ways:
                way.go_on(let_go=True)

    async def end(self, error: str = "", *, began: bool = True) -> None:
        await check_end(self.scene, self.ring, self.relay, error, began=began)

    async def hear_out(self) -> None:
        """The stream ends as if nothing had been, and all frames have reached the customer."""
        carrier, customer = self.ring.sides
        carrier.hush()
        await carrier.says("stop")
        await self.end()
        await customer.over()
        check_heard(customer.frames, carrier.said)
        assert customer.events[:2] == ["connected", "start"]
        assert (customer.events[-1], customer.code, carrier.code) == ("stop", 1000, 1000)
        assert self.ring.counters.frames_dropped == 0


def act(
    main: Callable[[Act], Awaitable[None]], *, fast: bool, limits: StreamLimits = LIMITS
) -> None:
    alone = rhythm(fast)

    async def run(scene: Scene) -> None:
        beside = await scene.bystander()
        app = await scene.app()
        relay = await scene.relay(app.port, bridge_connects=True)
        await main(Act(scene, beside, app, relay))
        await check_bystander(beside, alone)
        hang_up(*relay.links)

    play(run, fast=fast, limits=limits)


# While the socket is being opened


def _before_the_request(link: Link) -> None:
    link.out.hold(0)


def _before_the_answer(link: Link) -> None:
    link.back.hold(0)


def _in_the_answer(link: Link) -> None:
    link.back.hold(40)


HANDSHAKE = pytest.mark.parametrize(
    "place", [_before_the_request, _before_the_answer, _in_the_answer]
)


@ENGINES
@EVERY_FAULT
@HANDSHAKE
def test_in_the_handshake(place: Callable[[Link], None], fault: Fault, fast: bool) -> None:
    """A handshake that gets through late is a start, one that breaks is 31903, none is 31901."""

    async def main(act: Act) -> None:
        act.relay.prepare = place
        await act.dial(two_way=True)
        assert act.ring.carrier is not None
        act.ring.carrier.talk()
        await between_frames()
        act.strike(fault)
        if fault.effect is not Effect.PASSES:
            await act.end("31903" if fault.effect is Effect.ENDS else "31901", began=False)
            assert act.ring.carrier.code == 1000
            return
        await act.attend()
        await asyncio.sleep(0.5)
        await between_frames()
        await act.hear_out()

    act(main, fast=fast)


@ENGINES
@HANDSHAKE
def test_a_call_that_ends_in_the_handshake(place: Callable[[Link], None], fast: bool) -> None:
    """The carrier goes while the customer's server says nothing: an error, and nothing is left."""

    async def main(act: Act) -> None:
        act.relay.prepare = place
        await act.dial(two_way=False)
        assert act.ring.carrier is not None
        await act.ring.carrier.frame()
        await between_frames()
        await act.ring.carrier.says("stop")
        await act.end("31900", began=False)
        assert act.ring.counters.frames_dropped == 1

    act(main, fast=fast)


# While it is open


async def _before_start_is_read(act: Act) -> None:
    """The handshake is over, and `start` has not reached the customer."""
    act.relay.prepare = lambda link: link.out.hold(HEAD_END)
    await act.dial(two_way=True)
    await act.attend()
    await act.ring.story.until("stream.started")


async def _one_way(act: Act) -> None:
    """Audio goes to the customer, who has nothing to say."""
    await act.dial(two_way=False)
    await act.attend()
    act.ring.sides[0].talk()
    await asyncio.sleep(0.1)


async def _caller_alone(act: Act) -> None:
    """Audio goes to the customer, who could speak and does not."""
    await act.dial(two_way=True)
    await act.attend()
    act.ring.sides[0].talk()
    await asyncio.sleep(0.1)


async def _both_ways(act: Act) -> None:
    """Audio goes both ways."""
    await act.dial(two_way=True)
    await act.attend()
    for side in act.ring.sides:
        side.talk()
    await asyncio.sleep(0.1)


async def _mark_pending(act: Act) -> None:
    """The customer's audio waits to be played, with a mark behind it."""
    await act.dial(two_way=True)
    await act.attend()
    carrier, customer = act.ring.sides
    carrier.talk()
    for _ in range(20):
        await customer.frame()
    await customer.says("mark", mark={"name": "m"})
    await act.ring.story.until("mark.received")


@ENGINES
@EVERY_FAULT
@pytest.mark.parametrize(
    "reach", [_before_start_is_read, _one_way, _caller_alone, _both_ways, _mark_pending]
)
def test_while_open(reach: Callable[[Act], Awaitable[None]], fault: Fault, fast: bool) -> None:
    """Delay and pieces change nothing; a lost connection ends the stream at once with 31903.

    One that hangs is nobody's loss until the call ends, and then for a second at most.
    """

    async def main(act: Act) -> None:
        await reach(act)
        carrier, customer = act.ring.sides
        await between_frames()
        struck = asyncio.get_running_loop().time()
        act.strike(fault)
        await asyncio.sleep(0.5)
        await between_frames()
        if fault.effect is Effect.ENDS:
            assert act.ring.ended_at == pytest.approx(struck, abs=1e-6)
            await act.end("31903")
            assert carrier.code == 1000
            return
        assert not act.ring.ended.is_set()
        if fault.effect is Effect.PASSES:
            customer.hush()
            await act.hear_out()
            if reach is _mark_pending:
                assert carrier.marks == ["m"]
                await between_frames()
        else:
            await carrier.says("stop")
            await act.end()
            assert carrier.code == 1000

    act(main, fast=fast)


# While it is being closed


@ENGINES
@EVERY_FAULT
@DIRECTIONS
def test_in_the_closing_handshake(two_way: bool, fault: Fault, fast: bool) -> None:
    """The stream has ended when the close frame goes out; what comes of that is no error."""

    async def main(act: Act) -> None:
        await (_both_ways if two_way else _one_way)(act)
        carrier, customer = act.ring.sides
        await between_frames()
        act.link.back.hold(0)
        await carrier.says("stop")
        await act.ring.ended.wait()
        act.strike(fault)
        await act.end()
        if fault.effect is Effect.PASSES:
            await customer.over()
            assert (customer.events[-1], customer.code) == ("stop", 1000)

    act(main, fast=fast)


@ENGINES
@EVERY_FAULT
@DIRECTIONS
def test_when_the_customer_closes(two_way: bool, fault: Fault, fast: bool) -> None:
    """The customer's close frame ends the stream; the network fails before our answer is out."""

    async def main(act: Act) -> None:
        await (_both_ways if two_way else _one_way)(act)
        carrier, customer = act.ring.sides
        await between_frames()
        act.link.out.hold(0)
        closing = asyncio.create_task(customer.connection.close())
        await act.ring.ended.wait()
        act.strike(fault)
        await act.end()
        assert carrier.code == 1000
        hang_up(*act.relay.links)
        await closing

    act(main, fast=fast)
