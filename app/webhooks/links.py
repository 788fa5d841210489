"""Our URLs in an answer to SignalWire: each carries one token and no query string."""

from __future__ import annotations

from urllib.parse import urlsplit

from app import grants
from app.customer import CallContext
from app.grants import StreamGrant, UrlGrant
from app.service import Service
from bridge.ids import mint
from twiml.actions import Stream
from twiml.signalwire.links import MediaLink

PATIENCE = "#rt=15000&tt=15000"
"""SignalWire waits 5 s for a document unless its URL's fragment says otherwise (S section 2.5); the
customer's app has Twilio's 15 s. A fragment is not sent."""


class CallLinks:
    """Makes the links of one document of one call."""

    ours = True

    def __init__(self, service: Service, context: CallContext) -> None:
        self._service = service
        self._context = context
        self._base = service.base_url

    def media(self, stream: Stream, bidirectional: bool) -> MediaLink:
        """Where SignalWire opens this stream, with the bearer token it must show."""
        sid = mint("MZ", self._service.engine.random_bytes)
        grant = StreamGrant(self._context, sid, stream, bidirectional)
        call_sid = self._context.call.sid
        token = self._service.tokens.issue(grants.MEDIA, call_sid, grant, once=True)
        status = self._service.tokens.issue(grants.STREAM_STATUS, call_sid, grant)
        socket_base = "ws" + self._base.removeprefix("http")
        return MediaLink(
            url=f"{socket_base}/media/{token}",
            bearer=self._service.tokens.bearer(token),
            status_callback=f"{self._base}/signalwire/stream/{status}",
            name=stream.name or sid,
        )

    def document(self, url: str, method: str, verb: str, attribute: str) -> str:
        return self._link(grants.DOCUMENT, "cxml", url, method, verb, attribute) + PATIENCE

    def callback(self, url: str, method: str, verb: str, attribute: str) -> str:
        return self._link(grants.CALLBACK, "callback", url, method, verb, attribute)

    def media_file(self, url: str) -> str:
        if urlsplit(url).scheme not in ("http", "https"):
            return url  # rtmp and the like: SignalWire fetches those itself
        return self._link(grants.PLAY, "play", url, "GET", "Play", "")

    def _link(
        self, purpose: str, path: str, url: str, method: str, verb: str, attribute: str
    ) -> str:
        grant = UrlGrant(self._context, url, method, verb, attribute)
        token = self._service.tokens.issue(purpose, self._context.call.sid, grant)
        return f"{self._base}/signalwire/{path}/{token}"
