from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import pytest
from twilio.request_validator import RequestValidator

from bridge.callbacks import FormFields
from bridge.engine.connect import tls_context
from bridge.engine.guard import AddressGuard
from bridge.engine.http import new_client
from bridge.engine.webhook import MAX_REDIRECTS, Cookies, Webhooks
from bridge.errors import CustomerError
from tests.support.authority import Authority
from tests.support.calls import AUTH_TOKEN, Names
from tests.support.peers import (
    HOST,
    HttpRequest,
    Serve,
    WebApp,
    read_request,
    response,
    tcp_server,
    web_app,
)
from tests.support.virtual import run_virtually

FORM: FormFields = (("CallSid", "CA" + "1" * 32), ("From", "+15550001111"), ("Note", "a b&c=é"))
OK = response(200, b"<Response/>", "Content-Type: text/xml")


@asynccontextmanager
async def webhooks(
    names: Names | None = None, *, authority: Authority | None = None
) -> AsyncIterator[Webhooks]:
    tls = authority.client() if authority else tls_context()
    guard = AddressGuard(allow_private=True, resolver=names or Names())
    async with new_client(guard, tls) as client:
        yield Webhooks(client, AUTH_TOKEN)


async def failure(hooks: Webhooks, url: str, method: str = "POST") -> CustomerError:
    with pytest.raises(CustomerError) as caught:
        await hooks.request(url, method, FORM)
    return caught.value


def is_signed(app: WebApp, request: HttpRequest) -> bool:
    """Whether twilio's own validator accepts a request as its app sees it."""
    form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    signature = request.header("X-Twilio-Signature")
    valid: bool = RequestValidator(AUTH_TOKEN).validate(app.url(request.target), form, signature)
    return valid


# What is asked


@pytest.mark.contract("T85")
async def test_post() -> None:
    """POST sends the fields as a signed form; the answer comes back whole."""
    async with web_app(OK) as app, webhooks() as hooks:
        answer = await hooks.request(app.url("/voice?a=1"), "POST", FORM)
    (request,) = app.requests
    assert (request.method, request.target) == ("POST", "/voice?a=1")
    assert request.header("Content-Type") == "application/x-www-form-urlencoded; charset=UTF-8"
    assert tuple(parse_qsl(request.body.decode())) == FORM
    assert is_signed(app, request)
    assert (answer.status, answer.body, answer.content_type) == (200, b"<Response/>", "text/xml")
    assert (answer.url, answer.signed) == (app.url("/voice?a=1"), app.url("/voice?a=1"))
    assert (answer.attempts, answer.truncated) == (1, False)


@pytest.mark.contract("T85")
@pytest.mark.parametrize("query", ["", "a=1&b=%20"])
async def test_get(query: str) -> None:
    """GET sends the fields in the query, behind what is there, and signs the whole URL."""
    async with web_app(OK) as app, webhooks() as hooks:
        answer = await hooks.request(app.url(f"/voice?{query}".rstrip("?")), "GET", FORM)
    (request,) = app.requests
    assert (request.method, request.body) == ("GET", b"")
    asked = parse_qsl(urlsplit(request.target).query, keep_blank_values=True)
    assert asked == [*parse_qsl(query), *FORM]
    assert is_signed(app, request)
    assert answer.signed == app.url(request.target)
    assert answer.url == app.url(f"/voice?{query}".rstrip("?"))


async def test_get_without_fields() -> None:
    """A GET with nothing to tell leaves the URL alone."""
    async with web_app(OK) as app, webhooks() as hooks:
        await hooks.request(app.url("/audio.wav"), "GET", ())
    assert app.requests[0].target == "/audio.wav"


@pytest.mark.parametrize("rest", ["", "?a=1", "/vóice?ñ=1", "/a b", "/x/../y?q='\"", "/%7Euser"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_url_is_signed_as_it_is_sent(rest: str, method: str) -> None:
    """The app, which sees only what is on the wire, finds the signature right."""
    async with web_app(OK) as app, webhooks() as hooks:
        await hooks.request(app.url(rest), method, FORM)
    assert is_signed(app, app.requests[0])


async def test_credentials_in_the_url() -> None:
    """User and password go into a header, and not into the signature."""
    async with web_app(OK) as app, webhooks() as hooks:
        await hooks.request(app.url("/").replace("//", "//me:pw@", 1), "POST", FORM)
    assert app.requests[0].header("Authorization") == "Basic bWU6cHc="
    assert is_signed(app, app.requests[0])


@pytest.mark.contract("T88")
async def test_fragments_stay_off_the_wire() -> None:
    """Overrides take effect and are neither sent nor signed: here, three retries of a 503."""
    busy = response(503)
    async with web_app(busy, busy, busy, OK) as app, webhooks() as hooks:
        answer = await hooks.request(app.url("/voice#rc=3&rp=5xx"), "POST", FORM)
    assert answer.attempts == 4
    assert [request.target for request in app.requests] == ["/voice"] * 4
    assert all(is_signed(app, request) for request in app.requests)
    assert answer.url == app.url("/voice")


# The body


@pytest.mark.parametrize(("limit", "truncated"), [(1_000, False), (999, True)])
async def test_the_body_is_bounded(limit: int, truncated: bool) -> None:
    """A body of the limit is whole; one byte more is cut, and said."""
    async with web_app(response(200, b"x" * 1_000)) as app, webhooks() as hooks:
        answer = await hooks.request(app.url("/"), "POST", FORM, max_body=limit)
    assert (len(answer.body), answer.truncated) == (limit, truncated)


async def test_an_endless_body() -> None:
    """A body without end is read up to the limit and no further."""

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 X\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 10_000)
            await writer.drain()

    async with tcp_server(endless) as port, webhooks() as hooks:
        answer = await hooks.request(f"http://{HOST}:{port}/", "POST", FORM)
    assert (len(answer.body), answer.truncated) == (64 * 1024, True)


# Redirects


def silent_for(answer: bytes, seconds: float) -> Serve:
    """An app that thinks for so long before each answer."""

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(seconds)
        writer.write(answer)

    return serving


AGAIN = response(302, b"", "Location: /next")


@pytest.mark.contract("T89")
def test_ten_redirects_and_fifteen_seconds() -> None:
    """Ten redirects are followed, the eleventh is 11215; after 15 s in all there is 11203."""

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        async with webhooks() as hooks:
            async with web_app(*[AGAIN] * MAX_REDIRECTS, OK) as app:
                assert (await hooks.request(app.url("/"), "POST", FORM)).status == 200
            assert len(app.requests) == 11
            async with web_app(AGAIN) as app:
                assert (await failure(hooks, app.url("/"))).code == 11215
            assert len(app.requests) == 11
            async with tcp_server(silent_for(OK, 14.9)) as port:
                assert (await hooks.request(f"http://{HOST}:{port}/", "POST", FORM)).status == 200
            waited = []
            # One answer that takes too long, and many quick ones that together do.
            for serving in (silent_for(OK, 100), silent_for(AGAIN, 2)):
                began = loop.time()
                async with tcp_server(serving) as port:
                    assert (await failure(hooks, f"http://{HOST}:{port}/")).code == 11203
                waited.append(loop.time() - began)
            return waited

    assert run_virtually(main, grace=0.01) == pytest.approx([15, 15], abs=0.01)


@pytest.mark.parametrize(
    ("status", "method"),
    [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")],
)
async def test_redirects_keep_the_parameters(status: int, method: str) -> None:
    """The parameters follow a redirect, in the query when it turns the request into a GET."""
    answers = [response(status, b"", "Location: other?x=1#part"), OK]
    async with web_app(*answers) as app, webhooks() as hooks:
        answer = await hooks.request(app.url("/dir/voice"), "POST", FORM)
    request = app.requests[1]
    assert (request.method, urlsplit(request.target).path) == (method, "/dir/other")
    fields = parse_qsl(urlsplit(request.target).query) + parse_qsl(request.body.decode())
    assert fields == [("x", "1"), *FORM]
    assert is_signed(app, request)
    assert answer.url == app.url("/dir/other?x=1")


async def test_redirect_to_another_host() -> None:
    """A redirect may lead to another host, and is signed for that one."""
    async with web_app(OK) as other:
        away = response(307, b"", f"Location: {other.url('/v')}")
        async with web_app(away) as app, webhooks() as hooks:
            answer = await hooks.request(app.url("/"), "POST", FORM)
    assert answer.url == other.url("/v")
    assert is_signed(other, other.requests[0])


@pytest.mark.parametrize(
    "location",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://[::1",
        "http://h:99999/",
        "http://",
        "http://:0/",
        "javascript:1",
        "http://a\x7fb/",
        "http://a\u2100b/",
        "http://" + "a" * 100_000,
    ],
)
async def test_redirect_to_nowhere(location: str) -> None:
    """A redirect to what is no usable URL is a failure of the app's, not of ours."""
    away = response(302, b"", f"Location: {location}")
    async with web_app(away) as app, webhooks() as hooks:
        error = await failure(hooks, app.url("/"))
    assert error.code in (11200, 11210, 11215)
    assert len(error.message) < 500


async def test_a_redirect_without_a_location() -> None:
    """A 3xx that leads nowhere is an answer outside 2xx."""
    async with web_app(response(302)) as app, webhooks() as hooks:
        assert (await failure(hooks, app.url("/"))).code == 11200


async def test_redirects_pass_the_guard() -> None:
    """An app cannot send us to an address that it could not have named itself."""
    names = Names(app_test=[[HOST]])
    away = response(302, b"", "Location: http://169.254.169.254/latest/meta-data")
    async with web_app(away) as app, webhooks(names) as hooks:
        error = await failure(hooks, app.url("/"))
    assert error.code == 11210


# Cookies


async def test_cookies_of_a_call() -> None:
    """Cookies come back to the host that set them, as written, also after a redirect."""
    away = response(302, b"", "Location: /b", 'Set-Cookie: a="x y"; Path=/; HttpOnly')
    second = response(200, b"", "Set-Cookie: b=2", "Set-Cookie: c=s%3A3.x/y=")
    cookies: Cookies = {}
    async with web_app(away, second, OK) as app, webhooks() as hooks:
        await hooks.request(app.url("/a"), "POST", FORM, cookies=cookies)
        await hooks.request(app.url("/c"), "POST", FORM, cookies=cookies)
        await hooks.request(app.url("/d"), "POST", FORM, cookies={})
        await hooks.request(app.url("/e"), "POST", FORM)
    assert [request.header("Cookie") for request in app.requests] == [
        None,
        'a="x y"',
        'a="x y"; b=2; c=s%3A3.x/y=',
        None,
        None,
    ]


async def test_cookies_stay_with_their_host() -> None:
    """Another host, or port, of the same call never sees them."""
    cookies: Cookies = {}
    async with web_app(OK) as other:
        away = response(307, b"", f"Location: {other.url('/')}", "Set-Cookie: secret=1")
        async with web_app(away) as app, webhooks() as hooks:
            for _ in range(2):
                await hooks.request(app.url("/"), "POST", FORM, cookies=cookies)
    assert [request.header("Cookie") for request in app.requests] == [None, "secret=1"]
    assert [request.header("Cookie") for request in other.requests] == [None, None]


@pytest.mark.parametrize("value", ["", "=", "a/b=1", "a@b=1", ";;;", "a=1; a b", "\xff=1", "x" * 9])
async def test_malformed_cookies(value: str) -> None:
    """A cookie that is none does no harm."""
    async with web_app(response(200, b"", f"Set-Cookie: {value}")) as app, webhooks() as hooks:
        cookies: Cookies = {}
        for _ in range(2):
            assert (await hooks.request(app.url("/"), "POST", FORM, cookies=cookies)).status == 200


# Failures and retries


@pytest.mark.contract("T87")
async def test_one_retry_when_the_connection_fails(authority: Authority) -> None:
    """A failed connection or TLS is tried once more; an answer or a broken one is final."""
    names = Names(app_test=[["fe80::1"], [HOST]])
    async with web_app(OK) as app, webhooks(names) as hooks:
        port = app.origin.rpartition(":")[2]
        answer = await hooks.request(f"http://app.test:{port}/", "POST", FORM)
    assert (answer.attempts, names.asked) == (2, ["app.test"] * 2)

    names = Names(app_test=[["fe80::1"]])
    async with webhooks(names) as hooks:
        assert (await failure(hooks, "http://app.test:1/")).code == 11205
    assert len(names.asked) == 2

    names = Names(app_test=[[HOST]])
    async with (
        web_app(OK, tls=authority.server("other.test")) as app,
        webhooks(names, authority=authority) as hooks,
    ):
        port = app.origin.rpartition(":")[2]
        assert (await failure(hooks, f"https://app.test:{port}/")).code == 11220
    assert (len(names.asked), app.requests) == (2, [])

    for answer_bytes in (response(500), response(404), None):
        async with web_app(answer_bytes) as app, webhooks() as hooks:
            assert (await failure(hooks, app.url("/"))).code == 11200
        assert len(app.requests) == 1


@pytest.mark.parametrize(
    ("words", "answer", "attempts"),
    [
        ("4xx", response(404), 3),
        ("5xx", response(404), 1),
        ("5xx", response(502), 3),
        ("rt", None, 3),
        ("4xx,5xx", response(500), 3),
        ("all", None, 3),
    ],
)
async def test_named_failures_are_retried(words: str, answer: bytes | None, attempts: int) -> None:
    """Failures that the URL names are tried again as often as it says."""
    async with web_app(answer) as app, webhooks() as hooks:
        await failure(hooks, app.url(f"/#rc=2&rp={words}"))
    assert len(app.requests) == attempts


async def test_retries_carry_one_token() -> None:
    """Retries have an idempotency token, the same for one request and another for the next."""
    async with web_app(response(503)) as app, webhooks() as hooks:
        for _ in range(2):
            await failure(hooks, app.url("/#rc=2&rp=5xx"))
    tokens = [request.header("I-Twilio-Idempotency-Token") for request in app.requests]
    first, second = tokens[:3], tokens[3:]
    assert first[0] is second[0] is None
    assert first[1] == first[2] != second[1] == second[2]
    assert first[1]


async def test_time_limits_of_the_url() -> None:
    """`rt` bounds one answer and may be retried; `tt` bounds the whole."""
    asked = 0

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        nonlocal asked
        await read_request(reader)
        asked += 1
        await reader.read()

    async with tcp_server(silent) as port, webhooks() as hooks:
        url = f"http://{HOST}:{port}/"
        error = await failure(hooks, f"{url}#rt=100&rp=rt")
        assert (error.code, "in time" in error.message, asked) == (11203, True, 2)
        error = await failure(hooks, f"{url}#tt=100&rp=rt&rc=5")
        assert (error.code, "within 0.1 s" in error.message, asked) == (11203, True, 3)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk",
        b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nhalf",
        b"hello\r\n\r\n",
    ],
)
async def test_broken_answers(answer: bytes) -> None:
    """An answer that cannot be read is a failure of the app's."""
    async with web_app(answer) as app, webhooks() as hooks:
        assert (await failure(hooks, app.url("/"))).code == 11200


@pytest.mark.parametrize(
    "url",
    [
        "",
        "voice",
        "/voice",
        "ftp://h/",
        "http://",
        "http://[::1",
        "http://h:port/",
        "http://h:65536/",
    ],
)
async def test_urls_that_cannot_be_asked(url: str) -> None:
    """What is no http URL is 11210, before anything is resolved."""
    names = Names()
    async with webhooks(names) as hooks:
        assert (await failure(hooks, url)).code == 11210
    assert names.asked == []


async def test_a_host_without_an_address() -> None:
    """A host that does not exist is 11210."""
    async with webhooks() as hooks:
        assert (await failure(hooks, "http://nowhere.invalid/#rc=0")).code == 11210


async def test_a_connection_that_does_not_come_about() -> None:
    """`ct` bounds the connecting itself."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind((HOST, 0))
        full.listen(0)
        for _ in range(4):  # nobody accepts: when the queue is full, no answer comes
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with webhooks() as hooks:
            port = full.getsockname()[1]
            error = await failure(hooks, f"http://{HOST}:{port}/#ct=100&rc=0")
    assert (error.code, "took too long" in error.message) == (11205, True)


async def test_errors_keep_secrets() -> None:
    """An error names the URL without its user and its query."""
    async with web_app(response(500)) as app, webhooks() as hooks:
        url = app.url("/v?token=secret").replace("//", "//me:secret@", 1)
        error = await failure(hooks, url)
    assert "secret" not in str(error)
    assert app.url("/v") in error.message
