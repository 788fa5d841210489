"""What every benchmark of media needs: cores for each part, a directory, and the running load."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from app.bench import machine, native
from app.bench.errors import BenchError, BuildError
from app.bench.generator import Generator
from app.bench.machine import Layout

FETCH = 180.0
"""Seconds in which a peer's packages are to be fetched."""

Say = Callable[[str], None]
"""Told of a benchmark's progress."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Where candidates are started. `directory` is the run's own and goes with it."""

    generator: Generator
    cores: Layout
    directory: Path
    fetch: float = FETCH


@asynccontextmanager
async def open_stand(say: Say, fetch: float = FETCH) -> AsyncIterator[Stand]:
    """Start the load, in C where there is a compiler, and keep to its cores until the end.

    Raises BenchError when this machine cannot run a benchmark.
    """
    if not machine.supported():
        raise BenchError("a benchmark needs Linux: it pins processes and reads /proc")
    machine.raise_file_limit()
    cores = machine.layout()
    # What orders calls and answers webhooks is part of the load and stays off the measured core.
    with (
        machine.staying_on(cores.load),
        TemporaryDirectory(prefix="twiml-bridge-bench-") as name,
    ):
        directory = Path(name)
        try:
            program: Path | None = await native.build("load", directory)
        except BuildError as error:
            say(f"the load runs in Python, so capacities are lower bounds: {error}")
            program = None
        generator = await Generator.start(program, cores.load)
        try:
            yield Stand(generator, cores, directory, fetch)
        finally:
            await generator.close()
