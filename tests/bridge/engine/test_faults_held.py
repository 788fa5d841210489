"""The network fails while frames wait for a customer who does not read, under each policy."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bridge.backlog import WhenSlow
from tests.support.acts import ENGINES, LIMITS, Act, act
from tests.support.faults import FAULTS, SINGLE_BYTES, Effect, Fault
from tests.support.talking import PERIOD
from tests.support.verdicts import between_frames

WAITING = 10
LOST = 5
SLOW = replace(LIMITS, unsent_size=1_000, waiting_frames=WAITING)
SOME_FAULTS = [fault for fault in FAULTS if fault is not SINGLE_BYTES]
POLICIES = pytest.mark.parametrize("policy", [WhenSlow.DROP_OLDEST, WhenSlow.DROP_NEWEST])


async def _fill(act: Act, more: int) -> int:
    """Speak until a frame waits, then say so many more; returns how many did not wait."""
    carrier, _ = act.ring.sides
    await act.ring.story.until("stream.started")
    act.link.stop_reading()
    while not act.ring.leg._stream.media.held:
        for _ in range(5):
            await carrier.frame()
        await asyncio.sleep(PERIOD)
    sent = act.ring.counters.frames_sent
    for _ in range(sent + more - len(carrier.said)):
        await carrier.frame()
        await asyncio.sleep(PERIOD)
    return sent


def _check_dropped(act: Act, fault: Fault, lost: int) -> None:
    """So many frames, and where the network never passed on what was written, that as well."""
    dropped = act.ring.counters.frames_dropped
    assert dropped == lost if fault.effect is Effect.PASSES else dropped >= lost


@ENGINES
@POLICIES
def test_while_held(policy: WhenSlow, fast: bool) -> None:
    """What had to wait gets through when the network lets it, but for what the policy gave up."""
    two_way = policy is WhenSlow.DROP_OLDEST

    async def main(act: Act, fault: Fault) -> None:
        await act.dial(two_way=two_way)
        await act.attend()
        carrier, customer = act.ring.sides
        sent = await _fill(act, WAITING + LOST)
        await between_frames()
        struck = asyncio.get_running_loop().time()
        act.strike(fault)
        if fault.effect is Effect.ENDS:
            await act.end("31903")
            assert act.ring.ended_at == pytest.approx(struck, abs=1e-6)
            assert act.ring.counters.frames_dropped == LOST + WAITING
            return
        if fault.effect is Effect.PASSES:
            await asyncio.sleep(1.5)
            await carrier.frame()
            await asyncio.sleep(0.5)
        await carrier.says("stop")
        await act.end()
        _check_dropped(act, fault, LOST)
        assert act.ring.story.codes() == [31930]
        if fault.effect is Effect.PASSES:
            await customer.over()
            begin = sent if policy is WhenSlow.DROP_OLDEST else sent + WAITING
            lost = range(begin, begin + LOST)
            assert [number for _, number in customer.frames] == [
                number for _, number in carrier.said if number not in lost
            ]
            assert (customer.events[-1], customer.code) == ("stop", 1000)

    act(main, SOME_FAULTS, fast=fast, limits=replace(SLOW, when_slow=policy))


@ENGINES
def test_while_the_slow_are_closed(fast: bool) -> None:
    """With that policy the stream ends with 31930, whatever the network does then, within 1 s."""

    async def main(act: Act, fault: Fault) -> None:
        await act.dial(two_way=True, more="#slow=close")
        await act.attend()
        carrier, customer = act.ring.sides
        await _fill(act, WAITING + 1)
        assert act.ring.ended.is_set()
        await between_frames()
        act.strike(fault)
        await act.end("31930")
        _check_dropped(act, fault, WAITING + 1)
        assert carrier.code == 1000
        if fault.effect is Effect.PASSES:
            await customer.over()
            assert customer.code == 1008
            assert "stop" not in customer.events

    act(main, SOME_FAULTS, fast=fast, limits=SLOW)
