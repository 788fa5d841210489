"""SignalWire's JSON events (S section 1.8), and what we keep of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.facts import Dialled, Facts, Leg, Queued, Recorded
from app.webhooks.swmlcall import number, part, text
from bridge.ids import alias

CALL_STATE = "calling.call.state"
CONNECT = "calling.call.connect"
RECORD = "calling.call.record"
CONFERENCE = "calling.conference"
QUEUE = "calling.call.queue"
STREAM = "calling.call.stream"
TAP = "calling.call.tap"
SCRIPT_WARNING = "calling.script.warning"

LATEST_TIME = 4e9
"""Seconds since the epoch up to which a time is believed: the year 2096."""
_STATES = ("call_state", "connect_state", "state", "status")
_LEG_STATES = ("created", "ringing", "answered", "ended")


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its `event_type`, when it was in seconds since the epoch, and what it says."""

    kind: str
    at: float
    params: Mapping[str, Any]

    @property
    def state(self) -> str:
        """Its state; each kind of event has a name of its own for it."""
        return next(filter(None, (text(self.params, name) for name in _STATES)), "")

    def ends(self, call_sid: str) -> bool:
        """Whether it says that this call itself is over."""
        return self.kind == CALL_STATE and self.state == "ended" and self.call_sid == call_sid

    @property
    def call_sid(self) -> str:
        """The call or leg it is about; empty when it names none."""
        call_id = text(self.params, "call_id")
        return alias("CA", call_id) if call_id else ""


def read_event(body: Mapping[str, Any], now: float) -> Event:
    """An event as posted. One without a time that can be believed has happened now."""
    at = number(body, "timestamp")
    believed = at is not None and 0 < at < LATEST_TIME
    return Event(
        text(body, "event_type"), at if at is not None and believed else now, part(body, "params")
    )


def note(facts: Facts, event: Event, heard: float) -> bool:
    """Keep what an event tells; False when it comes too late to tell anything.

    `heard` is when it reached us, in seconds since the epoch.
    """
    if event.kind == CALL_STATE:
        return _note_leg(facts, event, heard)
    if event.kind == RECORD:
        return _note_recording(facts, event, heard)
    if event.kind == CONNECT:
        _note_connect(facts, event, heard)
    elif event.kind == QUEUE:
        _note_queue(facts, event, heard)
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
        if ready and not same and at >= dialled.latest_at:
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
    return value / 1e6 if value is not None and 0 < value / 1e6 < LATEST_TIME else None


def _whole(params: Mapping[str, Any], key: str, known: int | None) -> int | None:
    value = number(params, key)
    return known if value is None else int(value)
