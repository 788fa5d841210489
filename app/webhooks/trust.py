"""Reads a webhook, a form or JSON, and makes sure that SignalWire sent it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import structlog
from fastapi import HTTPException, Request
from starlette.requests import HTTPConnection

from app.security import JSON_SIGNATURES, verify_form, verify_json
from app.service import Service
from app.settings import Settings
from app.webhooks.links import PATIENCE

MAX_BODY = 256 * 1024
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")

log = structlog.get_logger("trust")


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A JSON webhook: its bytes, which are signed, and the object they say."""

    raw: bytes
    value: dict[str, Any]


async def read_form(request: Request) -> list[tuple[str, str]]:
    """The form's fields in order, repeated names kept.

    Answers 413 beyond 256 kB, 415 to anything that is not a URL-encoded form, 400 to a broken one.
    """
    content_type = content_type_of(request)
    if content_type != FORM:
        raise HTTPException(415, f"A webhook is a URL-encoded form, not {content_type or 'blank'}.")
    body = await _read(request)
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=1000)
    except ValueError as error:
        raise HTTPException(400, "The form is not URL-encoded.") from error


async def read_json(request: Request) -> JsonBody:
    """A webhook that is a JSON object.

    Answers 413 beyond 256 kB, 415 to anything that is not JSON, 400 to what is broken or no object.
    """
    content_type = content_type_of(request)
    if content_type != JSON:
        raise HTTPException(415, f"A SWML webhook is JSON, not {content_type or 'blank'}.")
    raw = await _read(request)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, "The body is not JSON.") from error
    if not isinstance(value, dict):
        raise HTTPException(400, "The body is not a JSON object.")
    return JsonBody(raw, value)


def content_type_of(request: Request) -> str:
    """The content type in lower case, without parameters; empty when there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"A webhook's body may have {MAX_BODY} bytes.")
    return bytes(body)


def require_signed(
    service: Service, request: Request, form: list[tuple[str, str]], *, optional: bool = False
) -> None:
    """Refuse (403) a form that SignalWire did not sign.

    `optional`: a missing signature passes, a wrong one does not; for callbacks whose URL holds a
    token of ours already. Without a signing key only loopback is let in.
    """
    signature = request.headers.get("x-signalwire-signature") or request.headers.get(
        "x-twilio-signature", ""
    )
    keys = service.settings.signing_keys
    _require(
        service,
        request,
        lambda url: verify_form(keys, url, form, signature),
        signed=bool(signature),
        optional=optional,
    )


def require_signed_json(
    service: Service, request: Request, body: JsonBody, *, optional: bool = False
) -> None:
    """The same for a JSON webhook."""
    keys = service.settings.signing_keys
    _require(
        service,
        request,
        lambda url: verify_json(keys, url, body.raw, request.headers),
        signed=any(name in request.headers for name in JSON_SIGNATURES),
        optional=optional,
    )


def _require(
    service: Service,
    request: Request,
    verified: Callable[[str], bool],
    *,
    signed: bool,
    optional: bool,
) -> None:
    if not service.settings.signing_keys:
        if optional or is_loopback(request):
            return
        log.error(
            "webhook refused: no signing key is set, so only loopback may call",
            advice="Set TWIML_BRIDGE_SIGNALWIRE_SIGNING_KEY to your project's signing key.",
        )
        raise HTTPException(403, "This service has no SignalWire signing key set.")
    if optional and not signed:
        return
    url = service.base_url + request.url.path
    if request.url.query:
        url += "?" + request.url.query
    # Fragments are not signed; a signer that takes our link as it stands is right all the same.
    if not any(verified(form_of_url) for form_of_url in (url, url + PATIENCE)):
        log.error(
            "webhook refused: its signature does not match",
            url=service.base_url + request.url.path.rpartition("/")[0] + "/…",
            signed=signed,
            advice="Check TWIML_BRIDGE_SIGNALWIRE_SIGNING_KEY, and that"
            " TWIML_BRIDGE_PUBLIC_URL is the address SignalWire calls.",
        )
        raise HTTPException(403, "The request's signature does not match.")


def is_local(settings: Settings, request: HTTPConnection) -> bool:
    """Whether a program of this machine asks, or a page of this very service.

    A page of another site is not let through: not by its Origin, nor by a name of its own that it
    has pointed at this machine's address.
    """
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    same = origin is None or urlsplit(origin).netloc == host
    return is_loopback(request) and same and _is_ours(settings, host)


def _is_ours(settings: Settings, host: str) -> bool:
    """Whether a Host header is a name of ours. An address is: nobody can point it elsewhere."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        known = {"localhost", settings.host, urlsplit(settings.base_url).hostname}
        return bool(name) and (name in known or name.endswith(".localhost"))
    return True


def is_loopback(request: HTTPConnection) -> bool:
    """Whether the peer is this machine itself and not a proxy on it."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
