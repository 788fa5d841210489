"""One phone call: who it is, and which streams it may have."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bridge.identity import Identity
from bridge.ids import RandomBytes, mint
from bridge.limits import StreamLimits
from bridge.overrides import when_slow
from bridge.stream import MediaStream, State
from bridge.timeline import Timeline
from twiml.actions import Stream

_LIMITS = StreamLimits()

MAX_TRACKS = 4
"""Tracks that all one-way streams of a call may carry together (T section 3.3)."""


class CallStatus(StrEnum):
    """Twilio's words for where a call stands (T section 9)."""

    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    FAILED = "failed"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"

    @property
    def over(self) -> bool:
        """Whether nothing comes after it."""
        return self not in (CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Parties:
    """Both ends of a call and which way it goes, as webhooks carry them."""

    from_: str
    to: str
    direction: str = "inbound"


@dataclass(slots=True)
class Call:
    """A call and its streams. Pure: sids and sockets are made by others."""

    sid: str
    account_sid: str
    parties: Parties
    timeline: Timeline
    status: CallStatus = CallStatus.RINGING
    extra: tuple[tuple[str, str], ...] = ()
    _streams: dict[str, MediaStream] = field(default_factory=dict)

    @property
    def streams(self) -> tuple[MediaStream, ...]:
        """Every stream the call has had, in the order they began."""
        return tuple(self._streams.values())

    def has_stream(self, sid: str) -> bool:
        """Whether a stream of that sid has ever begun on this call."""
        return sid in self._streams

    def stream_named(self, name: str) -> MediaStream | None:
        """The running one-way stream of that name, or of that sid."""
        for stream in self._running():
            if not stream.identity.bidirectional and name in (
                stream.identity.name,
                stream.identity.stream_sid,
            ):
                return stream
        return None

    def begin_stream(
        self,
        stream: Stream,
        *,
        bidirectional: bool,
        random_bytes: RandomBytes,
        sid: str | None = None,
        limits: StreamLimits = _LIMITS,
    ) -> MediaStream:
        """A new stream on this call. It has failed already when the document or a limit forbids it.

        Twilio documents the limits (T section 3.3) but no number for breaking them: 31900 is used.
        """
        media = MediaStream(
            Identity(
                account_sid=self.account_sid,
                call_sid=self.sid,
                stream_sid=sid or mint("MZ", random_bytes),
                name=stream.name or None,
                tracks=stream.track.names,
                bidirectional=bidirectional,
                custom_parameters=stream.custom_parameters,
            ),
            pending_limit=limits.waiting_frames,
            when_slow=when_slow(stream.url or "", limits.when_slow),
        )
        code, reason = self._objection(stream, media)
        self._streams[media.identity.stream_sid] = media
        if code:
            media.failed(code, reason)
        return media

    def _objection(self, stream: Stream, media: MediaStream) -> tuple[int, str]:
        if stream.refusal:
            return stream.refusal, stream.refusal_reason
        if self.status.over:
            return 31900, "the call has ended"
        running = self._running()
        name = media.identity.name
        if name is not None and any(name == other.identity.name for other in running):
            return 31900, f"a stream named {name!r} is running on this call: names are unique"
        if media.identity.bidirectional:
            if any(other.identity.bidirectional for other in running):
                return 31900, "the call has a two-way stream: one at a time is allowed"
            return 0, ""
        tracks = sum(
            len(other.identity.tracks) for other in running if not other.identity.bidirectional
        )
        if tracks + len(media.identity.tracks) > MAX_TRACKS:
            return 31900, f"the call has {tracks} streamed tracks of the {MAX_TRACKS} allowed"
        return 0, ""

    def _running(self) -> list[MediaStream]:
        return [stream for stream in self._streams.values() if stream.state is not State.STOPPED]
