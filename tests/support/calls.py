"""The engine and calls on it, whole and real, with a timeline that can be awaited."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.call import Call, CallStatus, Parties
from bridge.engine.connect import StreamConnector, tls_context
from bridge.engine.core import Engine
from bridge.engine.guard import AddressGuard
from bridge.engine.http import new_client
from bridge.engine.names import SystemResolver
from bridge.engine.sender import CallbackSender
from bridge.engine.webhook import Webhooks
from bridge.limits import StreamLimits
from bridge.timeline import Entry, Timeline
from tests.support.engines import chosen

AUTH_TOKEN = "12345"


class Names:
    """A resolver with answers of its own: one list of addresses for each time it is asked."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = {name.replace("_", "."): list(lists) for name, lists in answers.items()}
        self.asked: list[str] = []
        self._system = SystemResolver()

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self._answers:
            return await self._system(host, port)
        answers = self._answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@asynccontextmanager
async def running_engine(
    limits: StreamLimits | None = None,
    *,
    guard: AddressGuard | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Engine]:
    """An engine in local mode, on the chosen sockets; at the end every callback has gone out."""
    limits = limits or StreamLimits()
    guard = guard or AddressGuard(allow_private=True)
    tls = tls or tls_context()
    async with new_client(guard, tls) as client:
        webhooks = Webhooks(client, AUTH_TOKEN)
        sender = CallbackSender(webhooks)
        connector = StreamConnector(AUTH_TOKEN, guard, tls, limits, fast=chosen.fast)
        yield Engine(connector, webhooks, sender, limits)
        assert await sender.drain(10) == 0


class Story:
    """A call in progress, and what its timeline tells."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()
        self.call = Call(
            "CA" + "1" * 32,
            "AC" + "0" * 32,
            Parties("+15550001111", "+15550002222"),
            Timeline(asyncio.get_running_loop().time, observer=self._observe),
            CallStatus.IN_PROGRESS,
        )

    def _observe(self, _: Entry) -> None:
        self._arrived.set()

    def told(self, kind: str) -> list[Entry]:
        return [entry for entry in self.call.timeline.entries if entry.kind == kind]

    def codes(self, kind: str = "stream.warning") -> list[int]:
        return [entry.data["code"] for entry in self.told(kind)]

    async def until(self, kind: str, count: int = 1) -> Entry:
        """Wait for the entry of that kind that is the `count`-th."""
        while len(self.told(kind)) < count:
            self._arrived.clear()
            await self._arrived.wait()
        return self.told(kind)[count - 1]
