"""Asking the customer's app for TwiML, over real HTTP."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

import pytest
import pytest_asyncio
from twilio.request_validator import RequestValidator

from app.customer import MAX_TWIML, CallContext, Customer
from app.routes import Route
from app.service import Service
from app.settings import LOCAL_AUTH_TOKEN
from bridge.call import CallStatus
from bridge.errors import CustomerError
from tests.app.running import CALLED, CALLER, local_service, new_call, told
from tests.support.authority import Authority
from tests.support.peers import HttpRequest, WebApp, read_request, response, tcp_server, web_app
from tests.support.virtual import run_virtually
from twiml.actions import Hangup, Redirect, Verb

TWIML = b"<Response><Hangup/></Response>"
XML = "Content-Type: text/xml"
VALIDATOR = RequestValidator(LOCAL_AUTH_TOKEN)
SEVEN = {
    "CallSid": "CA" + "0" * 31 + "1",
    "AccountSid": "AC" + "0" * 32,
    "From": CALLER,
    "To": CALLED,
    "CallStatus": "ringing",
    "ApiVersion": "2010-04-01",
    "Direction": "inbound",
}


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    async with local_service() as service:
        yield service


@pytest.fixture
def customer(service: Service) -> Customer:
    return service.customer


def context_of(service: Service, fallback: str = "", method: str = "POST") -> CallContext:
    route = Route(voice_fallback_url=fallback, voice_fallback_method=method)
    return CallContext(new_call(service), route)


@pytest_asyncio.fixture
async def context(service: Service) -> CallContext:
    return context_of(service)


def posted(request: HttpRequest) -> dict[str, str]:
    assert request.header("Content-Type") == "application/x-www-form-urlencoded; charset=UTF-8"
    pairs = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def queried(request: HttpRequest) -> dict[str, str]:
    assert not request.body
    return dict(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))


def is_signed(app: WebApp, request: HttpRequest) -> bool:
    form = posted(request) if request.method == "POST" else {}
    given = request.header("X-Twilio-Signature")
    return bool(VALIDATOR.validate(app.url(request.target), form, given))


async def code_of(customer: Customer, context: CallContext, url: str) -> int:
    with pytest.raises(CustomerError) as caught:
        await customer.ask(context, url, "POST")
    return caught.value.code


# The request


@pytest.mark.contract("T91")
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_the_parameters(customer: Customer, context: CallContext, method: str) -> None:
    """The seven constant parameters and the parties' aliases go along, signed, by either method."""
    async with web_app(response(200, TWIML, XML)) as app:
        reply = await customer.ask(context, app.url("/voice?a=b%20c"), method)
    (request,) = app.requests
    assert (request.method, is_signed(app, request)) == (method, True)
    form = posted(request) if method == "POST" else queried(request)
    expected = {**SEVEN, "Caller": CALLER, "Called": CALLED}
    assert form == (expected if method == "POST" else {"a": "b c", **expected})
    assert request.target.startswith("/voice?a=b%20c")
    assert request.header("User-Agent") == "TwilioProxy/1.1"
    assert reply.document.actions == (Hangup(line=1),)


async def test_what_is_known_beside_the_seven(customer: Customer, context: CallContext) -> None:
    """The call's own extras go with each request, the event's with this one, empty ones too."""
    context.call.extra = (("CallerName", "A & B"),)
    async with web_app(response(200, TWIML, XML)) as app:
        await customer.ask(context, app.url("/"), "POST", (("Digits", "1#"), ("Empty", "")))
        await customer.ask(context, app.url("/"), "POST")
    first, second = (posted(request) for request in app.requests)
    assert first["CallerName"] == second["CallerName"] == "A & B"
    assert (first["Digits"], first["Empty"]) == ("1#", "")
    assert "Digits" not in second


async def test_an_event_may_be_about_another_status_or_leg(
    customer: Customer, context: CallContext
) -> None:
    """A standard parameter given with the event stands once, and the aliases follow it."""
    extra = (("CallStatus", "no-answer"), ("To", "+15550009999"))
    async with web_app(response(200, TWIML, XML)) as app:
        await customer.ask(context, app.url("/"), "POST", extra)
    form = posted(app.requests[0])
    assert form["CallStatus"] == "no-answer"
    assert (form["To"], form["Called"], form["From"]) == ("+15550009999", "+15550009999", CALLER)


async def test_the_status_is_that_of_now(customer: Customer, context: CallContext) -> None:
    """A call that has been answered is in progress in the next request."""
    async with web_app(response(200, TWIML, XML)) as app:
        await customer.ask(context, app.url("/"), "POST")
        context.call.status = CallStatus.IN_PROGRESS
        await customer.ask(context, app.url("/"), "POST")
    assert [posted(r)["CallStatus"] for r in app.requests] == ["ringing", "in-progress"]


async def test_credentials_in_the_url_log_in_and_stay_secret(
    customer: Customer, context: CallContext
) -> None:
    """User and password become Basic authorisation, and neither timeline nor error holds them."""
    async with web_app(response(200, TWIML, XML), response(500)) as app:
        url = app.url("/voice?key=hidden-query").replace("://", "://user:hidden-word@")
        await customer.ask(context, url, "POST")
        assert await code_of(customer, context, url) == 11200
        expected = base64.b64encode(b"user:hidden-word").decode()
        assert app.requests[0].header("Authorization") == f"Basic {expected}"
    (answered,) = told(context.call, "webhook.answered")
    (failed,) = told(context.call, "webhook.failed")
    assert answered.data["url"] == failed.data["url"] == app.url("/voice")
    shown = [value for key, value in answered.data.items() if key != "signed"]
    for secret in ("hidden-word", "hidden-query"):
        assert secret not in str([*shown, failed.data])


# Cookies


async def test_cookies_are_kept_for_the_call(service: Service) -> None:
    """What the app sets comes back on the same call and to the same host, and on no other."""
    answers = (
        response(200, TWIML, XML, "Set-Cookie: id=1; Path=/; HttpOnly", "Set-Cookie: lang=en"),
        response(200, TWIML, XML, "Set-Cookie: id=2"),
        response(200, TWIML, XML),
    )
    ask = service.customer.ask
    first, second = context_of(service), context_of(service)
    async with web_app(*answers) as app, web_app(response(200, TWIML, XML)) as other:
        for context in (first, first, first, second):
            await ask(context, app.url("/"), "POST")
        await ask(first, other.url("/"), "POST")
    cookies = [request.header("Cookie") for request in app.requests]
    assert cookies == [None, "id=1; lang=en", "id=2; lang=en", None]
    assert other.requests[0].header("Cookie") is None


async def test_a_cookie_comes_back_as_it_was_set(customer: Customer, context: CallContext) -> None:
    """A quoted value is sent with its quotes."""
    async with web_app(response(200, TWIML, XML, 'Set-Cookie: a="b c"')) as app:
        for _ in range(2):
            await customer.ask(context, app.url("/"), "POST")
    assert app.requests[1].header("Cookie") == 'a="b c"'


async def test_a_cookie_that_is_no_text(customer: Customer, context: CallContext) -> None:
    """A cookie in other bytes than ASCII does not spoil the next request."""
    async with web_app(response(200, TWIML, XML, "Set-Cookie: a=\xe9; Path=/")) as app:
        for _ in range(2):
            await customer.ask(context, app.url("/"), "POST")
    assert len(app.requests) == 2


# Answers


@pytest.mark.contract("T16")
@pytest.mark.parametrize(
    "content_type",
    ["text/xml", "application/xml", "text/html", "Text/XML; charset=utf-8", "text/plain"],
)
async def test_content_types_of_twiml(
    customer: Customer, context: CallContext, content_type: str
) -> None:
    """TwiML runs under its usual types, and as plain text."""
    async with web_app(response(200, TWIML, f"Content-Type: {content_type}")) as app:
        reply = await customer.ask(context, app.url("/"), "POST")
    assert reply.document.actions == (Hangup(line=1),)


async def test_an_audio_file_is_played(customer: Customer, context: CallContext) -> None:
    """An answer of audio stands for a document that plays it from its URL and hangs up."""
    async with web_app(response(200, b"ID3", "Content-Type: audio/mpeg")) as app:
        reply = await customer.ask(context, app.url("/hello.mp3"), "GET")
    play, hangup = reply.document.actions
    assert isinstance(play, Verb)
    assert play.tag == "Play"
    assert play.text.startswith(app.url("/hello.mp3"))
    assert isinstance(hangup, Hangup)


async def test_plain_text_is_read_aloud(customer: Customer, context: CallContext) -> None:
    """Plain text that is no TwiML is spoken, with a warning on the timeline."""
    async with web_app(response(200, b"Hello there", "Content-Type: text/plain")) as app:
        reply = await customer.ask(context, app.url("/"), "POST")
    say, _ = reply.document.actions
    assert isinstance(say, Verb)
    assert (say.tag, say.text) == ("Say", "Hello there")
    (finding,) = told(context.call, "twiml.diagnostic")
    assert (finding.level, finding.data["code"]) == ("warning", 12200)


@pytest.mark.contract("T18")
@pytest.mark.parametrize("line", ["Content-Type: application/json", "X-Nothing: 1"])
async def test_other_content_types(customer: Customer, context: CallContext, line: str) -> None:
    """Any other type, and none at all, is 12300."""
    async with web_app(response(200, TWIML, line)) as app:
        assert await code_of(customer, context, app.url("/")) == 12300


@pytest.mark.contract("T15")
@pytest.mark.parametrize("chunked", [False, True])
async def test_the_size_of_a_document(
    customer: Customer, context: CallContext, chunked: bool
) -> None:
    """A document of 64 kB is read, one byte more is 11750, whether its length is told or not."""
    assert MAX_TWIML == 64 * 1024

    def answer(size: int) -> bytes:
        body = TWIML.ljust(size)
        if not chunked:
            return response(200, body, XML)
        head = f"HTTP/1.1 200 X\r\n{XML}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        return head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)

    async with web_app(answer(MAX_TWIML), answer(MAX_TWIML + 1)) as app:
        reply = await customer.ask(context, app.url("/"), "POST")
        assert reply.document.usable
        assert await code_of(customer, context, app.url("/")) == 11750


async def test_an_unreadable_document(customer: Customer, context: CallContext) -> None:
    """What is wrong with a document is on the timeline with number, place and advice."""
    async with web_app(response(200, b"<Response>\n  <Say>", XML)) as app:
        assert await code_of(customer, context, app.url("/voice?k=v")) == 12100
    (finding,) = told(context.call, "twiml.diagnostic")
    assert finding.level == "error"
    assert (finding.data["code"], finding.data["line"]) == (12100, 2)
    assert finding.data["url"] == app.url("/voice")
    assert finding.data["advice"]
    assert context.document_url == ""


# Redirects


@pytest.mark.parametrize(
    ("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
async def test_redirects(
    customer: Customer, context: CallContext, status: int, method: str
) -> None:
    """Each hop is signed and has the parameters; the last one's URL is the document's own."""
    document = b'<Response><Redirect method="GET">next</Redirect></Response>'
    answers = (
        response(status, b"", "Location: /b/two?x=1#part"),
        response(200, document, XML),
    )
    async with web_app(*answers) as app:
        reply = await customer.ask(context, app.url("/a/one"), "POST")
    first, second = app.requests
    assert (first.method, second.method) == ("POST", method)
    assert all(is_signed(app, request) for request in app.requests)
    form = posted(second) if method == "POST" else queried(second)
    assert SEVEN.items() <= form.items()
    assert reply.url.startswith(app.url("/b/two?x=1"))
    assert "#" not in reply.url
    assert context.document_url == reply.url
    assert isinstance(reply.document.actions[0], Redirect)


@pytest.mark.contract("T89")
@pytest.mark.parametrize(("redirects", "followed"), [(10, True), (11, False)])
async def test_the_number_of_redirects(
    customer: Customer, context: CallContext, redirects: int, followed: bool
) -> None:
    """Ten redirects are followed, eleven are 11215."""
    moved = [response(302, b"", "Location: /on") for _ in range(redirects)]
    async with web_app(*moved, response(200, TWIML, XML)) as app:
        if followed:
            await customer.ask(context, app.url("/"), "POST")
        else:
            assert await code_of(customer, context, app.url("/")) == 11215
    assert len(app.requests) == 11


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("ftp://example.com/x", 11210),
        ("https://", 11210),
        ("http://localhost:99999/", 11210),
        ("http://[::1/x", 11200),
    ],
)
async def test_a_redirect_to_nowhere(
    customer: Customer, context: CallContext, location: str, code: int
) -> None:
    """A redirect that leaves HTTP is 11210; one to what is no URL at all spoils the answer."""
    async with web_app(response(302, b"", f"Location: {location}")) as app:
        assert await code_of(customer, context, app.url("/")) == code


# Failures


@pytest.mark.parametrize("status", [201, 204, 300, 304, 400, 401, 404, 500, 503])
async def test_the_status_of_an_answer(
    customer: Customer, context: CallContext, status: int
) -> None:
    """Any status outside 200 to 299 is 11200, and is not asked again."""
    async with web_app(response(status, b"" if status in (204, 304) else TWIML, XML)) as app:
        if status == 201:
            await customer.ask(context, app.url("/"), "POST")
        elif status == 204:
            assert await code_of(customer, context, app.url("/")) == 12100
        else:
            assert await code_of(customer, context, app.url("/")) == 11200
            (failed,) = told(context.call, "webhook.failed")
            assert f"HTTP {status}" in failed.data["message"]
            assert failed.data["advice"]
    assert len(app.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/voice",
        "ftp://example.com/",
        "http://",
        "http://[::1/x",
        "http://x:99999/",
        "http://x:y/",
    ],
)
async def test_a_url_that_cannot_be_asked(
    customer: Customer, context: CallContext, url: str
) -> None:
    """A URL that is none, or of another kind, is 11210."""
    assert await code_of(customer, context, url) == 11210
    assert told(context.call, "webhook.failed")[0].data["code"] == 11210


async def test_an_app_that_is_not_there(customer: Customer, context: CallContext) -> None:
    """A refused connection is 11205."""
    async with web_app(None) as app:
        pass
    assert await code_of(customer, context, app.url("/")) == 11205


@pytest.mark.parametrize(
    "answer", [None, b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"]
)
async def test_an_app_that_breaks_off(
    customer: Customer, context: CallContext, answer: bytes | None
) -> None:
    """A connection closed before a whole answer came, or none of HTTP, is 11200."""
    async with web_app(answer) as app:
        assert await code_of(customer, context, app.url("/")) == 11200


async def test_an_answer_that_cannot_be_unpacked(customer: Customer, context: CallContext) -> None:
    """A body that is not compressed as its header says is 11200."""
    async with web_app(response(200, TWIML, XML, "Content-Encoding: gzip")) as app:
        assert await code_of(customer, context, app.url("/")) == 11200


async def test_a_certificate_nobody_trusts(service: Service, context: CallContext) -> None:
    """A certificate that this machine does not trust is 11220; one that it trusts is fine."""
    authority = Authority()
    async with web_app(
        response(200, TWIML, XML), tls=authority.server("localhost"), host="localhost"
    ) as app:
        assert await code_of(service.customer, context, app.url("/")) == 11220
        with authority.ca.cert_pem.tempfile() as ca_file:
            async with local_service(ca_file=ca_file) as trusting:
                await trusting.customer.ask(context, app.url("/"), "POST")
    assert len(app.requests) == 1


@pytest.mark.contract("T89")
@pytest.mark.parametrize(("seconds", "in_time"), [(14.9, True), (15.1, False)])
def test_the_time_for_an_answer(seconds: float, in_time: bool) -> None:
    """An answer within 15 s is taken; after that it is 11203, on a clock of the test's own."""

    async def main() -> None:
        async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            await asyncio.sleep(seconds)
            writer.write(response(200, TWIML, XML))

        async with local_service() as service, tcp_server(slowly) as port:
            context = context_of(service)
            url = f"http://127.0.0.1:{port}/"
            if in_time:
                await service.customer.ask(context, url, "POST")
            else:
                assert await code_of(service.customer, context, url) == 11203

    run_virtually(main, grace=0.2)


# The fallback


@pytest.mark.contract("T90")
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (response(500), "11200"),
        (response(200, b"<Response>", XML), "12100"),
        (response(200, TWIML, "Content-Type: image/png"), "12300"),
    ],
)
async def test_the_fallback(service: Service, answer: bytes, code: str, method: str) -> None:
    """When the app fails the fallback hears the same parameters, the number, and the failed URL."""
    async with web_app(answer) as app, web_app(response(200, TWIML, XML)) as spare:
        context = context_of(service, spare.url("/plan-b"), method)
        reply = await service.customer.ask(
            context, app.url("/voice?a=1#tt=9000"), "POST", (("Digits", "7"),)
        )
    (asked,) = spare.requests
    assert (asked.method, is_signed(spare, asked)) == (method, True)
    form = posted(asked) if method == "POST" else queried(asked)
    trouble = {"ErrorCode": code, "ErrorUrl": app.url("/voice?a=1"), "Digits": "7"}
    assert (SEVEN | trouble).items() <= form.items()
    assert reply.url.startswith(spare.url("/plan-b"))
    assert len(app.requests) == 1


async def test_a_malformed_url_has_its_fallback_too(service: Service) -> None:
    """A typing error in the voice URL is told to the fallback as it stands."""
    async with web_app(response(200, TWIML, XML)) as spare:
        context = context_of(service, spare.url("/"))
        await service.customer.ask(context, "http://[::1/voice#rc=2", "POST")
    form = posted(spare.requests[0])
    assert (form["ErrorCode"], form["ErrorUrl"]) == ("11210", "http://[::1/voice")


async def test_the_fallback_fails_too(service: Service) -> None:
    """With both gone the fallback's own error is raised, and each has its line on the timeline."""
    async with web_app(response(404)) as app, web_app(response(200, b"{}", XML)) as spare:
        context = context_of(service, spare.url("/"))
        assert await code_of(service.customer, context, app.url("/")) == 12100
    assert (len(app.requests), len(spare.requests)) == (1, 1)
    assert [entry.data["code"] for entry in told(context.call, "webhook.failed")] == [11200]
    assert [entry.data["code"] for entry in told(context.call, "twiml.diagnostic")] == [12100]


async def test_a_good_answer_asks_no_fallback(service: Service) -> None:
    """A document with warnings is good enough."""
    async with web_app(response(200, b"<Response><Sey/></Response>", XML)) as app:
        context = context_of(service, "http://127.0.0.1:1/never")
        assert (await service.customer.ask(context, app.url("/"), "POST")).document.usable
    assert told(context.call, "webhook.failed") == []
    assert [entry.level for entry in told(context.call, "twiml.diagnostic")] == ["warning"]
