"""The load, and the C programs built once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_asyncio

from app.bench import native
from app.bench.generator import Generator
from app.bench.machine import Layout
from app.bench.stand import Stand

needs_compiler = pytest.mark.skipif(native.compiler() is None, reason="needs a C compiler")
both_loads = pytest.mark.parametrize(
    "generator", [pytest.param("c", marks=needs_compiler), "python"], indirect=True
)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the C programs, empty where there is no compiler."""
    directory = tmp_path_factory.mktemp("native")

    async def build() -> None:
        for program in native.SOURCES:
            await native.build(program, directory)

    if native.compiler() is not None:
        with ThreadPoolExecutor() as executor:  # a loop of its own, while another may be running
            executor.submit(asyncio.run, build()).result()
    return directory


@pytest_asyncio.fixture
async def generator(request: pytest.FixtureRequest, built: Path) -> AsyncIterator[Generator]:
    """A running load: of the kind that a test asks for, else in C where that can be."""
    program = built / "load"
    kind = getattr(request, "param", "c" if program.exists() else "python")
    running = await Generator.start(program if kind == "c" else None)
    try:
        yield running
    finally:
        await running.close()


@pytest.fixture
def stand(generator: Generator, tmp_path: Path) -> Stand:
    """Where candidates are started, all on one core of those that there are."""
    core = max(os.sched_getaffinity(0))
    return Stand(generator, Layout(core, (core,)), tmp_path)
