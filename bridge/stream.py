"""One fork of a call to one customer socket, as a sans-I/O state machine.

    CONNECTING --opened()--> OPEN --stop()--> STOPPED
        |                      +--closed()--> STOPPED
        +--failed()/stop()--------------------> STOPPED

Bytes come out of the methods, status reports out of `reports()`. Whatever happens, a stream
reports exactly one of `stream-started` and `stream-error`, and after it exactly one
`stream-stopped`. A failure after the start is told in the latter's `StreamError`.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from enum import Enum

from bridge.audio import FRAME_BYTES
from bridge.backlog import Backlog, Waiting, WhenSlow
from bridge.dialects import twilio
from bridge.errors import STREAM_TITLES, MisuseError
from bridge.identity import Counters, Identity
from bridge.numbering import Numbering

MAX_MARKS = 10_000
"""Marks of a stream that may wait to be played, and below the length of a mark's name: Twilio
documents neither."""
MAX_MARK_NAME = 10_000
_DTMF = "dtmf"
_MARK = "mark"


class State(Enum):
    CONNECTING = "connecting"
    OPEN = "open"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Report:
    """A status callback that is due: `stream-started`, `stream-error` or `stream-stopped`."""

    event: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class MarkSet:
    name: str


@dataclass(frozen=True, slots=True)
class Cleared:
    pass


Request = bytes | MarkSet | Cleared
"""What the customer wants done on the call: audio played, a mark set, silence."""


@dataclass(frozen=True, slots=True)
class Released:
    """A message that has waited for the customer; `mark` is the name of the mark it echoes."""

    message: bytes
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class StreamWarning:
    """A Twilio warning, raised once per stream and code."""

    code: int
    message: str
    quote: str = ""


class MediaStream:
    """The customer's side of a stream: its life, what waits, what is asked, warn-once rules.

    `pending_limit` bounds the frames that wait: for the customer's handshake, when the oldest are
    dropped beyond it, or while the customer is `held` for reading too slowly, when `when_slow` says
    what is lost. Keys and marks are never lost: a `clear` gives back every mark that waits to be
    played at once, so as many may wait here, besides keys. What is dropped is counted.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        pending_limit: int = 500,
        when_slow: WhenSlow = WhenSlow.DROP_OLDEST,
    ) -> None:
        self.identity = identity
        self.state = State.CONNECTING
        self.counters = Counters()
        self._numbering = Numbering(identity, self.counters)
        self._tracks = self._numbering.tracks
        self.held = True
        """Whether what comes must wait: the socket is not open yet, or not read."""
        self._backlog = Backlog(pending_limit, keep=MAX_MARKS + pending_limit)
        self._when_slow = when_slow
        self._reader = twilio.Reader(identity.stream_sid)
        self._reports: list[Report] = []
        self._warnings: list[StreamWarning] = []
        self._warned: set[int] = set()

    # What happens to the socket.

    def opened(self) -> list[bytes]:
        """The customer's socket is open: the first messages, with the audio that waited."""
        if self.state is not State.CONNECTING:
            raise MisuseError(f"opened() in state {self.state.value}")
        self.state = State.OPEN
        self._announce(Report("stream-started"))
        messages = self._numbering.opening()
        messages += (waited.message for waited in self.release())
        self._backlog.policy = self._when_slow
        return messages

    def hold(self) -> None:
        """The customer does not read what was sent: what comes now waits."""
        if self.state is State.OPEN:
            self.held = True

    def release(self) -> list[Released]:
        """The customer reads again: what has waited."""
        if self.state is not State.OPEN:
            return []
        self.held = False
        released: list[Released] = []
        for waiting in self._backlog.take():
            if waiting.is_audio:
                self.counters.frames_waited += waiting.frames
                frames = self.audio(waiting.kind, waiting.data, waiting.timestamp)
                released += map(Released, frames)
            elif waiting.kind == _DTMF:
                released.append(Released(self._numbering.dtmf(waiting.data.decode())))
            else:
                name = waiting.data.decode()
                released.append(Released(self._numbering.mark(name), name))
        return released

    @property
    def overrun(self) -> bool:
        """Whether more waits for the customer than may; `give_up()` is due."""
        return self.held and self._backlog.overrun

    def give_up(self) -> None:
        """The customer did not read for too long, and the stream's policy is to end it."""
        if self.state is State.OPEN:
            self._end(describe(31930, "the application does not read its socket"))

    def failed(self, code: int, detail: str = "") -> None:
        """The stream cannot start: Twilio's number and what was seen. Later calls do nothing."""
        if self.state is State.CONNECTING:
            self._announce(Report("stream-error", describe(code, detail)))
            self._end()

    def closed(self, code: int = 0, detail: str = "") -> None:
        """The customer's socket is gone. `code` is Twilio's number when that was a failure."""
        if self.state is State.CONNECTING:
            self.failed(code or 31903, detail)
        elif self.state is State.OPEN:
            self._end(describe(code, detail) if code else "")

    def stop(self) -> bytes | None:
        """The stream ends on the carrier's side: the last message, None when none can be sent."""
        if self.state is State.CONNECTING:
            self._announce(Report("stream-error", describe(31900, "the call ended first")))
            self._end()
            return None
        if self.state is State.STOPPED:
            return None
        message = self._numbering.stop()
        self._end()
        return message

    # What the call has for the customer.

    def carries(self, track: str) -> bool:
        """Whether audio of that track is for this customer, now or when the socket is open."""
        return self.state is not State.STOPPED and track in self._tracks

    def audio(self, track: str, payload: bytes, timestamp: int) -> list[bytes]:
        """Audio of one track: base64 mu-law, with the milliseconds since the stream began.

        A track the customer did not ask for gives nothing. Frames of another size than 160 bytes
        are re-framed without losing a byte; less than a frame at the very end is not sent.
        """
        clock = self._tracks.get(track)
        if clock is None or self.state is State.STOPPED:
            return []
        if self.held:
            self._wait(Waiting(track, payload, timestamp))
            return []
        try:  # decoded to be checked; a payload of one frame is passed on as it came
            fresh = binascii.a2b_base64(payload, strict_mode=True)
        except binascii.Error:
            self.counters.faults += 1
            return []
        if len(fresh) == FRAME_BYTES and not clock.tail:
            return [self._numbering.media(clock, payload, timestamp)]
        return self._numbering.reframed(clock, fresh, timestamp)

    def frame(self, track: str, payload: bytes, timestamp: int) -> bytes | None:
        """One frame whose payload is known to be 160 bytes in base64; otherwise as `audio`."""
        clock = self._tracks.get(track)
        if clock is None or self.state is State.STOPPED:
            return None
        if self.held:
            self._wait(Waiting(track, payload, timestamp))
            return None
        if clock.tail:
            fresh = binascii.a2b_base64(payload)
            (message,) = self._numbering.reframed(clock, fresh, timestamp)
            return message
        return self._numbering.media(clock, payload, timestamp)

    def dtmf(self, digit: str) -> bytes | None:
        """A key the caller pressed; only two-way streams are told (T section 3.3)."""
        if self.state is State.STOPPED or not self.identity.bidirectional:
            return None
        if self.held:
            self._wait(Waiting(_DTMF, digit.encode(), is_audio=False))
            return None
        return self._numbering.dtmf(digit)

    def _wait(self, waiting: Waiting) -> None:
        """Keep what the customer is to get when it can be told."""
        lost = self._backlog.add(waiting)
        if lost and self.state is State.OPEN:
            self.congested(lost)
        else:
            self.counters.frames_dropped += lost

    def mark(self, name: str) -> bytes | None:
        """A mark's audio has been played, or cleared."""
        if self.state is not State.OPEN or not self.identity.bidirectional:
            return None
        if self.held:
            self._wait(Waiting(_MARK, name.encode(), is_audio=False))
            return None
        return self._numbering.mark(name)

    # What the customer sends.

    def received_frame(self, data: bytes) -> bytes | None:
        """The payload of one message of the customer's that is just a frame of 160 bytes in base64.

        None says only that `received` is to be asked.
        """
        payload = self._reader.payload(data)
        if payload is None or self.state is not State.OPEN:
            return None
        counters = self.counters
        counters.messages_received += 1
        counters.audio_bytes += FRAME_BYTES
        return payload

    def received(self, data: bytes) -> Request | None:
        """One text message of the customer's; None when it asks for nothing that can be done."""
        self.counters.messages_received += 1
        if self.state is not State.OPEN:
            return None
        if not self.identity.bidirectional:
            self.warn(
                31951,
                "a one-way stream takes no messages: use <Connect><Stream> to send audio",
                data,
            )
            return None
        audio = self._reader.audio(data)
        if audio is not None:
            self.counters.audio_bytes += len(audio)
            return audio
        message = self._reader.decode(data)
        if message.fault:
            self.warn(31951, message.fault, data)
        match message:
            case twilio.Media(audio=audio):
                self.counters.audio_bytes += len(audio)
                return audio
            case twilio.Mark(name=name):
                return self._mark_set(name)
            case twilio.Clear():
                self.counters.clears += 1
                return Cleared()
            case twilio.Nonconforming():
                return None

    def _mark_set(self, name: str) -> MarkSet | None:
        waiting = self.counters.marks_received - self.counters.marks_echoed
        if waiting >= MAX_MARKS or len(name) > MAX_MARK_NAME:
            self.warn(
                31951,
                f"a mark is ignored: {MAX_MARKS:,} wait to be played at most, with names of"
                f" {MAX_MARK_NAME:,} characters",
                name.encode(),
            )
            return None
        self.counters.marks_received += 1
        return MarkSet(name)

    def received_binary(self, data: bytes) -> None:
        """A binary frame, which the protocol does not have."""
        self.counters.messages_received += 1
        self.warn(31950, f"a binary frame of {len(data)} bytes; messages are JSON text", b"")

    def overflowed(self, discarded: int) -> None:
        """The play-out buffer is full: `discarded` bytes of the customer's audio are lost."""
        self.counters.audio_bytes -= discarded
        self.counters.discarded_bytes += discarded
        self.warn(31931, "more than 10 minutes of audio are waiting to be played", b"")

    def congested(self, frames: int) -> None:
        """The customer reads too slowly: `frames` frames of the call were thrown away."""
        self.counters.frames_dropped += frames
        self.warn(31930, "the application does not read its socket fast enough", b"")

    def undelivered(self, size: int) -> None:
        """So many bytes of messages never left: their frames, by their size, were not sent after
        all but thrown away."""
        frames = min(self._numbering.frames_in(size), self.counters.frames_sent)
        if frames:
            self.counters.frames_sent -= frames
            self.congested(frames)

    def warn(self, code: int, message: str, quote: bytes) -> None:
        """Count a fault; raise Twilio's warning at its first occurrence on this stream."""
        self.counters.faults += 1
        if code not in self._warned:
            self._warned.add(code)
            self._warnings.append(StreamWarning(code, message, excerpt(quote)))

    # What came of it.

    def reports(self) -> list[Report]:
        """Status callbacks that have become due since the last time."""
        due, self._reports = self._reports, []
        return due

    @property
    def warned(self) -> bool:
        """Whether `warnings()` has something to tell."""
        return bool(self._warnings)

    def warnings(self) -> list[StreamWarning]:
        """Warnings raised since the last time."""
        raised, self._warnings = self._warnings, []
        return raised

    def _announce(self, report: Report) -> None:
        self._reports.append(report)

    def _end(self, error: str = "") -> None:
        self.state = State.STOPPED
        self.counters.frames_dropped += sum(lost.frames for lost in self._backlog.take())
        self._reports.append(Report("stream-stopped", error))


def describe(code: int, detail: str = "") -> str:
    """`StreamError` as the customer reads it: number, title, what was seen."""
    text = f"{code} {STREAM_TITLES.get(code, 'Stream error')}"
    return f"{text}: {detail}" if detail else text


def excerpt(data: bytes, limit: int = 80) -> str:
    """The beginning of an offending message for the timeline, without its audio."""
    text = data[:limit].decode("utf-8", "replace")
    return text.partition('"payload"')[0] + ("…" if len(data) > limit else "")
