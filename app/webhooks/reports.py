"""SignalWire's JSON events as the form callbacks that Twilio would send. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any

from app.facts import Facts, Leg
from app.webhooks.results import failure
from app.webhooks.swmlcall import as_text, number, part, text
from app.webhooks.swmlevents import CALL_STATE, CONFERENCE, LATEST_TIME, RECORD, Event
from bridge.call import Call
from bridge.callbacks import FormFields
from bridge.ids import alias

_LEG_STATUS = MappingProxyType(
    {"created": "initiated", "ringing": "ringing", "answered": "in-progress"}
)
_RECORDING_SOURCES = MappingProxyType(
    {
        "Record": "RecordVerb",
        "Dial": "DialVerb",
        "Recording": "StartCallRecordingTwiML",
        "Conference": "Conference",
    }
)
_TRACKS = MappingProxyType({"speak": "inbound", "listen": "outbound", "both": "both"})
_CONFERENCE_FLAGS = MappingProxyType(
    {
        "Muted": "muted",
        "Hold": "hold",
        "Coaching": "coaching",
        "EndConferenceOnExit": "end_on_leave",
        "StartConferenceOnEnter": "start_on_join",
    }
)
_CONFERENCE_RECORDING = MappingProxyType(
    {"record-start": "in-progress", "record-stop": "completed"}
)


def callback_form(
    call: Call, facts: Facts, verb: str, attribute: str, event: Event
) -> FormFields | None:
    """An event, already noted, as the form of the callback in `attribute` of `verb`.

    None when Twilio has no such callback.
    """
    asked = (event.kind, attribute)
    if asked == (CALL_STATE, "statusCallback"):
        return _leg_form(call, facts, event)
    if asked == (CONFERENCE, "statusCallback"):
        return _conference_form(call, facts, event)
    if asked == (RECORD, "recordingStatusCallback"):
        return _recording_form(call, verb, event)
    if asked == (CONFERENCE, "recordingStatusCallback"):
        return _conference_recording_form(call, event)
    return None


def own_form(call: Call, body: Mapping[str, Any]) -> FormFields:
    """What SignalWire posts in a form that is not documented: its members under their own names.

    What is neither text, number nor truth value is JSON again. The call is named as Twilio does.
    """
    named = {"CallSid": call.sid, "AccountSid": call.account_sid}
    own = {name: as_text(value) or json.dumps(value) for name, value in body.items() if value != ""}
    return tuple((own | named).items())


def _leg_form(call: Call, facts: Facts, event: Event) -> FormFields:
    """Call progress of a dialled leg, with the names of S section 2.5."""
    leg_id, state = text(event.params, "call_id"), text(event.params, "call_state")
    leg = facts.legs.get(leg_id) or Leg()
    sequence, leg.told = leg.told, leg.told + 1
    device = part(part(event.params, "device"), "params")
    from_ = text(device, "from_number") or text(device, "from")
    to = text(device, "to_number") or text(device, "to")
    fields = [
        ("CallSid", event.call_sid),
        ("ParentCallSid", call.sid),
        ("AccountSid", call.account_sid),
        ("From", from_),
        ("To", to),
        ("Caller", from_),
        ("Called", to),
        ("CallStatus", _LEG_STATUS.get(state) or _final_status(facts, leg_id, leg)),
        ("ApiVersion", "2010-04-01"),
        ("Direction", "outbound-dial"),
        ("Timestamp", rfc2822(event.at)),
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", str(sequence)),
    ]
    answered_at = _answered_at(facts, leg_id, leg)
    if state == "ended" and answered_at is not None:
        fields.append(("CallDuration", str(max(0, int(event.at - answered_at)))))
    return _filled(fields)


def _final_status(facts: Facts, leg_id: str, leg: Leg) -> str:
    if _answered_at(facts, leg_id, leg) is not None:
        return "completed"
    return failure(leg.end_reason) or ("failed" if leg.end_reason == "error" else "completed")


def _answered_at(facts: Facts, leg_id: str, leg: Leg) -> float | None:
    dialled = facts.dialled
    connected = dialled.talk.began_at if dialled and dialled.peer_id == leg_id else None
    return connected if leg.answered_at is None else leg.answered_at


def _recording_form(call: Call, verb: str, event: Event) -> FormFields | None:
    """A recording that is ready: the one event that a document can ask for here."""
    params = event.params
    if text(params, "state") != "finished":
        return None
    audio = part(part(params, "record"), "audio")
    recording_id = text(params, "recording_id")
    return _filled(
        [
            ("AccountSid", call.account_sid),
            ("CallSid", event.call_sid or call.sid),
            ("RecordingSid", alias("RE", recording_id) if recording_id else ""),
            ("RecordingUrl", text(params, "url")),
            ("RecordingStatus", "completed"),
            ("RecordingDuration", _seconds(params, "duration")),
            ("RecordingChannels", "2" if audio.get("stereo") is True else "1"),
            ("RecordingStartTime", _start_time(params)),
            ("RecordingSource", _RECORDING_SOURCES.get(verb, "")),
            ("RecordingTrack", _TRACKS.get(text(audio, "direction"), "")),
        ]
    )


def _conference_form(call: Call, facts: Facts, event: Event) -> FormFields | None:
    """What happened in a conference, in the words that both sides share (S section 7.4)."""
    params = event.params
    status = text(params, "status")
    if not status.startswith(("conference-", "participant-", "announcement-")):
        return None
    conference_id = text(params, "conference_id")
    told = facts.conferences.get(conference_id, 0) + 1
    facts.conferences[conference_id] = told
    fields = [
        ("ConferenceSid", alias("CF", conference_id) if conference_id else ""),
        ("FriendlyName", text(params, "name")),
        ("AccountSid", call.account_sid),
        ("SequenceNumber", str(told)),
        ("Timestamp", rfc2822(event.at)),
        ("StatusCallbackEvent", status),
    ]
    if status.startswith("participant-"):
        fields.append(("CallSid", event.call_sid))
        fields += [(name, text(params, key)) for name, key in _CONFERENCE_FLAGS.items()]
    if status == "conference-end":
        ender = text(params, "call_id_ending_conf")
        fields.append(("CallSidEndingConference", alias("CA", ender) if ender else ""))
        fields.append(("ReasonConferenceEnded", text(params, "reason_ended")))
    return _filled(fields)


def _conference_recording_form(call: Call, event: Event) -> FormFields | None:
    params = event.params
    status = _CONFERENCE_RECORDING.get(text(params, "status"))
    if status is None:
        return None
    conference_id = text(params, "conference_id")
    return _filled(
        [
            ("AccountSid", call.account_sid),
            ("ConferenceSid", alias("CF", conference_id) if conference_id else ""),
            ("RecordingUrl", text(params, "recording_url")),
            ("RecordingStatus", status),
            ("RecordingDuration", _seconds(params, "recording_duration")),
            ("RecordingChannels", "1"),
            ("RecordingSource", "Conference"),
        ]
    )


def _seconds(params: Mapping[str, Any], key: str) -> str:
    value = number(params, key)
    return "" if value is None else str(int(value))


def _start_time(params: Mapping[str, Any]) -> str:
    """RFC 2822, from seconds since the epoch or from ISO 8601; empty for anything else."""
    at = number(params, "start_time")
    if at is not None:
        return rfc2822(at) if 0 < at < LATEST_TIME else ""
    try:
        moment = datetime.fromisoformat(as_text(params.get("start_time")))
    except ValueError:
        return ""
    return format_datetime(moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC))


def rfc2822(at: float) -> str:
    """Seconds since the epoch in the date form of Twilio's webhooks (T section 9)."""
    return format_datetime(datetime.fromtimestamp(int(at), UTC))


def _filled(fields: list[tuple[str, str]]) -> FormFields:
    return tuple((name, value) for name, value in fields if value)
