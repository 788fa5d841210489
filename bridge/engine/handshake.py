"""The handshake of a WebSocket on either side, by the `websockets` library (RFC 6455, sans-I/O)."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from bridge.engine.head import MAX_HEAD, Head
from bridge.engine.sockets import Acceptor, Handler, Refusal
from bridge.engine.wire import Wire
from bridge.errors import PeerError


class Handshake(Wire, ABC):
    """A socket until it is open: `_begin` is called with its owner when it is.

    The owner of a connecting socket is set beforehand, that of an accepting one is what `_acceptor`
    decides on. `close_timeout` bounds, in seconds, how long the refusal of a request may take.
    """

    def __init__(self, protocol: ClientProtocol | ServerProtocol, *, close_timeout: float) -> None:
        super().__init__(protocol)
        self._close_timeout = close_timeout
        self._open_timeout = 0.0  # of the accepting side
        self._handler: Handler | None = None
        self._acceptor: Acceptor | None = None
        self._opening: asyncio.Future[None] | None = None
        self._head = Head()

    async def handshake(self, request: Request) -> None:
        """Send the upgrade request and wait for the answer; raises InvalidHandshake, OSError."""
        assert isinstance(self._protocol, ClientProtocol)
        self._opening = asyncio.get_running_loop().create_future()
        self._protocol.send_request(request)
        self._flush()
        await self._opening

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._acceptor is not None:
            self._hurry(self._open_timeout)

    @abstractmethod
    def _begin(self, handler: Handler) -> None:
        """The socket is open."""

    # Inside

    def _shake_hands(self, data: bytes) -> bytes:
        """Take the head of a request or an answer; returns the frames that are behind it."""
        taken = 0
        for line in self._head.lines(data):
            self._protocol.receive_data(line)
            taken += len(line)
            if self._head.too_large and self._protocol.handshake_exc is None:
                self._refuse_head()
            if self._protocol.handshake_exc is not None:
                break
        self._advance()
        if self._protocol.state is State.CONNECTING and taken < len(data):
            self._protocol.receive_data(data[taken:])  # the body of an answer that is no upgrade
            self._advance()
            return b""
        return data[taken:]

    def _refuse_head(self) -> None:
        error = InvalidMessage(f"a head of over {MAX_HEAD} bytes")
        if isinstance(self._protocol, ServerProtocol):
            self._protocol.send_response(self._protocol.reject(431, f"Not taken: {error}.\n"))
        self._protocol.handshake_exc = error

    def _advance(self) -> None:
        """Act on what the protocol has read of the handshake, then send what it wants sent."""
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._accept(event)
            elif isinstance(event, Response):
                self._answered(event)
        if self._protocol.handshake_exc is not None:
            self._fail_opening(self._protocol.handshake_exc)
        self._flush()
        if self._protocol.close_expected():
            self._hurry(self._close_timeout)

    def _accept(self, request: Request) -> None:
        assert isinstance(self._protocol, ServerProtocol)
        assert self._acceptor is not None
        response = self._protocol.accept(request)
        if response.status_code == 101:
            headers = {name.lower(): value for name, value in request.headers.raw_items()}
            decision = self._acceptor(request.path, headers)
            if isinstance(decision, Refusal):
                response = self._protocol.reject(decision.status, decision.text + "\n")
            else:
                self._handler = decision
        self._protocol.send_response(response)
        self._flush()
        if self._handler is not None:
            self._begin(self._handler)

    def _answered(self, response: Response) -> None:
        if self._protocol.handshake_exc is not None or response.status_code != 101:
            return
        if self._opening is not None and not self._opening.done():
            self._opening.set_result(None)
        assert self._handler is not None
        self._begin(self._handler)

    def _fail_opening(self, error: BaseException) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.set_exception(error)
            # The waiting side may have been cancelled by its time limit already.
            self._opening.exception()


def explain_handshake(error: InvalidHandshake) -> PeerError:
    """A refused or broken upgrade in one sentence."""
    if isinstance(error, InvalidStatus):
        return PeerError(f"the server answered HTTP {error.response.status_code}, not 101")
    return PeerError(f"the server's answer is not a WebSocket handshake: {error}")
