"""A customer who does not read, or sends too much: no other notices, nothing is lost untold."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosedError

from bridge.backlog import WhenSlow
from bridge.limits import StreamLimits
from bridge.stream import MAX_MARKS, State
from tests.bridge.engine.test_session import FRAME, begin, conversation
from tests.support.calls import Story, running_engine
from tests.support.deck import Deck
from tests.support.peers import HOST, consumer, tcp_server, upgrade
from tests.support.virtual import run_virtually

pytestmark = pytest.mark.usefixtures("fast")


class Reader:
    """A consumer that reads when it is told to, and says what it got: messages, None at the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.accepted = asyncio.Event()
        self.release = asyncio.Event()
        self.messages: asyncio.Queue[Any] = asyncio.Queue()

    async def read(self, customer: ServerConnection) -> None:
        transport = customer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        self.accepted.set()
        await self.release.wait()
        transport.resume_reading()
        with suppress(ConnectionClosedError):
            async for text in customer:
                self.messages.put_nowait(json.loads(text))
        self.messages.put_nowait(None)

    async def get(self, count: int) -> list[Any]:
        return [await self.messages.get() for _ in range(count)]


@asynccontextmanager
async def reading() -> AsyncIterator[Reader]:
    async with consumer() as app:
        reader = Reader(app.url)

        async def run() -> None:
            await reader.read(await app.accept())

        task = asyncio.create_task(run())
        yield reader
        reader.release.set()
        await task


@pytest.mark.parametrize("policy", [WhenSlow.DROP_OLDEST, WhenSlow.DROP_NEWEST])
async def test_31930_for_the_slow_alone(policy: WhenSlow) -> None:
    """Frames for a customer who does not read are dropped and counted, with one 31930.

    Another stream of the same call loses nothing. When the slow one reads again its timestamps
    show the gap, and its numbers none.
    """
    limits = StreamLimits(unsent_size=10_000, waiting_frames=50, when_slow=policy, close_time=20)
    async with reading() as slow_app, reading() as quick_app, running_engine(limits) as engine:
        story = Story()
        slow, _, _ = begin(engine, slow_app.url, story=story)
        quick, _, _ = begin(engine, quick_app.url, story=story)
        await slow_app.accepted.wait()
        quick_app.release.set()
        await story.until("stream.started", 2)
        await quick_app.get(2)
        count = 0
        while slow.media.counters.frames_dropped < 100:
            for session in (slow, quick):
                session.audio("inbound", FRAME, 20 * count)
                session.audio("outbound", FRAME, 20 * count)  # nobody asked for it
            (message,) = await quick_app.get(1)
            assert message["media"]["timestamp"] == str(20 * count)
            count += 1
        assert slow.media.counters.frames_sent == count - 150
        assert (quick.media.counters.frames_sent, quick.media.counters.frames_dropped) == (count, 0)
        slow_app.release.set()
        received = await slow_app.get(2 + count - 100)
        slow.audio("inbound", FRAME, 20 * count)
        slow.stop()
        quick.stop()
        received += await slow_app.get(3)
        assert [m and m["event"] for m in received[-3:]] == ["media", "stop", None]
    media = [message["media"] for message in received[2:-2]]
    assert [body["chunk"] for body in media] == [str(n + 1) for n in range(count - 99)]
    stamps = [int(body["timestamp"]) for body in media]
    assert stamps == sorted(set(stamps) & set(range(0, 20 * count + 20, 20)))
    newest = range(20 * (count - 50), 20 * count, 20)
    assert (set(newest) <= set(stamps)) is (policy is WhenSlow.DROP_OLDEST)
    assert story.codes() == [31930]


async def test_the_slow_are_closed() -> None:
    """With that policy, asked for in the URL, a stream ends with 31930 as its error."""
    limits = StreamLimits(unsent_size=10_000, waiting_frames=50)
    async with reading() as app, running_engine(limits) as engine:
        session, story, ended = begin(engine, app.url + "#slow=close")
        await app.accepted.wait()
        await story.until("stream.started")
        while not ended.is_set():
            session.audio("inbound", FRAME, 0)
            await asyncio.sleep(0)
        assert session.media.counters.frames_dropped == 51
    assert story.codes("stream.error") == [31930]
    assert len(story.told("stream.stopped")) == 1


@pytest.mark.parametrize("unsent", [1_000, 50_000])
async def test_what_may_be_unsent(unsent: int) -> None:
    """Frames wait only while more than the limit is to be sent, and go on by themselves."""
    limits = StreamLimits(unsent_size=unsent, waiting_frames=5, close_time=20)
    async with reading() as app, running_engine(limits) as engine:
        session, story, _ = begin(engine, app.url)
        await app.accepted.wait()
        await story.until("stream.started")
        connection = session._socket
        assert connection is not None
        while not session.media.held:
            assert connection.unsent <= unsent
            session.audio("inbound", FRAME, 0)
        behind = connection.unsent
        assert behind > unsent
        for _ in range(5):
            session.audio("inbound", FRAME, 0)
        assert connection.unsent == behind
        assert session.media.counters.frames_dropped == 0
        sent = session.media.counters.frames_sent
        app.release.set()
        await app.get(2 + sent + 5)
        session.audio("inbound", FRAME, 0)
        assert session.media.counters.frames_sent == sent + 6
        session.stop()


@pytest.mark.parametrize("reads", [True, False], ids=["reads again", "until the stop"])
async def test_keys_and_marks_are_not_lost(reads: bool) -> None:
    """What waits keeps its order, and only audio is dropped from it; a mark's echo is told when it
    is sent."""
    limits = StreamLimits(unsent_size=1_000, waiting_frames=3, close_time=20)
    async with reading() as app, running_engine(limits) as engine:
        session, story, _ = begin(engine, app.url, deck=Deck())
        await app.accepted.wait()
        await story.until("stream.started")
        while not session.media.held:
            session.audio("inbound", FRAME, 0)
        sent = session.media.counters.frames_sent
        for digit in "12":
            session.dtmf(digit)
            for _ in range(3):
                session.audio("inbound", FRAME, 0)
        session.mark_played("m")
        assert not story.told("mark.echoed")
        if reads:
            app.release.set()
            await story.until("mark.echoed")
            assert not session.media.held
        session.stop()
        app.release.set()
        received = (await app.get(2 + sent + 8))[2 + sent :]
    assert [entry.data["name"] for entry in story.told("mark.echoed")] == ["m"]
    events = [message and message["event"] for message in received]
    assert events == ["dtmf", "dtmf", "media", "media", "media", "mark", "stop", None]
    assert [message["dtmf"]["digit"] for message in received[:2]] == ["1", "2"]
    numbers = [int(message["sequenceNumber"]) for message in received[:-1]]
    assert {after - before for before, after in pairwise(numbers)} == {1}


async def test_a_customer_who_never_reads_again() -> None:
    """A customer that stopped reading is dropped in the time that closing may take.

    What was written for it and never left counts as dropped then, and not as sent.
    """

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        await upgrade(reader, writer)
        await asyncio.Event().wait()

    limits = StreamLimits(close_time=0.01, unsent_size=1_000)
    async with tcp_server(deaf) as port, running_engine(limits) as engine:
        session, story, ended = begin(engine, f"ws://{HOST}:{port}/")
        await story.until("stream.started")
        while not session.media.counters.frames_dropped:
            session.audio("inbound", FRAME, 0)
        before = session.media.counters.frames_sent + session.media.counters.frames_dropped
        session.stop()
        session.stop()
        assert ended.is_set()
        assert not story.told("stream.stopped")
        data = (await story.until("stream.stopped")).data
        assert data["frames_sent"] + data["frames_dropped"] == before + limits.waiting_frames
        assert data["frames_dropped"] > limits.waiting_frames // 2  # the kernel took the rest
        assert story.codes() == [31930]


async def test_marks_for_a_customer_who_never_reads() -> None:
    """Marks are not dropped like frames; a customer who takes none of them is given up in time."""

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await asyncio.Event().wait()

    async with tcp_server(deaf) as port, running_engine(StreamLimits(unsent_size=1_000)) as engine:
        session, story, ended = begin(engine, f"ws://{HOST}:{port}/", deck=Deck())
        await story.until("stream.started")
        while not ended.is_set():
            for _ in range(100):
                session.mark_played("x" * 1_000)
            await asyncio.sleep(0)
        assert session.media.state is State.STOPPED
    assert story.codes("stream.error") == [31930]


def test_a_clear_of_all_marks() -> None:
    """A customer who reads all the time gets back every mark that a clear can, in order.

    They leave at once and are more than may be unsent: the customer is not slow for that.
    """

    async def main() -> None:
        async with conversation() as talk:
            await talk.plays(FRAME)
            for number in range(MAX_MARKS):
                await talk.marks(str(number))
            await talk.says("clear")
            assert await talk.echoes(MAX_MARKS) == [str(number) for number in range(MAX_MARKS)]
            assert talk.session.media.counters.marks_echoed == MAX_MARKS
            assert talk.session.media.state is State.OPEN
            assert talk.story.codes() == []

    run_virtually(main, grace=0.05)


def test_too_quick_a_customer_is_read_more_slowly() -> None:
    """One who sends more messages than may be is slowed down by the network and loses nothing."""

    async def main() -> None:
        async with conversation(StreamLimits(message_rate=100)) as talk:
            for _ in range(2_000):
                await talk.plays(bytes(160))
            await talk.settles()
            counters = talk.session.media.counters
            assert counters.audio_bytes == 320_000
            assert counters.throttled
            assert asyncio.get_running_loop().time() >= 8  # on a clock that does not wait
            assert talk.story.codes() == []
            (entry,) = talk.story.told("stream.throttled")
            assert entry.data["message"].startswith("more than 100 messages a second")

    run_virtually(main, grace=0.05)
