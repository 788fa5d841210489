"""Commands about other parties: legs, conferences, queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twiml.actions import Conference, Dial, Party
from twiml.script.commands.call import Callback, Fetch, Fields

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
    """End a leg, answered or not; `LegEnded` follows if it was not on its way already.

    `unanswered`: it has rung for too long, so that its status is `no-answer`; otherwise one that
    rings is `canceled`.
    """

    leg: DialLeg
    unanswered: bool = False


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
