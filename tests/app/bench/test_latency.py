"""`bench latency`: what it measures is there, and audio or marks that go astray are caught."""

from __future__ import annotations

import asyncio
import json
from typing import cast

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from app.bench import latency
from app.bench.candidates import Service, start_service
from app.bench.carrier import App
from app.bench.generator import Leg
from app.bench.latency import Result, reading
from app.bench.marks import MARKS, Conversation, talk_all
from app.bench.stand import Stand
from app.bench.starts import Spread, Starts, start_calls


async def test_starts_and_marks_of_the_service(stand: Stand) -> None:
    """Each call is timed from its webhook to its answer and, later, to `start` at the app; one that
    the service does not take is counted. Marks are within the frame that has their sample, in
    order; what is cleared is not played."""
    async with start_service(stand, environment={"TWIML_BRIDGE_MAX_CALLS": "5"}) as service:
        starts = await start_calls(service, stand.generator, 6)
        await service.close(stand.generator)
        assert (await service.carrier.ready())["calls"] == 0
        talks = await talk_all(service, 2)
    assert len(starts.answered) == len(starts.started) == 5
    assert min(starts.answered) > 0
    assert sum(starts.started) > sum(starts.answered)
    assert len(starts.refused) == 1
    assert latency.failed(Result(6, starts, [], []))
    for talk in talks:
        assert talk.faults == []
        assert len(talk.mark_samples) == len(talk.mark_ms) == MARKS
        assert all(0 <= samples < 160 for samples in talk.mark_samples)
        assert len(talk.clear_ms) == len(talk.cleared_ms) == 1
        assert min(talk.clear_ms + talk.cleared_ms) > 0


def test_reading() -> None:
    """The document of a call is read and translated, time after time."""
    times = reading(App(4000).document(7))
    assert len(times) > 1
    assert min(times) > 0


class Bad:
    """Stands in for the service: passes messages on, unpaced, and does one thing wrong."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.app = self.carrier = self
        self.load_port = self.forks = self.port = 0
        self.waiting = ""

    async def call(self, number: int) -> list[Leg]:
        return [Leg("127.0.0.1", self.port, f"/{self.load_port}/{number}", "token")]

    async def hang_up(self, number: int) -> None:
        """Nothing is held."""

    async def relay(self, carrier: ServerConnection) -> None:
        assert carrier.request is not None
        if self.fault == "silent":
            await carrier.wait_closed()
            return
        _, port, number = carrier.request.path.split("/")
        async with connect(f"ws://127.0.0.1:{port}/c/{number}/0", proxy=None) as app:
            await app.send(json.dumps({"event": "start", "streamSid": "MZ"}))
            back = asyncio.create_task(self.back(carrier, app))
            held: list[str] = []
            cleared = False
            async for data in app:
                text = str(data)
                event = json.loads(text)["event"]
                if self.fault == "early marks" and event == "media":
                    held.append(text)
                    continue
                if event == "mark" and self.fault == "wrong order":
                    held.insert(0, text)
                    if len(held) == 1:
                        continue
                    text = held.pop(0)
                    self.fault = ""
                # As a service would: what waits to be played goes when the app clears.
                if event == "mark" and '"cleared"' in text and not cleared:
                    self.waiting = text
                    continue
                await carrier.send(text)
                if event == "mark":
                    for late in held:
                        await carrier.send(late)
                    held.clear()
                if event == "clear":
                    cleared = True
                    await app.send(self.waiting)
                    if self.fault == "plays on":
                        payload = {"payload": "VVVV" * 100}
                        await carrier.send(json.dumps({"event": "media", "media": payload}))
            back.cancel()

    async def back(self, carrier: ServerConnection, app: ClientConnection) -> None:
        async for text in carrier:
            if json.loads(text)["event"] == "mark":
                await app.send(text)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("plays on", "300 bytes of cleared audio were played"),
        ("early marks", "a mark came before its audio"),
        ("wrong order", "marks came back out of order"),
    ],
)
async def test_faults_are_caught(fault: str, told: str) -> None:
    bad = Bad(fault)
    async with serve(bad.relay, "127.0.0.1", 0) as server:
        bad.port = server.sockets[0].getsockname()[1]
        (talk,) = await talk_all(cast(Service, bad), 1)
    assert told in talk.faults


async def test_a_service_that_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up, and that is a fault of each call."""
    monkeypatch.setattr("app.bench.marks.PATIENCE", 0.1)
    bad = Bad("silent")
    async with serve(bad.relay, "127.0.0.1", 0) as server:
        bad.port = server.sockets[0].getsockname()[1]
        talks = await talk_all(cast(Service, bad), 2)
    assert [talk.faults for talk in talks] == [["the service did not reach the app"]] * 2


def test_what_is_told() -> None:
    """Figures and faults, for a person and as data; a fault makes the command fail."""
    assert Spread.of([]) == Spread(0, 0.0, 0.0, 0.0)
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(3, 2.0, 3.0, 3.0)
    starts = Starts([1.0, 2.0], [3.0, 4.0], [])
    talk = Conversation([80.0], [0.5], [0.6], [0.7], [])
    result = Result(2, starts, [0.05, 0.06], [talk])
    text = "\n".join(latency.lines(result))
    assert "2 calls within one second: 0 refused" in text
    assert "webhook to `start`    p50 3.0, p99 4.0, max 4.0 ms" in text
    assert "reading its TwiML     p50 0.05, p99 0.06" in text
    assert "mark past its sample  p50 80.0" in text
    assert not latency.failed(result)
    assert latency.record(result)["started_ms"]["max"] == 4.0
    talk.faults.append("a mark was lost")
    starts.refused += ["busy", "busy"]
    assert latency.failed(result)
    assert latency.lines(result)[-2:] == ["refused: busy", "fault: a mark was lost"]
    assert latency.record(result)["faults"] == ["a mark was lost"]
