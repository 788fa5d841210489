"""Whole seconds of calls, on a clock that costs nothing."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode

from bridge.engine.conference import ConferenceSound
from bridge.engine.core import Engine
from bridge.engine.line import Line
from bridge.engine.session import StreamSession
from bridge.phone import TapePhone
from bridge.playout import SILENCE
from bridge.sound.mixer import Part
from tests.support.calls import Story, running_engine
from tests.support.peers import Consumer, consumer, next_event, next_message, until_broken
from tests.support.virtual import run_virtually
from twiml.actions import Stream, Track

pytestmark = pytest.mark.usefixtures("fast")

GRACE = 0.002  # real seconds that a peer in this process gets to answer
FRAMES = [bytes([n]) * 160 for n in range(1, 51)]  # a second, each frame recognisable
SECOND = b"".join(FRAMES)


class Phone:
    """A local call with its leg."""

    def __init__(self, engine: Engine, audio: bytes, patience_ms: int) -> None:
        self.story = Story()
        self.hung_up = asyncio.Event()
        self.finished = 0
        self.ended: list[StreamSession] = []
        self.tape = TapePhone(audio, self._finish, patience_ms=patience_ms)
        self.leg = Line(engine, self.story.call, self.tape, stream_ended=self.ended.append)

    def _finish(self) -> None:
        self.finished += 1
        self.leg.hang_up()
        self.hung_up.set()

    def stream(self, url: str, *, two_way: bool = False, **noun: Any) -> StreamSession:
        source = Stream(connect_url=url, **noun)
        return self.leg.begin_stream(source, bidirectional=two_way)


@asynccontextmanager
async def phone(
    audio: bytes = SECOND, *, patience_ms: int = 2_000
) -> AsyncIterator[tuple[Phone, Consumer]]:
    async with consumer() as app, running_engine() as engine:
        running = Phone(engine, audio, patience_ms)
        yield running, app
        running.leg.hang_up()


def call(main: Callable[[Phone, Consumer], Awaitable[None]], **options: Any) -> None:
    """Run one call on a virtual clock."""

    async def run() -> None:
        async with phone(**options) as (running, app):
            await main(running, app)

    run_virtually(run, grace=GRACE)


async def to_the_end(customer: ServerConnection) -> list[Any]:
    return [json.loads(text) async for text in customer]


def says(session: StreamSession, event: str, **fields: Any) -> str:
    return json.dumps({"event": event, "streamSid": session.sid} | fields)


def audio_message(session: StreamSession, audio: bytes) -> str:
    return says(session, "media", media={"payload": base64.b64encode(audio).decode()})


@pytest.mark.contract("T61")
def test_fifty_frames_a_second() -> None:
    """The caller's audio goes out as 160-byte frames in padded base64, fifty a second per track.

    Proves T61.
    """

    async def main(running: Phone, app: Consumer) -> None:
        loop = asyncio.get_running_loop()
        running.stream(app.url, track=Track.BOTH)
        customer = await app.accept()
        await running.story.until("stream.started")
        began = loop.time()
        running.leg.pick_up()
        await running.hung_up.wait()
        seconds = loop.time() - began
        messages = await to_the_end(customer)
        assert [m["event"] for m in messages[:2] + messages[-1:]] == ["connected", "start", "stop"]
        for track, expected in (("inbound", SECOND + SILENCE * 100), ("outbound", SILENCE * 150)):
            media = [m["media"] for m in messages if m.get("media", {}).get("track") == track]
            frames = [base64.b64decode(body["payload"], validate=True) for body in media]
            assert {len(frame) for frame in frames} == {160}
            assert b"".join(frames) == expected
            assert len(frames) == pytest.approx(seconds * 50, abs=1)
            assert [body["timestamp"] for body in media] == [str(20 * n) for n in range(150)]

    call(main)


def test_hanging_up_after_silence() -> None:
    """The caller hangs up, once, when nothing has been said or played for the patience."""

    async def main(running: Phone, _: Consumer) -> None:
        running.leg.pick_up()
        await running.hung_up.wait()
        assert running.tape.spoken_frames == 50
        assert running.tape.heard == SILENCE * (50 + 5)
        assert running.finished == 1

    call(main, patience_ms=100)


@pytest.mark.parametrize(("size", "frames"), [(0, 0), (1, 1), (160, 1), (161, 2)])
def test_a_last_odd_frame_is_filled_up(size: int, frames: int) -> None:
    """Audio that is no whole number of frames ends in silence."""

    async def main(running: Phone, app: Consumer) -> None:
        running.stream(app.url)
        customer = await app.accept()
        await running.story.until("stream.started")
        running.leg.pick_up()
        await running.hung_up.wait()
        assert running.tape.spoken_frames == frames
        media = [m["media"] for m in await to_the_end(customer) if m["event"] == "media"]
        audio = b"".join(base64.b64decode(body["payload"]) for body in media)
        assert audio == b"a" * size + SILENCE * 4 + SILENCE[: -size % 160]

    call(main, audio=b"a" * size, patience_ms=80)


@pytest.mark.contract("T71")
def test_a_mark_returns_when_its_audio_has_been_heard() -> None:
    """T71: A mark returns within a frame of the moment at which playback passes it."""

    async def main(running: Phone, app: Consumer) -> None:
        loop = asyncio.get_running_loop()
        session = running.stream(app.url, two_way=True)
        customer = await app.accept()
        running.leg.pick_up()
        await next_event(customer, "media")
        heard_before = len(running.tape.heard)
        for frames in (25, 50):
            await customer.send(audio_message(session, b"\x11" * 160 * frames))
            await customer.send(says(session, "mark", mark={"name": str(frames)}))
        for frames in (25, 75):
            await next_event(customer, "mark")
            heard = running.tape.heard[heard_before:].count(b"\x11") // 160
            assert frames <= heard <= frames + 1
        echoed = [entry.at for entry in running.story.told("mark.echoed")]
        (received, _) = running.story.told("mark.received")
        began = received.at
        assert echoed == pytest.approx([began + 0.5, began + 1.5], abs=0.021 + 0.020)
        assert loop.time() > 1.5

    call(main)


@pytest.mark.contract("T72")
def test_a_mark_with_nothing_to_play() -> None:
    """T72: A mark returns at once when nothing is buffered and nothing is being heard."""

    async def main(running: Phone, app: Consumer) -> None:
        session = running.stream(app.url, two_way=True)
        customer = await app.accept()
        await running.story.until("stream.started")
        await customer.send(says(session, "mark", mark={"name": "now"}))
        assert (await next_event(customer, "mark"))["mark"] == {"name": "now"}

    call(main)  # not even the clock runs


@pytest.mark.contract("T74", "T75", "T76")
def test_barge_in() -> None:
    """A clear silences within a frame and returns the marks; what follows is heard at once.

    Proves T74, T75, T76.
    """

    async def main(running: Phone, app: Consumer) -> None:
        session = running.stream(app.url, two_way=True)
        customer = await app.accept()
        running.leg.pick_up()
        await customer.send(audio_message(session, b"\x11" * 80_000))
        await customer.send(says(session, "mark", mark={"name": "old"}))
        await running.story.until("mark.received")
        while running.tape.heard.count(b"\x11") < 1_600:
            await next_event(customer, "media")
        await customer.send(says(session, "clear"))
        await running.story.until("clear")
        before = len(running.tape.heard)
        played = running.tape.heard.count(b"\x11")
        await customer.send(audio_message(session, b"\x22" * 320))
        await customer.send(says(session, "mark", mark={"name": "new"}))
        names = [(await next_event(customer, "mark"))["mark"]["name"] for _ in range(2)]
        assert names == ["old", "new"]
        assert running.tape.heard.count(b"\x11") == played
        assert running.tape.heard.count(b"\x22") == 320
        assert running.tape.heard.index(b"\x22") - before <= 2 * 160
        running.leg.hang_up()
        rest = await to_the_end(customer)
        assert all(message["event"] != "mark" for message in rest)

    call(main, audio=SECOND * 10)


def test_what_is_played_is_heard() -> None:
    """Audio comes out as it was sent, silence after it; the outbound track carries the same."""

    async def main(running: Phone, app: Consumer) -> None:
        listener = Consumer(app.port, "ws")
        listener.connections = app.connections
        running.stream(app.url, track=Track.OUTBOUND)
        ear = await app.accept()
        session = running.stream(app.url, two_way=True)
        customer = await app.accept()
        await running.story.until("stream.started", 2)
        await customer.send(audio_message(session, SECOND[:1_000]))
        await customer.send(audio_message(session, SECOND[1_000:]))
        await customer.ping()
        await customer.send(says(session, "mark", mark={"name": "sent"}))
        await running.story.until("mark.received")
        running.leg.pick_up()
        await running.hung_up.wait()
        assert bytes(running.tape.heard) == SECOND + SILENCE * 10
        assert running.tape.played_frames == 50
        media = [m["media"] for m in await to_the_end(ear) if m["event"] == "media"]
        assert b"".join(base64.b64decode(body["payload"]) for body in media) == running.tape.heard

    call(main, audio=b"", patience_ms=200)


def test_playing_keeps_the_call_up() -> None:
    """The patience begins when neither side has anything to say."""

    async def main(running: Phone, app: Consumer) -> None:
        session = running.stream(app.url, two_way=True)
        customer = await app.accept()
        await running.story.until("stream.started")
        await customer.send(audio_message(session, SECOND * 3))
        await customer.send(says(session, "mark", mark={"name": "sent"}))
        await running.story.until("mark.received")
        running.leg.pick_up()
        await running.hung_up.wait()
        assert len(running.tape.heard) == (150 + 5) * 160

    call(main, patience_ms=100)


def test_silence_that_is_played_does_not_keep_the_call_up() -> None:
    """Silence without end, as a plain echo sends it, is hung up on; a mark in it is waited for."""

    async def main(running: Phone, app: Consumer) -> None:
        session = running.stream(app.url, two_way=True)
        customer = await app.accept()
        await running.story.until("stream.started")
        await customer.send(audio_message(session, SECOND + SILENCE * 10))
        await customer.send(says(session, "mark", mark={"name": "a pause"}))
        await customer.send(audio_message(session, SILENCE * 500))
        await customer.send(says(session, "what follows the audio"))
        await running.story.until("stream.warning")
        running.leg.pick_up()
        await running.hung_up.wait()
        assert len(running.tape.heard) == (50 + 10 + 5) * 160
        assert running.tape.played_frames == 50 + 10 + 5
        assert (await next_event(customer, "mark"))["mark"] == {"name": "a pause"}

    call(main, patience_ms=100)


def test_a_stream_that_begins_later() -> None:
    """A stream's timestamps begin at 0 when the stream does, not the call."""

    async def main(running: Phone, app: Consumer) -> None:
        running.leg.pick_up()
        await asyncio.sleep(0.5)
        running.stream(app.url)
        customer = await app.accept()
        first = await next_event(customer, "media")
        assert first["media"]["timestamp"] == "0"

    call(main)


@pytest.mark.contract("T38")
def test_stopping_one_stream_by_name() -> None:
    """A one-way stream ends by its name or sid; the others, and a two-way one, go on."""

    async def main(running: Phone, app: Consumer) -> None:
        customers = []
        sessions = []
        for name, two_way in (("a", False), ("b", False), (None, False), ("agent", True)):
            sessions.append(running.stream(app.url, name=name, two_way=two_way))
            customers.append(await app.accept())
        await running.story.until("stream.started", 4)
        running.leg.pick_up()
        assert running.leg.stop_stream("a")
        assert not running.leg.stop_stream("a")
        assert not running.leg.stop_stream("agent")
        assert not running.leg.stop_stream("nobody")
        assert running.leg.stop_stream(sessions[2].sid)
        assert running.ended == [sessions[0], sessions[2]]
        assert running.leg.streams == (sessions[1], sessions[3])
        for number in (0, 2):
            assert (await to_the_end(customers[number]))[-1]["event"] == "stop"
        for number in (1, 3):
            assert await next_event(customers[number], "media")

    call(main)


@pytest.mark.contract("T39")
def test_the_calls_end_stops_every_stream() -> None:
    """Hanging up ends every stream with stop, also one whose socket is still opening."""

    async def main(running: Phone, app: Consumer) -> None:
        one_way = running.stream(app.url, track=Track.BOTH)
        two_way = running.stream(app.url, two_way=True)
        customers = [await app.accept() for _ in range(2)]
        await running.story.until("stream.started", 2)
        running.leg.pick_up()
        late = running.stream(app.url)
        running.leg.hang_up()
        running.leg.hang_up()
        assert running.ended == [one_way, two_way, late]
        assert running.leg.streams == ()
        for customer in customers:
            assert (await to_the_end(customer))[-1]["event"] == "stop"
        heard = len(running.tape.heard)
        await asyncio.sleep(1)
        assert len(running.tape.heard) == heard

    call(main)


def test_the_customer_ends_the_two_way_stream() -> None:
    """When the customer closes, what was still to be played is dropped; the next may begin."""

    async def main(running: Phone, app: Consumer) -> None:
        session = running.stream(app.url, two_way=True)
        customer = await app.accept()
        running.leg.pick_up()
        await customer.send(audio_message(session, b"\x11" * 80_000))
        await customer.send(says(session, "mark", mark={"name": "m"}))
        await running.story.until("mark.received")
        await customer.close()
        await running.story.until("stream.stopped")
        assert running.ended == [session]
        assert running.leg.playout.idle
        second = running.stream(app.url, two_way=True)
        customer = await app.accept()
        await next_event(customer, "start")
        await customer.send(says(second, "mark", mark={"name": "fresh"}))
        assert (await next_event(customer, "mark"))["mark"] == {"name": "fresh"}

    call(main, audio=SECOND * 5)


@pytest.mark.contract("T62")
def test_keys() -> None:
    """T62: A pressed key reaches the two-way stream alone."""

    async def main(running: Phone, app: Consumer) -> None:
        running.stream(app.url)
        one_way = await app.accept()
        running.stream(app.url, two_way=True)
        two_way = await app.accept()
        await running.story.until("stream.started", 2)
        running.leg.press("#")
        assert (await next_event(two_way, "dtmf"))["dtmf"]["digit"] == "#"
        running.leg.hang_up()
        assert [m["event"] for m in await to_the_end(one_way)] == ["connected", "start", "stop"]

    call(main)


def test_a_refused_stream() -> None:
    """A stream that its document forbids has ended before it began; the call goes on."""

    async def main(running: Phone, app: Consumer) -> None:
        session = running.stream(app.url, refusal=31941, refusal_reason="no such track")
        assert running.ended == [session]
        assert running.leg.streams == ()
        assert running.story.codes("stream.error") == [31941]
        running.stream(app.url)
        assert (await next_message(await app.accept()))["event"] == "connected"

    call(main)


@pytest.mark.parametrize("shared", [False, True], ids=["its own", "of its conference"])
def test_a_fault_of_our_own(shared: bool) -> None:
    """When a line's sound fails its streams end with an error, and its owner ends the call."""

    def fail(*_: object) -> Any:
        raise RuntimeError("broken")

    async def main(running: Phone, app: Consumer) -> None:
        broken = asyncio.Event()

        def end() -> None:
            running.leg.hang_up()
            broken.set()

        running.leg.broken = end
        running.stream(app.url)
        customer = await app.accept()
        await running.story.until("stream.started")
        running.leg.pick_up()
        assert (await next_event(customer, "media"))["media"]["chunk"] == "1"
        sound = ConferenceSound(running.leg._engine.wheel)
        if shared:
            vars(sound._mixer)["mix"] = fail
            sound.join("CA1", running.leg, Part())
        else:
            running.tape.say = fail  # type: ignore[method-assign]
        await broken.wait()
        assert not running.leg.is_up
        assert "stop" not in await until_broken(customer, CloseCode.INTERNAL_ERROR)
        assert running.story.codes("stream.error") == [31900]
        assert len(running.story.told("stream.stopped")) == 1
        assert len(running.story.told("call.fault")) == 1
        sound.leave("CA1")

    call(main)


def test_forks_check_no_frame_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line's own frames reach every fork of a call without being decoded for it."""
    decoded: list[bytes] = []

    def decode(payload: bytes, **how: Any) -> bytes:
        decoded.append(payload)
        return binascii.a2b_base64(payload, **how)

    async def main(running: Phone, app: Consumer) -> None:
        customers = []
        for _ in range(2):
            running.stream(app.url, track=Track.BOTH)
            customers.append(await app.accept())
        await running.story.until("stream.started", 2)
        monkeypatch.setattr("bridge.stream.binascii", SimpleNamespace(a2b_base64=decode))
        running.leg.pick_up()
        await running.hung_up.wait()
        for customer in customers:
            media = [m["media"] for m in await to_the_end(customer) if m["event"] == "media"]
            said = [base64.b64decode(m["payload"]) for m in media if m["track"] == "inbound"]
            assert b"".join(said) == SECOND + SILENCE * 100
        assert not decoded

    call(main)


def test_many_calls_do_not_mix() -> None:
    """Fifty calls at once: each customer gets its own caller's audio whole, none is skipped."""
    calls = 50

    async def main() -> None:
        async with consumer() as app, running_engine() as engine:
            phones = [Phone(engine, bytes([n]) * 3_200, 200) for n in range(calls)]
            customers = []
            for running in phones:
                running.stream(app.url)
                customers.append(await app.accept())
                await running.story.until("stream.started")
            for running in phones:
                running.leg.pick_up()
            for n, (running, customer) in enumerate(zip(phones, customers, strict=True)):
                await running.hung_up.wait()
                messages = await to_the_end(customer)
                media = [m["media"] for m in messages if m["event"] == "media"]
                audio = b"".join(base64.b64decode(body["payload"]) for body in media)
                assert audio == bytes([n]) * 3_200 + SILENCE * 10
                assert messages[1]["start"]["callSid"] == running.story.call.sid
            assert engine.wheel.skipped == 0

    run_virtually(main, grace=GRACE)
