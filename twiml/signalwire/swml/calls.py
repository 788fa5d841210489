"""The verbs that end a call, send it elsewhere, or send a message beside it."""

from __future__ import annotations

from collections.abc import Iterator

from twiml.actions import Hangup, Redirect, Refer, Reject, Sms
from twiml.signalwire.swml.expressions import OTHER_PARTY, OUR_PARTY, Step
from twiml.signalwire.swml.parties import is_sip
from twiml.signalwire.swml.writing import Writing

_REASONS = {"rejected": "decline", "busy": "busy"}


def hang_up(writing: Writing, action: Hangup) -> Iterator[Step]:
    """End the call."""
    for parameter in action.children:
        writing.lose_element(parameter)
    yield {"hangup": {}}


def reject(writing: Writing, action: Reject) -> Iterator[Step]:
    """Turn the call away."""
    for parameter in action.children:
        writing.lose_element(parameter)
    yield {"hangup": {"reason": _REASONS[action.reason]}}


def redirect(writing: Writing, action: Redirect) -> Iterator[Step]:
    """Go on with another document."""
    url = action.url or writing.base_url
    if not url:
        why = "asks for this document, whose URL is not known."
        writing.lose(action, "", why, "The call ends there.")
        return
    instead = "The call ends there."
    link = writing.document(action, "", url, action.method, instead=instead)
    if link is not None:
        yield {"transfer": {"dest": link}}


def refer(writing: Writing, action: Refer) -> Iterator[Step]:
    """Hand the SIP call over; then go on at the action's document or the next verb."""
    written = next((noun.text for noun in action.children), "").strip()
    if not is_sip(written):
        writing.lose(action, "", "has no SIP address in it.", "It is left out.")
        return
    yield {"sip_refer": {"to_uri": writing.harmless(written, action)}}
    if link := writing.action(action):
        yield {"transfer": {"dest": link}}


def sms(writing: Writing, action: Sms) -> Iterator[Step]:
    """Send a message, to the other party by default, and go on."""
    body = action.text.strip()
    if not body:
        writing.lose(action, "", "has no text.", "No message is sent.")
        return
    keys = {
        "to_number": _number(writing, action, "to", action.to) or OTHER_PARTY,
        "from_number": _number(writing, action, "from", action.from_) or OUR_PARTY,
        "body": writing.harmless(body, action),
    }
    if action.status_callback:
        if writing.full:
            link = writing.callback(action, "statusCallback", action.status_callback, "POST")
            if link is not None:
                keys["status_callback"] = link
        else:
            why = "has no counterpart in the strict dialect."
            writing.lose(action, "statusCallback", why, "The full dialect has it.")
    yield {"send_sms": keys}
    if link := writing.action(action):
        why = "is asked at once: SWML says nothing of the message."
        writing.lose(action, "action", why, "SmsSid and SmsStatus are missing.")
        yield {"transfer": {"dest": link}}


def _number(writing: Writing, action: Sms, attribute: str, written: str | None) -> str:
    return writing.harmless((written or "").strip(), action, attribute)
