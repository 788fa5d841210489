"""Every candidate relays: each frame both ways, in the right dialect, and ends its calls."""

from __future__ import annotations

import pytest

from app.bench import machine, packages
from app.bench.candidates import BASELINE, BRIDGE, Service, start_service, starters
from app.bench.errors import BenchError, MissingError
from app.bench.generator import Window
from app.bench.stage import run_stage
from app.bench.stand import Stand
from tests.app.bench.conftest import needs_compiler

WINDOW = Window(warm=5, rest=3, frames=20)
CALLS = 3


async def relays(name: str, stand: Stand) -> None:
    """Stages with one and with four apps' sockets a call: all is relayed, all apps are told `stop`,
    and the candidate has stayed on its core."""
    generator = stand.generator
    async with starters({})[name](stand) as candidate:
        for forks in (1, 4):
            stage = await run_stage(candidate, generator, stand.cores, CALLS, forks, WINDOW)
            assert stage.missing == []
            assert stage.report is not None
            assert stage.report.faults == {}
            frames = CALLS * (WINDOW.warm + WINDOW.frames)
            sent = (stage.report.to_app.sent, stage.report.to_caller.sent)
            assert sent == (frames * forks, frames)
            assert stage.cpu > 0
            assert stage.rss > 0
        assert await candidate.open(generator, CALLS, 4) == []
        stopped = await generator.stop_calls()
        assert stopped["stops"] == CALLS * 4
        assert stopped["forced"] == 0
        cores = {cores for cores, _ in machine.placement(candidate.members())}
        assert cores == {(stand.cores.measured,)}


@pytest.mark.parametrize("name", [BASELINE, BRIDGE, pytest.param("c epoll", marks=needs_compiler)])
async def test_relays(name: str, stand: Stand) -> None:
    """The naive relay, the service itself, and the relay in C."""
    await relays(name, stand)


@pytest.mark.node
@pytest.mark.parametrize("name", ["node ws", "bun"])
async def test_javascript_relays(name: str, stand: Stand) -> None:
    try:
        await packages.node()
        await packages.prepare(name.partition(" ")[0], 100)
    except MissingError as error:
        pytest.skip(f"{name}: {error}")
    await relays(name, stand)


async def test_the_service_under_other_settings(stand: Stand) -> None:
    """A variant has its own name and environment: one that takes two calls says why it takes no
    third, has none left when a stage is over, and fails with a reason once it is gone."""
    variant = starters({"small": {"TWIML_BRIDGE_MAX_CALLS": "2"}})["small"]
    generator = stand.generator
    async with variant(stand) as service:
        assert isinstance(service, Service)
        assert service.name == "small"
        (failure,) = await service.open(generator, 3, 1)
        assert failure.startswith("the answer connects no stream: ")
        assert (await service.carrier.ready())["calls"] == 2
        await service.close(generator)
        assert (await service.carrier.ready())["calls"] == 0
        assert service.app.calls == 2
        await service.child.stop()
        failures = await service.open(generator, 2, 1)
        failures += await service.close(generator)
        assert len(failures) == 4
        assert all(why.startswith("the service does not answer: ") for why in failures)


async def test_settings_that_do_not_work(stand: Stand) -> None:
    """A candidate that cannot be started is left out, with what it said last."""
    with pytest.raises(BenchError, match="TWIML_BRIDGE_MAX_CALLS"):
        async with start_service(stand, environment={"TWIML_BRIDGE_MAX_CALLS": "many"}):
            pass


def test_names_of_variants() -> None:
    """Variants come after the service; none has the name of another candidate."""
    assert list(starters({"a": {}, "b": {}})) == [
        *(BASELINE, BRIDGE, "a", "b"),
        *("node ws", "bun", "c epoll"),
    ]
    with pytest.raises(BenchError, match="a name of its own, none of naive, twiml-bridge, "):
        starters({"bun": {}})
