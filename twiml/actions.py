"""The typed, frozen form of a TwiML document: one class per verb or noun that we act on.

Attribute values are kept as written in `attributes`; the typed fields beside them carry the
defaults of the TwiML reference. Names follow TwiML; Python spelling is snake_case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

Attributes = tuple[tuple[str, str], ...]
"""Attributes of an element as written, in document order."""


class Track(StrEnum):
    """Which side of a call a stream carries, seen from the carrier."""

    INBOUND = "inbound_track"
    OUTBOUND = "outbound_track"
    BOTH = "both_tracks"

    @property
    def names(self) -> tuple[str, ...]:
        """The track names as Media Streams messages spell them, inbound first."""
        match self:
            case Track.INBOUND:
                return ("inbound",)
            case Track.OUTBOUND:
                return ("outbound",)
            case Track.BOTH:
                return ("inbound", "outbound")


@dataclass(frozen=True, slots=True)
class Element:
    """Any element we carry but do not interpret: a verb, a noun or a piece of SSML.

    `content` holds text and child elements in document order, so mixed content survives.
    """

    name: str
    attributes: Attributes = ()
    content: tuple[str | Element, ...] = ()
    line: int = field(default=0, compare=False)

    @property
    def text(self) -> str:
        """The element's own text, without that of its children."""
        return "".join(part for part in self.content if isinstance(part, str))

    @property
    def children(self) -> tuple[Element, ...]:
        return tuple(part for part in self.content if isinstance(part, Element))

    def get(self, name: str) -> str | None:
        return lookup(self.attributes, name)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A name and value of the customer's, delivered in `start.customParameters`."""

    name: str
    value: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Stream:
    """A fork of the call's audio to the customer's WebSocket.

    `url` is as written. `connect_url` is what would be dialled: absolute, without query and
    fragment; None when the URL cannot be used. `refusal` is the Twilio error number that keeps
    the stream from starting (31922, 31923, 31941, …), 0 when it may start; the document's
    diagnostics say the same in words.
    """

    url: str | None = None
    connect_url: str | None = None
    name: str | None = None
    track: Track = Track.INBOUND
    status_callback: str | None = None
    status_callback_method: str = "POST"
    connector_name: str | None = None
    audio_format: str | None = None
    sample_rate: str | None = None
    parameters: tuple[Parameter, ...] = ()
    attributes: Attributes = ()
    refusal: int = 0
    refusal_reason: str = ""
    line: int = field(default=0, compare=False)

    @property
    def custom_parameters(self) -> dict[str, str]:
        """As `start.customParameters` carries them; of a repeated name the last one stands."""
        return {parameter.name: parameter.value for parameter in self.parameters}


Noun = Stream | Element


@dataclass(frozen=True, slots=True)
class Start:
    """Begin streams that receive only, and go on with the next verb at once."""

    nouns: tuple[Noun, ...] = ()
    action: str | None = None
    method: str = "POST"
    attributes: Attributes = ()
    line: int = field(default=0, compare=False)

    @property
    def streams(self) -> tuple[Stream, ...]:
        return streams_of(self.nouns)


@dataclass(frozen=True, slots=True)
class Connect:
    """Hand the call to a two-way stream (or another noun) and wait until that ends.

    `action` is asked for the next document, with `method`, when the noun has ended.
    """

    nouns: tuple[Noun, ...] = ()
    action: str | None = None
    method: str = "POST"
    attributes: Attributes = ()
    line: int = field(default=0, compare=False)

    @property
    def streams(self) -> tuple[Stream, ...]:
        return streams_of(self.nouns)


@dataclass(frozen=True, slots=True)
class Stop:
    """End one-way streams by name."""

    nouns: tuple[Noun, ...] = ()
    attributes: Attributes = ()
    line: int = field(default=0, compare=False)

    @property
    def streams(self) -> tuple[Stream, ...]:
        return streams_of(self.nouns)


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait in silence for `length` seconds."""

    length: int = 1
    attributes: Attributes = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""

    parameters: tuple[Parameter, ...] = ()
    attributes: Attributes = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on with the document at `url` (as written) instead of the rest of this one."""

    url: str = ""
    method: str = "POST"
    attributes: Attributes = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Verb(Element):
    """Any other voice verb, whole: attributes, text and children as written."""


Action = Start | Connect | Stop | Pause | Hangup | Redirect | Verb


def verb_name(action: Action) -> str:
    """The element name of a top-level action: `Start`, `Say`, …"""
    return action.name if isinstance(action, Verb) else type(action).__name__


def streams_of(nouns: tuple[Noun, ...]) -> tuple[Stream, ...]:
    return tuple(noun for noun in nouns if isinstance(noun, Stream))


def lookup(attributes: Attributes, name: str) -> str | None:
    """The value of an attribute as written, None when absent."""
    for key, value in attributes:
        if key == name:
            return value
    return None
