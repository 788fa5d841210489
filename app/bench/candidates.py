"""What is measured: the service as it ships, and bare relays by other means beside it."""

from __future__ import annotations

import asyncio
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from tempfile import mkdtemp
from types import MappingProxyType

from app.bench import machine, native, packages
from app.bench.carrier import SIGNING_KEY, App, Carrier
from app.bench.children import PYTHON, Child
from app.bench.errors import BenchError, CarrierError
from app.bench.generator import Generator, Leg
from app.bench.stand import Stand
from app.bench.variants import Environment

BASELINE = "naive"
BRIDGE = "twiml-bridge"

_START = 30.0  # seconds until a candidate listens
_AT_ONCE = 20  # webhooks under way while a stage's calls are set up


class Candidate(ABC):
    """A relay that runs. Its calls are opened through the load."""

    def __init__(self, child: Child) -> None:
        self.name = child.name
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

    async def close(self, generator: Generator) -> list[str]:
        """End all calls. Returns why some could not be ended in order, one sentence for each."""
        await generator.stop_calls()
        return []

    @abstractmethod
    async def _begin(self, generator: Generator, numbers: Sequence[int], forks: int) -> list[str]:
        """Tell the load of each call; returns why, for those that cannot even begin."""


class Relay(Candidate):
    """A peer: the URL of a carrier's socket tells it where the apps are."""

    def __init__(self, child: Child, port: int) -> None:
        super().__init__(child)
        self._port = port

    async def _begin(self, generator: Generator, numbers: Sequence[int], forks: int) -> list[str]:
        for number in numbers:
            path = f"/r/{generator.port}/{forks}/{number}"
            generator.open(number, [Leg("127.0.0.1", self._port, path, count=forks)], forks)
        return []


class Service(Candidate):
    """The bridge, called as SignalWire calls it."""

    def __init__(self, child: Child, carrier: Carrier, app: App) -> None:
        super().__init__(child)
        self.carrier = carrier
        self.app = app
        self._calls: list[int] = []

    async def _begin(self, generator: Generator, numbers: Sequence[int], forks: int) -> list[str]:
        self.app.forks = forks
        self._calls = list(numbers)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def begin(number: int) -> str:
            try:
                async with slots:
                    legs = await self.carrier.call(number)
            except CarrierError as error:
                return str(error)
            generator.open(number, legs, forks)
            return ""

        return list(filter(None, await asyncio.gather(*map(begin, numbers))))

    def expect(self, number: int) -> None:
        """Have a call that was begun by other means ended with the rest."""
        self._calls.append(number)

    def taken(self) -> list[int]:
        """The calls that are to be ended, from now on by other means."""
        calls, self._calls = self._calls, []
        return calls

    async def close(self, generator: Generator) -> list[str]:
        await super().close(generator)

        async def end(number: int) -> str:
            try:
                await self.carrier.hang_up(number)
            except CarrierError as error:
                return str(error)
            return ""

        return list(filter(None, await asyncio.gather(*map(end, self.taken()))))


Starter = Callable[[Stand], AbstractAsyncContextManager[Candidate]]
"""Starts a candidate; raises MissingError, BuildError or ChildError when it cannot run here."""


@asynccontextmanager
async def start_service(
    stand: Stand,
    *,
    name: str = BRIDGE,
    environment: Environment = MappingProxyType({}),
    status: bool = False,
) -> AsyncIterator[Service]:
    """The service as it ships, in local mode so that it reaches apps on this machine.

    What it keeps is in a directory of its own: several of them run at once. `environment` is what
    it is started with beside that; `status`: the app asks for its streams' callbacks, and no
    connection is kept, so that it can be counted what is left over.
    """
    app = App(stand.generator.port, status=status)
    async with app.serve() as voice_url:
        child = await Child.start(
            name,
            *(sys.executable, "-c", "from app.cli import main; main()"),
            *("serve", "--local", "--port", "0"),
            cores=(stand.cores.measured,),
            directory=str(stand.directory),  # where no .env of the user's is
            environment={
                **PYTHON,
                "TWIML_BRIDGE_SIGNALWIRE_SIGNING_KEY": SIGNING_KEY,
                "TWIML_BRIDGE_VOICE_URL": voice_url,
                "TWIML_BRIDGE_LOG_FORMAT": "json",
                "TWIML_BRIDGE_DATA_DIR": mkdtemp(prefix="data-", dir=stand.directory),
                **environment,
            },
            on_error=True,
        )
        try:
            ready = await child.event(_START, event="ready")
            child.deafen()
            async with Carrier.open(f"http://{ready['listening']}", keep=not status) as carrier:
                yield Service(child, carrier, app)
        finally:
            await child.stop()


@asynccontextmanager
async def start_relay(name: str, stand: Stand, *command: str) -> AsyncIterator[Relay]:
    """A relay that prints the port it listens on."""
    child = await Child.start(name, *command, cores=(stand.cores.measured,), environment=PYTHON)
    try:
        listening = await child.event(_START, type="listening")
        yield Relay(child, listening["port"])
    finally:
        await child.stop()


@asynccontextmanager
async def _naive(stand: Stand) -> AsyncIterator[Candidate]:
    command = (sys.executable, "-m", "app.bench.peers.naive")
    async with start_relay(BASELINE, stand, *command) as relay:
        yield relay


@asynccontextmanager
async def _node(stand: Stand) -> AsyncIterator[Candidate]:
    node = await packages.node()
    directory = await packages.prepare("node", stand.fetch)
    async with start_relay("node ws", stand, node, str(directory / "relay.mjs")) as relay:
        yield relay


@asynccontextmanager
async def _bun(stand: Stand) -> AsyncIterator[Candidate]:
    await packages.node()  # npm's `bun` is unpacked with it
    directory = await packages.prepare("bun", stand.fetch)
    bun = str(directory / "node_modules" / ".bin" / "bun")
    async with start_relay("bun", stand, bun, str(directory / "relay.mjs")) as relay:
        yield relay


@asynccontextmanager
async def _c(stand: Stand) -> AsyncIterator[Candidate]:
    program = await native.build("relay", stand.directory)
    async with start_relay("c epoll", stand, str(program)) as relay:
        yield relay


def starters(variants: Mapping[str, Environment]) -> dict[str, Starter]:
    """All candidates in the order of their turns. What every machine can run comes first.

    `variants` are the service again, each in an environment of its own. Raises BenchError when one
    has another candidate's name.
    """
    ours: dict[str, Starter] = {
        name: partial(start_service, name=name, environment=environment)
        for name, environment in variants.items()
    }
    peers = {"node ws": _node, "bun": _bun, "c epoll": _c}
    found = {BASELINE: _naive, BRIDGE: start_service, **ours, **peers}
    if len(found) < len(ours) + len(peers) + 2:
        taken = ", ".join((BASELINE, BRIDGE, *peers))
        raise BenchError(f"--also needs a name of its own, none of {taken}")
    return found
