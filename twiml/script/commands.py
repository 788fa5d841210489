"""What a script tells whoever runs its call to do. Each is carried out at once, in the order given.

A command that begins something is told over by the event named in its docstring, which gives back
the very object: two commands that say the same are still two. Texts, URLs included, are the
customer's. URLs are absolute if the document's own is known, and otherwise as written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twiml.actions import Action, Conference, Dial, Party, Play, Record, Recording, Say, Stream
from twiml.script.states import HangUpReason

Fields = tuple[tuple[str, str], ...]
"""Form parameters beside the standard ones, with Twilio's names."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Pick the call up: what follows needs it answered. Given once, and never after `HangUp`."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call. When it was never answered, `reason` says what to refuse it with."""

    reason: HangUpReason


@dataclass(frozen=True, slots=True)
class PutThrough:
    """On a called leg: its document has run; tell the caller's script `LegReady`."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A verb, a noun or something they ask for, that such a call cannot do: say so, and go on."""

    action: Action
    reason: str


Talk = Answer | HangUp | PutThrough | Skip


# Requests


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask for the next document; answer with `DocumentReplaced` or `FetchFailed`.

    An empty `url` is that of the document at hand, which is not known. `parameters` go beside the
    standard voice parameters. `reason` is the verb that asks.
    """

    url: str
    method: str
    parameters: Fields
    reason: str


@dataclass(frozen=True, slots=True)
class Notify:
    """Send a request as for `Fetch`, and take no notice of the reply. No event tells it over."""

    url: str
    method: str
    parameters: Fields
    reason: str


@dataclass(frozen=True, slots=True)
class Callback:
    """Where something that goes on by itself is reported, and which of its events are wanted."""

    url: str
    method: str
    events: tuple[str, ...] = ()


Request = Fetch | Notify


# Time


@dataclass(frozen=True, slots=True)
class Wait:
    """Let `seconds` pass in silence, then report `PauseOver`."""

    seconds: int


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Report `TimerOver` after `seconds`; 0 is at once. `purpose` is for people to read."""

    purpose: str
    seconds: int


@dataclass(frozen=True, slots=True)
class StopTimer:
    """The timer is not needed any more. Its end, already on its way, is harmless."""

    timer: StartTimer


Timing = Wait | StartTimer | StopTimer


# What the caller hears. One prompt at a time; `PlayEnded` tells it over.


@dataclass(frozen=True, slots=True)
class Speak:
    """Speak what is in `say`, `loop` times; 0 is without end."""

    say: Say
    loop: int


@dataclass(frozen=True, slots=True)
class PlayFile:
    """Play the audio at `url`, `loop` times; 0 is without end."""

    play: Play
    url: str
    loop: int


@dataclass(frozen=True, slots=True)
class PlayTones:
    """Send `digits` as DTMF tones, `loop` times; `w` is half a second of silence."""

    play: Play
    digits: str
    loop: int


@dataclass(frozen=True, slots=True)
class PlayMusic:
    """Play music of your own for one who waits, until it is stopped."""


@dataclass(frozen=True, slots=True)
class PlayRinging:
    """Play the ringing tone of a country (`ringTone`; None: any), until it is stopped."""

    tone: str | None


Prompt = Speak | PlayFile | PlayTones | PlayMusic | PlayRinging


@dataclass(frozen=True, slots=True)
class StopPlaying:
    """Be silent at once. No `PlayEnded` is needed; a late one is harmless."""

    prompt: Prompt


@dataclass(frozen=True, slots=True)
class StartEcho:
    """Play the caller's own voice back."""


@dataclass(frozen=True, slots=True)
class StopEcho:
    echo: StartEcho


# What the caller says. Keys are reported always, as `Digits`; no command asks for them.


@dataclass(frozen=True, slots=True)
class Listen:
    """Recognise one utterance of the caller's.

    Report `SpeechStarted` when a voice is heard, `PartialSpeech` for words on the way if `partial`,
    and, once, `SpeechRecognised`. It has ended after `pause_seconds` of silence (None: at the first
    pause, as the recogniser sees it), or `max_seconds` after its first word. Silence before it is
    nobody's concern: a timer runs.
    """

    language: str
    hints: tuple[str, ...]
    pause_seconds: int | None
    max_seconds: int
    profanity_filter: bool
    model: str | None
    partial: bool


@dataclass(frozen=True, slots=True)
class StopListening:
    """The result does not matter any more; a late one is harmless."""

    listen: Listen


Sound = Prompt | StopPlaying | StartEcho | StopEcho | Listen | StopListening


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


# Other parties


@dataclass(frozen=True, slots=True)
class DialLeg:
    """Ring a party; report `LegAnswered`, if it answers, and, whatever becomes of it, `LegEnded`.

    `kind` says what `address` is: a phone number, a client's identity, a SIP address. `caller_id`
    is what the party sees, empty for the caller's own. When it answers send it `send_digits` as
    tones before you report it. `parameters` are a client's, `headers` a SIP call's.
    """

    noun: Dial | Party
    kind: Literal["number", "client", "sip"]
    address: str
    caller_id: str
    send_digits: str = ""
    parameters: Fields = ()
    headers: Fields = ()
    callback: Callback | None = None


@dataclass(frozen=True, slots=True)
class HangUpLeg:
    """End a leg, answered or not; `LegEnded` follows if it was not on its way already."""

    leg: DialLeg


@dataclass(frozen=True, slots=True)
class Screen:
    """Run a document on an answered leg before it is connected, with a script of its own.

    Give `fetch` to `Script.fetching(…, Role.SCREENING)`. Its `PutThrough` is the caller's
    `LegReady`, its `HangUp` ends the leg.
    """

    leg: DialLeg
    fetch: Fetch


@dataclass(frozen=True, slots=True)
class Bridge:
    """Connect the call with a leg, until one of them hangs up: `LegEnded`."""

    leg: DialLeg


@dataclass(frozen=True, slots=True)
class JoinConference:
    """Enter a conference; report `ConferenceJoined`, and `ConferenceLeft` when it is over.

    `muted`, `beep`, `startConferenceOnEnter`, `endConferenceOnExit`, `maxParticipants`, `coach`,
    `record`, `participantLabel` and the like are the noun's, and the conference's to honour.
    """

    conference: Conference
    name: str
    callback: Callback | None = None
    recording_callback: Callback | None = None


@dataclass(frozen=True, slots=True)
class LeaveConference:
    """Leave it; `ConferenceLeft` follows."""

    join: JoinConference


@dataclass(frozen=True, slots=True)
class JoinQueue:
    """Wait in a queue, which is made if there is none; report `QueueState` or `QueueRefused`.

    `QueueLeft` tells it over. `max_size` is the customer's bound on the queue, None for yours.
    """

    name: str
    max_size: int | None


@dataclass(frozen=True, slots=True)
class AskQueue:
    """How does the queue stand? Report `QueueState` at once."""

    place: JoinQueue


@dataclass(frozen=True, slots=True)
class ReadyToBridge:
    """Connect the waiting call with the one that takes it from the queue."""

    place: JoinQueue


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """Leave the queue, or the call that took this one from it; `QueueLeft` follows."""

    place: JoinQueue


@dataclass(frozen=True, slots=True)
class TakeFromQueue:
    """Take the first caller out of a queue, waiting for one if need be.

    Give that caller's script `QueueTaken` with `url` and `method`, and connect the two when it says
    `ReadyToBridge`; report `CallerTaken` then, and `CallerReleased` when it is over, however it
    went. `NoSuchQueue` instead if there is no such queue.
    """

    name: str
    url: str
    method: str


@dataclass(frozen=True, slots=True)
class StopTaking:
    """Wait no longer, or let the taken caller go; `CallerReleased` follows."""

    take: TakeFromQueue


Leg = DialLeg | HangUpLeg | Screen | Bridge
Room = JoinConference | LeaveConference
Queues = JoinQueue | AskQueue | ReadyToBridge | LeaveQueue | TakeFromQueue | StopTaking
Command = Talk | Request | Timing | Sound | Recorders | Streams | Leg | Room | Queues
