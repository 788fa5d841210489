from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from bridge.engine.connect import tls_context
from bridge.engine.guard import AddressGuard
from bridge.engine.http import new_client
from tests.support.authority import Authority
from tests.support.calls import Names
from tests.support.peers import HOST, read_request, response, tcp_server, web_app


@asynccontextmanager
async def client(
    names: Names | None = None, *, local: bool = True, authority: Authority | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    guard = AddressGuard(allow_private=local, resolver=names or Names())
    tls = authority.client() if authority else tls_context()
    async with new_client(guard, tls) as running:
        yield running


async def test_exchange() -> None:
    """A request goes out with our user agent; status, headers and body come back."""
    async with web_app(response(201, b"<Response/>", "X-Test: 1")) as app, client() as http:
        answer = await http.post(app.url("/voice?a=1"), content=b"x=y")
    assert (answer.status_code, answer.content, answer.headers["x-test"]) == (
        201,
        b"<Response/>",
        "1",
    )
    (request,) = app.requests
    assert (request.method, request.target, request.body) == ("POST", "/voice?a=1", b"x=y")
    assert request.header("User-Agent") == "TwilioProxy/1.1"
    assert request.header("Accept") == "*/*"


async def test_the_guard_is_the_only_way_out() -> None:
    """A host that resolves to a private address is not connected to."""
    names = Names(app_test=[["10.0.0.1"]])
    async with client(names, local=False) as http:
        with pytest.raises(httpx.ConnectError, match="not a public address"):
            await http.get("http://app.test/")
        with pytest.raises(httpx.ConnectError, match="not a public address"):
            await http.get(f"http://{HOST}/")


async def test_connects_to_the_address_that_was_checked() -> None:
    """The name is resolved once for a connection, and that answer is used."""
    async with web_app(response(200)) as app:
        names = Names(app_test=[[HOST], ["10.0.0.1"]])
        port = app.origin.rpartition(":")[2]
        async with client(names) as http:
            await http.get(f"http://app.test:{port}/")
    assert names.asked == ["app.test"]
    assert app.requests[0].header("Host") == f"app.test:{port}"


@pytest.mark.parametrize("first", ["::1", "fe80::1"])
async def test_tries_every_address(first: str) -> None:
    """An address that refuses or that no way leads to gives way to the next."""
    async with web_app(response(200)) as app:
        port = app.origin.rpartition(":")[2]
        async with client(Names(app_test=[[first, HOST]])) as http:
            assert (await http.get(f"http://app.test:{port}/")).status_code == 200


async def test_no_address_answers() -> None:
    """When every address fails, the last failure is the answer."""
    async with client(Names(app_test=[["fe80::1", "fe80::2"]])) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("http://app.test:1/")


async def test_tls_is_for_the_name_not_the_address(authority: Authority) -> None:
    """The certificate is verified for the host's name, at the checked address."""
    tls = authority.server("app.test")
    async with web_app(response(200), tls=tls) as app:
        port = app.origin.rpartition(":")[2]
        names = Names(app_test=[[HOST]], other_test=[[HOST]])
        async with client(names, authority=authority) as http:
            assert (await http.get(f"https://app.test:{port}/")).status_code == 200
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await http.get(f"https://other.test:{port}/")
        async with client(names) as distrustful:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await distrustful.get(f"https://app.test:{port}/")


async def test_redirects_are_not_followed() -> None:
    """A redirect is an answer like any other."""
    async with web_app(response(302, b"", "Location: /elsewhere")) as app, client() as http:
        assert (await http.get(app.url("/"))).status_code == 302
    assert len(app.requests) == 1


async def test_cookies_are_not_kept() -> None:
    """What one request is given the next one does not send: cookies belong to calls."""
    async with web_app(response(200, b"", "Set-Cookie: call=one")) as app, client() as http:
        await http.get(app.url("/"))
        await http.get(app.url("/"))
    assert [request.header("Cookie") for request in app.requests] == [None, None]


async def test_the_environment_sets_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy named in the environment is not used."""
    monkeypatch.setenv("HTTP_PROXY", f"http://{HOST}:1")
    monkeypatch.setenv("ALL_PROXY", f"http://{HOST}:1")
    async with web_app(response(200)) as app, client() as http:
        assert (await http.get(app.url("/"))).status_code == 200


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"hello\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nhalf", httpx.RemoteProtocolError),
    ],
)
async def test_broken_answers(answer: bytes, error: type[Exception]) -> None:
    """What breaks, in the head or in the body, has httpx's name."""
    async with web_app(answer) as app, client() as http:
        with pytest.raises(error):
            await http.get(app.url("/"))


async def test_time_limits() -> None:
    """A server that does not answer in time is a read time-out."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()

    async with tcp_server(silent) as port, client() as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(f"http://{HOST}:{port}/", timeout=httpx.Timeout(20, read=0.05))
