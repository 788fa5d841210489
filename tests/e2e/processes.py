"""Starts the service and its peers as processes, and waits for what they say."""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
SIGNING_KEY = "PSK_e2e_signing_key"
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(sys.executable).with_name("twiml-bridge")

Event = dict[str, Any]


class Lines:
    """The JSON lines a process prints, kept, and awaited by predicate."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.events: list[Event] = []
        self.raw: list[str] = []
        self._reader = reader
        self._news = asyncio.Condition()
        self._over = False
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while line := await self._reader.readline():
            async with self._news:
                text = line.decode(errors="replace").rstrip()
                self.raw.append(text)
                if text.startswith("{"):
                    self.events.append(json.loads(text))
                self._news.notify_all()
        async with self._news:
            self._over = True
            self._news.notify_all()

    def matching(self, **fields: Any) -> list[Event]:
        return [event for event in self.events if fields.items() <= event.items()]

    async def wait(self, count: int = 1, timeout: float = 20.0, **fields: Any) -> list[Event]:
        """The first `count` events with these fields."""
        return await self.wait_for(lambda: self.matching(**fields), count, timeout, fields)

    async def wait_for(
        self,
        find: Callable[[], list[Event]],
        count: int = 1,
        timeout: float = 20.0,
        what: object = "",
    ) -> list[Event]:
        try:
            async with asyncio.timeout(timeout), self._news:
                await self._news.wait_for(lambda: self._over or len(find()) >= count)
        except TimeoutError:
            pass
        found = find()
        if len(found) < count:
            tail = "\n".join(self.raw[-30:])
            raise AssertionError(f"waited for {count} of {what}, saw {len(found)}; tail:\n{tail}")
        return found[:count]

    async def finish(self) -> None:
        await self._task


class Process:
    """A child process with its output and its log as JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.out = Lines(process.stdout)
        self.log = Lines(process.stderr)

    async def stop(self, with_signal: int = signal.SIGTERM) -> int:
        if self.process.returncode is None:
            self.process.send_signal(with_signal)
        try:
            async with asyncio.timeout(20):
                status = await self.process.wait()
        except TimeoutError:
            self.process.kill()
            status = await self.process.wait()
        await self.out.finish()
        await self.log.finish()
        return status


Child = TypeVar("Child", bound=Process)


async def spawn(kind: type[Child], *command: str, env: dict[str, str] | None = None) -> Child:
    """Start a command at the repository's root, without settings from our environment.

    What it keeps goes to a directory of its own, unless `env` names one.
    """
    kept = {"TWIML_BRIDGE_DATA_DIR": tempfile.mkdtemp(dir=_folder())}
    return kind(
        await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=64 * 1024 * 1024,
            env={**_clean_environment(), **kept, **(env or {})},
        )
    )


@functools.cache
def _folder() -> str:
    """Where all processes of a test run keep what they keep; it goes when the run ends."""
    folder = tempfile.mkdtemp(prefix="twiml-bridge-test-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TWIML_")}


class Customer(Process):
    """The customer's app; see tests/e2e/customer.py."""

    secure = False
    port = 0

    @property
    def http(self) -> str:
        return f"http{'s' if self.secure else ''}://localhost:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws{'s' if self.secure else ''}://localhost:{self.port}"

    def voice_url(self, name: str = "voice") -> str:
        return f"{self.http}/twiml/{name}"

    async def put(self, body: str, name: str = "voice", **more: Any) -> None:
        """Set a document that `/twiml/NAME` serves."""
        verify = self.verify if self.secure else True
        async with httpx.AsyncClient(trust_env=False, verify=verify) as client:
            answer = await client.put(f"{self.http}/documents/{name}", json={"body": body, **more})
            answer.raise_for_status()

    verify: Any = True

    def messages(self, path: str) -> list[dict[str, Any]]:
        """The messages a consumer has received, decoded."""
        return [json.loads(event["text"]) for event in self.out.matching(type="text", path=path)]

    async def wait_message(self, path: str, event: str, count: int = 1) -> list[dict[str, Any]]:
        """The first `count` messages of this event at a consumer."""

        def find() -> list[Event]:
            return [message for message in self.messages(path) if message["event"] == event]

        return await self.out.wait_for(find, count, what=f"{event} at {path}")

    async def wait_callbacks(self, name: str, count: int) -> list[dict[str, str]]:
        """The forms of the first `count` callbacks at `/callback/NAME`."""
        events = await self.out.wait(count, type="http", path=f"/callback/{name}")
        return [dict(event["form"] or event["query"]) for event in events]


@asynccontextmanager
async def customer(
    cert: str | None = None, key: str | None = None, verify: Any = True
) -> AsyncIterator[Customer]:
    command = [sys.executable, "-m", "tests.e2e.customer", "0"]
    running = await spawn(Customer, *command, *filter(None, (cert, key)))
    running.secure, running.verify = cert is not None, verify
    try:
        (listening,) = await running.out.wait(type="listening")
        running.port = listening["port"]
        yield running
    finally:
        await running.stop()


class Bridge(Process):
    """The service."""

    base_url = ""

    async def call_record(self, sid: str) -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{self.base_url}/calls/{sid}")
            answer.raise_for_status()
            record: dict[str, Any] = answer.json()
            return record


@asynccontextmanager
async def bridge(voice_url: str = "", **settings: str) -> AsyncIterator[Bridge]:
    """The service in local mode with a signing key, on a free port. Yields when it is ready."""
    env = {
        "TWIML_BRIDGE_AUTH_TOKEN": AUTH_TOKEN,
        "TWIML_BRIDGE_SIGNALWIRE_SIGNING_KEY": SIGNING_KEY,
        "TWIML_BRIDGE_VOICE_URL": voice_url,
        "TWIML_BRIDGE_LOG_FORMAT": "json",
        **{f"TWIML_BRIDGE_{name.upper()}": value for name, value in settings.items()},
    }
    running = await spawn(Bridge, str(SCRIPT), "serve", "--local", "--port", "0", env=env)
    try:
        (ready,) = await running.log.wait(event="ready")
        running.base_url = f"http://{ready['listening']}"
        yield running
    finally:
        await running.stop()
