"""Commands about the call itself: its answer and end, its documents, its waits."""

from __future__ import annotations

from dataclasses import dataclass

from twiml.actions import Action
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
