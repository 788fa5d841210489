"""SignalWire's JSON events (S section 1.8): what they tell us, and Twilio's form of them. Pure.

`note` keeps in the call's `Facts` what later webhooks need; `callback_form` is what the customer's
own callback URL is told, if anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any

from app.facts import Dialled, Facts, Leg, Queued, Recorded, Referred
from app.webhooks.results import failure
from app.webhooks.swmlcall import as_text, number, part, text
from bridge.call import Call
from bridge.callbacks import FormFields
from bridge.ids import alias

CALL_STATE = "calling.call.state"
CONNECT = "calling.call.connect"
RECORD = "calling.call.record"
CONFERENCE = "calling.conference"
QUEUE = "calling.call.queue"
REFER = "calling.call.refer"
STREAM = "calling.call.stream"
TAP = "calling.call.tap"
SCRIPT_WARNING = "calling.script.warning"

_LATEST_TIME = 4e9
"""Seconds since the epoch up to which a time is believed: the year 2096."""
_LEG_STATES = ("created", "ringing", "answered", "ended")
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


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its `event_type`, when it was in seconds since the epoch, and what it says."""

    kind: str
    at: float
    params: Mapping[str, Any]

    @property
    def call_sid(self) -> str:
        """The call or leg it is about; empty when it names none."""
        call_id = text(self.params, "call_id")
        return alias("CA", call_id) if call_id else ""


def read_event(body: Mapping[str, Any], now: float) -> Event:
    """An event as posted. One without a time that can be believed has happened now."""
    at = number(body, "timestamp")
    believed = at is not None and 0 < at < _LATEST_TIME
    return Event(
        text(body, "event_type"), at if at is not None and believed else now, part(body, "params")
    )


# What we keep


def note(facts: Facts, event: Event, heard: float) -> bool:
    """Keep what an event tells; False when it comes too late to tell anything.

    `heard` is when it reached us, in seconds since the epoch.
    """
    match event.kind:
        case "calling.call.state":
            return _note_leg(facts, event, heard)
        case "calling.call.connect":
            _note_connect(facts, event, heard)
        case "calling.call.record":
            return _note_recording(facts, event, heard)
        case "calling.call.queue":
            _note_queue(facts, event, heard)
        case "calling.call.refer":
            facts.referred = Referred(
                heard,
                text(event.params, "sip_refer_response_code"),
                text(event.params, "sip_notify_response_code"),
            )
    return True


def _note_leg(facts: Facts, event: Event, heard: float) -> bool:
    leg_id, state = text(event.params, "call_id"), text(event.params, "call_state")
    if not leg_id or state not in _LEG_STATES:
        return False
    leg = facts.legs.get(leg_id)
    if leg is None:
        leg = facts.legs[leg_id] = Leg()
    if state == "answered" and leg.answered_at is None:
        leg.answered_at = event.at
        _connected(facts, leg_id, event.at, heard)
    rank = _LEG_STATES.index(state)
    if rank <= leg.rank:
        return False
    leg.rank = rank
    if state == "ended":
        leg.end_reason = text(event.params, "end_reason")
        _over(facts, leg_id, event.at, heard)
    return True


def _note_connect(facts: Facts, event: Event, heard: float) -> None:
    peer_id = text(part(event.params, "peer"), "call_id")
    match text(event.params, "connect_state"):
        case "connecting":
            _attempt(facts, peer_id, event.at, heard, begins=True)
        case "connected":
            _connected(facts, peer_id, event.at, heard)
        case "failed":
            reason = text(event.params, "failed_reason")
            _over(facts, peer_id, event.at, heard, reason)
        case "disconnected":
            _over(facts, peer_id, event.at, heard)


def _attempt(
    facts: Facts, peer_id: str, at: float, heard: float, *, begins: bool
) -> Dialled | None:
    """The attempt that an event is about: the last one, or a new one after it.

    `begins`: the event is of a beginning, so one after the end is of another attempt. None when it
    is late and about an earlier attempt, or about the end of one leg among several.
    """
    dialled = facts.dialled
    if dialled is not None:
        same = bool(peer_id) and peer_id == dialled.peer_id
        another = bool(peer_id and dialled.peer_id) and not same
        talking = dialled.talk.began_at is not None
        ready = (begins or another) if dialled.over else (begins and another and talking)
        if ready and not same and at > dialled.latest_at:
            dialled = None
        elif another and (dialled.over or talking or not begins):
            return None
    if dialled is None:
        dialled = facts.dialled = Dialled(at, heard, peer_id)
    dialled.latest_at, dialled.heard = max(dialled.latest_at, at), heard
    dialled.peer_id = dialled.peer_id or peer_id
    return dialled


def _connected(facts: Facts, peer_id: str, at: float, heard: float) -> None:
    dialled = _attempt(facts, peer_id, at, heard, begins=True)
    if dialled is not None:
        dialled.peer_id = peer_id or dialled.peer_id
        dialled.talk.begin(at, heard)


def _over(facts: Facts, peer_id: str, at: float, heard: float, reason: str = "") -> None:
    dialled = _attempt(facts, peer_id, at, heard, begins=False)
    if dialled is not None:
        dialled.over = True
        dialled.talk.end(at)
        dialled.failed_reason = dialled.failed_reason or reason


def _note_recording(facts: Facts, event: Event, heard: float) -> bool:
    state = text(event.params, "state")
    key = text(event.params, "control_id") or text(event.params, "recording_id")
    recorded = facts.recordings.get(key)
    if recorded is None:
        recorded = facts.recordings[key] = Recorded(heard)
    if recorded.finished:
        return False
    recorded.heard = heard
    recorded.recording_id = text(event.params, "recording_id") or recorded.recording_id
    recorded.url = text(event.params, "url") or recorded.url
    if state == "recording":
        recorded.span.begin(event.at, heard)
        return True
    seconds = number(event.params, "duration")
    if seconds is not None:
        recorded.seconds = int(seconds)
    recorded.finished = state in ("finished", "no_input", "error")
    return True


def _note_queue(facts: Facts, event: Event, heard: float) -> None:
    params, status = event.params, text(event.params, "status")
    queued = facts.queued
    left_at = queued.wait.ended_at if queued is not None else None
    if queued is None or (status == "enqueue" and left_at is not None and event.at > left_at):
        queued = facts.queued = Queued(heard)
    queued.heard = heard
    queued.queue_id = text(params, "id") or queued.queue_id
    queued.position = _whole(params, "position", queued.position)
    queued.size = _whole(params, "size", queued.size)
    queued.average = _whole(params, "avg_time", queued.average)
    entered_at = _microseconds(params, "enqueue_ts")
    if entered_at is not None or status == "enqueue":
        queued.wait.begin(entered_at or event.at, heard)
    if status == "dequeue":
        queued.result = "connected"
        queued.wait.end(_microseconds(params, "dequeue_ts") or event.at)
    elif status == "leave":
        queued.result = queued.result or "leaving"
        queued.wait.end(_microseconds(params, "leave_ts") or event.at)


def _microseconds(params: Mapping[str, Any], key: str) -> float | None:
    """A time in microseconds since the epoch, as seconds; None for 0 and what cannot be one."""
    value = number(params, key)
    return value / 1e6 if value is not None and 0 < value / 1e6 < _LATEST_TIME else None


def _whole(params: Mapping[str, Any], key: str, known: int | None) -> int | None:
    value = number(params, key)
    return known if value is None else int(value)


# What the customer is told


def callback_form(
    call: Call, facts: Facts, verb: str, attribute: str, event: Event
) -> FormFields | None:
    """An event, already noted, as the form of the callback in `attribute` of `verb`.

    None when Twilio has no such callback.
    """
    match event.kind, attribute:
        case "calling.call.state", "statusCallback":
            return _leg_form(call, facts, event)
        case "calling.call.record", "recordingStatusCallback":
            return _recording_form(call, verb, event)
        case "calling.conference", "statusCallback":
            return _conference_form(call, facts, event)
        case "calling.conference", "recordingStatusCallback":
            return _conference_recording_form(call, event)
    return None


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
        return rfc2822(at) if 0 < at < _LATEST_TIME else ""
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
