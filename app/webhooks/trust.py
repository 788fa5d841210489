"""Reads a webhook's form and makes sure that SignalWire sent it."""

from __future__ import annotations

import ipaddress
from urllib.parse import parse_qsl

import structlog
from fastapi import HTTPException, Request

from app.security import verify_form
from app.service import Service
from app.webhooks.links import PATIENCE

MAX_FORM = 256 * 1024
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")

log = structlog.get_logger("trust")


async def read_form(request: Request) -> list[tuple[str, str]]:
    """The form's fields in order, repeated names kept.

    Answers 413 beyond 256 kB, 415 to anything that is not a URL-encoded form, 400 to a broken one.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise HTTPException(415, f"A webhook is a URL-encoded form, not {content_type or 'blank'}.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM:
            raise HTTPException(413, f"A webhook's form may have {MAX_FORM} bytes.")
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=1000)
    except ValueError as error:
        raise HTTPException(400, "The form is not URL-encoded.") from error


def require_signed(
    service: Service, request: Request, form: list[tuple[str, str]], *, optional: bool = False
) -> None:
    """Refuse (403) a request that SignalWire did not sign.

    `optional`: a missing signature passes, a wrong one does not; for callbacks whose URL holds a
    token of ours already. Without a signing key only loopback is let in.
    """
    keys = service.settings.signing_keys
    signature = request.headers.get("x-signalwire-signature") or request.headers.get(
        "x-twilio-signature", ""
    )
    if not keys:
        if optional or is_loopback(request):
            return
        log.error(
            "webhook refused: no signing key is set, so only loopback may call",
            advice="Set TWIML_BRIDGE_SIGNALWIRE_SIGNING_KEY to your project's signing key.",
        )
        raise HTTPException(403, "This service has no SignalWire signing key set.")
    if optional and not signature:
        return
    url = service.base_url + request.url.path
    if request.url.query:
        url += "?" + request.url.query
    # Fragments are not signed; a signer that takes our link as it stands is right all the same.
    if not any(verify_form(keys, form_of, form, signature) for form_of in (url, url + PATIENCE)):
        log.error(
            "webhook refused: its signature does not match",
            url=service.base_url + request.url.path.rpartition("/")[0] + "/…",
            signed=bool(signature),
            advice="Check TWIML_BRIDGE_SIGNALWIRE_SIGNING_KEY, and that"
            " TWIML_BRIDGE_PUBLIC_URL is the address SignalWire calls.",
        )
        raise HTTPException(403, "The request's signature does not match.")


def is_loopback(request: Request) -> bool:
    """Whether the peer is this machine itself and not a proxy on it."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
