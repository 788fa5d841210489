"""The load in both its forms, and the C programs built once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_asyncio

from app.bench import native
from app.bench.candidates import Setting
from app.bench.generator import Generator

needs_compiler = pytest.mark.skipif(native.compiler() is None, reason="needs a C compiler")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the load in C; skips where there is no compiler."""
    if native.compiler() is None:
        pytest.skip("needs a C compiler")
    directory = tmp_path_factory.mktemp("native")
    with ThreadPoolExecutor() as executor:  # a loop of its own, while another may be running
        executor.submit(asyncio.run, native.build("load", directory)).result()
    return directory


@pytest_asyncio.fixture(params=["c", "python"])
async def generator(request: pytest.FixtureRequest) -> AsyncIterator[Generator]:
    """A running load, in C and in Python."""
    program = request.getfixturevalue("built") / "load" if request.param == "c" else None
    running = await Generator.start(program)
    try:
        yield running
    finally:
        await running.close()


@pytest.fixture
def setting(generator: Generator, tmp_path: Path) -> Setting:
    return Setting(generator, 0, tmp_path)
