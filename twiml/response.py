"""What a customer's HTTP answer means, by its content type.

Twilio: text/xml, application/xml and text/html are TwiML; audio is played, then the call ends;
text/plain is run if it is TwiML and read aloud otherwise; anything else is 12300. As a `waitUrl`
audio is music: Twilio's pages of `<Enqueue>` and `<Conference>` allow it, and no call ends with it.
"""

from __future__ import annotations

import re
from enum import Enum

from twiml.actions import Hangup, Play, Say
from twiml.diagnostics import Code, Diagnostic, Severity
from twiml.document import FETCHED, Document, Limits
from twiml.hints import quoted
from twiml.markup import legal
from twiml.parser import parse
from twiml.source import known_encoding

_TWIML = frozenset({"text/xml", "application/xml", "text/html"})
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9._-]+)", re.IGNORECASE)


class Kind(Enum):
    """How an answer is taken."""

    TWIML = "twiml"
    TEXT = "text"
    AUDIO = "audio"
    UNUSABLE = "unusable"


def kind_of(content_type: str | None) -> Kind:
    """How an answer of this content type is taken; parameters such as charset do not matter."""
    media_type = _media_type(content_type)
    if media_type in _TWIML:
        return Kind.TWIML
    if media_type == "text/plain":
        return Kind.TEXT
    if media_type.startswith("audio/") and len(media_type) > len("audio/"):
        return Kind.AUDIO
    return Kind.UNUSABLE


def read_response(
    content_type: str | None,
    body: bytes,
    url: str,
    limits: Limits = FETCHED,
    *,
    allow_plain_ws: bool = False,
) -> Document:
    """The document that an answer from `url` amounts to; nothing is raised."""
    match kind_of(content_type):
        case Kind.AUDIO:
            return Document((Play(content=(url,)), Hangup()), bare=True)
        case Kind.TWIML:
            return parse(body, limits, base_url=url, allow_plain_ws=allow_plain_ws)
        case Kind.TEXT:
            document = parse(body, limits, base_url=url, allow_plain_ws=allow_plain_ws)
            return _spoken(document, content_type or "", body)
        case Kind.UNUSABLE:
            return _unusable(content_type)


def _spoken(document: Document, content_type: str, body: bytes) -> Document:
    """A text/plain answer: itself if it is TwiML, too large or blank, else read aloud."""
    fatal = document.fatal
    # What is too large is not so much as decoded.
    if fatal is None or fatal.code != Code.UNPARSABLE:
        return document
    text = legal(_text(content_type, body)).strip()
    if not text:
        return document
    notice = Diagnostic(
        Severity.WARNING,
        Code.SCHEMA,
        fatal.line,
        fatal.column,
        f"The text/plain answer is not TwiML and is read aloud: {fatal.message}",
        "Send TwiML with Content-Type text/xml.",
    )
    return Document((Say(content=(text,)), Hangup()), (notice,), bare=True)


def _text(content_type: str, body: bytes) -> str:
    declared = _CHARSET.search(content_type)
    encoding = known_encoding(declared[1]) if declared else None
    return body.decode(encoding or "utf-8", "replace").removeprefix("\ufeff")


def _unusable(content_type: str | None) -> Document:
    media_type = _media_type(content_type)
    message = (
        f"The answer's Content-Type {quoted(media_type)} is not one that can be used."
        if media_type
        else "The answer has no Content-Type."
    )
    return Document(
        (),
        (
            Diagnostic(
                Severity.ERROR, Code.CONTENT_TYPE, 0, 0, message, "Send Content-Type: text/xml."
            ),
        ),
    )


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()
