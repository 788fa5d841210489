"""The door for media sockets: `/media/{token}` leaves uvicorn's slow path at the upgrade."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote

import structlog
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from app import grants
from app.grants import EchoGrant, StreamGrant, TapGrant
from app.security import TokenError
from app.service import Service
from app.workers.handover import give
from app.workers.place import Place
from app.workers.siblings import GONE
from bridge.engine.echo import EchoLeg
from bridge.engine.signalwire import SignalWireLeg
from bridge.engine.sockets import Acceptor, Handler, Refusal
from bridge.engine.websocket import WebSocket

PREFIX = "/media/"
PHONES = "/phone/"
PURPOSES = (grants.MEDIA, grants.BARE_MEDIA, grants.TAP)
_MAX_CARRIER_MESSAGE = 1024 * 1024

log = structlog.get_logger("media")


def create_acceptor(service: Service) -> Acceptor:
    """Decides which media sockets are let in: token good and unused, bearer right, call alive.

    A tap is let in by its token alone, and so is a stream in SWML's strict dialect: SignalWire
    lets them carry no other (S sections 1.1 and 1.7).
    """

    def accept(path: str, headers: dict[str, str]) -> Handler | Refusal:
        token = _token(path)
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
        if isinstance(grant, StreamGrant):
            begun = live.carrier_streams.get(grant.stream_sid)
            if begun is not None and begun.stopped:
                return Refusal(404, "The stream has been stopped before it began.")

        def ended(leg: SignalWireLeg | EchoLeg) -> None:
            live.legs.discard(leg.stop)
            if isinstance(grant, StreamGrant):
                live.stops.pop(grant.stream_sid, None)
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
        live.stops[grant.stream_sid] = leg.stop
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
    """A class for uvicorn's `ws` setting: media paths get our socket, others uvicorn's own.

    A media socket of another worker's call is given to that worker.
    """
    new_socket = socket_maker(service)

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
            path = path_of(request)
            siblings = service.siblings
            if siblings and siblings.place != siblings.home and unquote(path).startswith(PHONES):
                return Passing(service, siblings.home, NO_PHONES)
            if not path.startswith(PREFIX):
                return WebSocketsSansIOProtocol(*self._settings)
            if service.siblings:
                place = service.issuer(_token(path), *PURPOSES)
                if place is not None and place != service.siblings.place:
                    return Passing(service, place)
            return new_socket()

    return Door


def socket_maker(service: Service) -> Callable[[], WebSocket]:
    """Makes the protocol of a media socket of this worker's."""
    acceptor = create_acceptor(service)
    return lambda: _new_socket(service, acceptor)


def _new_socket(service: Service, acceptor: Acceptor) -> WebSocket:
    return WebSocket.server(
        acceptor,
        max_size=_MAX_CARRIER_MESSAGE,
        close_timeout=service.settings.stream_close_seconds,
        fast=service.fast,
    )


def path_of(request: bytes) -> str:
    """The target of an HTTP request."""
    return request.partition(b"\r\n")[0].split(b" ")[1].decode("latin-1")


def _token(path: str) -> str:
    return path.partition("?")[0].removeprefix(PREFIX)


NO_STREAM = Refusal(404, f"No such stream: {GONE}.")
NO_PHONES = Refusal(503, "The worker that has the phones is away: connect again.")


class Passing(asyncio.Protocol):
    """A socket on its way to the worker where it belongs. What follows the request is not read.

    When that worker is no more, the handshake is refused from here, as `gone` says.
    """

    def __init__(self, service: Service, place: Place, gone: Refusal = NO_STREAM) -> None:
        self._service = service
        self._place = place
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._request = b""
        self._giving: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._request += data
        if self._giving is None:
            self._giving = asyncio.create_task(self._give())

    async def _give(self) -> None:
        assert self._transport is not None
        siblings, number = self._service.siblings, self._place.number
        try:
            if not siblings.is_alive(self._place):
                self._refuse(self._gone)
                return
            descriptor = self._transport.get_extra_info("socket").fileno()
            await give(siblings.seat.hatch(number), descriptor, self._request)
        except TimeoutError:
            siblings.moves.sockets_refused += 1
            log.error("a worker does not take a socket", about=number)  # noqa: TRY400
        except OSError as error:
            gone = isinstance(error, (ConnectionError, FileNotFoundError))
            passed = Refusal(self._gone.status, f"It cannot be passed on: {error}.")
            self._refuse(self._gone if gone else passed)
            return
        else:
            siblings.moves.sockets_given += 1
        self._transport.abort()  # this end only: the connection lives where it was taken

    def _refuse(self, refusal: Refusal) -> None:
        assert self._transport is not None
        self._service.siblings.moves.sockets_refused += 1
        log.warning("socket refused", why=refusal.text)
        protocol = _new_socket(self._service, lambda _path, _headers: refusal)
        protocol.connection_made(self._transport)
        self._transport.set_protocol(protocol)
        self._transport.resume_reading()
        protocol.data_received(self._request)


class Arriving(asyncio.Protocol):
    """A socket that has come from another worker, with the request that was read there."""

    def __init__(self, protocol: asyncio.Protocol, request: bytes) -> None:
        self._protocol = protocol
        self._request = request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.set_protocol(self._protocol)
        self._protocol.connection_made(transport)
        self._protocol.data_received(self._request)
