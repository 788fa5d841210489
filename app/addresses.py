"""URLs of documents that no call asks for, and that may come from nowhere known.

A file has no URL, yet the relative ones in it are no mistakes: they will be read against the
address that the document is one day served from.
"""

from __future__ import annotations

import re

from twiml.actions import Stream, lookup
from twiml.signalwire.links import MediaLink, TapLink
from twiml.urls import absolute_http

_ABSOLUTE = re.compile("wss?:", re.IGNORECASE)
"""How a stream's URL begins that needs no other to be dialled."""
_DIRECTIONS = {"inbound": "speak", "outbound": "listen"}
"""Tracks as SWML's `tap` names them (S section 7.5)."""
_QUERY = re.compile("[?#].*", re.DOTALL)


def dialled(stream: Stream, base_url: str) -> str | None:
    """What would be dialled; None for a refused stream, and for a URL relative to nothing."""
    if stream.refusal or stream.url is None:
        return None
    return stream.connect_url if base_url or _ABSOLUTE.match(stream.url) else None


class PlainLinks:
    """The customer's own URLs: absolute as far as `base_url` can make them so, else as written."""

    ours = False

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def media(self, stream: Stream, bidirectional: bool) -> MediaLink:
        """The stream as the customer has it. SignalWire, too, takes no query string."""
        return MediaLink(
            url=dialled(stream, self._base_url) or _QUERY.sub("", stream.url or ""),
            status_callback=self._status_callback(stream),
            status_callback_method=stream.status_callback_method,
            name=stream.name or "",
        )

    def taps(self, stream: Stream) -> tuple[TapLink, ...]:
        """The same socket for each track: whose audio it is, nobody can tell there."""
        link = self.media(stream, bidirectional=False)
        return tuple(
            TapLink(link.url, _DIRECTIONS[track], link.status_callback)
            for track in stream.track.names
        )

    def echo(self) -> MediaLink | None:
        """Nobody is there who could send the audio back."""
        return None

    def unopened(self, stream: Stream, bidirectional: bool) -> str:
        return ""

    def document(self, url: str, method: str, verb: str, attribute: str) -> str:
        return url

    def callback(self, url: str, method: str, verb: str, attribute: str) -> str:
        return url

    def watch(self, verb: str) -> str:
        return ""

    def media_file(self, url: str) -> str:
        return url

    def _status_callback(self, stream: Stream) -> str:
        written = (lookup(stream.attributes, "statusCallback") or "").strip()
        if stream.status_callback is None or self._base_url or absolute_http(written):
            return stream.status_callback or ""
        return written
