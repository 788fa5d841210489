"""`<Conference>` in a `<Dial>`, as `join_conference`."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any
from uuid import UUID

from twiml.actions import Conference, Dial
from twiml.signalwire.swml.expressions import Step
from twiml.signalwire.swml.writing import Writing

_MOST = 100_000
"""`max_participants` is 2 to 100000 (S section 1.4)."""
_REGIONS = MappingProxyType({"us1": "us", "us2": "us", "ie1": "eu", "de1": "eu"})
_CALL_SID = re.compile(r"CA([0-9a-f]{32})")
_EVENTS = ("start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement")
_RECORDING_EVENTS = ("in-progress", "completed", "absent")


def join_conference(writing: Writing, dial: Dial, noun: Conference) -> Step | None:
    """Join; the schema on PyPI has one event only, and no list of them."""
    writing.lose_attributes(noun, "Dial")
    name = noun.text.strip()
    if not name:
        writing.lose(noun, "", "has no name.", "Nothing is joined.")
        return None
    keys: dict[str, Any] = {
        "name": writing.harmless(name, noun),
        "muted": noun.muted,
        "beep": noun.beep,
        "start_on_enter": noun.start_conference_on_enter,
        "end_on_exit": noun.end_conference_on_exit,
    }
    if noun.wait_url:
        link = writing.document(noun, "waitUrl", noun.wait_url, noun.wait_method)
        if link is not None:
            keys["wait_url"] = link
    elif noun.wait_url is not None:
        why = "is empty, which asks for silence."
        writing.lose(noun, "waitUrl", why, "SignalWire's music is played.")
    if noun.max_participants is not None:
        keys["max_participants"] = min(noun.max_participants, _MOST)
    keys["record"] = noun.record
    if region := _REGIONS.get(noun.region or ""):
        keys["region"] = region
    elif noun.region is not None:
        why = "has no counterpart in SWML."
        writing.lose(noun, "region", why, "SignalWire chooses one.")
    if noun.trim is not None:
        keys["trim"] = noun.trim
    if noun.coach:
        keys["coach"] = _call_id(writing.harmless(noun.coach.strip(), noun, "coach"))
    keys |= _status(writing, noun)
    keys |= _recording_status(writing, noun)
    for attribute, given in (
        ("record", dial.record != "do-not-record"),
        ("timeLimit", dial.get("timeLimit") is not None),
    ):
        if given:
            why = "cannot be set for a conference."
            writing.lose(dial, attribute, why, "The conference goes by its own.")
    return {"join_conference": keys}


def _call_id(sid: str) -> str:
    """SignalWire's id of a call whose CallSid is our alias of it: `CA` and a UUID's digits."""
    match = _CALL_SID.fullmatch(sid)
    return str(UUID(match[1])) if match else sid


def _status(writing: Writing, noun: Conference) -> dict[str, str]:
    key, attribute = "status_callback", "statusCallback"
    keys = _told(writing, noun, key, attribute, noun.status_callback, noun.status_callback_method)
    if keys and (wanted := noun.status_callback_event):
        keys[f"{key}_event"] = _words(writing, noun, f"{attribute}Event", wanted, _EVENTS)
    return keys


def _recording_status(writing: Writing, noun: Conference) -> dict[str, str]:
    key, attribute = "recording_status_callback", "recordingStatusCallback"
    url, method = noun.recording_status_callback, noun.recording_status_callback_method
    keys = _told(writing, noun, key, attribute, url, method)
    if keys:
        wanted = noun.recording_status_callback_event
        keys[f"{key}_event"] = _words(writing, noun, f"{attribute}Event", wanted, _RECORDING_EVENTS)
    return keys


def _told(
    writing: Writing, noun: Conference, key: str, attribute: str, url: str | None, method: str
) -> dict[str, str]:
    """The keys for a callback of the conference; our own links are told by POST."""
    link = writing.callback(noun, attribute, url, method, by_get=True) if url else None
    if link is None:
        return {}
    by_get = method == "GET" and not writing.links.ours
    return {key: link} | ({f"{key}_method": "GET"} if by_get else {})


def _words(
    writing: Writing,
    noun: Conference,
    attribute: str,
    wanted: tuple[str, ...],
    known: tuple[str, ...],
) -> str:
    """The events in the order of the reference; in the strict dialect the first one written."""
    if writing.full or len(wanted) < 2:
        return " ".join(word for word in known if word in wanted)
    why = "holds several events; the strict dialect has room for one."
    writing.lose(noun, attribute, why, f"Only {wanted[0]} is reported.")
    return wanted[0]
