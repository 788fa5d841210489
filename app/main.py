"""The HTTP application and the server that runs it with its media door."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import structlog
import uvicorn
from fastapi import FastAPI

from app import api
from app.agent import create_agent
from app.media import media_protocol
from app.service import Service
from app.webhooks import cxml, events

log = structlog.get_logger("server")


def create_app(service: Service) -> FastAPI:
    """The service's HTTP side: webhooks, health, calls; the example agent in local mode."""
    settings = service.settings

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
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
    app.include_router(cxml.create_router(service))
    app.include_router(events.create_router(service))
    app.include_router(api.create_router(service))
    if settings.local:
        agent = create_agent()
        app.state.agent = agent
        app.mount("/agent", agent)
    return app


class Server(uvicorn.Server):
    """uvicorn, told to end our calls before it closes connections under them."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.service = service
        self.app = create_app(service)
        self.ready = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                self.app,
                host=settings.host,
                port=settings.port,
                ws=media_protocol(service),
                ws_per_message_deflate=False,
                # Forwarded addresses could pass for loopback; signatures use the public URL.
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=int(settings.shutdown_seconds) + 1,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.ready.set()
            settings = self.service.settings
            log.info(
                "ready",
                listening=f"{settings.host}:{self.port}",
                public_url=settings.base_url,
                local=settings.local,
            )
            if not settings.signing_keys:
                log.warning(
                    "no SignalWire signing key is set: webhooks are taken from loopback only",
                    advice="Set TWIML_BRIDGE_SIGNALWIRE_SIGNING_KEY before going live.",
                )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self.service.drain()
        await super().shutdown(sockets)

    @property
    def port(self) -> int:
        """The port really bound, which differs from the setting when that is 0."""
        bound: int = self.servers[0].sockets[0].getsockname()[1]
        return bound
