"""What goes on by itself, as told to its status callback: recordings, called legs, conferences.

A `Report` is a whole form, as Twilio's pages of `<Record>`, `<Dial>`, `<Number>` and `<Conference>`
have it; what is not known is left out. Whether one is sent at all depends on the events that the
document asks for. Times are in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from types import MappingProxyType
from typing import Literal

from twiml.script.commands import Callback, Fields, StartRecording
from twiml.script.fields import filled


@dataclass(frozen=True, slots=True)
class Report:
    """A request whose reply means nothing. `fields` is all that is in its form, or query."""

    url: str
    method: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """A recording: who is recorded, its `RE…` and URL, seconds, when it began.

    A conference's has the conference's sid instead of a call's.
    """

    account_sid: str
    sid: str
    url: str
    began: datetime
    seconds: int = 0
    call_sid: str = ""
    conference_sid: str = ""


RecordingStatus = Literal["in-progress", "completed", "absent"]


def recording_report(
    recording: StartRecording, status: RecordingStatus, facts: RecordingFacts
) -> Report | None:
    """For `recordingStatusCallback` of `<Record>`, `<Dial>` or `<Recording>`."""
    return _recording(
        recording.callback,
        status,
        facts,
        {
            "RecordingChannels": str(recording.channels),
            "RecordingSource": recording.source,
            "RecordingTrack": recording.track,
        },
    )


def conference_recording_report(
    callback: Callback | None, status: RecordingStatus, facts: RecordingFacts
) -> Report | None:
    """For `recordingStatusCallback` of `<Conference>`: one channel."""
    ours = {"RecordingChannels": "1", "RecordingSource": "Conference"}
    return _recording(callback, status, facts, ours)


def _recording(
    callback: Callback | None,
    status: RecordingStatus,
    facts: RecordingFacts,
    more: Mapping[str, str],
) -> Report | None:
    return _report(
        callback,
        status,
        {
            "AccountSid": facts.account_sid,
            "CallSid": facts.call_sid,
            "ConferenceSid": facts.conference_sid,
            "RecordingSid": facts.sid,
            "RecordingUrl": facts.url,
            "RecordingStatus": status,
            "RecordingDuration": str(facts.seconds) if status == "completed" else "",
            "RecordingStartTime": rfc2822(facts.began),
            **more,
        },
    )


@dataclass(frozen=True, slots=True)
class LegFacts:
    """A call that is reported: its sids and parties, its status, and, at its end, its seconds.

    `recording` is (sid, URL, seconds) of the one that was asked for when REST made the call.
    """

    call_sid: str
    account_sid: str
    from_: str
    to: str
    status: str
    direction: str = "outbound-dial"
    parent_sid: str = ""
    seconds: int | None = None
    recording: tuple[str, str, int] | None = None


LegEvent = Literal["initiated", "ringing", "answered", "completed"]


def leg_report(
    callback: Callback | None, event: LegEvent, sequence: int, at: datetime, facts: LegFacts
) -> Report | None:
    """For `statusCallback` of a noun in `<Dial>`, or of a call made by REST.

    `sequence` counts a call's events from 0, whether they are wanted or not.
    """
    ended = event == "completed"
    sid, url, seconds = facts.recording if ended and facts.recording else ("", "", None)
    return _report(
        callback,
        event,
        {
            "CallSid": facts.call_sid,
            "ParentCallSid": facts.parent_sid,
            "AccountSid": facts.account_sid,
            "From": facts.from_,
            "To": facts.to,
            "Caller": facts.from_,
            "Called": facts.to,
            "CallStatus": facts.status,
            "ApiVersion": "2010-04-01",
            "Direction": facts.direction,
            "CallDuration": str(facts.seconds) if ended and facts.seconds is not None else "",
            "RecordingSid": sid,
            "RecordingUrl": url,
            "RecordingDuration": "" if seconds is None else str(seconds),
            "Timestamp": rfc2822(at),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(sequence),
        },
    )


ConferenceEvent = Literal[
    "conference-start",
    "conference-end",
    "participant-join",
    "participant-leave",
    "participant-mute",
    "participant-unmute",
    "participant-hold",
    "participant-unhold",
    "participant-modify",
    "participant-speech-start",
    "participant-speech-stop",
    "announcement-end",
    "announcement-fail",
]

WANTED_AS: Mapping[str, str] = MappingProxyType(
    {
        "conference-start": "start",
        "conference-end": "end",
        "participant-join": "join",
        "participant-leave": "leave",
        "participant-mute": "mute",
        "participant-unmute": "mute",
        "participant-hold": "hold",
        "participant-unhold": "hold",
        "participant-modify": "modify",
        "participant-speech-start": "speaker",
        "participant-speech-stop": "speaker",
        "announcement-end": "announcement",
        "announcement-fail": "announcement",
    }
)
"""The word of `statusCallbackEvent` that asks for an event."""


@dataclass(frozen=True, slots=True)
class Participant:
    """Whom an event in a conference is about."""

    call_sid: str
    muted: bool = False
    held: bool = False
    coaching: bool = False
    end_on_exit: bool = False
    start_on_enter: bool = True
    label: str = ""


@dataclass(frozen=True, slots=True)
class ConferenceFacts:
    """A conference (`CF…`); `more` are the parameters that an event has of its own, such as
    `ReasonConferenceEnded`, `CallSidEndingConference`, `ReasonParticipantLeft`."""

    account_sid: str
    sid: str
    name: str
    more: Fields = ()


def conference_report(
    callback: Callback | None,
    event: ConferenceEvent,
    sequence: int,
    at: datetime,
    facts: ConferenceFacts,
    participant: Participant | None = None,
) -> Report | None:
    """For `statusCallback` of `<Conference>`, the first participant's; `sequence` is from 1."""
    fields = {
        "ConferenceSid": facts.sid,
        "FriendlyName": facts.name,
        "AccountSid": facts.account_sid,
        "SequenceNumber": str(sequence),
        "Timestamp": rfc2822(at),
        "StatusCallbackEvent": event,
    }
    if participant is not None:
        fields |= {
            "CallSid": participant.call_sid,
            "Muted": _truth(participant.muted),
            "Hold": _truth(participant.held),
            "Coaching": _truth(participant.coaching),
            "EndConferenceOnExit": _truth(participant.end_on_exit),
            "StartConferenceOnEnter": _truth(participant.start_on_enter),
            "ParticipantLabel": participant.label,
        }
    return _report(callback, WANTED_AS[event], fields | dict(facts.more))


def rfc2822(moment: datetime) -> str:
    """The date form of Twilio's webhooks (T section 9)."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0))


def _report(callback: Callback | None, wanted: str, fields: Mapping[str, str]) -> Report | None:
    if callback is None or wanted not in callback.events:
        return None
    return Report(callback.url, callback.method, filled(fields))


def _truth(value: bool) -> str:
    return "true" if value else "false"
