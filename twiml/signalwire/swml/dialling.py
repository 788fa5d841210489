"""Putting the call through: `<Dial>` as `connect` or `join_conference` (S section 7.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twiml.actions import Conference, Dial, Element, Queue
from twiml.signalwire.swml import queues
from twiml.signalwire.swml.conferences import join_conference
from twiml.signalwire.swml.expressions import Step
from twiml.signalwire.swml.parties import caller, destinations, dialled
from twiml.signalwire.swml.recordings import record_call
from twiml.signalwire.swml.writing import Writing

_WATCHED = ("answered", "ended")
"""Of a leg: enough to know who answered and for how long."""


def dial(writing: Writing, action: Dial) -> Iterator[Step]:
    """Put the caller through; then go on at the action's document or the next verb."""
    link = writing.action(action)
    steps = list(_put_through(writing, action, link))
    if not steps:
        why = "has nobody left in it whom SWML can call."
        writing.lose(action, "", why, "It is left out.")
        return
    writing.lose_attributes(action)
    yield from steps
    if link is not None:
        yield {"transfer": {"dest": link}}


def _put_through(writing: Writing, action: Dial, link: str | None) -> Iterator[Step]:
    """The step that puts the call through, recorded or not; none when nobody can be called."""
    conference = _only(writing, action, Conference)
    if isinstance(conference, Conference):
        step = join_conference(writing, action, conference)
        if step is not None:
            yield step
        return
    recorded = action.record != "do-not-record"
    queue = _only(writing, action, Queue)
    if isinstance(queue, Queue):
        # After a recording there is more to do than the action.
        places = queues.destination(writing, queue, None if recorded else link)
    else:
        places = _parties(writing, action)
    if places is None:
        return
    step = {"connect": places | _common(writing, action, places)}
    if not recorded:
        yield step
        return
    control_id = writing.number("dial")
    yield _recording(writing, action, control_id)
    yield step
    yield {"stop_record_call": {"control_id": control_id}}


def _only(writing: Writing, action: Dial, kind: type[Element]) -> Element | None:
    """The noun of a kind that stands alone; whatever stands beside it is lost."""
    found = next((noun for noun in action.children if isinstance(noun, kind)), None)
    for noun in action.children if found is not None else ():
        if noun is not found:
            why = f"cannot stand beside a <{kind.__name__}>."
            writing.lose(noun, "", why, "It is not dialled.")
    return found


def _parties(writing: Writing, action: Dial) -> dict[str, Any] | None:
    """Whom to ring: `to` for one, `parallel` for several at once, `serial` for one by one."""
    written = action.text.strip()
    if not action.children:
        number = dialled(written)
        if number is None and written:
            writing.lose(action, "", "is not a phone number.", "It is not dialled.")
        return None if number is None else {"to": number}
    if written:
        writing.lose(action, "", "has text beside its nouns.", "Only the nouns are dialled.")
    nouns = [(noun, list(destinations(writing, noun))) for noun in action.children]
    found = [place for _, places in nouns for place in places]
    if len(found) < 2:
        return found[0] if found else None
    in_turn = action.sequential or len(nouns) == 1
    for noun, places in nouns:
        if len(places) > 1 and not in_turn:
            why = "cannot have its addresses tried in turn beside other nouns."
            writing.lose(noun, "", why, "All of them are dialled at once.")
    return {"serial" if in_turn else "parallel": found}


def _common(writing: Writing, action: Dial, places: dict[str, Any]) -> dict[str, Any]:
    """What holds for the whole `<Dial>`. SWML's time-out is another: it is always written."""
    keys: dict[str, Any] = {}
    if action.caller_id and action.caller_id.strip():
        keys["from"] = writing.harmless(caller(action.caller_id), action, "callerId")
    keys |= {"timeout": action.timeout, "max_duration": action.time_limit}
    if action.answer_on_bridge:
        keys["answer_on_bridge"] = True
    if action.ring_tone is not None:
        country = action.ring_tone.partition("-")[0]
        if country != action.ring_tone:
            why = "has no counterpart in SWML."
            writing.lose(action, "ringTone", why, f"The ring tone is that of {country}.")
        keys["ringback"] = [f"ring:{country}"]
    return keys | _watch(writing, action, places)


def _watch(writing: Writing, action: Dial, places: dict[str, Any]) -> dict[str, Any]:
    """What tells us who answered. The strict dialect has it for each leg only."""
    if writing.full:
        return writing.watched("Dial")
    legs = places.get("serial") or places.get("parallel") or [places]
    if any("call_state_url" in leg for leg in legs) and action.action and writing.links.ours:
        why = "has no DialCallSid and DialCallDuration beside a noun's statusCallback."
        writing.lose(action, "action", why, "The full dialect has them.")
    watched = {} if "call_state_url" in places else writing.watched("Dial", "call_state_url")
    return watched | {"call_state_events": list(_WATCHED)} if watched else {}


def _recording(writing: Writing, action: Dial, control_id: str) -> Step:
    if action.record.startswith("record-from-answer"):
        why = "begins with the answer."
        writing.lose(action, "record", why, "The recording begins with the ringing.")
    return record_call(
        writing,
        action,
        stereo=action.record.endswith("-dual"),
        track=action.recording_track,
        control_id=control_id,
    )
