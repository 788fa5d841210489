"""The test is SignalWire, and hears itself; time is virtual."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from bridge.engine.echo import EchoLeg
from bridge.engine.pace import COUNTED
from bridge.engine.websocket import WebSocket
from bridge.limits import StreamLimits
from tests.support.calls import Story, running_engine
from tests.support.engines import chosen
from tests.support.peers import HOST, next_message
from tests.support.virtual import run_virtually

pytestmark = pytest.mark.usefixtures("fast")

SID = "7d56a1b2-0000-4000-8000-000000000001"


class Line:
    """One media socket with an echo behind it; `socket` is the carrier's end."""

    def __init__(self, limits: StreamLimits | None = None) -> None:
        self.limits = limits
        self.story = Story()
        self.ended = asyncio.Event()
        self.ends = 0
        self.leg: EchoLeg
        self.socket: ClientConnection

    def end(self, _: EchoLeg) -> None:
        self.ends += 1
        self.ended.set()

    async def send(self, event: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"event": event} | fields))

    async def begin(self, encoding: str = "audio/x-mulaw", rate: int = 8000) -> None:
        await self.send("connected", protocol="Call", version="0.2.0")
        media_format = {"encoding": encoding, "sampleRate": rate, "channels": 1}
        await self.send("start", start={"streamSid": SID, "mediaFormat": media_format})

    async def frame(self, audio: bytes, track: str = "inbound") -> None:
        payload = base64.b64encode(audio).decode()
        await self.send("media", sequenceNumber="2", media={"track": track, "payload": payload})

    async def heard(self) -> bytes:
        """The next frame that comes back."""
        message = await next_message(self.socket)
        assert message.keys() == {"event", "streamSid", "media"}
        assert (message["event"], message["streamSid"]) == ("media", SID)
        return base64.b64decode(message["media"]["payload"])

    @property
    def account(self) -> dict[str, Any]:
        (entry,) = self.story.told("echo.ended")
        return entry.data


def on(main: Callable[[Line], Awaitable[None]], limits: StreamLimits | None = None) -> None:
    """Run one media socket; whatever ends it, it ends once."""

    async def run() -> None:
        async with running_engine(limits) as engine:
            line = Line(limits)
            line.leg = EchoLeg(engine, line.story.call, ended=line.end)
            server = await asyncio.get_running_loop().create_server(
                lambda: WebSocket.server(
                    lambda path, headers: line.leg, max_size=1_000_000, fast=chosen.fast
                ),
                HOST,
                0,
            )
            async with server:
                url = f"ws://{HOST}:{server.sockets[0].getsockname()[1]}/media/token"
                async with connect(url, ping_interval=None, proxy=None) as line.socket:
                    await main(line)
                    line.leg.stop()
                    await line.ended.wait()
                    assert line.ends == 1

    run_virtually(run, grace=0.002)


@pytest.mark.parametrize(
    ("encoding", "rate", "size"), [("audio/x-mulaw", 8000, 160), ("audio/x-L16", 16000, 640)]
)
def test_a_caller_hears_themselves(encoding: str, rate: int, size: int) -> None:
    """Every frame comes back as it was, in order, whatever its codec and length."""
    frames = [bytes((number + at) % 256 for at in range(size)) for number in range(50)] + [b"x"]

    async def main(line: Line) -> None:
        await line.begin(encoding, rate)
        for audio in frames:
            await line.frame(audio)
        assert [await line.heard() for _ in frames] == frames
        await line.send("stop", sequenceNumber="99")
        await line.ended.wait()
        assert line.leg.left_by_carrier
        assert (line.account["frames"], line.account["dropped"]) == (51, 0)
        await line.socket.wait_closed()
        assert line.socket.close_code == 1000

    on(main)


def test_what_is_no_echo() -> None:
    """What the caller hears does not come back, nor what comes before the stream has a name; other
    messages do no harm, and the first that cannot be read is noted."""

    async def main(line: Line) -> None:
        await line.frame(b"too early")
        await line.send("start", start={"mediaFormat": {}})
        await line.frame(b"for a stream without a name")
        await line.begin()
        await line.frame(b"outbound", "outbound")
        await line.send("dtmf", dtmf={"digit": "1"})
        await line.send("mark", mark={"name": "m"})
        await line.send("media", media={"track": "inbound", "payload": 'no" base64'})
        await line.socket.send(b"binary")
        await line.socket.send("no JSON")
        await line.frame(b"heard")
        assert await line.heard() == b"heard"
        assert len(line.story.told("carrier.fault")) == 1
        line.leg.stop()
        assert line.account == {"frames": 1, "dropped": 2, "throttled": 0, "faults": 3}
        assert not line.leg.left_by_carrier

    on(main)


def test_a_carrier_that_does_not_read() -> None:
    """Gets no more than a bounded amount; the rest is dropped and counted, until it reads again."""
    audio = bytes(100_000)

    async def main(line: Line) -> None:
        await line.begin()
        line.socket.transport.pause_reading()
        for _ in range(200):
            await line.frame(audio)
        await line.socket.send("no JSON")
        await line.story.until("carrier.fault")  # all before it has been read
        socket = line.leg._socket
        assert socket is not None
        assert 50_000 < socket.unsent < 200_000
        passed = line.leg._frames
        line.socket.transport.resume_reading()
        assert [await line.heard() for _ in range(passed)] == [audio] * passed
        await line.frame(b"last")
        assert await line.heard() == b"last"
        await line.send("stop")
        await line.ended.wait()
        assert (line.account["frames"], line.account["dropped"]) == (passed + 1, 200 - passed)
        assert passed < 200

    on(main, StreamLimits(unsent_size=50_000))


def test_a_carrier_that_floods() -> None:
    """Is read more slowly, and hears itself all the same."""
    frames = [b"%160d" % number for number in range(8 * COUNTED)]

    async def main(line: Line) -> None:
        await line.begin()
        for audio in frames:
            await line.frame(audio)
        assert [await line.heard() for _ in frames] == frames
        assert asyncio.get_running_loop().time() >= 2 * COUNTED / 200
        await line.send("stop")
        await line.ended.wait()
        assert (line.account["frames"], line.account["dropped"]) == (len(frames), 0)
        assert line.account["throttled"] >= 1
        assert len(line.story.told("carrier.throttled")) == 1

    on(main, StreamLimits(carrier_rate=200, unsent_size=10_000_000))


def test_a_lost_carrier() -> None:
    """A socket that breaks off ends the echo, as left by the carrier."""

    async def main(line: Line) -> None:
        await line.begin()
        line.socket.transport.abort()
        await line.ended.wait()
        assert line.leg.left_by_carrier
        assert line.account["close_code"] == 1006

    on(main)


def test_a_silent_carrier() -> None:
    """One that answers pings may be silent, which is warned of once; one that does not is given up
    after two periods."""

    async def main(line: Line) -> None:
        await line.begin()
        await asyncio.sleep(1000)
        assert not line.ended.is_set()
        (entry,) = line.story.told("carrier.idle")
        assert (entry.data["code"], entry.data["seconds"]) == (31953, 30)
        loop = asyncio.get_running_loop()
        line.socket.transport.pause_reading()
        began = loop.time()
        await line.ended.wait()
        assert loop.time() - began <= 3 * StreamLimits().carrier_idle
        assert line.account["message"] == "the carrier's socket is dead"
        assert [entry.data["seconds"] for entry in line.story.told("carrier.idle")] == [30, 60]
        line.socket.transport.resume_reading()

    on(main)
