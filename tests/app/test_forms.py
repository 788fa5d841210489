"""SignalWire's form parameters in Twilio's shape."""

from __future__ import annotations

import pytest

from app.webhooks.forms import call_status, extra_fields, forwarded_fields, parties
from bridge.call import CallStatus, Parties

UUID = "5F0C8D1E-0000-4000-8000-00000000ABCD"
DIGITS = "5f0c8d1e00004000800000000000abcd"


def test_parties() -> None:
    """Both ends and the direction are taken as they are; a form without them is an inbound call."""
    form = {"From": "+1", "To": "sip:a@b", "Direction": "outbound-api"}
    assert parties(form) == Parties("+1", "sip:a@b", "outbound-api")
    assert parties({}) == Parties("", "", "inbound")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("queued", CallStatus.RINGING),
        ("ringing", CallStatus.RINGING),
        ("", CallStatus.RINGING),
        ("unheard-of", CallStatus.RINGING),
        ("in-progress", CallStatus.IN_PROGRESS),
        ("completed", CallStatus.COMPLETED),
        ("busy", CallStatus.BUSY),
        ("failed", CallStatus.FAILED),
        ("no-answer", CallStatus.NO_ANSWER),
        ("canceled", CallStatus.CANCELED),
    ],
)
def test_call_status(theirs: str, ours: CallStatus) -> None:
    """Each of SignalWire's words for a call's state is ringing, in progress, or over."""
    assert call_status({"CallStatus": theirs}) is ours


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("ParentCallSid", "CA"),
        ("DialCallSid", "CA"),
        ("CallSidEndingConference", "CA"),
        ("DequeingCallSid", "CA"),
        ("RecordingSid", "RE"),
        ("ConferenceSid", "CF"),
        ("QueueSid", "QU"),
        ("TranscriptionSid", "TR"),
        ("MessageSid", "SM"),
    ],
)
def test_identifiers_have_twilios_form(name: str, prefix: str) -> None:
    """A UUID becomes the kind's two letters and its own 32 digits, whatever it is the id of."""
    assert extra_fields([(name, UUID)]) == ((name, prefix + DIGITS),)


def test_an_empty_identifier_stays_empty() -> None:
    """Where SignalWire names no other call or recording, none is made up."""
    assert extra_fields([("ParentCallSid", "")]) == (("ParentCallSid", ""),)


def test_other_fields_pass_in_order_and_as_often_as_they_come() -> None:
    """Digits, speech, SIP headers: what we do not know is the customer's to read."""
    fields = (("Digits", "1"), ("SipHeader_X-A", " b "), ("Digits", "2"), ("Empty", ""))
    assert extra_fields(fields) == fields


@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("QueueResult", "bridging-in-progress", "bridging-in-process"),
        ("QueueResult", "bridged", "bridged"),
        ("RecordingStatus", "failed", "absent"),
        ("RecordingStatus", "completed", "completed"),
        ("DialCallStatus", "failed", "failed"),
    ],
)
def test_words_are_twilios(name: str, theirs: str, ours: str) -> None:
    """What SignalWire spells in its own way is spelt in Twilio's, in that parameter alone."""
    assert extra_fields([(name, theirs)]) == ((name, ours),)


def test_the_standard_fields_are_not_extra() -> None:
    """What the service says of the call itself is not taken from a form; nor FreeSWITCH's id."""
    names = [
        "CallSid",
        "AccountSid",
        "From",
        "To",
        "CallStatus",
        "ApiVersion",
        "Direction",
        "Unique-ID",
    ]
    assert extra_fields([(name, "x") for name in names]) == ()


def test_what_is_forwarded_names_the_leg_it_is_about() -> None:
    """A dialled number's callback keeps its own call, parties and last word, before all else."""
    form = [
        ("Digits", "1"),
        ("CallSid", UUID),
        ("AccountSid", UUID),
        ("From", "+1"),
        ("To", "+2"),
        ("Direction", "outbound-dial"),
        ("CallStatus", "no-answer"),
        ("ParentCallSid", UUID),
        ("ApiVersion", "2010-04-01"),
    ]
    assert forwarded_fields(form) == (
        ("CallSid", f"CA{DIGITS}"),
        ("From", "+1"),
        ("To", "+2"),
        ("Direction", "outbound-dial"),
        ("CallStatus", "no-answer"),
        ("Digits", "1"),
        ("ParentCallSid", f"CA{DIGITS}"),
    )


def test_what_a_forwarded_form_leaves_open_is_left_open() -> None:
    """An empty or missing field does not blot out what is known of the call."""
    assert forwarded_fields([("To", ""), ("CallDuration", "0")]) == (("CallDuration", "0"),)
