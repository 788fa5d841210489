"""The service within the test's own process, listening, and WAV files for its calls."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from app.main import Server
from app.service import Service
from app.settings import load
from bridge.call import Call, Parties
from bridge.timeline import Entry

CALLER, CALLED = "+15550006789", "+15550001234"


@asynccontextmanager
async def serving(**given: object) -> AsyncIterator[Server]:
    """A service on a free port, in local mode unless told otherwise."""
    server = Server(Service(load(**{"local": True, "port": 0, **given})))
    running = asyncio.create_task(server.run_until_stopped())
    await server.ready.wait()
    try:
        yield server
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def client_of(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=20
    ) as client:
        yield client


@asynccontextmanager
async def local_service(**given: object) -> AsyncIterator[Service]:
    """A service in local mode that does not listen, as `twiml-bridge call` has it."""
    service = Service(load(**{"local": True, **given}))
    try:
        yield service
    finally:
        await service.close()


def new_call(service: Service, number: int = 1) -> Call:
    """A call of the service's, ringing; its route is the one of the settings."""
    return service.begin_call(f"CA{number:032x}", "AC" + "0" * 32, Parties(CALLER, CALLED)).call


def told(call: Call, kind: str) -> list[Entry]:
    """What a call's timeline has of one kind."""
    return [entry for entry in call.timeline.entries if entry.kind == kind]


async def until_told(call: Call, kind: str, count: int = 1) -> Entry:
    """Wait until a call's timeline has so many of a kind; the last of them."""
    more, before = asyncio.Event(), call.timeline.observer

    def observe(entry: Entry) -> None:
        if before is not None:
            before(entry)
        more.set()

    call.timeline.observer = observe
    while len(told(call, kind)) < count:
        more.clear()
        await more.wait()
    return told(call, kind)[count - 1]


def write_pcm(path: Path, samples: bytes, *, rate: int = 8000, channels: int = 1) -> Path:
    """A WAV file of 16-bit samples."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
    return path
