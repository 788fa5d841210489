"""What each verb begins with: the table that a script steps by, and who may use which of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from twiml.actions import (
    Action,
    Conference,
    Connect,
    Dial,
    Echo,
    Element,
    Enqueue,
    Gather,
    Hangup,
    Leave,
    Pause,
    Play,
    Record,
    Recording,
    Redirect,
    Reject,
    Say,
    Start,
    Stop,
    Stream,
)
from twiml.script.activity import Activity, Line
from twiml.script.commands import Command, Fetch, OpenStream, Skip, StopStream
from twiml.script.conferring import Conferring
from twiml.script.dialling import Ringing
from twiml.script.gathering import Gathering
from twiml.script.parties import alone, legs_of
from twiml.script.playing import Connecting, Echoing, Pausing, Playing, cannot, prompts_of
from twiml.script.queueing import Queueing
from twiml.script.recording import Recorder, background
from twiml.script.states import HangUpReason, Role, State
from twiml.script.taking import Taking


@dataclass(frozen=True, slots=True)
class Step:
    """What comes of a verb at first: commands, then what blocks, a request, or the end."""

    commands: list[Command] = field(default_factory=list)
    activity: Activity | None = None
    fetch: Fetch | None = None
    end: HangUpReason | None = None
    left: bool = False


@dataclass(frozen=True, slots=True)
class VerbRule:
    """A verb: what beginning it does, in code and in words, and the states that it may block in."""

    verb: type[Action]
    then: str
    states: tuple[State, ...]
    begin: Callable[[Line, Any], Step]


def _say(line: Line, action: Say | Play) -> Step:
    prompts = prompts_of(line, action)
    skipped: list[Command] = [prompt for prompt in prompts if isinstance(prompt, Skip)]
    if skipped:
        return Step(line.answer() + skipped)
    playable = [prompt for prompt in prompts if not isinstance(prompt, Skip)]
    return Step(activity=Playing(line, playable))


def _pause(line: Line, action: Pause) -> Step:
    return Step(activity=Pausing(line, action.length))


def _gather(line: Line, action: Gather) -> Step:
    return Step(activity=Gathering(line, action))


def _record(line: Line, action: Record) -> Step:
    return Step(activity=Recorder(line, action))


def _dial(line: Line, action: Dial) -> Step:
    noun, beside = alone(action)
    if isinstance(noun, Conference):
        return Step(activity=Conferring(line, action, noun, beside))
    if noun is not None:
        return Step(activity=Taking(line, action, noun, beside))
    return Step(activity=Ringing(line, action, *legs_of(line, action)))


def _enqueue(line: Line, action: Enqueue) -> Step:
    if action.workflow_sid or action.children:
        reason = "A local call has no TaskRouter; the <Enqueue> is skipped."
        return Step([*line.answer(), Skip(action, reason)])
    if not action.text.strip():
        reason = "The <Enqueue> names no queue; it is skipped."
        return Step([*line.answer(), Skip(action, reason)])
    return Step(activity=Queueing(line, action))


def _leave(_line: Line, action: Leave) -> Step:
    if _line.role is Role.QUEUE:
        return Step(left=True)
    return Step([Skip(action, "The call waits in no queue; the <Leave> is skipped.")])


def _echo(line: Line, _action: Echo) -> Step:
    return Step(activity=Echoing(line))


def _redirect(line: Line, action: Redirect) -> Step:
    return Step(fetch=line.fetch(action.url, action.method, (), action.tag))


def _hangup(_line: Line, _action: Hangup) -> Step:
    return Step(end=HangUpReason.HANGUP)


def _reject(line: Line, action: Reject) -> Step:
    if line.answered:
        return Step(end=HangUpReason.HANGUP)
    busy = action.reason == "busy"
    return Step(end=HangUpReason.BUSY if busy else HangUpReason.REJECTED)


def _start(line: Line, action: Start) -> Step:
    commands = line.answer()
    for noun in action.children:
        if isinstance(noun, Stream):
            commands.append(OpenStream(noun, bidirectional=False))
        elif isinstance(noun, Recording):
            commands.append(background(line, noun))
        else:
            commands.append(cannot(action, noun.tag))
    return Step(commands)


def _connect(line: Line, action: Connect) -> Step:
    if action.streams:
        return Step(activity=Connecting(line, action))
    return Step([*line.answer(), *(cannot(action, noun.tag) for noun in action.children)])


def _stop(line: Line, action: Stop) -> Step:
    return Step([*line.answer(), *(_stopped(action, noun) for noun in action.children)])


def _stopped(action: Stop, noun: Element) -> Command:
    if not isinstance(noun, Stream):
        return cannot(action, noun.tag)
    if not noun.name:
        return Skip(action, "A <Stream> in <Stop> has no name; it stops nothing.")
    return StopStream(noun.name)


RULES: tuple[VerbRule, ...] = (
    VerbRule(Say, "answer; speak", (State.PLAYING,), _say),
    VerbRule(Play, "answer; send the tones, play the file", (State.PLAYING,), _say),
    VerbRule(Pause, "be silent; as the first verb, do not answer yet", (State.PAUSING,), _pause),
    VerbRule(
        Gather,
        "answer; listen, if for speech; the first prompt, or the `timeout`",
        (State.PROMPTING, State.LISTENING),
        _gather,
    ),
    VerbRule(Record, "answer; record", (State.RECORDING,), _record),
    VerbRule(
        Dial,
        "answer, unless `answerOnBridge`; ring the parties, enter the conference, or take somebody "
        "out of the queue. Nobody to ring: as if all had failed",
        (State.DIALLING, State.JOINING, State.SEEKING),
        _dial,
    ),
    VerbRule(Enqueue, "answer; enter the queue", (State.JOINING,), _enqueue),
    VerbRule(Leave, "leave the queue; on a call that waits in none, nothing", (), _leave),
    VerbRule(Echo, "answer; play back what the caller says", (State.ECHOING,), _echo),
    VerbRule(Redirect, "ask for the document", (State.FETCHING,), _redirect),
    VerbRule(Hangup, "end the call", (State.ENDED,), _hangup),
    VerbRule(Reject, "refuse the call; once it is answered, end it", (State.ENDED,), _reject),
    VerbRule(Start, "answer; open the streams, begin the recordings; go on", (), _start),
    VerbRule(
        Connect,
        "answer; open the stream. Without one the verb is skipped, its `action` too",
        (State.CONNECTED,),
        _connect,
    ),
    VerbRule(Stop, "answer; end the streams of these names; go on", (), _stop),
)
"""Every verb that a local call can run. All others are skipped, and say so."""

EVERY_VERB = frozenset(rule.verb.__name__ for rule in RULES)

ALLOWED: Mapping[Role, frozenset[str]] = MappingProxyType(
    {
        Role.CALL: EVERY_VERB,
        Role.SCREENING: frozenset({"Say", "Play", "Pause", "Gather", "Hangup", "Redirect"}),
        Role.GREETING: frozenset({"Say", "Play", "Pause", "Redirect"}),
        Role.QUEUE: frozenset({"Say", "Play", "Pause", "Gather", "Hangup", "Redirect", "Leave"}),
        Role.CONFERENCE: frozenset({"Say", "Play", "Pause", "Redirect"}),
    }
)
"""Which verbs a document may hold, by where it runs, as Twilio's pages of the nouns have it."""

PLACES: Mapping[Role, str] = MappingProxyType(
    {
        Role.CALL: "on a call of its own",
        Role.SCREENING: "on a called leg before it is connected",
        Role.GREETING: "on a call just taken out of a queue",
        Role.QUEUE: "on a call that waits in a queue",
        Role.CONFERENCE: "on a call that waits for a conference",
    }
)

_BY_TYPE = MappingProxyType({rule.verb: rule for rule in RULES})


def begin_verb(line: Line, action: Action, can: frozenset[str]) -> Step:
    """The beginning of a verb; one that cannot run here is skipped."""
    rule = _BY_TYPE.get(type(action))
    if rule is None or action.tag not in can:
        return Step([*line.answer(), cannot(action, action.tag)])
    if action.tag not in ALLOWED[line.role]:
        reason = f"<{action.tag}> cannot run {PLACES[line.role]}; it is skipped."
        return Step([Skip(action, reason)])
    return rule.begin(line, action)
