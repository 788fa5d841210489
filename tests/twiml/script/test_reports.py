"""Status callbacks of what goes on by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.twiml.script.driving import Drive
from twiml.script import Callback, StartRecording
from twiml.script.reports import (
    WANTED_AS,
    ConferenceFacts,
    LegEvent,
    LegFacts,
    Participant,
    RecordingFacts,
    Report,
    conference_recording_report,
    conference_report,
    leg_report,
    recording_report,
    rfc2822,
)

AT = datetime(2026, 11, 21, 12, 0, 5, 700_000, UTC)
SHOWN = "Sat, 21 Nov 2026 12:00:05 +0000"
ALL = Callback("https://app.example/s", "GET", ("initiated", "ringing", "answered", "completed"))
RECORDING = RecordingFacts("AC1", "RE1", "https://r.example/RE1", AT, 7, call_sid="CA1")
LEG = LegFacts(
    "CA2", "AC1", "+1", "+2", "completed", parent_sid="CA1", seconds=9, recording=("RE1", "u", 8)
)


def test_dates() -> None:
    """Whole seconds, in UTC."""
    assert rfc2822(AT) == SHOWN
    assert rfc2822(AT.astimezone(timezone(timedelta(hours=2)))) == SHOWN


def test_a_recording() -> None:
    """Everything that Twilio's page names, once it is complete."""
    recording = Drive('<Record recordingStatusCallback="/r"/>').find(StartRecording)
    assert recording_report(recording, "completed", RECORDING) == Report(
        "https://app.example/r",
        "POST",
        (
            ("AccountSid", "AC1"),
            ("CallSid", "CA1"),
            ("RecordingSid", "RE1"),
            ("RecordingUrl", "https://r.example/RE1"),
            ("RecordingStatus", "completed"),
            ("RecordingDuration", "7"),
            ("RecordingStartTime", SHOWN),
            ("RecordingChannels", "1"),
            ("RecordingSource", "RecordVerb"),
            ("RecordingTrack", "inbound"),
        ),
    )


def test_events_that_nobody_asked_for() -> None:
    """Nothing is sent, nor without a callback."""
    recording = Drive('<Record recordingStatusCallback="/r"/>').find(StartRecording)
    assert recording_report(recording, "in-progress", RECORDING) is None
    assert recording_report(Drive("<Record/>").find(StartRecording), "completed", RECORDING) is None
    assert leg_report(None, "completed", 0, AT, LEG) is None
    assert leg_report(replace(ALL, events=("completed",)), "ringing", 0, AT, LEG) is None


def test_a_recording_that_has_begun() -> None:
    """It has no duration yet."""
    recording = Drive(
        '<Start><Recording recordingStatusCallback="/r" '
        'recordingStatusCallbackEvent="in-progress"/></Start>'
    ).find(StartRecording)
    report = recording_report(recording, "in-progress", RECORDING)
    assert report is not None
    fields = dict(report.fields)
    assert "RecordingDuration" not in fields
    assert fields["RecordingSource"] == "StartCallRecordingTwiML"
    assert (fields["RecordingChannels"], fields["RecordingTrack"]) == ("2", "both")


def test_a_conference_s_recording() -> None:
    """It is the conference's, not a call's."""
    callback = Callback("https://app.example/r", "POST", ("completed",))
    facts = replace(RECORDING, call_sid="", conference_sid="CF1")
    report = conference_recording_report(callback, "completed", facts)
    assert report is not None
    fields = dict(report.fields)
    assert (fields["ConferenceSid"], fields["RecordingSource"]) == ("CF1", "Conference")
    assert "CallSid" not in fields


def test_a_leg_s_end() -> None:
    """With its duration and the recording."""
    assert leg_report(ALL, "completed", 3, AT, LEG) == Report(
        "https://app.example/s",
        "GET",
        (
            ("CallSid", "CA2"),
            ("ParentCallSid", "CA1"),
            ("AccountSid", "AC1"),
            ("From", "+1"),
            ("To", "+2"),
            ("Caller", "+1"),
            ("Called", "+2"),
            ("CallStatus", "completed"),
            ("ApiVersion", "2010-04-01"),
            ("Direction", "outbound-dial"),
            ("CallDuration", "9"),
            ("RecordingSid", "RE1"),
            ("RecordingUrl", "u"),
            ("RecordingDuration", "8"),
            ("Timestamp", SHOWN),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", "3"),
        ),
    )


@pytest.mark.parametrize("event", ["initiated", "ringing", "answered"])
def test_a_leg_s_progress(event: LegEvent) -> None:
    """Durations and recordings belong to the end."""
    report = leg_report(ALL, event, 0, AT, replace(LEG, status="ringing"))
    assert report is not None
    assert not {"CallDuration", "RecordingSid", "RecordingUrl"} & set(dict(report.fields))
    unanswered = leg_report(ALL, "completed", 1, AT, replace(LEG, seconds=None, recording=None))
    assert unanswered is not None
    assert "CallDuration" not in dict(unanswered.fields)


def test_conference_events() -> None:
    """Each is sent if its word was given, with what it says of a participant."""
    words = ("start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement")
    assert set(WANTED_AS.values()) == set(words)
    callback = Callback("https://app.example/c", "POST", ("join",))
    facts = ConferenceFacts("AC1", "CF1", "room")
    who = Participant("CA1", muted=True, label="me")
    assert conference_report(callback, "participant-leave", 1, AT, facts, who) is None
    report = conference_report(callback, "participant-join", 2, AT, facts, who)
    assert report is not None
    assert report.fields == (
        ("ConferenceSid", "CF1"),
        ("FriendlyName", "room"),
        ("AccountSid", "AC1"),
        ("SequenceNumber", "2"),
        ("Timestamp", SHOWN),
        ("StatusCallbackEvent", "participant-join"),
        ("CallSid", "CA1"),
        ("Muted", "true"),
        ("Hold", "false"),
        ("Coaching", "false"),
        ("EndConferenceOnExit", "false"),
        ("StartConferenceOnEnter", "true"),
        ("ParticipantLabel", "me"),
    )


def test_the_end_of_a_conference() -> None:
    """It has parameters of its own, and no participant."""
    callback = Callback("https://app.example/c", "POST", ("end",))
    more = (("ReasonConferenceEnded", "last-participant-left"),)
    facts = ConferenceFacts("AC1", "CF1", "room", more)
    report = conference_report(callback, "conference-end", 5, AT, facts)
    assert report is not None
    assert report.fields[-1:] == more
    assert "CallSid" not in dict(report.fields)
