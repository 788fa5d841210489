"""Streams to which something happens: one side is behind a relay, another call goes on beside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import pytest

from bridge.engine.websocket import FAST
from bridge.limits import StreamLimits
from tests.support.faults import Effect, Fault
from tests.support.peers import Consumer
from tests.support.relay import Link, Relay
from tests.support.talking import Ring, Scene, play
from tests.support.verdicts import check_bystander, check_end, check_heard, hang_up, rhythm

LIMITS = StreamLimits(connect_time=0.99, carrier_idle=0.39)
ENGINES = pytest.mark.parametrize("fast", [False, True] if FAST else [False])
DIRECTIONS = pytest.mark.parametrize("two_way", [False, True], ids=["one-way", "two-way"])

Case = TypeVar("Case")


class Act:
    """One stream. The relay is between the bridge and its customer, or its carrier."""

    def __init__(self, scene: Scene, app: Consumer, relay: Relay, *, at_carrier: bool) -> None:
        self.scene = scene
        self.app = app
        self.relay = relay
        self.ring: Ring
        self.link: Link
        self._at_carrier = at_carrier

    def ring_up(self, *, two_way: bool, more: str = "") -> None:
        """A call; its carrier is next to connect."""
        port = self.app.port if self._at_carrier else self.relay.port
        self.ring = self.scene.ring(port, two_way=two_way, more=more)

    async def relayed(self) -> None:
        """Wait until the relay is on both sides connected."""
        self.link = await self.relay.linked()
        if self._at_carrier:
            self.ring.carrier_port = self.link.near.port

    async def dial(self, *, two_way: bool, more: str = "", start: bool = True) -> None:
        """A call whose carrier is connected."""
        self.ring_up(two_way=two_way, more=more)
        await self.scene.dial(self.ring, self.relay.port if self._at_carrier else 0, start=start)
        await self.relayed()

    async def attend(self) -> None:
        """The customer answers."""
        await self.scene.attend(self.ring, await self.app.accept())

    async def converse(self, *, two_way: bool, more: str = "") -> None:
        """A call that is on: the carrier speaks, and in a two-way stream the customer too."""
        await self.dial(two_way=two_way, more=more)
        await self.attend()
        carrier, customer = self.ring.sides
        carrier.talk()
        if two_way:
            customer.talk()
        await asyncio.sleep(0.1)

    def strike(self, fault: Fault) -> None:
        """The network fails; what it had held goes on when it can."""
        fault.strike(self.link)
        if fault.effect is Effect.PASSES:
            self.link.stop_reading(False)
            for way in self.link.ways:
                way.go_on(let_go=True)

    async def end(self, error: str = "", *, began: bool = True, given: int | None = None) -> None:
        await check_end(self.scene, self.ring, error, began=began, given=given)

    async def hear_out(self) -> None:
        """The stream ends as if nothing had been, and all frames have reached the customer."""
        carrier, customer = self.ring.sides
        for side in self.ring.sides:
            side.hush()
        await carrier.says("stop")
        await self.end()
        await customer.over()
        check_heard(customer.frames, carrier.said)
        assert customer.events[:2] == ["connected", "start"]
        assert (customer.events[-1], customer.code, carrier.code) == ("stop", 1000, 1000)
        assert self.ring.counters.frames_dropped == 0


async def one_way(act: Act) -> None:
    """Audio goes to the customer, who has nothing to say."""
    await act.converse(two_way=False)


async def both_ways(act: Act) -> None:
    """Audio goes both ways."""
    await act.converse(two_way=True)


def act(
    main: Callable[[Act, Case], Awaitable[None]],
    cases: Iterable[Case],
    *,
    fast: bool,
    limits: StreamLimits = LIMITS,
    at_carrier: bool = False,
) -> None:
    """Run one scene: for each case a stream of its own, all at once, and a call beside them which
    must not notice."""
    alone = rhythm(fast)

    async def one(scene: Scene, case: Case) -> None:
        app = await scene.app()
        target = scene.door if at_carrier else app.port
        relay = await scene.relay(target, bridge_connects=not at_carrier)
        try:
            await main(Act(scene, app, relay, at_carrier=at_carrier), case)
        except Exception as error:
            error.add_note(f"This was the case of: {case}.")
            raise
        hang_up(*relay.links)

    async def run(scene: Scene) -> None:
        beside = await scene.bystander()
        async with asyncio.TaskGroup() as streams:
            for case in cases:
                streams.create_task(one(scene, case))
        await check_bystander(beside, alone)

    play(run, fast=fast, limits=limits)
