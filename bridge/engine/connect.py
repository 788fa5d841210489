"""Opens a customer's stream socket as Twilio does, and says in Twilio's numbers why not."""

from __future__ import annotations

import asyncio
import ipaddress
import socket as socket_options
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidURI, NegotiationError
from websockets.http11 import Request
from websockets.uri import WebSocketURI, parse_uri

from bridge.engine.guard import AddressGuard, UnreachableError
from bridge.engine.handshake import explain_handshake
from bridge.engine.sockets import Handler
from bridge.engine.websocket import FAST, WebSocket
from bridge.errors import CustomerError
from bridge.limits import StreamLimits
from bridge.signature import sign, signed_stream_url

_USER_TIMEOUT: int | None = getattr(socket_options, "TCP_USER_TIMEOUT", None)
USER_AGENT = "Twilio.TmeWs/1.0"


@dataclass(slots=True)
class StreamConnector:
    """Connects to customers' sockets.

    `downgrade_loopback` (local mode) lets a `wss` URL reach a server on this machine that speaks
    no TLS, as an app under development does. `fast`: see `bridge.engine.websocket`.
    """

    auth_token: str
    guard: AddressGuard
    tls: ssl.SSLContext
    limits: StreamLimits
    downgrade_loopback: bool = False
    fast: bool = FAST

    async def open(self, url: str, handler: Handler) -> WebSocket:
        """Connect and upgrade; the handler's `opened` has been called when this returns.

        `url` is absolute; its query and fragment are not sent. Raises CustomerError with 31901
        (no answer in time), 31902 (refused), 31903 (broken off), 31904 (unreachable), 31910
        (TLS), 31920 (no 101), 31923 (URL), 31924 (an answer the protocol forbids).
        """
        try:
            uri = parse_uri(urlunsplit(urlsplit(url)._replace(query="", fragment="")))
        except (InvalidURI, ValueError) as error:
            raise CustomerError(31923, f"not a wss URL: {error}") from error
        try:
            async with asyncio.timeout(self.limits.connect_time):
                return await self._open(uri, handler)
        except TimeoutError as error:
            raise CustomerError(
                31901, f"no answer from {uri.host} in {self.limits.connect_time:g} s"
            ) from error
        except UnreachableError as error:
            raise CustomerError(31904, str(error)) from error
        except ssl.SSLError as error:
            raise CustomerError(
                31910, f"TLS with {uri.host} failed: {error.reason or error}"
            ) from error
        except NegotiationError as error:
            raise CustomerError(
                31924, f"the server selected what was not offered: {error}"
            ) from error
        except InvalidHandshake as error:
            broken_off = isinstance(error.__cause__, EOFError)
            raise CustomerError(
                31903 if broken_off else 31920,
                "the server closed the connection without an answer"
                if broken_off
                else str(explain_handshake(error)),
            ) from error
        except ConnectionRefusedError as error:
            raise CustomerError(31902, f"{uri.host}:{uri.port} refused the connection") from error
        except (ConnectionResetError, BrokenPipeError) as error:
            raise CustomerError(31903, f"{uri.host} broke the connection off") from error
        except OSError as error:
            raise CustomerError(31904, f"{uri.host} cannot be reached: {error}") from error

    async def _open(self, uri: WebSocketURI, handler: Handler) -> WebSocket:
        addresses = await self.guard.resolve(uri.host, uri.port)
        failure: OSError | None = None
        # An address that swallows packets must leave time for the next.
        share = self.limits.connect_time / len(addresses)
        for address in addresses:
            near = self.downgrade_loopback and ipaddress.ip_address(address).is_loopback
            try:
                return await self._open_at(address, uri, handler, share, secure=uri.secure)
            except ssl.SSLCertVerificationError:
                raise
            except (ssl.SSLError, ConnectionResetError):
                if not (near and uri.secure):
                    raise
                return await self._open_at(address, uri, handler, share, secure=False)
            except OSError as error:  # refused, or no way there: the next address may do
                failure = error
        assert failure is not None
        raise failure

    async def _open_at(
        self, address: str, uri: WebSocketURI, handler: Handler, share: float, *, secure: bool
    ) -> WebSocket:
        protocol = ClientProtocol(uri, max_size=self.limits.message_size)
        socket = WebSocket.client(
            protocol,
            handler,
            max_size=self.limits.message_size,
            close_timeout=self.limits.close_time,
            fast=self.fast,
        )
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(share):
            transport, _ = await loop.create_connection(
                lambda: socket,
                address,
                uri.port,
                ssl=self.tls if secure else None,
                server_hostname=uri.host if secure else None,
            )
        _bound_silence(transport, self.limits.silent_time)
        try:
            await socket.handshake(self._request(protocol, uri))
        except BaseException:
            socket.abort()
            raise
        return socket

    def _request(self, protocol: ClientProtocol, uri: WebSocketURI) -> Request:
        """The upgrade request with Twilio's headers, in the order they were seen (T section 4).

        The URL is signed as it is sent, which is how the app sees it.
        """
        plain = protocol.connect()
        url = f"{'wss' if uri.secure else 'ws'}://{plain.headers['Host']}{plain.path}"
        headers = Headers()
        headers["Host"] = plain.headers["Host"]
        headers["User-Agent"] = USER_AGENT
        for name in ("Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"):
            headers[name] = plain.headers[name]
        headers["X-Twilio-Signature"] = sign(self.auth_token, signed_stream_url(url))
        if "Authorization" in plain.headers:
            headers["Authorization"] = plain.headers["Authorization"]
        return Request(plain.path, headers)


def _bound_silence(transport: asyncio.Transport, seconds: float) -> None:
    """Have the kernel, where it can, break a connection whose other end acknowledges nothing."""
    if _USER_TIMEOUT is not None:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket_options.IPPROTO_TCP, _USER_TIMEOUT, int(seconds * 1000))


def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Verifies certificates against the system's authorities and, when given, one file more."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context
