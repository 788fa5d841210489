"""SignalWire's form parameters in Twilio's shape. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.call import CallStatus, Parties
from bridge.callbacks import FormFields
from bridge.ids import alias

_SIDS = {
    "ParentCallSid": "CA",
    "DialCallSid": "CA",
    "ChildCallSid": "CA",
    "DequeingCallSid": "CA",
    "CallSidEndingConference": "CA",
    "RecordingSid": "RE",
    "ConferenceSid": "CF",
    "QueueSid": "QU",
    "TranscriptionSid": "TR",
    "MessageSid": "SM",
    "SmsSid": "SM",
}
_WORDS = {
    ("QueueResult", "bridging-in-progress"): "bridging-in-process",
    ("RecordingStatus", "failed"): "absent",
}
"""Values that the two sides spell differently, by parameter."""
_NOT_TWILIOS = frozenset({"Unique-ID"})
_CALL_FIELDS = frozenset(
    {"CallSid", "AccountSid", "From", "To", "CallStatus", "ApiVersion", "Direction"}
)
_LEG_FIELDS = frozenset({"CallSid", "From", "To", "CallStatus", "Direction"})
_KNOWN = frozenset(CallStatus) - {CallStatus.QUEUED}


def parties(form: Mapping[str, str]) -> Parties:
    return Parties(form.get("From", ""), form.get("To", ""), form.get("Direction", "inbound"))


def call_status(form: Mapping[str, str]) -> CallStatus:
    """Where the call stands. What Twilio has no word for counts as ringing, as what is queued."""
    status = form.get("CallStatus", "")
    return CallStatus(status) if status in _KNOWN else CallStatus.RINGING


def extra_fields(form: Iterable[tuple[str, str]]) -> FormFields:
    """What a webhook says beyond the standard parameters, with Twilio's identifiers and words."""
    return tuple(
        (name, _value(name, value))
        for name, value in form
        if name not in _CALL_FIELDS and name not in _NOT_TWILIOS
    )


def _value(name: str, value: str) -> str:
    if value and (prefix := _SIDS.get(name)):
        return alias(prefix, value)
    return _WORDS.get((name, value), value)


def forwarded_fields(form: Iterable[tuple[str, str]]) -> FormFields:
    """A continuation or status callback as the customer gets it.

    It may be about another leg than the call's own (a dialled number), so the call it names, its
    parties and its status are kept, beside everything that is new.
    """
    pairs = tuple(form)
    about = tuple(
        (name, alias("CA", value) if name == "CallSid" else value)
        for name, value in pairs
        if name in _LEG_FIELDS and value
    )
    return about + extra_fields(pairs)
