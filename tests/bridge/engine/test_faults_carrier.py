"""The network between the bridge and the carrier fails, at every state of a stream.

Time is virtual, the sockets are real. Whatever happens, the customer gets what reached the bridge,
`stop` and a clean close; a carrier that is gone without a word is given up in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from websockets.exceptions import InvalidHandshake

from tests.support.acts import DIRECTIONS, ENGINES, LIMITS, Act, act, both_ways, one_way
from tests.support.faults import FAULTS, NOT_READING, SINGLE_BYTES, STARVED, Effect, Fault
from tests.support.talking import now
from tests.support.verdicts import between_frames, hang_up

TWO_CHECKS = 2 * LIMITS.carrier_idle


async def _connecting(act: Act) -> asyncio.Task[None]:
    """A two-way call whose carrier's handshake is on its way through the relay."""
    act.ring_up(two_way=True)

    async def dial() -> None:
        with suppress(OSError, EOFError, InvalidHandshake):
            await act.scene.dial(act.ring, act.relay.port)

    dialling = asyncio.create_task(dial())
    await act.relayed()
    return dialling


@ENGINES
def test_in_the_answer(fast: bool) -> None:
    """The carrier is let in and does not know it yet: the stream has begun, and ends if it must."""

    async def main(act: Act, fault: Fault) -> None:
        act.relay.prepare = lambda link: link.out.hold(40)
        dialling = await _connecting(act)
        await act.link.out.held.wait()
        await act.attend()
        await between_frames()
        act.strike(fault)
        if fault.effect is Effect.PASSES:
            await dialling
            carrier, _ = act.ring.sides
            carrier.talk()
            await asyncio.sleep(0.2)
            carrier.hush()
            await asyncio.sleep(0.5)
            await act.hear_out()
            return
        await act.end(given=0)
        hang_up(act.link)
        await dialling
        customer = act.ring.customer
        assert customer is not None
        assert (customer.events[-1], customer.code) == ("stop", 1000)

    act(main, FAULTS, fast=fast, at_carrier=True)


async def _before_start(act: Act) -> None:
    """The socket is open, and the carrier has yet to say what it sends."""
    await act.dial(two_way=True, start=False)
    await act.attend()


async def _mark_pending(act: Act) -> None:
    """The carrier has a mark, and has yet to play what is before it."""
    await act.dial(two_way=True)
    await act.attend()
    carrier, customer = act.ring.sides
    carrier.talk()
    for _ in range(3):
        await customer.frame()
    await customer.says("mark", mark={"name": "m"})
    await carrier.until(lambda: bool(carrier.marks))


async def _not_read(act: Act) -> None:
    """The carrier has left so much unread that it is sent no more: audio waits to be played."""
    await act.dial(two_way=True)
    await act.attend()
    carrier, customer = act.ring.sides
    carrier.talk()
    act.link.stop_reading()
    while not act.ring.leg._blocked:
        await customer.says("mark", mark={"name": "m" * 5_000})
        await asyncio.sleep(0.02)
    await customer.frame()


@ENGINES
@pytest.mark.parametrize("reach", [_before_start, one_way, both_ways, _mark_pending, _not_read])
def test_while_open(reach: Callable[[Act], Awaitable[None]], fast: bool) -> None:
    """Delay and pieces change nothing; a lost carrier is the customer's `stop`, at once.

    A carrier that is not heard is asked, and given up when it does not answer; one that does not
    read is no reason to end a call.
    """

    async def main(act: Act, fault: Fault) -> None:
        # Who does not read can still speak, and who is silent may take his time for an answer.
        answers = (fault is STARVED) if reach is _before_start else (fault is NOT_READING)
        await reach(act)
        carrier, customer = act.ring.sides
        await between_frames()
        struck, reached = now(), len(carrier.said)
        act.strike(fault)
        if fault.effect is Effect.ENDS:
            await act.end(given=reached)
            assert act.ring.ended_at == pytest.approx(struck, abs=1e-6)
            (entry,) = act.ring.story.told("carrier.closed")
            assert entry.level == "warning"
        elif fault.effect is Effect.PASSES:
            await asyncio.sleep(0.3)
            await act.scene.start(act.ring)
            await between_frames()
            for side in act.ring.sides:
                side.hush()
            await asyncio.sleep(0.4)
            await carrier.until(lambda: len(carrier.frames) == len(customer.said))
            await act.hear_out()
            heard = [number for _, number in carrier.frames]
            assert heard == [number for _, number in customer.said]
        elif answers:
            await asyncio.sleep(2 * TWO_CHECKS)
            await between_frames()
            assert not act.ring.ended.is_set()
            act.ring.leg.stop()
            await act.end()
        else:
            await act.ring.ended.wait()
            assert now() - struck <= 1.5 * TWO_CHECKS
            assert act.ring.story.codes("carrier.idle") == [31953, 31953]
            await act.end(given=reached)
        await customer.over()
        check = [number for _, number in customer.frames]
        assert check == list(range(act.ring.counters.frames_sent))
        assert (customer.events[-1], customer.code) == ("stop", 1000)

    faults = [fault for fault in FAULTS if fault is not SINGLE_BYTES or reach is not _not_read]
    act(main, faults, fast=fast, at_carrier=True, limits=replace(LIMITS, unsent_size=1_000))


@ENGINES
@DIRECTIONS
@pytest.mark.parametrize("ours", [False, True], ids=["by the carrier", "by us"])
def test_while_closing(ours: bool, two_way: bool, fast: bool) -> None:
    """The stream has ended already, and the carrier's socket is gone in a second at most."""

    async def main(act: Act, fault: Fault) -> None:
        await act.converse(two_way=two_way)
        carrier, customer = act.ring.sides
        await between_frames()
        (act.link.back if ours else act.link.out).hold(0)
        closing = None
        if ours:
            act.ring.leg.stop()
        else:
            closing = asyncio.create_task(carrier.connection.close())
        await act.ring.ended.wait()
        carrier.hush()
        act.strike(fault)
        await act.end()
        await customer.over()
        assert (customer.events[-1], customer.code) == ("stop", 1000)
        hang_up(act.link)
        if closing is not None:
            await closing

    act(main, FAULTS, fast=fast, at_carrier=True)


@ENGINES
def test_in_the_request(fast: bool) -> None:
    """Until the carrier's request is whole nothing begins, and it must come in time."""

    async def main(act: Act, fault: Fault) -> None:
        act.relay.prepare = lambda link: link.back.hold(40)
        dialling = await _connecting(act)
        await act.link.back.held.wait()
        await between_frames()
        act.strike(fault)
        if fault.effect is Effect.PASSES:
            await act.attend()
            await dialling
            await act.ring.story.until("carrier.start")
            await act.hear_out()
            return
        await asyncio.sleep(0.01 if fault.effect is Effect.ENDS else 5.0)
        assert act.scene.sockets_of(act.ring) == 0
        assert not act.ring.story.call.timeline.entries
        assert act.scene.callbacks.of(act.ring) == []
        hang_up(act.link)
        await dialling

    act(main, FAULTS, fast=fast, at_carrier=True)
