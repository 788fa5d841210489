"""What has happened to a call, as its script is told. Events cross one another on their way.

Those about something that a command began give that very command back. An event that the script
does not wait for, or no longer, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from twiml.actions import Stream
from twiml.document import Document
from twiml.script.commands import (
    DialLeg,
    Fetch,
    JoinConference,
    JoinQueue,
    Listen,
    Prompt,
    StartRecording,
    StartTimer,
    TakeFromQueue,
    Wait,
)


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over; nobody is left to do anything to."""


@dataclass(frozen=True, slots=True)
class DocumentReplaced:
    """A document to run instead of the rest: the reply to `fetch`, or, without one, an update.

    `url` is the document's own, after redirects; empty when it has none.
    """

    document: Document
    fetch: Fetch | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """No usable document came, from the fallback URL neither; without `fetch`, of the current."""

    fetch: Fetch | None = None


@dataclass(frozen=True, slots=True)
class PauseOver:
    """The time has passed. With `wait` given, of that very command; without, of the current."""

    wait: Wait | None = None


@dataclass(frozen=True, slots=True)
class TimerOver:
    """The timer's seconds have passed."""

    timer: StartTimer


@dataclass(frozen=True, slots=True)
class PlayEnded:
    """A prompt has been heard to its end, or, `failed`, could not be played."""

    prompt: Prompt
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Digits:
    """The caller has pressed keys, one or more: `0`-`9`, `*`, `#`, `A`-`D`."""

    keys: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """A voice is heard."""

    listen: Listen


@dataclass(frozen=True, slots=True)
class PartialSpeech:
    """The words so far; they may change yet."""

    listen: Listen
    text: str


@dataclass(frozen=True, slots=True)
class SpeechRecognised:
    """The utterance is over. Empty when there were no words in it; `confidence` is 0 to 1."""

    listen: Listen
    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """A stream is over, for whatever reason; `stream` is the object that `OpenStream` gave."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """A recording has its sid (`RE…`), and the URL where it will be."""

    recording: StartRecording
    sid: str
    url: str


@dataclass(frozen=True, slots=True)
class RecordingFinished:
    """A recording has stopped with `seconds` in it; without a `url` if nothing is kept of it."""

    recording: StartRecording
    sid: str
    url: str
    seconds: int


class LegStatus(StrEnum):
    """What became of a leg, as `CallStatus` says it."""

    COMPLETED = "completed"
    """It was answered."""
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    """There is no such party, or no way to it."""
    CANCELED = "canceled"
    """It was hung up while it rang, by REST or because the caller was gone."""


@dataclass(frozen=True, slots=True)
class LegAnswered:
    leg: DialLeg


@dataclass(frozen=True, slots=True)
class LegReady:
    """The document on the called leg has run, and the party is still there."""

    leg: DialLeg


@dataclass(frozen=True, slots=True)
class LegEnded:
    """A leg is over: its `CA…` (empty if it never had one) and the seconds since its answer."""

    leg: DialLeg
    status: LegStatus
    call_sid: str = ""
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class ConferenceJoined:
    """The call is in the conference, which has or has not `started`."""

    join: JoinConference
    started: bool


@dataclass(frozen=True, slots=True)
class ConferenceStarted:
    """The conference is to be heard now: it has started, or a hold is over."""

    join: JoinConference


@dataclass(frozen=True, slots=True)
class ConferenceHeld:
    """The participant was put on hold by REST, with the music at `url`, None for any music."""

    join: JoinConference
    url: str | None = None
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class ConferenceLeft:
    """The call is not in the conference any more; `failed` if it never got in (full, no such
    call to coach, label in use)."""

    join: JoinConference
    failed: bool = False


@dataclass(frozen=True, slots=True)
class QueueState:
    """How the queue (`QU…`) stands: the call's place from 1, sizes, seconds waited and on average.

    The first tells that the call is in the queue.
    """

    place: JoinQueue
    sid: str
    position: int
    size: int
    max_size: int
    seconds: int = 0
    average_seconds: int = 0


@dataclass(frozen=True, slots=True)
class QueueRefused:
    """The call is not in the queue: it is `full`, or something went wrong."""

    place: JoinQueue
    full: bool


@dataclass(frozen=True, slots=True)
class QueueTaken:
    """Another call, `taker_sid`, takes this one out of the queue; `url` and `method` are its."""

    place: JoinQueue
    sid: str
    seconds: int
    taker_sid: str
    url: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class QueueLeft:
    """The call is out of the queue, and of the call that took it; `seconds` are those it waited."""

    place: JoinQueue
    sid: str
    seconds: int


@dataclass(frozen=True, slots=True)
class CallerTaken:
    """The call is connected with `call_sid` out of the queue, who had waited `waited_seconds`."""

    take: TakeFromQueue
    queue_sid: str
    call_sid: str
    waited_seconds: int


@dataclass(frozen=True, slots=True)
class CallerReleased:
    """The call is not connected with anybody out of the queue any more, and waits for nobody."""

    take: TakeFromQueue
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class NoSuchQueue:
    take: TakeFromQueue


Event = (
    CallEnded
    | DocumentReplaced
    | FetchFailed
    | PauseOver
    | TimerOver
    | PlayEnded
    | Digits
    | SpeechStarted
    | PartialSpeech
    | SpeechRecognised
    | StreamEnded
    | RecordingStarted
    | RecordingFinished
    | LegAnswered
    | LegReady
    | LegEnded
    | ConferenceJoined
    | ConferenceStarted
    | ConferenceHeld
    | ConferenceLeft
    | QueueState
    | QueueRefused
    | QueueTaken
    | QueueLeft
    | CallerTaken
    | CallerReleased
    | NoSuchQueue
)
