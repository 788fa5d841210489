"""Which requests are taken for SignalWire's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from starlette.requests import Request

from app import grants
from app.grants import UrlGrant
from app.main import Server
from app.webhooks.trust import MAX_BODY, is_loopback
from bridge.signature import sign
from tests.app.running import client_of, new_call, serving
from tests.e2e.swml import signatures
from tests.support.peers import response, web_app

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "PSK_trust"
FORM = {"CallSid": "5f0c8d1e-0000-4000-8000-00000000abcd", "From": "+15550001111", "To": "+1"}


def signed(url: str, form: dict[str, str] | None = None, key: str = KEY) -> dict[str, str]:
    return {"X-SignalWire-Signature": sign(key, url, tuple((form or FORM).items()))}


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        ("testclient", False),
        ("", False),
    ],
)
async def test_loopback(host: str, near: bool) -> None:
    """Only an address of this machine's own loopback counts as near."""
    assert is_loopback(Request({"type": "http", "client": (host, 5), "headers": []})) is near


async def test_an_unknown_peer_is_not_near() -> None:
    """Behind a Unix socket nobody says who calls."""
    assert not is_loopback(Request({"type": "http", "client": None, "headers": []}))


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP"])
async def test_a_proxy_on_this_machine_is_not_this_machine(header: str) -> None:
    """Without a key, a request that was passed on is refused whatever it was passed on for."""
    async with serving() as server, client_of(server) as client:
        for value in ("127.0.0.1", ""):
            answer = await client.post("/signalwire/cxml", data=FORM, headers={header: value})
            assert answer.status_code == 403
        assert (await client.post("/signalwire/cxml", data=FORM)).status_code == 200


async def test_either_name_of_the_signature_header_is_good() -> None:
    """SignalWire's own header and Twilio's carry the same signature."""
    async with serving(signalwire_signing_key=KEY) as server, client_of(server) as client:
        signature = signed(f"{server.service.base_url}/signalwire/cxml")["X-SignalWire-Signature"]
        for name in ("X-SignalWire-Signature", "X-Twilio-Signature"):
            answer = await client.post("/signalwire/cxml", data=FORM, headers={name: signature})
            assert answer.status_code == 200


async def test_the_public_address_is_what_is_signed() -> None:
    """Behind a proxy that ends TLS, the URL that SignalWire knows counts, with path and query."""
    public = "https://bridge.example.com/tb"
    async with (
        serving(public_url=public, signalwire_signing_key=KEY) as server,
        client_of(server) as client,
    ):
        url = "/signalwire/cxml?region=eu&x=%2B"
        for base, status in ((public, 200), (str(client.base_url).rstrip("/"), 403)):
            answer = await client.post(url, data=FORM, headers=signed(base + url))
            assert answer.status_code == status


async def test_a_missing_signature_on_a_token_passes_and_a_wrong_one_does_not() -> None:
    """SignalWire may not sign status callbacks; their token is proof enough, a lie is not."""
    async with (
        web_app(response(204)) as app,
        serving(signalwire_signing_key=KEY) as server,
        client_of(server) as client,
    ):
        path = callback_path(server, app.url("/told"))
        url = server.service.base_url + path
        for headers, status in (
            ({}, 204),
            (signed(url), 204),
            (signed(url, key="PSK_other"), 403),
        ):
            assert (await client.post(path, data=FORM, headers=headers)).status_code == status
        await server.service.engine.sender.drain(10)
        assert len(app.requests) == 2


async def test_a_document_always_needs_a_signature() -> None:
    """A URL that steers a call is not opened by its token alone."""
    async with serving(signalwire_signing_key=KEY) as server, client_of(server) as client:
        call = new_call(server.service)
        grant = UrlGrant(server.service.calls[call.sid].context, "http://x", "POST", "Gather")
        token = server.service.tokens.issue(grants.DOCUMENT, call.sid, grant)
        assert (await client.post(f"/signalwire/cxml/{token}", data=FORM)).status_code == 403


# JSON

CALL = b'{"call":{"call_id":"5f0c8d1e-0000-4000-8000-00000000abcd"}}'
JSON_TYPE = {"Content-Type": "application/json"}


@pytest.mark.contract("S39")
async def test_a_json_webhook_needs_a_signature() -> None:
    """Signed by the key or the one before, by either header or both; not without, nor wrongly."""
    keys = {"signalwire_signing_key": KEY, "signalwire_signing_key_previous": "PSK_before"}
    async with serving(**keys) as server, client_of(server) as client:
        url = f"{server.service.base_url}/signalwire/swml"
        right, before = signatures(url, CALL, KEY), signatures(url, CALL, "PSK_before")
        sha1, sha256 = ({name: right[name]} for name in right)
        wrong = signatures(url, CALL + b" ", KEY)
        for headers, status in (
            (right, 200),
            (before, 200),
            (sha1, 200),
            (sha256, 200),
            ({}, 403),
            (wrong, 403),
            (signatures(url, CALL, "PSK_other"), 403),
            (right | {"X-Signalwire-Signature": wrong["X-Signalwire-Signature"]}, 403),
        ):
            answer = await client.post(
                "/signalwire/swml", content=CALL, headers=JSON_TYPE | headers
            )
            assert answer.status_code == status, headers


@pytest.mark.contract("S41")
async def test_a_public_urls_user_is_not_signed() -> None:
    """With user and password in the public URL, SignalWire signs the URL without them."""
    async with (
        serving(
            public_url="https://user:pass@bridge.example.com", signalwire_signing_key=KEY
        ) as server,
        client_of(server) as client,
    ):
        headers = signatures("https://bridge.example.com/signalwire/swml", CALL, KEY)
        answer = await client.post("/signalwire/swml", content=CALL, headers=JSON_TYPE | headers)
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Forwarded": ""}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Real-IP": ""}]
)
async def test_without_a_key_json_is_taken_from_loopback_only(headers: dict[str, str]) -> None:
    """As with forms: this machine itself, and no proxy on it."""
    async with serving() as server, client_of(server) as client:
        for more, status in (({}, 200), (headers, 403)):
            answer = await client.post("/signalwire/swml", content=CALL, headers=JSON_TYPE | more)
            assert answer.status_code == status


def callback_path(server: Server, url: str) -> str:
    call = new_call(server.service)
    grant = UrlGrant(server.service.calls[call.sid].context, url, "POST", "Dial")
    token = server.service.tokens.issue(grants.CALLBACK, call.sid, grant)
    return f"/signalwire/callback/{token}"


# What is read at all


@pytest_asyncio.fixture(loop_scope="module")
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(server) as client:
        yield client


FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(("beyond", "status"), [(0, 200), (1, 413)])
async def test_the_size_of_a_form_is_bounded(
    client: httpx.AsyncClient, beyond: int, status: int, told: bool
) -> None:
    """A form of 256 kB is read, one byte more is refused, whether its length is told or not."""
    head = b"CallSid=5f0c8d1e&Filler="
    body = head + b"x" * (MAX_BODY + beyond - len(head))

    async def pieces() -> AsyncIterator[bytes]:
        yield body[:1000]
        yield body[1000:]

    content = body if told else pieces()
    answer = await client.post("/signalwire/cxml", content=content, headers=FORM_TYPE)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"", 400),
        ("application/x-www-form-urlencoded", b"callsid=5f0c8d1e", 400),
        ("application/x-www-form-urlencoded", "CallSid=é".encode(), 400),
        ("application/json", b'{"CallSid": "5f0c8d1e"}', 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("", b"CallSid=5f0c8d1e", 415),
        ("Application/X-WWW-Form-URLEncoded; charset=UTF-8", b"CallSid=5f0c8d1e", 200),
    ],
)
async def test_what_is_a_form_of_a_call(
    client: httpx.AsyncClient, content_type: str, body: bytes, status: int
) -> None:
    """Only a URL-encoded form is read, and it must name its call."""
    answer = await client.post(
        "/signalwire/cxml", content=body, headers={"Content-Type": content_type}
    )
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", CALL, 200),
        ("Application/JSON; charset=utf-8", CALL, 200),
        ("", CALL, 415),
        ("text/plain", CALL, 415),
        ("application/x-www-form-urlencoded", b"CallSid=5f0c8d1e", 415),
        ("application/json", b"", 400),
        ("application/json", CALL[:-1], 400),
        ("application/json", b"[]", 400),
        ("application/json", b"null", 400),
        ("application/json", b"NaN", 400),
        ("application/json", b'{"call":"\xff"}', 400),
        ("application/json", b'{"call":' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
        ("application/json", b"{}", 400),
        ("application/json", b'{"call":{}}', 400),
        ("application/json", b'{"call":[]}', 400),
        ("application/json", b'{"call":{"call_id":""}}', 400),
        ("application/json", b'{"call":{"call_id":["x"]}}', 400),
    ],
)
async def test_what_is_json_of_a_call(
    client: httpx.AsyncClient, content_type: str, body: bytes, status: int
) -> None:
    """Only a JSON object is read, and it must name its call."""
    answer = await client.post(
        "/signalwire/swml", content=body, headers={"Content-Type": content_type}
    )
    assert answer.status_code == status


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(("beyond", "status"), [(0, 200), (1, 413)])
async def test_the_size_of_json_is_bounded(
    client: httpx.AsyncClient, beyond: int, status: int, told: bool
) -> None:
    """256 kB of JSON are read, one byte more is refused, whether its length is told or not."""
    body = CALL + b" " * (MAX_BODY + beyond - len(CALL))

    async def pieces() -> AsyncIterator[bytes]:
        yield body[:1000]
        yield body[1000:]

    content = body if told else pieces()
    answer = await client.post("/signalwire/swml", content=content, headers=JSON_TYPE)
    assert answer.status_code == status


@pytest.mark.parametrize(("fields", "status"), [(999, 200), (1000, 400)])
async def test_the_number_of_fields_is_bounded(
    client: httpx.AsyncClient, fields: int, status: int
) -> None:
    """A form has at most 1000 fields."""
    form = {f"F{number}": "" for number in range(fields)} | {"CallSid": "5f0c8d1e"}
    assert (await client.post("/signalwire/cxml", data=form)).status_code == status
