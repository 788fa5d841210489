"""Apps that play, mark and clear, and a carrier that hears when what comes (T section 7).

Both ends are here, so one clock times them. The service paces its audio, so the carrier answers a
mark at once: what came before it has been heard, but for the last frame's 20 ms.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import time
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from app.bench.candidates import Service
from app.bench.generator import Leg

MARKS = 10
PATIENCE = 30.0
"""Seconds that a conversation may take."""
_BEFORE_CLEAR = 0.5
_LONG = 10 * 8_000  # bytes: ten seconds that are cleared long before their end


@dataclass(slots=True)
class Conversation:
    """One call's figures. `mark_samples`: how many samples behind its own place in the audio a mark
    came to the carrier. Times in ms: `mark_ms` from a mark's sample at the carrier to its echo at
    the app; `clear_ms` and `cleared_ms` from the app's `clear` to the carrier, and to the echo of
    the mark that was waiting."""

    mark_samples: list[float] = field(default_factory=list)
    mark_ms: list[float] = field(default_factory=list)
    clear_ms: list[float] = field(default_factory=list)
    cleared_ms: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Heard:
    """What the carrier heard: after which byte of audio, at what time."""

    frames: list[tuple[int, float]] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    cleared_at: float = 0.0
    after_clear: int = 0

    @property
    def size(self) -> int:
        return self.frames[-1][0] if self.frames else 0

    def when(self, position: int) -> float:
        """When the sample before this position came."""
        return next(at for size, at in self.frames if size >= position)


class Talks:
    """The apps' WebSocket server; each connection is one conversation."""

    def __init__(self) -> None:
        self.heard: dict[int, Heard] = {}
        self.told: dict[int, asyncio.Future[Conversation]] = {}

    def expect(self, number: int) -> asyncio.Future[Conversation]:
        self.heard[number] = Heard()
        self.told[number] = asyncio.get_running_loop().create_future()
        return self.told[number]

    async def app(self, socket: ServerConnection) -> None:
        """An app that sends audio of odd lengths with marks between, then some that it clears."""
        assert socket.request is not None
        number = int(socket.request.path.split("/")[2])
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._converse(socket, number)
        except (TimeoutError, ConnectionClosed) as error:
            found = Conversation(faults=[f"the conversation broke off: {error!r}"])
        if not self.told[number].done():
            self.told[number].set_result(found)

    async def _converse(self, socket: ServerConnection, number: int) -> Conversation:
        sid = ""
        while not sid:
            message = json.loads(await socket.recv())
            sid = message["streamSid"] if message["event"] == "start" else ""
        choice = random.Random(number)  # noqa: S311 -- lengths, not secrets
        lengths = [choice.randrange(200, 3000) for _ in range(MARKS)]
        for index, length in enumerate(lengths):
            await _play(socket, sid, length, f"m{index}")
        echoes: list[tuple[str, float]] = []
        while len(echoes) < MARKS:
            echoes.append(await _echo(socket))
        found, heard = Conversation(), self.heard[number]
        if [name for name, _ in echoes] != [f"m{index}" for index in range(MARKS)]:
            found.faults.append("marks came back out of order")
        for (name, at), position in zip(echoes, accumulate(lengths), strict=True):
            found.mark_samples.append(heard.marks.get(name, 0) - position)
            found.mark_ms.append(1000 * (at - heard.when(position)))
        if heard.marks.get(f"m{MARKS - 1}", 0) < sum(lengths):
            found.faults.append("a mark came before its audio")
        await self._clear(socket, sid, found, heard)
        return found

    async def _clear(
        self, socket: ServerConnection, sid: str, found: Conversation, heard: Heard
    ) -> None:
        await _play(socket, sid, _LONG, "cleared")
        await asyncio.sleep(_BEFORE_CLEAR)  # as long as an app lets it play; nothing is waited for
        sent = time.monotonic()
        await _say(socket, event="clear", streamSid=sid)
        name, at = await _echo(socket)
        found.cleared_ms.append(1000 * (at - sent))
        if name != "cleared":
            found.faults.append(f"the mark {name} came back in place of the cleared one")
        await _play(socket, sid, 160, "last")
        await _echo(socket)  # the carrier has heard everything by now
        found.clear_ms.append(1000 * (heard.cleared_at - sent))
        if not heard.cleared_at:
            found.faults.append("the carrier was not told to clear")
        if heard.after_clear != 160:
            found.faults.append(f"{heard.after_clear - 160} bytes of cleared audio were played")

    async def carrier(self, number: int, leg: Leg) -> None:
        """SignalWire's side of one stream, until the service closes it."""
        async with connect(
            f"ws://{leg.host}:{leg.port}{leg.path}",
            additional_headers={"Authorization": f"Bearer {leg.bearer}"},
            compression=None,
            max_size=None,
            proxy=None,
        ) as socket:
            media_format = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
            start = {
                "streamSid": f"5eed-{number}",
                "accountSid": "5eed",
                "callSid": "5eed",
                "tracks": ["inbound"],
                "mediaFormat": media_format,
            }
            await _say(socket, event="connected", protocol="Call", version="0.2.0")
            await _say(socket, event="start", sequenceNumber="1", start=start)
            with contextlib.suppress(ConnectionClosed):
                async for text in socket:
                    await self._hear(socket, self.heard[number], json.loads(text))

    async def _hear(self, socket: ClientConnection, heard: Heard, message: dict[str, Any]) -> None:
        now = time.monotonic()
        match message:
            case {"event": "media", "media": {"payload": str(payload)}}:
                size = len(base64.b64decode(payload))
                heard.frames.append((heard.size + size, now))
                heard.after_clear += size if heard.cleared_at else 0
            case {"event": "mark", "mark": {"name": str(name)}}:
                heard.marks[name] = heard.size
                await _say(socket, event="mark", mark={"name": name})
            case {"event": "clear"}:
                heard.cleared_at = now


async def talk_all(service: Service, calls: int) -> list[Conversation]:
    """Let so many apps talk at once, each on a call of its own."""
    talks = Talks()
    load_port = service.app.load_port
    carriers: list[asyncio.Task[None]] = []
    async with serve(talks.app, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        service.app.load_port = server.sockets[0].getsockname()[1]
        service.app.forks = 1
        try:
            waiting = [talks.expect(number) for number in range(calls)]
            for number in range(calls):
                (leg,) = await service.carrier.call(number)
                carriers.append(asyncio.create_task(talks.carrier(number, leg)))
            await asyncio.wait(waiting, timeout=2 * PATIENCE)
            for told in waiting:
                if not told.done():
                    told.set_result(Conversation(faults=["the service did not reach the app"]))
            for number in range(calls):
                await service.carrier.hang_up(number)
            await asyncio.wait(carriers, timeout=PATIENCE)
        finally:
            service.app.load_port = load_port
            for task in carriers:
                task.cancel()
            await asyncio.gather(*carriers, return_exceptions=True)
    return [told.result() for told in waiting]


async def _play(socket: ServerConnection, sid: str, size: int, mark: str) -> None:
    payload = base64.b64encode(bytes([0x55]) * size).decode()
    await _say(socket, event="media", streamSid=sid, media={"payload": payload})
    await _say(socket, event="mark", streamSid=sid, mark={"name": mark})


async def _echo(socket: ServerConnection) -> tuple[str, float]:
    """The next mark that comes back, and when."""
    while True:
        message = json.loads(await socket.recv())
        if message["event"] == "mark":
            return message["mark"]["name"], time.monotonic()


async def _say(socket: ServerConnection | ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))
