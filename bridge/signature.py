"""Twilio's request signatures, made as Twilio makes them (T sections 4.1 and 10)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

Form = Iterable[tuple[str, str]]


def signed_webhook_url(url: str) -> str:
    """The form of a webhook's URL that is signed.

    Query kept, fragment and userinfo dropped; an https port is dropped, an http port is kept.
    """
    parts = urlsplit(url)
    host = _host(parts.hostname or "")
    if parts.port is not None and parts.scheme == "http":
        host = f"{host}:{parts.port}"
    return urlunsplit((parts.scheme, host, parts.path, parts.query, ""))


def signed_stream_url(url: str) -> str:
    """The form of a stream's URL that is signed: no userinfo, port, query or fragment.

    An empty path becomes `/`. Twilio's form for a non-default port is unknown; its validators
    match `wss` only without one.
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, _host(parts.hostname or ""), parts.path or "/", "", ""))


def sign(auth_token: str, url: str, form: Form = ()) -> str:
    """`X-Twilio-Signature` for a URL already in signed form and a POST form's fields.

    Repeated names: their values are de-duplicated and sorted. Sign a GET or a socket with no form.
    """
    text = url + "".join(name + value for name, value in sorted(set(form)))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def with_body_hash(url: str, body: bytes) -> str:
    """The URL under which a JSON body is sent: the body's hash joins the query."""
    parts = urlsplit(url)
    digest = f"bodySHA256={hashlib.sha256(body).hexdigest()}"
    query = f"{parts.query}&{digest}" if parts.query else digest
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))


def _host(hostname: str) -> str:
    return f"[{hostname}]" if ":" in hostname else hostname
