"""The command run to its end as a process of its own, and documents for it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.processes import SCRIPT

CLEAN = "<Response><Hangup/></Response>"
WARNED = "<Response><say>hi</say></Response>"
SPOILT = '<Response>\n  <Start><Stream url="ws://c.example/"/></Start>\n</Response>'


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def codes(self) -> list[list[int]]:
        return [record["codes"] for record in self.records]


def environment(**more: str) -> dict[str, str]:
    """Ours without settings and without what terminals are told by."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TWIML_", "NO_COLOR", "FORCE_COLOR"))
    }
    return {**kept, "TERM": "xterm", **more}


async def start(*arguments: object, **more: Any) -> asyncio.subprocess.Process:
    """A running command; its streams are pipes unless told otherwise."""
    pipe = asyncio.subprocess.PIPE
    env = more.pop("env", {})
    return await asyncio.create_subprocess_exec(
        str(SCRIPT),
        *map(str, arguments),
        env=environment(**env),
        preexec_fn=_heeds_interrupts,
        **{"stdin": pipe, "stdout": pipe, "stderr": pipe, **more},
    )


def _heeds_interrupts() -> None:
    """A shell makes what it runs in the background ignore SIGINT, and that is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def command(
    *arguments: object, stdin: bytes = b"", cwd: Path | None = None, **env: str
) -> Ran:
    process = await start(*arguments, env=env, cwd=cwd)
    try:
        out, err = await process.communicate(stdin)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    assert process.returncode is not None
    ran = Ran(process.returncode, out.decode(), err.decode())
    assert "Traceback" not in ran.err
    return ran


def twiml(folder: Path, text: str | bytes = CLEAN, name: str = "app.xml") -> Path:
    """A document in a folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
