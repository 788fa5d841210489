"""HTTP to customers: every host checked by the guard, connected to where it was checked."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from bridge.engine.guard import AddressGuard, UnreachableError

_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.ReadTimeout, httpx.ReadTimeout),
    (httpcore.WriteTimeout, httpx.WriteTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ReadError, httpx.ReadError),
    (httpcore.WriteError, httpx.WriteError),
    (httpcore.RemoteProtocolError, httpx.RemoteProtocolError),
    (httpcore.LocalProtocolError, httpx.LocalProtocolError),
)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves through the guard and connects to the very addresses it allowed.

    TLS still verifies the host's name: httpcore passes that on separately.
    """

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = await self._guard.resolve(host, port)
        except UnreachableError as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class GuardedTransport(httpx.AsyncBaseTransport):
    """An httpx transport over httpcore with the guard as its only way to the network."""

    def __init__(self, guard: AddressGuard, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=500,
            max_keepalive_connections=100,
            keepalive_expiry=30,
            network_backend=GuardedBackend(guard),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        inner = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            response = await self._pool.handle_async_request(inner)
        except Exception as error:
            raise _translated(error) from error
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._response.aiter_stream():
                yield part
        except Exception as error:
            raise _translated(error) from error

    async def aclose(self) -> None:
        await self._response.aclose()


def _translated(error: Exception) -> Exception:
    """httpx's name for an error of httpcore's; anything else unchanged."""
    for ours, theirs in _ERRORS:
        if isinstance(error, ours):
            return theirs(str(error))
    return error


def new_client(guard: AddressGuard, tls: ssl.SSLContext) -> httpx.AsyncClient:
    """A client for customers' URLs: guarded, no redirects and no cookies of its own (those belong
    to a call), no proxy from the environment."""
    return httpx.AsyncClient(
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        transport=GuardedTransport(guard, tls),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "TwilioProxy/1.1", "Accept": "*/*"},
    )


def why_unreached(error: BaseException) -> tuple[int, str]:
    """Twilio's number for a connection that failed, and the cause beneath the libraries' words."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case UnreachableError():
                return 11210, str(cause)
            case ssl.SSLError():
                return 11220, cause.reason or str(cause)
            case OSError(strerror=str(words)):
                return 11205, words
        cause = cause.__cause__ or cause.__context__
    return (11220 if "SSL" in str(error) else 11205), str(error)


def place(url: str) -> str:
    """A URL as errors and logs name it: without user and query, which may hold secrets."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the URL"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
