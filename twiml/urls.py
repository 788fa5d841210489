"""The customer's URLs: which can be used, and what a stream's URL becomes when dialled.

Nothing here resolves a name or judges an address; that is for whoever connects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, quote, urljoin, urlsplit, urlunsplit

from twiml.diagnostics import Code

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
_OVERRIDES = re.compile("(?:(?:ct|rt|tt|rc|rp|sni|e|slow)=[^&]*(?:&|$))*")
"""A fragment for whoever dials: connection overrides (T section 9), and our own `slow`."""
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})")
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"

# What nearly every URL looks like. Taking one of these to pieces would change nothing in it.
_HOST = r"(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}(?::[1-9][0-9]{0,3})?"
_PLAIN_WSS = re.compile(rf"wss://{_HOST}(?:/[A-Za-z0-9/@:!$&'()*+,;=~._-]*)?")
_PLAIN_HTTP = re.compile(rf"https?://{_HOST}(?:[/?#][!-~]*)?")

_WRITE_WSS = "Write an absolute URL such as wss://example.com/media."


class UrlError(Exception):
    """A stream's URL that cannot be dialled: Twilio's number, what is wrong, how to mend it."""

    def __init__(self, code: Code, message: str, advice: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice


@dataclass(frozen=True, slots=True)
class StreamUrl:
    """A URL to dial, and the names of the query parameters that were dropped on the way."""

    connect_url: str
    dropped: bool = False
    dropped_names: tuple[str, ...] = ()


def stream_url(written: str, base_url: str | None, *, allow_plain_ws: bool) -> StreamUrl:
    """What is dialled for a stream's `url`; raises `UrlError` when it cannot be.

    "Relative or absolute; the connection is always wss, no other scheme. Query strings are
    unsupported." A relative URL is read against the document's URL, with https become wss.
    """
    if _PLAIN_WSS.fullmatch(written):
        return StreamUrl(written)
    if not written:
        raise UrlError(Code.STREAM_URL, "The stream has no url.", _WRITE_WSS)
    if _NOT_IN_URLS.search(written):
        raise UrlError(
            Code.STREAM_URL,
            "The stream's url holds a blank or another character that no URL may hold.",
            "Percent-encode it, and look for template placeholders that were not filled in.",
        )
    try:
        parts = _against(written, base_url, allow_plain_ws=allow_plain_ws)
        netloc = _netloc(parts)
    except ValueError:
        raise UrlError(
            Code.STREAM_URL, "The stream's url is malformed: its host or port.", _WRITE_WSS
        ) from None
    return StreamUrl(
        urlunsplit((parts.scheme, netloc, quote(parts.path, safe=_PATH_SAFE), "", "")),
        dropped=bool(parts.query) or _OVERRIDES.fullmatch(parts.fragment) is None,
        dropped_names=tuple(name for name, _ in parse_qsl(parts.query)),
    )


def absolute_http(written: str, base_url: str | None = None) -> str | None:
    """`written` as an absolute http or https URL, read against `base_url`; None if it is none.

    Query and fragment stay: they mean something in webhooks. Blanks around it go and blanks in it
    become %20, as file names in `<Play>` often have them.
    """
    if _PLAIN_HTTP.fullmatch(written):
        return written
    tidy = written.strip().replace(" ", "%20")
    if _UNPRINTABLE.search(tidy):
        return None
    try:
        absolute = tidy if _SCHEME.match(tidy) or not base_url else urljoin(base_url, tidy)
        parts = urlsplit(absolute)
        _netloc(parts)
    except ValueError:
        return None
    return absolute if parts.scheme in {"http", "https"} else None


def _against(written: str, base_url: str | None, *, allow_plain_ws: bool) -> SplitResult:
    if _SCHEME.match(written):
        parts = urlsplit(written)
        _check_scheme(parts.scheme, allow_plain_ws=allow_plain_ws)
        return parts
    base = absolute_http(base_url) if base_url else None
    if base is None:
        raise UrlError(
            Code.STREAM_URL,
            "The stream's url is relative and the document has no URL to read it against.",
            _WRITE_WSS,
        )
    parts = urlsplit(urljoin(base, written))
    plain = parts.scheme == "http" and allow_plain_ws
    return parts._replace(scheme="ws" if plain else "wss")


def _check_scheme(scheme: str, *, allow_plain_ws: bool) -> None:
    if scheme == "wss" or (scheme == "ws" and allow_plain_ws):
        return
    raise UrlError(
        Code.STREAM_SCHEME,
        f"The stream's url begins with {scheme[:20]}: and not with wss://.",
        "Media Streams connect over TLS only: write wss:// (a tunnel such as ngrok gives you one)."
        if scheme in {"ws", "http", "https"}
        else _WRITE_WSS,
    )


def _netloc(parts: SplitResult) -> str:
    """The authority as dialled, a host in other letters in its ASCII form; ValueError if bad."""
    host = parts.hostname
    if not host or parts.port == 0:
        raise ValueError("no host, or port 0")
    ascii_host = host.encode("idna").decode("ascii")  # also refuses empty and overlong labels
    if parts.netloc.isascii():
        return parts.netloc
    userinfo, at, _ = parts.netloc.rpartition("@")
    port = "" if parts.port is None else f":{parts.port}"
    return f"{quote(userinfo, safe=_PATH_SAFE)}{at}{ascii_host}{port}"
