"""Commands about what else gets the sound of a call: recordings and streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twiml.actions import Dial, Record, Recording, Stream
from twiml.script.commands.call import Callback

# Recording


RecordingSource = Literal[
    "RecordVerb", "DialVerb", "StartCallRecordingTwiML", "StartCallRecordingAPI", "OutboundAPI"
]


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Record; report `RecordingStarted` at once and `RecordingFinished` when it has stopped.

    `noun` asks for it, None if no document does; `source` is Twilio's word for who asks. `track` is
    `inbound`, `outbound` or `both`, `channels` 1 or 2, the caller first. The recorder itself stops
    after `silence_seconds` without a voice, at the beginning too (None: never), and when it has
    `max_seconds` of audio (None: no limit): both are counted in the audio.
    A recording in the background stops with the call.
    """

    noun: Record | Dial | Recording | None
    source: RecordingSource
    track: Literal["inbound", "outbound", "both"]
    channels: Literal[1, 2]
    beep: bool
    trim: bool
    silence_seconds: int | None = None
    max_seconds: int | None = None
    callback: Callback | None = None


@dataclass(frozen=True, slots=True)
class StopRecording:
    """Finish it; `RecordingFinished` follows if it was not on its way already."""

    recording: StartRecording


Recorders = StartRecording | StopRecording


# Streams


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Fork the call to a stream; report `StreamEnded` with this very `Stream` when it is over.

    A stream with a `refusal` is given as well: it is not dialled, its stream-error is reported
    to the customer, and it has ended at once.
    """

    stream: Stream
    bidirectional: bool


@dataclass(frozen=True, slots=True)
class CloseStream:
    """End a bidirectional stream: the call was given another document while it was open."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class StopStream:
    """End the one-way stream of this name; harmless when there is none."""

    name: str


Streams = OpenStream | CloseStream | StopStream
