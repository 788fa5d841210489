"""How many local calls run at once without a gap in any caller's audio.

Each call speaks, plays a file, gathers and is connected to a stream, a quarter of the calls
beginning with each, so that all four go on at once. The app at the other end of the streams is a
process of its own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from app.agent import CALLER_WAV
from app.cli.call import begin_local_call
from app.customer import Reply
from app.localcall import LocalCall, Outcome, Phone
from app.logs import configure
from app.service import Service
from app.settings import load
from bridge.call import Parties
from bridge.engine.clock import PERIOD
from bridge.wav import read_wav
from twiml.parser import parse

_SAYS = "Welcome. Please wait while we find somebody who can help you with that today."
_ASKS = "Press one for sales, two for billing."
_ANSWER_FRAMES = 150
"""Three seconds of audio from the app to each stream."""


@dataclass(slots=True)
class Result:
    """What was counted. Times are in seconds, lateness in milliseconds."""

    calls: int
    whole: int = 0
    underruns: int = 0
    frames_heard: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    ticks_skipped: int = 0
    late: list[float] = field(default_factory=list)

    def late_ms(self, share: float) -> float:
        """The lateness that so many of the clock's turns do not exceed."""
        ordered = sorted(self.late)
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)


def measure(calls: int) -> Result:
    with TemporaryDirectory(prefix="twiml-bridge-") as folder, _consumer() as url:
        return asyncio.run(_run(calls, Path(folder), url))


def record(result: Result) -> dict[str, Any]:
    told = asdict(result)
    del told["late"]
    shares = {"median": 0.5, "p99": 0.99, "max": 1.0}
    late = {name: result.late_ms(share) for name, share in shares.items()}
    return {**told, "late_ms": late, "cpus": os.cpu_count()}


def table(result: Result) -> Iterator[str]:
    load = 100 * result.cpu_seconds / result.seconds
    yield f"calls at once       {result.calls}, {result.whole} of them whole"
    yield f"frames heard        {result.frames_heard}"
    yield f"underruns           {result.underruns}"
    yield f"time                {result.seconds:.1f} s"
    yield f"CPU                 {result.cpu_seconds:.1f} s, {load:.0f} % of one"
    yield (
        f"clock late by       {result.late_ms(0.5)} ms (median), {result.late_ms(0.99)} ms (p99),"
        f" {result.late_ms(1.0)} ms (most)"
    )
    yield f"steps skipped       {result.ticks_skipped}"


async def _run(calls: int, folder: Path, url: str) -> Result:
    settings = load(local=True, data_dir=folder, max_calls=calls, log_level="error")
    configure(settings)
    service = Service(settings)
    result = Result(calls)
    audio = read_wav(CALLER_WAV)
    began, cpu = time.monotonic(), _cpu()
    stop = service.engine.wheel.subscribe(_probe(result), lambda: None)
    try:
        outcomes = await asyncio.gather(*(_call(service, at, audio, url) for at in range(calls)))
    finally:
        stop()
        await service.close()  # the speakers' processor time counts once they have ended
    result.seconds = time.monotonic() - began
    result.cpu_seconds = _cpu() - cpu
    result.ticks_skipped = service.engine.wheel.skipped
    for outcome, whole in outcomes:
        result.whole += whole
        result.underruns += outcome.underruns
        result.frames_heard += outcome.played_frames
    return result


async def _call(service: Service, number: int, audio: bytes, url: str) -> tuple[Outcome, bool]:
    verbs = [
        f"<Say>{_SAYS}</Say>",
        f"<Play>{CALLER_WAV.absolute().as_uri()}</Play>",
        f'<Gather timeout="1" numDigits="1"><Say>{_ASKS}</Say></Gather>',
        f'<Connect><Stream url="{url}"/></Connect>',
    ]
    first = number % len(verbs)
    text = f"<Response>{''.join(verbs[first:] + verbs[:first])}</Response>"
    live = begin_local_call(service, Parties("+15550006789", f"+1555{number:07d}"))
    call = LocalCall(service, live, Phone(audio, patience_ms=3_600_000))
    outcome = await call.run_document(Reply(parse(text.encode(), allow_plain_ws=True), ""))
    return outcome, outcome.hung_up_by == "document" and not live.call.timeline.errors


def _probe(result: Result) -> Any:
    """A subscriber of the clock that notes how late each of its turns is."""
    loop = asyncio.get_running_loop()
    due: float | None = None

    def tick() -> None:
        nonlocal due
        now = loop.time()
        due = now if due is None else min(due + PERIOD, now)
        result.late.append(now - due)

    return tick


def _cpu() -> float:
    """Processor time of this process and of its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


# The app


@contextmanager
def _consumer() -> Iterator[str]:
    """A WebSocket server in a process of its own; its URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"ws://127.0.0.1:{ours.recv()}/"
    finally:
        process.terminate()
        process.join()


def _serve(told: Connection) -> None:
    asyncio.run(_serve_forever(told))


async def _serve_forever(told: Connection) -> None:
    async with serve(_talk, "127.0.0.1", 0, compression=None) as server:
        (socket,) = server.sockets
        told.send(socket.getsockname()[1])
        await server.serve_forever()


async def _talk(socket: ServerConnection) -> None:
    """Say something at once, and close when it has been heard."""
    async for text in socket:
        message = json.loads(text)
        if message["event"] == "start":
            head = {"streamSid": message["streamSid"]}
            payload = base64.b64encode(b"\x33" * 160 * _ANSWER_FRAMES).decode()
            media = {**head, "event": "media", "media": {"payload": payload}}
            await socket.send(json.dumps(media))
            await socket.send(json.dumps({**head, "event": "mark", "mark": {"name": "heard"}}))
        elif message["event"] == "mark":
            await socket.close()
