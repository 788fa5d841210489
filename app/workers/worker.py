"""One worker: the service at its share of the port, and what its siblings reach it by."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

import structlog
import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app import logs
from app.loop import run_on_loop
from app.main import Server
from app.media import PREFIX, Arriving, path_of, socket_maker
from app.service import Service
from app.settings import Settings, SettingsError
from app.store import open_store
from app.workers.handover import Hatch
from app.workers.relay import Door, Relay
from app.workers.siblings import Seat

BEAT = 1.0
"""Seconds between the signs that a worker's event loop turns."""
READY = b"ready"
FAULT = b"fault "
_GRACE = 5
"""Seconds after which a worker without parent ends, however it is, beyond its time to drain."""

log = structlog.get_logger("worker")


def run_worker(
    seat: Seat, settings: Settings, listener: socket.socket, parent: int, lifeline: int
) -> int:
    """Be a worker until told to stop; the exit status.

    `parent` is a pipe that it tells of its start: `READY`, or `FAULT` and why the settings make no
    service. `lifeline` is a pipe that ends when the parent does.
    """
    logs.configure(settings, worker=seat.place.number)
    try:
        run_on_loop(_serve(seat, settings, listener, parent, lifeline))
    except SettingsError as error:
        os.write(parent, FAULT + str(error).encode() + b"\n")
        return 2
    return 0


async def _serve(
    seat: Seat, settings: Settings, listener: socket.socket, parent: int, lifeline: int
) -> None:
    server = WorkerServer(
        Service(settings, open_store(settings, seat.place.number), seat),
        listener,
        lambda: os.write(parent, READY + b"\n"),
    )
    loop = asyncio.get_running_loop()
    alone = False

    def orphaned() -> None:
        nonlocal alone
        alone = True
        loop.remove_reader(lifeline)
        log.error("the parent process is gone: draining")
        server.should_exit = True
        signal.alarm(int(settings.shutdown_seconds) + _GRACE)

    loop.add_reader(lifeline, orphaned)
    await server.run_until_stopped()
    if alone:
        _clear_up(seat)


def _clear_up(seat: Seat) -> None:
    """Remove what the parent would have; the last worker removes the directory."""
    for path in (seat.door(seat.place.number), seat.hatch(seat.place.number)):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        seat.directory.rmdir()


class WorkerServer(Server):
    """A server with a door for requests from siblings and a hatch for sockets. `ready` is told."""

    signals = (signal.SIGTERM,)  # a terminal's SIGINT reaches all; the parent passes on what counts

    def __init__(
        self, service: Service, listener: socket.socket, ready: Callable[[], object]
    ) -> None:
        super().__init__(service, listener)
        self.config.app = Relay(self.app, service)
        self._tell_ready = ready
        self._inside = _InsideServer(service, Door(self.app, service))
        self._hatch: Hatch | None = None
        self._beating: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self._inside.open()
        seat = self.service.siblings.seat
        self._hatch = Hatch(seat.hatch(seat.place.number), self._take)
        self._beating = asyncio.create_task(self._beat())
        await super().startup(sockets)

    def announce(self) -> None:
        log.info("worker ready", life=self.service.siblings.place.life, pid=os.getpid())
        self._tell_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        assert self._hatch is not None
        assert self._beating is not None
        await self._hatch.close()
        await self._inside.close()
        self._beating.cancel()

    async def _take(self, given: socket.socket, request: bytes) -> None:
        """A socket that came in at a sibling is a stream of a call here, or a phone."""
        media = path_of(request).startswith(PREFIX)
        make = socket_maker(self.service) if media else self._new_socket
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: Arriving(make(), request), given
        )
        self.service.siblings.moves.sockets_taken += 1

    def _new_socket(self) -> asyncio.Protocol:
        """uvicorn's own, as its door would make it."""
        return WebSocketsSansIOProtocol(self.config, self.server_state, self.lifespan.state)

    async def _beat(self) -> None:
        while True:
            self.service.publish()
            await asyncio.sleep(BEAT)


class _InsideServer(uvicorn.Server):
    """HTTP at a worker's Unix socket, run by hand beside the main server."""

    def __init__(self, service: Service, door: Door) -> None:
        seat = service.siblings.seat
        super().__init__(
            uvicorn.Config(
                door,
                uds=str(seat.door(seat.place.number)),
                lifespan="off",
                ws="none",
                proxy_headers=False,
                server_header=False,
                date_header=False,
                access_log=False,
                log_config=None,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=1,
            )
        )
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup()
        self._running = asyncio.create_task(self.main_loop())

    async def close(self) -> None:
        self.should_exit = True
        if self._running is not None:
            await self._running
        await self.shutdown()
