"""Queues: `<Enqueue>` as `enter_queue`, and `<Queue>` in a `<Dial>`.

Both need to be told what runs when the two calls have been joined and one has left: the action's
document, or else what follows in this one, as a document of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from twiml.actions import Element, Enqueue, Queue
from twiml.signalwire.swml.expressions import Step, inline
from twiml.signalwire.swml.writing import Writing

AFTER = "transfer_after_bridge"
_CALL_SECONDS = 14_400
"""A call's own limit. Left to itself, a queue of SignalWire's lets go after an hour."""
_MAX_INLINE = 16_384
"""Characters of a document inside another. Each nesting escapes the one before."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Stands for what follows in the document; `filled_in` puts that there."""

    element: Element


def enqueue(writing: Writing, action: Enqueue) -> Iterator[Step]:
    """Wait in a queue; then go on at the action's document or the next verb."""
    writing.lose_attributes(action)
    for task in action.children:
        writing.lose_element(task)
    name = action.text.strip()
    if not name:
        writing.lose(action, "", "names no queue.", "The call does not wait.")
        return
    link = writing.action(action)
    keys: dict[str, Any] = {
        "queue_name": writing.harmless(name, action),
        AFTER: link or Rest(action),
        **writing.watched("Enqueue"),
        "wait_time": _CALL_SECONDS,
    }
    if action.wait_url:
        wait = writing.document(action, "waitUrl", action.wait_url, action.wait_url_method)
        if wait is not None:
            keys["wait_url"] = wait
            why = "may be fetched as an audio file: SignalWire's pages disagree."
            instead = "A document is offered there; if it is not taken, SignalWire plays music."
            writing.lose(action, "waitUrl", why, instead)
    elif action.wait_url is not None:
        why = "is empty, which asks for silence."
        writing.lose(action, "waitUrl", why, "SignalWire's music is played.")
    yield {"enter_queue": keys}
    # Whoever leaves the queue without having been joined to anybody comes by here.
    if link is not None:
        yield {"transfer": {"dest": link}}


def destination(writing: Writing, noun: Queue, after: str | None) -> dict[str, Any] | None:
    """The queue in a `<Dial>`, and where the call goes then; `after` None for what follows."""
    writing.lose_attributes(noun, "Dial")
    name = noun.text.strip()
    if not name:
        writing.lose(noun, "", "names no queue.", "It is not dialled.")
        return None
    return {"to": f"queue:{writing.harmless(name, noun)}", AFTER: after or Rest(noun)}


def filled_in(writing: Writing, steps: Sequence[Step]) -> list[Step]:
    """The steps of a whole document, each `Rest` replaced by what follows it."""
    complete: list[Step] = []
    for step in reversed(steps):
        ((method, keys),) = step.items()
        if isinstance(keys, dict) and isinstance(rest := keys.get(AFTER), Rest):
            keys = keys | {AFTER: _inline(writing, rest, complete)}
        complete.insert(0, {method: keys})
    return complete


def _inline(writing: Writing, rest: Rest, steps: Sequence[Step]) -> str:
    document = inline(steps)
    if len(document) <= _MAX_INLINE:
        return document
    why = "is followed by more than fits into it, and has no action."
    writing.lose(rest.element, "", why, "The call ends there once it has been joined to another.")
    return inline([{"hangup": {}}])
