"""What is measured: the service as it ships, and bare relays by other means beside it."""

from __future__ import annotations

import asyncio
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app.bench import machine, native, packages
from app.bench.carrier import SIGNING_KEY, App, Carrier
from app.bench.children import PYTHON, Child
from app.bench.errors import CarrierError
from app.bench.generator import Generator, Leg

BASELINE = "naive"
BRIDGE = "twiml-bridge"

_START = 30.0  # seconds until a candidate listens


class Candidate(ABC):
    """A relay that runs. Its calls are opened through the load."""

    def __init__(self, name: str, child: Child) -> None:
        self.name = name
        self.child = child
        self.idle_rss = 0
        """Bytes before its first measured call."""

    def members(self) -> list[int]:
        """Its processes."""
        return machine.tree(self.child.pid)

    async def open(self, generator: Generator, calls: int, forks: int) -> list[str]:
        """Set calls up, each with a two-way stream and `forks - 1` others.

        Returns why calls did not come up, one sentence for each that did not.
        """
        numbers = [generator.new_id() for _ in range(calls)]
        failures = await self._begin(generator, numbers, forks)
        begun = calls - len(failures)
        told = await generator.opened(begun)
        failures += [event["why"] for event in told if event["type"] == "down"]
        return failures + ["a call was not up in time"] * (begun - len(told))

    async def close(self, generator: Generator) -> None:
        """End all calls."""
        await generator.stop_calls()

    @abstractmethod
    async def _begin(self, generator: Generator, numbers: Sequence[int], forks: int) -> list[str]:
        """Tell the load of each call; returns why, for those that cannot even begin."""


class Relay(Candidate):
    """A peer: the URL of a carrier's socket tells it where the apps are."""

    def __init__(self, name: str, child: Child, port: int) -> None:
        super().__init__(name, child)
        self._port = port

    async def _begin(self, generator: Generator, numbers: Sequence[int], forks: int) -> list[str]:
        for number in numbers:
            path = f"/r/{generator.port}/{forks}/{number}"
            generator.open(number, [Leg("127.0.0.1", self._port, path, count=forks)], forks)
        return []


class Service(Candidate):
    """The bridge, called as SignalWire calls it."""

    def __init__(self, child: Child, carrier: Carrier, app: App) -> None:
        super().__init__(BRIDGE, child)
        self.carrier = carrier
        self.app = app
        self._calls: list[int] = []

    async def _begin(self, generator: Generator, numbers: Sequence[int], forks: int) -> list[str]:
        self.app.forks = forks
        self._calls = list(numbers)

        async def begin(number: int) -> str:
            try:
                legs = await self.carrier.call(number)
            except CarrierError as error:
                return str(error)
            generator.open(number, legs, forks)
            return ""

        return list(filter(None, await asyncio.gather(*map(begin, numbers))))

    def expect(self, number: int) -> None:
        """Have a call that was begun by other means ended with the rest."""
        self._calls.append(number)

    async def close(self, generator: Generator) -> None:
        await super().close(generator)
        await asyncio.gather(*map(self.carrier.hang_up, self._calls))
        self._calls = []


@dataclass(frozen=True, slots=True)
class Setting:
    """Where candidates are started. `directory` is the run's own and goes with it; packages are to
    be fetched in `fetch` seconds."""

    generator: Generator
    core: int
    directory: Path
    fetch: float = 180.0


Starter = Callable[[Setting], AbstractAsyncContextManager[Candidate]]
"""Starts a candidate; raises MissingError, BuildError or ChildError when it cannot run here."""


@asynccontextmanager
async def start_service(
    setting: Setting, *, status: bool = False, **settings: str
) -> AsyncIterator[Service]:
    """The service as it ships, in local mode so that it reaches apps on this machine.

    `status`: the app asks for stream callbacks. `settings` are the service's own, by name.
    """
    app = App(setting.generator.port, status=status)
    async with app.serve() as voice_url:
        child = await Child.start(
            BRIDGE,
            *(sys.executable, "-c", "from app.cli import main; main()"),
            *("serve", "--local", "--port", "0"),
            cores=(setting.core,),
            directory=str(setting.directory),  # where no .env of the user's is
            environment={
                **PYTHON,
                "TWIML_BRIDGE_SIGNALWIRE_SIGNING_KEY": SIGNING_KEY,
                "TWIML_BRIDGE_VOICE_URL": voice_url,
                "TWIML_BRIDGE_LOG_FORMAT": "json",
                **{f"TWIML_BRIDGE_{name.upper()}": value for name, value in settings.items()},
            },
            on_error=True,
        )
        try:
            ready = await child.event(_START, event="ready")
            child.deafen()
            async with Carrier.open(f"http://{ready['listening']}") as carrier:
                yield Service(child, carrier, app)
        finally:
            await child.stop()


@asynccontextmanager
async def start_relay(name: str, setting: Setting, *command: str) -> AsyncIterator[Relay]:
    """A relay that prints the port it listens on."""
    child = await Child.start(name, *command, cores=(setting.core,), environment=PYTHON)
    try:
        listening = await child.event(_START, type="listening")
        yield Relay(name, child, listening["port"])
    finally:
        await child.stop()


@asynccontextmanager
async def _naive(setting: Setting) -> AsyncIterator[Candidate]:
    command = (sys.executable, "-m", "app.bench.peers.naive")
    async with start_relay(BASELINE, setting, *command) as relay:
        yield relay


@asynccontextmanager
async def _node(setting: Setting) -> AsyncIterator[Candidate]:
    node = await packages.node()
    directory = await packages.prepare("node", setting.fetch)
    async with start_relay("node ws", setting, node, str(directory / "relay.mjs")) as relay:
        yield relay


@asynccontextmanager
async def _bun(setting: Setting) -> AsyncIterator[Candidate]:
    await packages.node()  # npm's `bun` is unpacked with it
    directory = await packages.prepare("bun", setting.fetch)
    bun = str(directory / "node_modules" / ".bin" / "bun")
    async with start_relay("bun", setting, bun, str(directory / "relay.mjs")) as relay:
        yield relay


@asynccontextmanager
async def _c(setting: Setting) -> AsyncIterator[Candidate]:
    program = await native.build("relay", setting.directory)
    async with start_relay("c epoll", setting, str(program)) as relay:
        yield relay


STARTERS: dict[str, Starter] = {
    BASELINE: _naive,
    BRIDGE: start_service,
    "node ws": _node,
    "bun": _bun,
    "c epoll": _c,
}
"""In the order of their turns. What every machine can run comes first."""
