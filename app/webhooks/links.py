"""Our URLs in an answer to SignalWire: each carries one token and no query string."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from app import grants
from app.customer import CallContext
from app.grants import EchoGrant, Grant, StreamGrant, TapGrant, UrlGrant, WatchGrant
from app.service import Service
from app.taps import open_taps
from bridge.ids import mint
from twiml.actions import Stream
from twiml.signalwire.links import MediaLink, TapLink
from twiml.signalwire.swml import Dialect

PATIENCE = "#rt=15000&tt=15000"
"""SignalWire waits 5 s for cXML unless its URL's fragment says otherwise (S section 2.5); the
customer's app has Twilio's 15 s. A fragment is not sent."""
_ASIDE = frozenset({"url", "waitUrl"})
"""Attributes whose document is heard beside the call's own flow."""


class CallLinks:
    """Makes the links of one document of one call. `aside`: see `UrlGrant`."""

    ours = True
    media_purpose = grants.MEDIA

    def __init__(self, service: Service, context: CallContext, aside: str = "") -> None:
        self._service = service
        self._context = context
        self._aside = aside

    def media(self, stream: Stream, bidirectional: bool, sid: str = "") -> MediaLink:
        """Where SignalWire opens this stream, with the bearer token it must show."""
        sid = sid or mint("MZ", self._service.engine.random_bytes)
        grant = StreamGrant(self._context, sid, stream, bidirectional)
        token = self._issue(self.media_purpose, grant, once=True)
        return MediaLink(
            url=self._socket(token),
            bearer=self._service.tokens.bearer(token),
            status_callback=self._stream_status(grant),
            name=stream.name or sid,
        )

    def document(self, url: str, method: str, verb: str, attribute: str) -> str:
        grant = self._grant(url, method, verb, attribute)
        return self._link("cxml", self._issue(grants.DOCUMENT, grant)) + PATIENCE

    def callback(self, url: str, method: str, verb: str, attribute: str) -> str:
        grant = self._grant(url, method, verb, attribute)
        return self._link("callback", self._issue(grants.CALLBACK, grant))

    def media_file(self, url: str) -> str:
        if urlsplit(url).scheme not in ("http", "https"):
            return url  # rtmp and the like: SignalWire fetches those itself
        return self._link("play", self._issue(grants.PLAY, self._grant(url, "GET", "Play", "")))

    def event_of_stream(self, stream: Stream, sid: str) -> str:
        """Where a one-way stream's events come to as JSON."""
        grant = StreamGrant(self._context, sid, stream, bidirectional=False)
        return self._link("event", self._issue(grants.EVENT, grant))

    def _stream_status(self, grant: StreamGrant) -> str:
        return self._link("stream", self._issue(grants.STREAM_STATUS, grant))

    def _grant(self, url: str, method: str, verb: str, attribute: str) -> UrlGrant:
        aside = self._aside or (attribute if attribute in _ASIDE else "")
        return UrlGrant(self._context, url, method, verb, attribute, time.time(), aside)

    def _issue(self, purpose: str, grant: Grant, *, once: bool = False) -> str:
        return self._service.tokens.issue(purpose, self._context.call.sid, grant, once=once)

    def _socket(self, token: str) -> str:
        return f"ws{self._service.base_url.removeprefix('http')}/media/{token}"

    def _link(self, path: str, token: str) -> str:
        return f"{self._service.base_url}/signalwire/{path}/{token}"


class SwmlCallLinks(CallLinks):
    """The links of a SWML document. Its reports are JSON, so they have a door of their own.

    How long SignalWire waits for SWML is not documented, nor that a fragment would change it.
    """

    def __init__(
        self, service: Service, context: CallContext, aside: str, dialect: Dialect
    ) -> None:
        super().__init__(service, context, aside)
        if dialect is Dialect.STRICT:
            self.media_purpose = grants.BARE_MEDIA

    def document(self, url: str, method: str, verb: str, attribute: str) -> str:
        grant = self._grant(url, method, verb, attribute)
        return self._link("swml", self._issue(grants.DOCUMENT, grant))

    def callback(self, url: str, method: str, verb: str, attribute: str) -> str:
        return self._event(self._grant(url, method, verb, attribute))

    def echo(self) -> MediaLink:
        """Where SignalWire opens the stream on which a caller hears themselves."""
        token = self._issue(self.media_purpose, EchoGrant(self._context), once=True)
        return MediaLink(
            url=self._socket(token),
            bearer=self._service.tokens.bearer(token),
            status_callback=self.watch("Echo"),
        )

    def unopened(self, stream: Stream, bidirectional: bool) -> str:
        sid = mint("MZ", self._service.engine.random_bytes)
        return self._event(StreamGrant(self._context, sid, stream, bidirectional))

    def watch(self, verb: str) -> str:
        return self._event(WatchGrant(self._context, verb))

    def taps(self, stream: Stream) -> tuple[TapLink, ...]:
        sid = mint("MZ", self._service.engine.random_bytes)
        return tuple(
            TapLink(
                tap.uri, tap.direction, self._event(TapGrant(self._context, sid, tap.direction))
            )
            for tap in open_taps(self._service, self._context, stream, sid)
        )

    def _stream_status(self, grant: StreamGrant) -> str:
        return self._event(grant)

    def _event(self, grant: Grant) -> str:
        return self._link("event", self._issue(grants.EVENT, grant))
