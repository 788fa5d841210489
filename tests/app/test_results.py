"""What came of a verb, as Twilio's parameters for what follows."""

from __future__ import annotations

from typing import Any

import pytest

from app.facts import Dialled, Facts, Leg, Queued, Recorded, Span
from app.webhooks.results import Result, result_fields
from app.webhooks.swmlcall import read_call

UUID = "5f0c8d1e-0000-4000-8000-00000000abcd"
DIGITS = "5f0c8d1e00004000800000000000abcd"
SINCE, NOW = 1_000.0, 2_000.0
"""When the verb's document was answered, and when what follows it is asked for."""


def fields(
    verb: str,
    attribute: str = "action",
    facts: Facts | None = None,
    call: dict[str, Any] | None = None,
    **variables: object,
) -> dict[str, str]:
    found = read_call({"call": {"call_id": "c", **(call or {})}, "vars": variables})
    assert found is not None
    result = Result(found, facts or Facts(), SINCE, NOW)
    pairs = result_fields(verb, attribute, result)
    assert len(dict(pairs)) == len(pairs)
    assert all(value for name, value in pairs if name not in ("Digits", "SpeechResult"))
    return dict(pairs)


# Gather


@pytest.mark.parametrize(
    ("value", "terminator", "digits"),
    [
        ("1234#", "#", "1234"),
        ("1234", "#", "1234"),
        ("1234", "", "1234"),
        ("12*#", "*", "12*#"),
        ("##", "#", "#"),
        ("#", "#", ""),
        (1234, "", "1234"),
    ],
)
def test_digits_come_without_the_key_that_ended_them(
    value: object, terminator: str, digits: str
) -> None:
    """Whether SignalWire counts that key to the value or not."""
    found = fields(
        "Gather",
        prompt_result="match_digits",
        prompt_value=value,
        prompt_digit_terminator=terminator,
    )
    assert found == {"Digits": digits}


def test_speech() -> None:
    """The words, and how sure the recogniser is, if it says so."""
    spoken: dict[str, Any] = {"prompt_result": "match_speech", "prompt_value": "two, please"}
    assert fields("Gather", **spoken) == {"SpeechResult": "two, please"}
    assert fields("Gather", **spoken, prompt_speech_confidence=0.92) == {
        "SpeechResult": "two, please",
        "Confidence": "0.92",
    }


@pytest.mark.parametrize("result", ["no_input", "no_match", "failed", "", "unheard-of"])
def test_nothing_gathered(result: str) -> None:
    """An action that wants to know of silence gets no input, not even what came before."""
    assert fields("Gather", prompt_result=result, prompt_value="9") == {}


# Record


def test_a_recording_of_which_only_the_script_tells() -> None:
    assert fields("Record", record_url="https://f.example/1") == {
        "RecordingUrl": "https://f.example/1"
    }
    assert fields("Record") == {}


def recorded(**known: Any) -> Facts:
    facts = Facts()
    facts.recordings["r"] = Recorded(NOW, **known)
    return facts


def test_a_recording_as_its_events_told_it() -> None:
    """Its id and length, found by its URL."""
    facts = recorded(recording_id=UUID, url="https://f.example/1", seconds=17, finished=True)
    facts.recordings["other"] = Recorded(NOW, url="https://f.example/2", seconds=99)
    assert fields("Record", facts=facts, record_url="https://f.example/1") == {
        "RecordingUrl": "https://f.example/1",
        "RecordingSid": f"RE{DIGITS}",
        "RecordingDuration": "17",
    }


def test_a_recording_whose_end_is_not_reported_yet() -> None:
    """Its length is what has passed since its begin; one of an earlier verb is not meant."""
    facts = recorded(span=Span(began_at=50.0, heard=NOW - 12.7))
    assert fields("Record", facts=facts, record_url="u")["RecordingDuration"] == "12"
    facts.recordings["r"].heard = SINCE - 1
    assert fields("Record", facts=facts, record_url="u") == {"RecordingUrl": "u"}


# Dial


def dialled(**known: Any) -> Facts:
    return Facts(dialled=Dialled(0.0, **{"heard": NOW, **known}))


def test_a_party_that_talked() -> None:
    """Both ends of the talk as SignalWire timed them."""
    talk = Span(began_at=100.0, ended_at=161.9, heard=NOW)
    facts = dialled(peer_id=UUID, talk=talk, over=True)
    assert fields("Dial", facts=facts, connect_result="connected") == {
        "DialCallStatus": "completed",
        "DialCallSid": f"CA{DIGITS}",
        "DialCallDuration": "61",
    }


def test_a_talk_whose_end_is_not_reported_yet() -> None:
    """It has lasted until now, by our own clock."""
    facts = dialled(peer_id=UUID, talk=Span(began_at=5.0, heard=NOW - 30.5))
    assert fields("Dial", facts=facts, connect_result="connected")["DialCallDuration"] == "30"


def test_a_dial_of_which_only_the_script_tells() -> None:
    """Without events there is the outcome, and the peer if the webhook names it."""
    assert fields("Dial", connect_result="connected") == {"DialCallStatus": "completed"}
    peer: dict[str, Any] = {"peer": {"call_id": UUID}}
    assert fields("Dial", call=peer, connect_result="connected") == {
        "DialCallStatus": "completed",
        "DialCallSid": f"CA{DIGITS}",
    }


def test_what_an_earlier_document_dialled_is_not_meant() -> None:
    """Events from before the verb's document was answered are of another verb."""
    facts = dialled(peer_id=UUID, talk=Span(1.0, 2.0, NOW), heard=SINCE - 1)
    assert fields("Dial", facts=facts, connect_result="connected") == {
        "DialCallStatus": "completed"
    }


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("busy", "busy"),
        ("declined", "busy"),
        ("no_answer", "no-answer"),
        ("no-answer", "no-answer"),
        ("No Answer", "no-answer"),
        ("noAnswer", "no-answer"),
        ("timeout", "no-answer"),
        ("cancel", "canceled"),
        ("canceled", "canceled"),
        ("error", "failed"),
        ("", "failed"),
        ("weather", "failed"),
    ],
)
def test_why_nobody_was_put_through(reason: str, status: str) -> None:
    """From the script's variable, else from the connect event, else from the leg's end."""
    failed: dict[str, Any] = {"connect_result": "failed"}
    found = fields("Dial", connect_failed_reason=reason, **failed)
    assert found == {"DialCallStatus": status}
    facts = dialled(failed_reason=reason)
    assert fields("Dial", facts=facts, **failed) == {"DialCallStatus": status}
    facts = dialled(peer_id="p")
    facts.legs["p"] = Leg(end_reason=reason)
    assert fields("Dial", facts=facts, **failed)["DialCallStatus"] == status


def test_a_dial_of_which_nothing_is_known() -> None:
    assert fields("Dial") == {}
    assert fields("Dial", connect_result="unheard-of") == {}


@pytest.mark.parametrize("word", ["completed", "answered", "no-answer", "failed", "canceled"])
def test_a_conference(word: str) -> None:
    """SignalWire's words for it are Twilio's."""
    assert fields("Dial", join_conference_result=word) == {"DialCallStatus": word}


def test_the_last_of_two_dials_counts() -> None:
    """A script's variables outlive their verb: which one was last, `return_value` tells."""
    both: dict[str, Any] = {"connect_result": "connected", "join_conference_result": "answered"}
    assert fields("Dial", **both, return_value="answered") == {"DialCallStatus": "answered"}
    assert fields("Dial", **both, return_value="connected") == {"DialCallStatus": "completed"}
    assert fields("Dial", **both) == {"DialCallStatus": "completed"}


def test_a_recorded_dial() -> None:
    found = fields("Dial", connect_result="connected", record_call_url="https://f.example/1")
    assert found["RecordingUrl"] == "https://f.example/1"


# Enqueue


def queued(**known: Any) -> Facts:
    return Facts(queued=Queued(**{"heard": NOW, **known}))


@pytest.mark.parametrize(
    ("word", "result"),
    [
        ("connected", "bridged"),
        ("connecting", "bridging-in-process"),
        ("leaving", "leave"),
        ("timeout", "leave"),
        ("hangup", "hangup"),
        ("failed", "system-error"),
        ("unheard-of", "error"),
    ],
)
def test_how_a_wait_ended(word: str, result: str) -> None:
    assert fields("Enqueue", queue_result=word, wait_time=9) == {
        "QueueResult": result,
        "QueueTime": "9",
    }


@pytest.mark.parametrize("variables", [{}, {"queue_result": "entering"}])
def test_a_wait_as_its_events_told_it(variables: dict[str, Any]) -> None:
    """When the script still says that the call enters, the events know better."""
    facts = queued(queue_id=UUID, result="connected", wait=Span(10.0, 52.5, NOW))
    assert fields("Enqueue", facts=facts, **variables) == {
        "QueueResult": "bridged",
        "QueueSid": f"QU{DIGITS}",
        "QueueTime": "42",
    }


def test_the_place_in_a_queue() -> None:
    """For the music's document: from events, else from the script."""
    facts = queued(queue_id=UUID, position=2, size=3, average=30, wait=Span(1.0, None, NOW - 8))
    assert fields("Enqueue", "waitUrl", facts) == {
        "QueuePosition": "2",
        "QueueSid": f"QU{DIGITS}",
        "QueueTime": "8",
        "AvgQueueTime": "30",
        "CurrentQueueSize": "3",
    }
    found = fields("Enqueue", "waitUrl", entry_position=4, entry_size=5, wait_time=6)
    assert found == {"QueuePosition": "4", "CurrentQueueSize": "5", "QueueTime": "6"}


# Refer


@pytest.mark.parametrize(
    ("response", "notified", "status"),
    [
        ("202", "200", "in-progress"),
        ("202", "486", "busy"),
        ("202", "600", "busy"),
        ("202", "487", "no-answer"),
        ("202", "404", "failed"),
        ("202", "503", "failed"),
        ("202", "180", "canceled"),
        ("202", "", None),
        ("405", "", "failed"),
        ("", "", None),
    ],
)
def test_a_transfer(response: str, notified: str, status: str | None) -> None:
    """Its outcome is read from the two SIP responses in the script's variables."""
    expected = {
        "ReferCallStatus": status,
        "ReferSipResponseCode": response,
        "NotifySipResponseCode": notified,
    }
    given = {name: value for name, value in expected.items() if value}
    found = fields("Refer", sip_refer_response_code=response, sip_refer_to_response_code=notified)
    assert found == given


@pytest.mark.parametrize(
    ("verb", "attribute"),
    [("Connect", "action"), ("Redirect", ""), ("Number", "url"), ("Sms", "action"), ("Dial", "")],
)
def test_what_has_no_result(verb: str, attribute: str) -> None:
    """Other URLs get the standard parameters alone, whatever variables are left."""
    left: dict[str, Any] = {
        "prompt_result": "match_digits",
        "prompt_value": "1",
        "connect_result": "failed",
    }
    assert fields(verb, attribute, **left) == {}
