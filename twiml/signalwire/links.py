"""The addresses a translation is written with: on a call, every one of them ours.

SignalWire never talks to the customer: each URL of the customer's document is exchanged for one
of ours that stands for it. How such a URL is made, signed and expired is the caller's business.
A translation made for reading only, with no service behind it, keeps the customer's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from twiml.actions import Stream

NOWHERE = "https://base.invalid/"
"""Stands for the URL of a document that has none, so that relative ones are no mistake in it.

RFC 2606 reserves the name: nothing real is ever there.
"""


@dataclass(frozen=True, slots=True)
class MediaLink:
    """Our end of one stream. `name` is SignalWire's handle for it if the customer gave none.

    "The URL must not have a query string": all that tells streams apart is in the path. What is
    empty beside the URL is left out of the translation.
    """

    url: str
    bearer: str = ""
    status_callback: str = ""
    name: str = ""
    status_callback_method: str = "POST"

    def __post_init__(self) -> None:
        if "?" in self.url or "#" in self.url:
            raise ValueError("a media link carries its token in the path, without query string")


@dataclass(frozen=True, slots=True)
class TapLink:
    """Our end of one direction of a stream, for SWML's `tap`.

    `direction` is SignalWire's: `speak` is the inbound track, `listen` the outbound one.
    `status_url` is told when the tap begins and ends; empty, it is left out.
    """

    uri: str
    direction: str
    status_url: str


class Links(Protocol):
    """Exchanges the customer's URLs, given absolute, for ours.

    `method` is how the customer wants to be asked; SignalWire asks us by POST always. `verb` and
    `attribute` say where the URL stood; `attribute` is empty for an element's text.

    Links that are not `ours` give back the customer's URLs. What stands around those in the
    document then stays too: methods, defaults, and a relative URL when the document has none of
    its own to read it against.
    """

    @property
    def ours(self) -> bool:
        """Whether SignalWire will ask us and not the customer."""
        ...

    def media(self, stream: Stream, bidirectional: bool) -> MediaLink:
        """Where SignalWire connects the media of a stream."""
        ...

    def document(self, url: str, method: str, verb: str, attribute: str) -> str:
        """For a URL whose reply is TwiML: `action`, `<Redirect>`, `waitUrl`, a noun's `url`."""
        ...

    def callback(self, url: str, method: str, verb: str, attribute: str) -> str:
        """For a URL that is told something and whose reply is ignored: `statusCallback`, …"""
        ...

    def media_file(self, url: str) -> str:
        """For audio to be played."""
        ...


class SwmlLinks(Links, Protocol):
    """What SWML needs beside: it reports in events of its own, which only we understand."""

    def taps(self, stream: Stream) -> tuple[TapLink, ...]:
        """Where SignalWire taps a one-way stream, one link for each of its tracks."""
        ...

    def echo(self) -> MediaLink | None:
        """Where a caller's audio is sent back to them; None when nobody is there to do it."""
        ...

    def unopened(self, stream: Stream, bidirectional: bool) -> str:
        """Where the document tells that it has come to a stream that cannot be opened.

        Empty when nobody wants to know.
        """
        ...

    def watch(self, verb: str) -> str:
        """For events that nobody but us has asked for, such as who answered a `<Dial>`.

        Empty when they are not wanted.
        """
        ...
