"""The door for media sockets: `/media/{token}` leaves uvicorn's slow path at the upgrade."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Any, cast

import structlog
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from app import grants
from app.grants import EchoGrant, StreamGrant, TapGrant
from app.security import TokenError
from app.service import Service
from bridge.engine.echo import EchoLeg
from bridge.engine.signalwire import SignalWireLeg
from bridge.engine.sockets import Acceptor, Handler, Refusal
from bridge.engine.websocket import WebSocket

PREFIX = "/media/"
_MAX_CARRIER_MESSAGE = 1024 * 1024

log = structlog.get_logger("media")


def create_acceptor(service: Service) -> Acceptor:
    """Decides which media sockets are let in: token good and unused, bearer right, call alive.

    A tap is let in by its token alone, and so is a stream in SWML's strict dialect: SignalWire
    lets them carry no other (S sections 1.1 and 1.7).
    """

    def accept(path: str, headers: dict[str, str]) -> Handler | Refusal:
        token = path.partition("?")[0].removeprefix(PREFIX)
        if service.tokens.made_for(grants.TAP, token):
            return _accept_tap(service, token)
        bare = service.tokens.made_for(grants.BARE_MEDIA, token)
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        expected = service.tokens.bearer(token)
        if not bare and (
            scheme.lower() != "bearer"
            or not hmac.compare_digest(bearer.strip().encode(), expected.encode())
        ):
            log.warning("media socket refused: no bearer token, or a wrong one")
            return Refusal(401, "This media socket needs the bearer token that it was given.")
        try:
            grant = service.tokens.redeem(grants.BARE_MEDIA if bare else grants.MEDIA, token)
        except TokenError as error:
            log.warning("media socket refused", why=str(error))
            return Refusal(404, f"No such stream: {error}.")
        assert isinstance(grant, StreamGrant | EchoGrant)
        live = service.calls.get(grant.context.call.sid)
        known = isinstance(grant, StreamGrant) and grant.context.call.has_stream(grant.stream_sid)
        if live is None or known:
            return Refusal(404, "The stream, or its call, is over.")

        def ended(leg: SignalWireLeg | EchoLeg) -> None:
            live.legs.discard(leg.stop)
            live.last_seen = time.monotonic()
            live.left = leg.left_by_carrier

        if isinstance(grant, EchoGrant):
            echo = EchoLeg(service.engine, live.call, ended=ended)
            live.legs.add(echo.stop)
            return echo
        leg = SignalWireLeg(
            service.engine,
            live.call,
            grant.stream,
            stream_sid=grant.stream_sid,
            bidirectional=grant.bidirectional,
            ended=ended,
        )
        live.legs.add(leg.stop)
        return leg

    return accept


def _accept_tap(service: Service, token: str) -> Handler | Refusal:
    try:
        grant = service.tokens.redeem(grants.TAP, token)
    except TokenError as error:
        log.warning("tap's socket refused", why=str(error))
        return Refusal(404, f"No such tap: {error}.")
    assert isinstance(grant, TapGrant)
    live = service.calls.get(grant.context.call.sid)
    leg = live.taps.get(grant.stream_sid) if live else None
    handler = leg.handler(grant.direction) if leg else None
    return handler or Refusal(404, "The tap, or its call, is over.")


def media_protocol(service: Service) -> type[asyncio.Protocol]:
    """A class for uvicorn's `ws` setting: media paths get our socket, others uvicorn's own."""
    acceptor = create_acceptor(service)

    class Door(asyncio.Protocol):
        """Reads the request line, then hands the transport on for good."""

        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            self._settings = (config, server_state, app_state, _loop)
            self._transport: asyncio.Transport | None = None
            self._inner: asyncio.Protocol | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport = cast(asyncio.Transport, transport)

        def data_received(self, data: bytes) -> None:
            # uvicorn hands the whole request over at once, then makes this the protocol.
            if self._inner is None:
                assert self._transport is not None
                self._inner = self._choose(data)
                self._inner.connection_made(self._transport)
                asyncio.get_running_loop().call_soon(self._transport.set_protocol, self._inner)
            self._inner.data_received(data)

        def eof_received(self) -> bool | None:
            return self._inner.eof_received() if self._inner is not None else None

        def connection_lost(self, exc: Exception | None) -> None:
            if self._inner is not None:
                self._inner.connection_lost(exc)

        def _choose(self, request: bytes) -> asyncio.Protocol:
            if request.partition(b"\r\n")[0].split(b" ")[1:2][0].startswith(PREFIX.encode()):
                return WebSocket.server(
                    acceptor,
                    max_size=_MAX_CARRIER_MESSAGE,
                    close_timeout=service.settings.stream_close_seconds,
                    fast=service.fast,
                )
            return WebSocketsSansIOProtocol(*self._settings)

    return Door
