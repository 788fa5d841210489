"""The HTTP application and the server that runs it with its media door."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from app import api, phonedoor, rest
from app.agent import create_agent
from app.carrier.client import SignalWireRest
from app.carrier.telephony import CarriedTelephony
from app.intake import http_protocol
from app.media import media_protocol
from app.service import Service
from app.settings import Settings, SettingsError
from app.telephony.service import ServiceTelephony
from app.webhooks import cxml, events, placed, swml, swmlstatus

log = structlog.get_logger("server")


def create_app(service: Service) -> FastAPI:
    """The service's HTTP side: webhooks, health, calls; the example agent in local mode."""
    settings = service.settings

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await service.restore()
        service.start()
        yield
        await service.close()

    app = FastAPI(
        title="twiml-bridge",
        version=version("twiml-bridge"),
        lifespan=lifespan,
        docs_url="/docs" if settings.local else None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.local else None,
    )
    app.add_exception_handler(ClientDisconnect, _broken_off)
    app.include_router(cxml.create_router(service))
    app.include_router(swml.create_router(service))
    app.include_router(events.create_router(service))
    app.include_router(swmlstatus.create_router(service))
    app.include_router(api.create_router(service))
    app.include_router(placed.create_router(service))
    app.include_router(rest.create_router(service, ServiceTelephony(service, _carried(service))))
    rest.answer_refusals(app)
    if settings.local:
        app.include_router(phonedoor.create_router(service))
        agent = create_agent()
        app.state.agent = agent
        app.mount("/agent", agent)
    return app


def _carried(service: Service) -> CarriedTelephony | None:
    """SignalWire's REST, if the settings name a space."""
    settings = service.settings
    if not settings.signalwire_url:
        return None
    client = SignalWireRest(
        service.client, settings.signalwire_url, settings.signalwire_project, service.carrier_auth
    )
    return CarriedTelephony(service, client)


async def _broken_off(_request: Request, _error: Exception) -> Response:
    """A client has gone before all of its request came: nobody hears this answer."""
    log.info("a request broke off")
    return Response(status_code=400)


class Server(uvicorn.Server):
    """uvicorn, told to end our calls before it closes connections under them.

    Listens as soon as it is made: raises SettingsError when the address cannot be had. `ready` is
    set when requests are served.
    """

    signals: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)
    """What ends the service in order."""

    def __init__(self, service: Service, listener: socket.socket | None = None) -> None:
        settings = service.settings
        self.service = service
        self._listener = listener or listen(settings)
        self.port: int = self._listener.getsockname()[1]
        if settings.port == 0:
            service.base_url = settings.model_copy(update={"port": self.port}).base_url
        self.app = create_app(service)
        self.ready = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                self.app,
                host=settings.host,
                port=settings.port,
                http=http_protocol(service),
                ws=media_protocol(service),
                ws_per_message_deflate=False,
                # Forwarded addresses could pass for loopback; signatures use the public URL.
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=1,  # our calls have had their own time by then
            )
        )

    async def run_until_stopped(self) -> None:
        """Serve until a signal or `should_exit`, and end every call before returning."""
        await self.serve(sockets=[self._listener])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """`signals` end the service in order and with status 0."""
        loop = asyncio.get_running_loop()
        for number in self.signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in self.signals:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What start-up made stays: the collector need not look at it again, in every pause.
            gc.collect()
            gc.freeze()
            self.ready.set()
            self.announce()

    def announce(self) -> None:
        """Say that requests are served."""
        settings = self.service.settings.model_copy(update={"port": self.port})
        announce(settings, bool(self.service.routes.numbers))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self.service.drain()
        await super().shutdown(sockets)


def announce(settings: Settings, has_routes: bool, **more: object) -> None:
    """Log that the service is up, and what it lacks."""
    log.info(
        "ready",
        listening=f"{settings.host}:{settings.port}",
        public_url=settings.base_url,
        local=settings.local,
        **more,
    )
    if not settings.voice_url and not has_routes and not settings.local:
        log.warning(
            "no app is set: every caller will hear an apology",
            advice="Set TWIML_BRIDGE_VOICE_URL or TWIML_BRIDGE_ROUTES_FILE.",
        )
    if not settings.signing_keys:
        log.warning(
            "no SignalWire signing key is set: webhooks are taken from loopback only",
            advice="Set TWIML_BRIDGE_SIGNALWIRE_SIGNING_KEY before going live.",
        )


def shared_listeners(settings: Settings, count: int) -> list[socket.socket]:
    """A listening socket for each of several processes, all at one port; raises SettingsError.

    Linux deals connections out among such sockets evenly. Where several processes accept from one
    socket the first to wake takes what there is: of 400 connections in one burst, one of two
    processes took all. Elsewhere than on Linux nothing is dealt out, and they do share one.
    """
    if sys.platform != "linux":
        return [listen(settings)] * count
    if settings.port:
        listen(settings).close()  # a port that another program shares would be shared with us too
    first = listen(settings, shared=True)
    settings = settings.model_copy(update={"port": first.getsockname()[1]})
    return [first, *(listen(settings, shared=True) for _ in range(count - 1))]


def listen(settings: Settings, *, shared: bool = False) -> socket.socket:
    """The listening socket; raises SettingsError. `shared`: one of several at that port."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server(
            (settings.host, settings.port), family=family, backlog=2048, reuse_port=shared
        )
        # Inherited by what is accepted: asyncio does not set it on a listener it did not make, and
        # an answer's body would wait 40 ms for the acknowledgement of its head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error};"
            " choose another with --host and --port"
        ) from error
