"""A service that listens for as long as a command needs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from app.main import Server
from app.service import Service
from app.settings import Settings


@asynccontextmanager
async def beside(settings: Settings) -> AsyncIterator[Service]:
    """A service on a free port of this machine, for what a call's app fetches from it. What it
    keeps is gone afterwards, unless the settings say where to keep it."""
    with _kept(settings) as folder:
        here = {"host": "127.0.0.1", "port": 0, "public_url": "", "data_dir": folder}
        server = Server(Service(settings.model_copy(update=here)))
        serving = asyncio.create_task(server.run_until_stopped())
        try:
            if not await started(server, serving):
                await serving  # raises what went wrong
                raise RuntimeError("the service ended before it had begun")
            yield server.service
        finally:
            server.should_exit = True
            await serving


@contextmanager
def _kept(settings: Settings) -> Iterator[Path]:
    if "data_dir" in settings.model_fields_set:
        yield settings.data_dir
    else:
        with TemporaryDirectory(prefix="twiml-bridge-") as folder:
            yield Path(folder)


async def started(server: Server, serving: asyncio.Task[None]) -> bool:
    """Wait until the port is open; False when the server ended instead, having said why."""
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait({ready, serving}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if serving.done():
        serving.exception()  # uvicorn has logged it
    return server.ready.is_set()
