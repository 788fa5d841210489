"""Who is calling, and where they reach us: Twilio's signature and our own address."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from contextlib import suppress
from typing import Literal

from starlette.requests import HTTPConnection


def is_signed(
    connection: HTTPConnection, auth_token: str | None, form: Iterable[tuple[str, str]] = ()
) -> bool:
    """Whether Twilio sent this: HMAC-SHA1 over the URL and the sorted form parameters."""
    if auth_token is None:
        return True
    scheme = site(connection, "ws" if connection.scope["type"] == "websocket" else "http")
    url = connection.url.replace(scheme=scheme.partition(":")[0])
    parameters = "".join(name + value for name, value in sorted(set(form)))
    given = connection.headers.get("x-twilio-signature", "").encode()
    for candidate in (url, url.replace(port=None)):  # Twilio signs with or without the port
        text = f"{candidate}{parameters}".encode()
        digest = hmac.new(auth_token.encode(), text, hashlib.sha1).digest()
        if hmac.compare_digest(base64.b64encode(digest), given):
            return True
    return False


def site(connection: HTTPConnection, scheme: Literal["http", "ws"]) -> str:
    """Our scheme and host: with TLS, unless we were called without it on this machine."""
    tls = connection.url.scheme in {"https", "wss"} or not is_local(connection.url.hostname or "")
    return f"{scheme}{'s' if tls else ''}://{connection.url.netloc}"


def is_local(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
