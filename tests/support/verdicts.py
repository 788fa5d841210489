"""What must hold for every stream, whatever its network did, and for the call beside it."""

from __future__ import annotations

import asyncio
from functools import cache
from itertools import pairwise

import pytest

from tests.support.relay import Link
from tests.support.talking import PERIOD, Frames, Ring, Scene, now, play

_ALONE = 4.0  # seconds of a call that is the only one


async def between_frames() -> None:
    """Wait until nobody is about to speak: what happens now has no frame for its company."""
    ticks = int(now() / PERIOD + 1e-6) + 1
    await asyncio.sleep(ticks * PERIOD + 0.013 - asyncio.get_running_loop().time())


async def check_end(
    scene: Scene, ring: Ring, error: str = "", *, began: bool = True, given: int | None = None
) -> None:
    """The stream has ended, or is about to: told once, closed in time, everything counted.

    `error` is the number that the customer is told, with the beginning that did not come to pass or
    with the end. `given`: the frames that have reached the bridge, all by default.
    """
    await check_invariants(scene, ring, given)
    told = ("stream-started", ""), ("stream-stopped", error)
    if not began:
        told = ("stream-error", error), ("stream-stopped", "")
    assert scene.callbacks.of(ring) == [*told]
    assert len(ring.story.told("stream.started")) == began


async def check_invariants(scene: Scene, ring: Ring, given: int | None = None) -> None:
    """What holds of every stream that has ended, or is about to."""
    await ring.ended.wait()
    assert ring.ended_at is not None
    await asyncio.sleep(max(0.0, ring.ended_at + scene.engine.limits.close_time - now() + 0.001))
    assert scene.sockets_of(ring) == 0
    beginning, end = (event for event, _ in scene.callbacks.of(ring))
    assert beginning in ("stream-started", "stream-error")
    assert end == "stream-stopped"
    assert len(ring.story.told("stream.stopped")) == 1
    counters = ring.counters
    given = ring.given if given is None else given
    assert counters.frames_sent + counters.frames_dropped == given


def check_heard(heard: Frames, said: Frames) -> None:
    """All that was said has been heard, in order and not before it was said."""
    assert [number for _, number in heard] == [number for _, number in said]
    assert all(at >= since for (at, _), (since, _) in zip(heard, said, strict=True))


async def check_bystander(ring: Ring, alone: tuple[Frames, Frames]) -> None:
    """The call beside has lost nothing, and each frame came when it would have come anyway."""
    carrier, customer = ring.sides
    for side in ring.sides:
        side.hush()
    await asyncio.sleep(3 * PERIOD)
    await carrier.says("stop")
    await ring.ended.wait()
    assert customer.frames == carrier.said
    assert [number for _, number in carrier.frames] == [number for _, number in customer.said]
    for frames, expected in zip((customer.frames, carrier.frames), alone, strict=True):
        assert frames[: len(expected)] == expected[: len(frames)]
        apart = [after - before for (before, _), (after, _) in pairwise(frames)]
        assert apart == pytest.approx([PERIOD] * len(apart), abs=1e-5)
    await customer.over()
    assert (customer.events[-1], customer.code) == ("stop", 1000)
    assert ring.counters.frames_dropped == 0


@cache
def rhythm(fast: bool) -> tuple[Frames, Frames]:
    """What the customer and the carrier hear of a call that is alone, and when."""

    async def main(scene: Scene) -> tuple[Frames, Frames]:
        ring = await scene.bystander()
        carrier, customer = ring.sides
        await asyncio.sleep(_ALONE)
        heard = list(customer.frames), list(carrier.frames)
        for side in ring.sides:
            side.hush()
        await carrier.says("stop")
        await ring.ended.wait()
        await customer.over()
        return heard

    return play(main, fast=fast)


def hang_up(*links: Link) -> None:
    """Let those go who wait at the far end of a network that failed."""
    for link in links:
        link.end()
