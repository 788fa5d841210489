"""What the tokens in our URLs stand for: one class per purpose."""

from __future__ import annotations

from dataclasses import dataclass

from app.customer import CallContext
from app.routes import Route
from bridge.dialects.tap import Direction
from twiml.actions import Stream

MEDIA = "media"
BARE_MEDIA = "bare-media"
"""A media socket that its token alone opens, for a language that has no place for a bearer's."""
TAP = "tap"
DOCUMENT = "document"
CALLBACK = "callback"
STREAM_STATUS = "stream-status"
EVENT = "event"
PLAY = "play"
PLACED = "placed"
PLACED_STATUS = "placed-status"
PLACED_CALLBACK = "placed-callback"
INLINE = "inline"


@dataclass(frozen=True, slots=True)
class StreamGrant:
    """A stream that the carrier may open once, and report on."""

    context: CallContext
    stream_sid: str
    stream: Stream
    bidirectional: bool


@dataclass(frozen=True, slots=True)
class EchoGrant:
    """A two-way stream that the carrier may open once, on which a caller hears themselves."""

    context: CallContext


@dataclass(frozen=True, slots=True)
class TapGrant:
    """One direction of a stream, which the carrier may open a socket for once."""

    context: CallContext
    stream_sid: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class UrlGrant:
    """A URL of the customer's that the carrier may have asked, told or played through us.

    It stood in `attribute` of `verb`, or in its text if `attribute` is empty; in a document that
    was answered at `made_at`, seconds since the epoch. `aside` is the attribute that begins a
    document beside the call's own flow: a noun's `url`, a `waitUrl`. What follows it is aside too.
    """

    context: CallContext
    url: str
    method: str
    verb: str
    attribute: str = ""
    made_at: float = 0.0
    aside: str = ""


@dataclass(frozen=True, slots=True)
class WatchGrant:
    """Events of a verb that nobody but us has asked for."""

    context: CallContext
    verb: str


@dataclass(frozen=True, slots=True)
class PlacedGrant:
    """A call that we have placed: its customer's account and app, the TwiML that it begins with if
    that came with the order, and the events of its progress that are told. `callback` is the URL
    and method of another callback of it, that this very token is for."""

    account_sid: str
    route: Route
    twiml: str
    events: tuple[str, ...]
    callback: tuple[str, str] = ("", "POST")


@dataclass(frozen=True, slots=True)
class InlineGrant:
    """TwiML that a running call goes on with, in the language of its webhooks."""

    context: CallContext
    twiml: str
    language: str


Grant = StreamGrant | EchoGrant | TapGrant | UrlGrant | WatchGrant | PlacedGrant | InlineGrant
