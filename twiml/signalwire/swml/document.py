"""TwiML in SignalWire's SWML: a JSON document of steps, with every URL exchanged for ours.

The two languages differ in what happens between the steps: SWML answers when told to, its end is
unknown, and an action is a `transfer` of its own. So what TwiML takes for granted is written out
(S section 7.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from twiml.actions import (
    Action,
    Connect,
    Dial,
    Echo,
    Enqueue,
    Gather,
    Hangup,
    Pause,
    Play,
    Record,
    Redirect,
    Refer,
    Reject,
    Say,
    Sms,
    Start,
    Stop,
)
from twiml.document import Document
from twiml.signalwire.links import SwmlLinks
from twiml.signalwire.swml import calls, dialling, prompts, queues, speech, streams
from twiml.signalwire.swml.expressions import Step, pretty
from twiml.signalwire.swml.writing import Dialect, Writing
from twiml.signalwire.translation import Translation, size_loss, too_large

_VERBS: Mapping[type[Action], Callable[[Writing, Any], Iterator[Step]]] = MappingProxyType(
    {
        Connect: streams.connect,
        Dial: dialling.dial,
        Echo: streams.echo,
        Enqueue: queues.enqueue,
        Gather: prompts.gather,
        Hangup: calls.hang_up,
        Pause: speech.pause,
        Play: speech.play,
        Record: prompts.record,
        Redirect: calls.redirect,
        Refer: calls.refer,
        Reject: calls.reject,
        Say: speech.say,
        Sms: calls.sms,
        Start: streams.start,
        Stop: streams.stop,
    }
)
"""How each verb is said; the others have no counterpart."""
_LAST = frozenset({"transfer", "hangup"})
"""What never lets the next step run."""


def translate(
    document: Document,
    links: SwmlLinks,
    base_url: str,
    dialect: Dialect = Dialect.FULL,
    *,
    aside: bool = False,
) -> Translation:
    """The SWML of a usable document whose own URL is `base_url`; empty when it has none.

    `aside` is a document that somebody hears beside the call's own flow: what a dialled party is
    told before being put through (`url` of a noun), or what a queue plays (`waitUrl`). It neither
    answers the call nor ends it.
    """
    writing = Writing(links, base_url, dialect)
    done = _steps(writing, document.actions)
    steps = [step for _, made in done for step in made]
    if not aside:
        if _answers(done):
            steps.insert(0, {"answer": {}})
        if not steps or not _LAST.intersection(steps[-1]):
            steps.append({"hangup": {}})
    output = pretty(queues.filled_in(writing, steps))
    if too_large(output):
        writing.losses.append(size_loss())
    return Translation(output, tuple(writing.losses))


def apology(text: str) -> str:
    """SWML that says one sentence and hangs up."""
    said = speech.sentence(text)
    return pretty([{"answer": {}}, {"play": {"url": said}}, {"hangup": {}}])


def _steps(writing: Writing, actions: Sequence[Action]) -> list[tuple[Action, list[Step]]]:
    """Each verb with its steps, up to the first that never lets the next one run."""
    done: list[tuple[Action, list[Step]]] = []
    for number, action in enumerate(actions, 1):
        writing.followed = number < len(actions)
        steps = list(_verb(writing, action))
        done.append((action, steps))
        if isinstance(action, Redirect) or (steps and _LAST.intersection(steps[-1])):
            break
    return done


def _answers(done: Iterable[tuple[Action, list[Step]]]) -> bool:
    """Whether the call is answered before the first of these verbs.

    Not to be rejected, if after a pause, and not before the dialled party answers.
    """
    first = True
    for action, steps in done:
        match action:
            case _ if all("request" in step for step in steps):
                continue  # nobody hears it
            case Reject():
                return False
            case Dial() if first:
                return not any("answer_on_bridge" in step.get("connect", ()) for step in steps)
            case Pause():
                first = False
            case _:
                return True
    return True


def _verb(writing: Writing, action: Action) -> Iterator[Step]:
    write = _VERBS.get(type(action))
    if write is None:
        writing.lose_element(action)
        return iter(())
    return write(writing, action)
