"""Peers that flood us with what is no message: what is kept, and how quickly they are read."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

import bridge.engine
from bridge.engine.pace import COUNTED
from bridge.limits import StreamLimits
from tests.bridge.engine.test_session import conversation
from tests.bridge.engine.test_signalwire import Crossing, cross, media_socket, start_message
from tests.bridge.engine.test_tap import Tapped
from tests.bridge.engine.test_tap import run as tapping
from tests.support.peers import consumer, next_event
from tests.support.raw import CONT, PING, PONG, TEXT, Link, linked
from tests.support.virtual import run_virtually

pytestmark = pytest.mark.usefixtures("fast")

UNSENT = 10_000


async def test_pings_of_a_peer_who_does_not_read(link: Link) -> None:
    """Their pongs stay within what may be unsent; at last it gets the one for its latest ping."""
    transport = link.raw.writer.transport
    assert isinstance(transport, asyncio.Transport)
    transport.pause_reading()
    link.socket.watch_unsent(UNSENT, lambda: None, lambda: None)
    ping = link.raw.frame(PING, b"x" * 125)
    for _ in range(40):
        await link.raw.send(ping * 1_000)
    await link.raw.send(link.raw.frame(PING, b"latest") + link.raw.frame(TEXT, b"heard"))
    await link.owner.until(2)
    assert UNSENT < link.socket.unsent <= UNSENT + 2 * 131
    transport.resume_reading()
    count = 1
    while (pong := await link.raw.receive()).data != b"latest":
        assert pong[:2] == (PONG, b"x" * 125)
        count += 1
    assert count < 40_000
    await link.raw.send(link.raw.frame(PING, b"next"))
    assert (await link.raw.receive())[:2] == (PONG, b"next")


@pytest.mark.parametrize(("payload", "count"), [(b"", 60_000), (b"ab", 20_000)])
async def test_fragments_without_end(fast: bool, payload: bytes, count: int) -> None:
    """What is kept of a message is its bytes, whatever pieces they come in, empty ones included."""
    async with linked("server", fast=fast) as link:
        fragments = link.raw.frame(CONT, payload, fin=False) * 1_000
        await link.raw.send(link.raw.frame(TEXT, b"<", fin=False))
        tracemalloc.start()
        try:
            for _ in range(count // 1_000):
                await link.raw.send(fragments)
            await link.raw.send(link.raw.frame(PING))
            await link.raw.receive()
            kept = tracemalloc.take_snapshot()
        finally:
            tracemalloc.stop()
        ours = kept.filter_traces([tracemalloc.Filter(True, bridge.engine.__path__[0] + "/*")])
        assert sum(each.size for each in ours.statistics("filename")) < 300_000
        await link.raw.send(link.raw.frame(CONT, b">"))
        await link.owner.until(2)
        assert link.owner.heard == ["<" + count * payload.decode() + ">"]


def test_a_customer_who_floods_with_fragments() -> None:
    """Each counts as a message does."""

    async def main() -> None:
        async with conversation(StreamLimits(message_rate=100)) as talk:
            await talk.customer.send([""] * 1_000)
            await talk.settles()
            assert len(talk.story.told("stream.throttled")) == 1

    run_virtually(main, grace=0.05)


def test_a_customer_who_floods_with_large_messages() -> None:
    """Each counts by its size, which is what it costs; audio in them is played all the same."""

    async def main() -> None:
        async with conversation(StreamLimits(message_rate=100)) as talk:
            for _ in range(4):
                await talk.plays(bytes(300_000))  # 391 KiB in base64
            await talk.customer.send(bytes(400_000))
            await talk.settles()
            counters = talk.session.media.counters
            assert counters.audio_bytes == 1_200_000
            assert asyncio.get_running_loop().time() >= 11  # on a clock that does not wait
            assert len(talk.story.told("stream.throttled")) == 1

    run_virtually(main, grace=0.05)


def test_a_carrier_who_floods_with_large_messages() -> None:
    """The same goes for the other side; the rest is told with the next message."""

    async def main(line: Crossing) -> None:
        for _ in range(3):
            await line.frame(bytes(160_000), 0)
        await line.story.until("carrier.throttled")

    cross(main)


@pytest.mark.parametrize("kind", ["ping", "pong"])
def test_a_customer_who_floods_with(kind: str) -> None:
    """Control frames count as messages do: one who sends too many is read more slowly."""

    async def main() -> None:
        async with conversation(StreamLimits(message_rate=100)) as talk:
            for number in range(2_000):
                await getattr(talk.customer, kind)(b"%d" % number)
            await talk.settles()
            assert talk.session.media.counters.throttled
            assert len(talk.story.told("stream.throttled")) == 1

    run_virtually(main, grace=0.05)


def test_large_messages_of_a_carrier_that_must_wait() -> None:
    """What waits is bounded by its size: audio in large messages is dropped and counted in frames
    like that of ordinary ones."""

    async def main() -> None:
        limits = StreamLimits(waiting_frames=20)
        async with consumer() as app, media_socket(app, limits, two_way=True, noun={}) as line:
            await line.carries("start", start=start_message())
            session = line.leg._stream
            line.customer = await app.accept()
            await line.story.until("stream.started")
            session.media.hold()
            for at in range(5):
                await line.frame(bytes(8 * 160), 160 * at)
            await line.echo("never sent")
            await line.story.until("carrier.fault")
            session._drained()
            media = [await next_event(line.customer, "media") for _ in range(16)]
            stamps = [int(message["media"]["timestamp"]) for message in media]
            assert stamps == list(range(480, 800, 20))
            assert session.media.counters.frames_dropped == 24

    run_virtually(main, grace=0.05)


def test_a_carrier_who_floods() -> None:
    """The same goes for the other side."""

    async def main(line: Crossing) -> None:
        for _ in range(COUNTED):
            await line.carrier.ping()
        await line.story.until("carrier.throttled")

    cross(main)


def test_a_tap_that_floods() -> None:
    """And for one side of a tap."""

    async def main(taps: Tapped) -> None:
        speak = await taps.carrier("speak")
        for _ in range(COUNTED):
            await speak.ping()
        await taps.story.until("carrier.throttled")

    tapping(main)
