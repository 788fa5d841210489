"""Processes that a benchmark starts: each on cores of its own, each telling JSON line by line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from app.bench.errors import ChildError

Event = dict[str, Any]

_LAUNCH = str(Path(__file__).with_name("launch.py"))
_LINE = 1 << 20

STOP_SECONDS = 10.0
"""After this long a process that was told to stop is killed."""

PYTHON = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
"""The environment in which a child that is Python finds this package."""


class Child:
    """A running process. What it says on its one channel comes as events; the rest is kept for an
    error's message."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, *, on_error: bool) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.name = name
        self.pid = process.pid
        self._process = process
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._tail: deque[str] = deque(maxlen=20)
        self._listening = True
        said, other = process.stdout, process.stderr
        if on_error:
            said, other = other, said
        self._readers = [
            asyncio.create_task(self._read(said, events=True)),
            asyncio.create_task(self._read(other, events=False)),
        ]

    @classmethod
    async def start(
        cls,
        name: str,
        *command: str,
        cores: Collection[int] = (),
        environment: Mapping[str, str] | None = None,
        directory: str | None = None,
        on_error: bool = False,
    ) -> Child:
        """Start a command that stays on `cores` with all that it starts, and ends when we do.

        `on_error`: its events come on standard error. Raises ChildError when there is no such
        command.
        """
        if shutil.which(command[0]) is None:
            raise ChildError(f"{name}: there is no command {command[0]}")
        wanted = ",".join(map(str, sorted(cores))) or "-"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", _LAUNCH, wanted, str(os.getpid()), *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=directory,
            env={**_environment(), **(environment or {})},
            limit=_LINE,
            start_new_session=True,  # Ctrl-C is for us; what we started we end
        )
        return cls(name, process, on_error=on_error)

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def event(self, within: float, **fields: object) -> Event:
        """The next event that has these fields; others are passed over.

        Raises ChildError after `within` seconds, or when the process ends.
        """
        try:
            async with asyncio.timeout(within):
                while True:
                    event = await self.any_event()
                    if fields.items() <= event.items():
                        return event
        except TimeoutError:
            raise ChildError(f"{self.name} said nothing of {fields} in {within:g} s") from None

    async def any_event(self) -> Event:
        """The next event, whichever; raises ChildError when the process has ended."""
        event = await self._events.get()
        if event is None:
            self._events.put_nowait(None)
            status = await self._process.wait()
            told = "\n".join(self._tail)
            raise ChildError(f"{self.name} ended with status {status}\n{told}".rstrip())
        return event

    def deafen(self) -> None:
        """Take no more events: what a process says from now on costs nothing to read."""
        self._listening = False

    async def _read(self, stream: asyncio.StreamReader, *, events: bool) -> None:
        while line := await stream.readline():
            if events and self._listening and line.startswith(b"{"):
                with contextlib.suppress(ValueError):
                    self._events.put_nowait(json.loads(line))
                    continue
            self._tail.append(line.decode(errors="replace").rstrip())
        if events:
            self._events.put_nowait(None)

    async def stop(self) -> None:
        """End it and all that it started, by force what takes too long."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        await _end(self._process, STOP_SECONDS)
        await asyncio.gather(*self._readers)
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.wait_closed()


async def output(*command: str, within: float) -> tuple[int, str]:
    """A command's status and all that it says; status 1 when it takes longer than `within` s."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(within):
            told, _ = await process.communicate()
    except TimeoutError:
        return 1, f"code ETIMEDOUT: nothing in {within:g} s"
    finally:
        await _end(process, 0)
    return process.returncode or 0, told.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process, patience: float) -> None:
    """Wait for the leader of a session so long; then kill whatever there is left of it."""
    try:
        async with asyncio.timeout(patience):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _environment() -> dict[str, str]:
    """Ours, without settings of a service that is none of the benchmark's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TWIML_")}
