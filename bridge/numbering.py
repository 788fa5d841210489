"""The messages of a stream to its customer, numbered as Twilio numbers them (T section 5)."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from bridge.audio import FRAME_MS, cut
from bridge.dialects import twilio
from bridge.identity import Counters, Identity

_PAYLOAD_BYTES = 216  # the 160 bytes of a frame in base64
_HEADER_BYTES = 8  # of a WebSocket's frame of that size, masked


@dataclass(slots=True)
class TrackClock:
    """Numbering of one track: media.chunk, media.timestamp and the tail of an odd frame."""

    template: bytes
    chunk: int = 0
    timestamp: int = 0
    tail: bytes = b""


class Numbering:
    """Writes each message with the next number: of the stream, and for audio of its track.

    `tracks` are those of the stream; what is sent is counted in `counters`. Nothing can be held
    back or left out: what has a number must be sent.
    """

    def __init__(self, identity: Identity, counters: Counters) -> None:
        self._identity = identity
        self._counters = counters
        self._sequence = 0
        self.tracks = {
            track: TrackClock(twilio.media_template(identity.stream_sid, track))
            for track in identity.tracks
        }

    def opening(self) -> list[bytes]:
        """The first two messages."""
        self._sequence = 1
        identity = self._identity
        return [
            twilio.CONNECTED,
            twilio.start(
                sequence=1,
                account_sid=identity.account_sid,
                call_sid=identity.call_sid,
                stream_sid=identity.stream_sid,
                tracks=identity.tracks,
                custom_parameters=identity.custom_parameters,
            ),
        ]

    def media(self, clock: TrackClock, payload: bytes, timestamp: int) -> bytes:
        """One frame of 160 bytes in base64, at that many ms since the stream began."""
        if clock.chunk:
            expected = clock.timestamp + FRAME_MS
            # Small jitter of the carrier's clock is not passed on; a real gap is.
            if timestamp - expected >= FRAME_MS:
                self._counters.carrier_gaps_ms += timestamp - expected
            else:
                timestamp = expected
        timestamp = max(timestamp, 0)
        clock.timestamp = timestamp
        clock.chunk += 1
        self._sequence += 1
        self._counters.frames_sent += 1
        return clock.template % (self._sequence, clock.chunk, timestamp, payload)

    def frames_in(self, size: int) -> int:
        """How many frames as long as the last are begun in so many bytes of messages."""
        longest = max(
            len(clock.template % (self._sequence, clock.chunk, clock.timestamp, b""))
            for clock in self.tracks.values()
        )
        return -(-size // (longest + _PAYLOAD_BYTES + _HEADER_BYTES))

    def reframed(self, clock: TrackClock, fresh: bytes, timestamp: int) -> list[bytes]:
        """Audio of any length as whole frames; what is left over begins the next one."""
        audio = clock.tail + fresh
        timestamp -= len(clock.tail) // 8
        frames, clock.tail = cut(audio)
        return [
            self.media(clock, base64.b64encode(frame), timestamp + number * FRAME_MS)
            for number, frame in enumerate(frames)
        ]

    def dtmf(self, digit: str) -> bytes:
        """A key that the caller pressed."""
        self._sequence += 1
        self._counters.dtmf += 1
        return twilio.dtmf(
            sequence=self._sequence, stream_sid=self._identity.stream_sid, digit=digit
        )

    def mark(self, name: str) -> bytes:
        """A mark's echo."""
        self._sequence += 1
        self._counters.marks_echoed += 1
        return twilio.mark(sequence=self._sequence, stream_sid=self._identity.stream_sid, name=name)

    def stop(self) -> bytes:
        """The last message."""
        self._sequence += 1
        identity = self._identity
        return twilio.stop(
            sequence=self._sequence,
            stream_sid=identity.stream_sid,
            account_sid=identity.account_sid,
            call_sid=identity.call_sid,
        )
