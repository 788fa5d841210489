"""Every candidate relays: each frame both ways, in the right dialect, and ends its calls."""

from __future__ import annotations

import pytest

from app.bench import packages
from app.bench.candidates import BASELINE, BRIDGE, STARTERS, Service, Setting, start_service
from app.bench.errors import MissingError
from app.bench.generator import Generator, Window
from app.bench.machine import Layout
from app.bench.stage import run_stage
from tests.app.bench.conftest import needs_compiler

WINDOW = Window(warm=5, rest=3, frames=20)
CALLS = 3


async def relays(name: str, setting: Setting, forks: int) -> None:
    """Two stages with a candidate: all is relayed, and all apps are told `stop`."""
    generator = setting.generator
    async with STARTERS[name](setting) as candidate:
        for _ in range(2):
            stage = await run_stage(candidate, generator, Layout(0, (0,)), CALLS, forks, WINDOW)
            assert stage.missing == []
            assert stage.report is not None
            assert stage.report.faults == {}
            frames = CALLS * (WINDOW.warm + WINDOW.frames)
            assert (stage.report.to_app.sent, stage.report.to_caller.sent) == (
                frames * forks,
                frames,
            )
            assert stage.cpu > 0
            assert stage.rss > 0
        assert await candidate.open(generator, CALLS, forks) == []
        stopped = await generator.stop_calls()
        assert stopped["stops"] == CALLS * forks
        assert stopped["forced"] == 0


@pytest.mark.parametrize("forks", [1, 4])
@pytest.mark.parametrize("name", [BASELINE, BRIDGE])
async def test_relays(name: str, setting: Setting, forks: int) -> None:
    """The naive relay and the service itself, with one and with four apps' sockets a call."""
    await relays(name, setting, forks)


@needs_compiler
@pytest.mark.parametrize("forks", [1, 4])
async def test_the_c_relay(setting: Setting, forks: int) -> None:
    await relays("c epoll", setting, forks)


@pytest.mark.node
@pytest.mark.parametrize("forks", [1, 4])
@pytest.mark.parametrize("name", ["node ws", "bun"])
async def test_javascript_relays(name: str, setting: Setting, forks: int) -> None:
    try:
        await packages.node()
        await packages.prepare(name.partition(" ")[0], 100)
    except MissingError as error:
        pytest.skip(f"{name}: {error}")
    await relays(name, setting, forks)


async def test_the_service_has_no_calls_left(setting: Setting) -> None:
    """A stage's calls are hung up: the service has none of them any more."""
    async with STARTERS[BRIDGE](setting) as service:
        assert isinstance(service, Service)
        generator: Generator = setting.generator
        assert await service.open(generator, 2, 1) == []
        assert (await service.carrier.ready())["calls"] == 2
        await service.close(generator)
        assert (await service.carrier.ready())["calls"] == 0
        assert service.app.posted == {"/voice": 2}


async def test_calls_that_the_service_refuses(setting: Setting) -> None:
    """A service that is full answers busy, and each call that it did not take is told."""
    async with start_service(setting, max_calls="2") as service:
        failures = await service.open(setting.generator, 3, 1)
        assert len(failures) == 1
        assert failures[0].startswith("the answer connects no stream: ")
        await service.close(setting.generator)


async def test_a_service_that_is_gone(setting: Setting) -> None:
    """Its calls fail with a reason, not with an exception."""
    async with STARTERS[BRIDGE](setting) as service:
        await service.child.stop()
        failures = await service.open(setting.generator, 2, 1)
        assert len(failures) == 2
        assert all(why.startswith("the service does not answer: ") for why in failures)
