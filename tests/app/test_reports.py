"""SignalWire's events as Twilio's callbacks."""

from __future__ import annotations

from typing import Any

import pytest

from app.facts import Facts
from app.webhooks.reports import callback_form, rfc2822
from app.webhooks.swmlevents import note, read_event
from bridge.call import Call, Parties
from bridge.timeline import Timeline

UUID = "5f0c8d1e-0000-4000-8000-00000000abcd"
DIGITS = "5f0c8d1e00004000800000000000abcd"
AT = 1_496_350_112.0
WHEN = "Thu, 01 Jun 2017 20:48:32 +0000"
HEARD = AT + 1
CALL = Call("CA" + "1" * 32, "AC" + "0" * 32, Parties("+1", "+2"), Timeline(lambda: 0.0))


def form(
    kind: str,
    verb: str,
    attribute: str,
    facts: Facts | None = None,
    at: float = AT,
    **params: Any,
) -> dict[str, str] | None:
    facts = facts if facts is not None else Facts()
    event = read_event({"event_type": kind, "timestamp": at, "params": params}, HEARD)
    note(facts, event, HEARD)
    pairs = callback_form(CALL, facts, verb, attribute, event)
    if pairs is None:
        return None
    assert len(dict(pairs)) == len(pairs)
    assert all(value for _, value in pairs)
    return dict(pairs)


def leg(state: str, facts: Facts | None = None, at: float = AT, **more: Any) -> dict[str, str]:
    found = form(
        "calling.call.state",
        "Number",
        "statusCallback",
        facts,
        at,
        **{
            "call_id": UUID,
            "call_state": state,
            "device": {"type": "phone", "params": {"from_number": "+15", "to_number": "+16"}},
            **more,
        },
    )
    assert found is not None
    return found


def test_the_progress_of_a_leg() -> None:
    """From initiated to completed, each with its place and time, and at the end how long."""
    facts = Facts()
    states = ["created", "ringing", "answered", "ended"]
    told = [leg(state, facts, AT + 10 * at) for at, state in enumerate(states)]
    assert told[0] == {
        "CallSid": f"CA{DIGITS}",
        "ParentCallSid": CALL.sid,
        "AccountSid": CALL.account_sid,
        "From": "+15",
        "To": "+16",
        "Caller": "+15",
        "Called": "+16",
        "CallStatus": "initiated",
        "ApiVersion": "2010-04-01",
        "Direction": "outbound-dial",
        "Timestamp": WHEN,
        "CallbackSource": "call-progress-events",
        "SequenceNumber": "0",
    }
    assert [one["CallStatus"] for one in told] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    assert [one["SequenceNumber"] for one in told] == ["0", "1", "2", "3"]
    assert [one.get("CallDuration") for one in told] == [None, None, None, "10"]


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("busy", "busy"),
        ("declined", "busy"),
        ("no_answer", "no-answer"),
        ("cancel", "canceled"),
        ("error", "failed"),
        ("hangup", "completed"),
        ("", "completed"),
    ],
)
def test_how_a_leg_ended(reason: str, status: str) -> None:
    """Why it was not answered; one that was answered is completed, whatever ended it."""
    ended = leg("ended", end_reason=reason)
    assert ended["CallStatus"] == status
    assert "CallDuration" not in ended
    facts = Facts()
    leg("answered", facts, AT - 5)
    answered = leg("ended", facts, end_reason=reason)
    assert (answered["CallStatus"], answered["CallDuration"]) == ("completed", "5")


def test_a_leg_of_which_only_the_connection_told_the_answer() -> None:
    """The customer asked for `completed` alone: the length comes from the dialling's own events."""
    facts = Facts()
    connected = {"connect_state": "connected", "peer": {"call_id": UUID}}
    body = {"event_type": "calling.call.connect", "timestamp": AT - 9, "params": connected}
    note(facts, read_event(body, HEARD), HEARD)
    ended = leg("ended", facts, end_reason="hangup")
    assert (ended["CallStatus"], ended["CallDuration"]) == ("completed", "9")


@pytest.mark.parametrize(
    ("device", "parties"),
    [
        ({"type": "sip", "params": {"from": "sip:a@x", "to": "sip:b@y"}}, ("sip:a@x", "sip:b@y")),
        ({}, (None, None)),
        (None, (None, None)),
    ],
)
def test_the_parties_of_a_leg(device: object, parties: tuple[str | None, str | None]) -> None:
    """What the event does not say is left out, and not taken from the call that dialled."""
    found = leg("ringing", device=device)
    assert (found.get("From"), found.get("To")) == parties
    assert (found.get("Caller"), found.get("Called")) == parties


def record(verb: str = "Record", **more: Any) -> dict[str, str] | None:
    return form(
        "calling.call.record",
        verb,
        "recordingStatusCallback",
        **{
            "state": "finished",
            "control_id": "r",
            "call_id": UUID,
            "url": "https://f.example/1",
            "duration": 17.8,
            "recording_id": UUID,
            **more,
        },
    )


def test_a_recording_that_is_ready() -> None:
    assert record() == {
        "AccountSid": CALL.account_sid,
        "CallSid": f"CA{DIGITS}",
        "RecordingSid": f"RE{DIGITS}",
        "RecordingUrl": "https://f.example/1",
        "RecordingStatus": "completed",
        "RecordingDuration": "17",
        "RecordingChannels": "1",
        "RecordingSource": "RecordVerb",
    }


@pytest.mark.parametrize("state", ["recording", "paused", "no_input", "error", ""])
def test_a_recording_that_is_not_ready(state: str) -> None:
    """Only what a document of ours can ask for is told: that it is completed."""
    assert record(state=state) is None


@pytest.mark.parametrize(
    ("verb", "source"),
    [
        ("Record", "RecordVerb"),
        ("Dial", "DialVerb"),
        ("Recording", "StartCallRecordingTwiML"),
        ("Conference", "Conference"),
    ],
)
def test_where_a_recording_comes_from(verb: str, source: str) -> None:
    found = record(verb)
    assert found is not None
    assert found["RecordingSource"] == source


@pytest.mark.parametrize(
    ("direction", "track"), [("speak", "inbound"), ("listen", "outbound"), ("both", "both")]
)
def test_the_tracks_of_a_recording(direction: str, track: str) -> None:
    audio = {"format": "wav", "direction": direction, "stereo": True}
    found = record(record={"audio": audio})
    assert found is not None
    assert (found["RecordingTrack"], found["RecordingChannels"]) == (track, "2")


@pytest.mark.parametrize(
    ("start", "shown"),
    [
        (AT, WHEN),
        (str(AT), WHEN),
        ("2017-06-01T20:48:32Z", WHEN),
        ("2017-06-01T22:48:32+02:00", WHEN),
        ("2017-06-01T20:48:32", WHEN),
        ("yesterday", None),
        (AT * 1e6, None),
        (None, None),
    ],
)
def test_when_a_recording_began(start: object, shown: str | None) -> None:
    """RFC 2822, from the forms that a time may have; from others nothing."""
    found = record(start_time=start)
    assert found is not None
    assert found.get("RecordingStartTime") == shown


def conference(
    status: str, attribute: str = "statusCallback", facts: Facts | None = None, **more: Any
) -> dict[str, str] | None:
    return form(
        "calling.conference",
        "Conference",
        attribute,
        facts,
        **{"conference_id": UUID, "name": "standup", "status": status, "call_id": UUID, **more},
    )


@pytest.mark.parametrize(
    "status",
    [
        "participant-join",
        "participant-leave",
        "participant-mute",
        "participant-unmute",
        "participant-hold",
        "participant-unhold",
        "participant-speech-start",
        "participant-speech-stop",
    ],
)
def test_what_a_participant_does(status: str) -> None:
    """In the same word, with the participant's call and state."""
    state: dict[str, Any] = {
        "muted": True,
        "hold": False,
        "coaching": False,
        "end_on_leave": True,
        "start_on_join": True,
    }
    assert conference(status, **state) == {
        "ConferenceSid": f"CF{DIGITS}",
        "FriendlyName": "standup",
        "AccountSid": CALL.account_sid,
        "SequenceNumber": "1",
        "Timestamp": WHEN,
        "StatusCallbackEvent": status,
        "CallSid": f"CA{DIGITS}",
        "Muted": "true",
        "Hold": "false",
        "Coaching": "false",
        "EndConferenceOnExit": "true",
        "StartConferenceOnEnter": "true",
    }


def test_a_conferences_beginning_and_end() -> None:
    """They are nobody's own; the end says who and why. Its events are numbered from one."""
    facts = Facts()
    start = conference("conference-start", facts=facts)
    end = conference(
        "conference-end",
        facts=facts,
        call_id_ending_conf=UUID,
        reason_ended="last-participant-left",
    )
    assert start is not None
    assert end is not None
    assert "CallSid" not in start
    assert "CallSid" not in end
    assert (start["SequenceNumber"], end["SequenceNumber"]) == ("1", "2")
    assert end["CallSidEndingConference"] == f"CA{DIGITS}"
    assert end["ReasonConferenceEnded"] == "last-participant-left"


@pytest.mark.parametrize("status", ["record-stop", "record-start", "", "unheard-of"])
def test_what_a_conferences_callback_is_not_told(status: str) -> None:
    """Recordings have a callback of their own; other words Twilio does not have."""
    assert conference(status) is None


def test_a_conferences_recording() -> None:
    params: dict[str, Any] = {"recording_url": "https://f.example/1", "recording_duration": 60}
    begun = conference("record-start", "recordingStatusCallback")
    done = conference("record-stop", "recordingStatusCallback", **params)
    assert begun is not None
    assert begun["RecordingStatus"] == "in-progress"
    assert done == {
        "AccountSid": CALL.account_sid,
        "ConferenceSid": f"CF{DIGITS}",
        "RecordingUrl": "https://f.example/1",
        "RecordingStatus": "completed",
        "RecordingDuration": "60",
        "RecordingChannels": "1",
        "RecordingSource": "Conference",
    }
    assert conference("participant-join", "recordingStatusCallback") is None


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [
        ("calling.call.play", "statusCallback"),
        ("calling.call.state", "recordingStatusCallback"),
        ("calling.call.record", "statusCallback"),
        ("calling.call.queue", "statusCallback"),
        ("", "statusCallback"),
        ("calling.conference", "action"),
    ],
)
def test_what_twilio_has_no_callback_for(kind: str, attribute: str) -> None:
    assert form(kind, "Number", attribute, call_id=UUID, state="finished") is None


def test_a_date() -> None:
    assert rfc2822(AT) == WHEN
    assert rfc2822(AT + 0.999) == WHEN
