"""What is asked of the caller, in SWML."""

from __future__ import annotations

from typing import Any

import pytest

from tests.twiml.signalwire.ours import BASE, between, lost, steps, swml


def prompt(gather: str) -> dict[str, Any]:
    keys: dict[str, Any] = between(gather)[0]["prompt"]
    return keys


@pytest.mark.contract("S15", "S17")
def test_gather_writes_out_its_defaults() -> None:
    """Any number of digits up to #, five seconds before the first and between them."""
    keys = prompt("<Gather/>")
    assert keys["max_digits"] > 1
    assert keys["terminators"] == "#"
    assert (keys["initial_timeout"], keys["digit_timeout"]) == (5, 5)
    keys = prompt('<Gather timeout="9" numDigits="1"/>')
    assert (keys["initial_timeout"], keys["digit_timeout"]) == (9, 9)
    assert keys["max_digits"] == 1


@pytest.mark.contract("S16")
def test_the_finishing_key() -> None:
    """An empty one is none; what is no key is none either."""
    assert "terminators" not in prompt('<Gather finishOnKey=""/>')
    assert prompt('<Gather finishOnKey="*"/>')["terminators"] == "*"
    assert "terminators" not in prompt('<Gather finishOnKey="${x}"/>')


@pytest.mark.contract("S18")
def test_gather_goes_on_only_with_something() -> None:
    """Unless an empty result is wanted too; then nothing follows it."""
    _, cond, say = between('<Gather action="/a"/><Say>Nothing</Say>')
    (case,) = cond["cond"]
    assert case["then"] == [{"transfer": {"dest": "https://us.example/document/1"}}]
    assert "match_digits" in case["when"]
    assert "match_speech" in case["when"]
    assert say == {"play": {"url": "say:Nothing"}}
    main = between('<Gather action="/a" actionOnEmptyResult="true"/><Say>never</Say>')
    assert main[1:] == [{"transfer": {"dest": "https://us.example/document/1"}}]


def test_without_an_action_the_document_is_asked_again() -> None:
    """By the method written beside it; a Record likewise."""
    _, links = swml('<Gather method="GET"/><Record/>')
    assert links.given == [
        ("document", BASE, "GET", "Gather"),
        ("watch", "Record"),
        ("document", BASE, "POST", "Record"),
    ]


def test_an_action_that_cannot_be_asked() -> None:
    """It is lost, the prompt is not."""
    translation, _ = swml('<Gather action="tel:1"/><Record action="ftp://c.example/"/>')
    assert [next(iter(step)) for step in steps(translation)] == [
        *("answer", "prompt", "record", "hangup")
    ]
    assert lost(translation) == ["Gather action", "Record action"]


def test_what_is_played_meanwhile() -> None:
    """Everything inside, in order, repeated in the list; something when there is nothing."""
    assert prompt(
        '<Gather><Play loop="2">/a</Play><Pause length="3"/><Say loop="2">b</Say></Gather>'
    )["play"] == [
        *("https://us.example/file/1", "https://us.example/file/1"),
        *("silence: 3", "say:b", "say:b"),
    ]
    assert prompt("<Gather><Say> </Say></Gather>")["play"] == ["silence: 1"]


def test_what_cannot_be_played_meanwhile() -> None:
    """Endless repetition, tones, a second voice."""
    translation, _ = swml(
        '<Gather><Say loop="0" voice="man">a</Say><Play digits="1" loop="21">/b</Play>'
        '<Say voice="Polly.Amy">c</Say><Say voice="man">d</Say></Gather>'
    )
    keys = steps(translation)[1]["prompt"]
    assert keys["play"] == ["say:a"] * 20 + ["https://us.example/file/1"] * 20 + ["say:c", "say:d"]
    assert keys["say_voice"] == "Polly.Matthew"
    assert lost(translation) == ["Say loop", "Play digits", "Play loop", "Say voice"]


def test_speech() -> None:
    """One key of speech turns it on, and then one of digits keeps them on."""
    keys = prompt('<Gather input="speech dtmf" language="de-DE" hints=" ja, nein ,,"/>')
    assert keys["speech_language"] == "de-DE"
    assert keys["speech_hints"] == ["ja", "nein"]
    assert keys["max_digits"] == 1000
    assert prompt('<Gather input="speech"/>') == {
        "play": ["silence: 1"],
        "speech_language": "en-US",
        "speech_end_timeout": 5,
    }


@pytest.mark.parametrize(
    ("attributes", "seconds"),
    [('speechTimeout="3"', 3), ('timeout="8"', 8), ('speechTimeout="auto"', None)],
)
def test_the_end_of_speech(attributes: str, seconds: int | None) -> None:
    """After speechTimeout, or timeout without it; `auto` leaves it to the recogniser."""
    keys = prompt(f'<Gather input="dtmf speech" {attributes}/>')
    assert keys.get("speech_end_timeout") == seconds


def test_speech_alone_has_no_timeout() -> None:
    """The key of the time-out would turn digits on."""
    translation, _ = swml('<Gather input="speech" timeout="9" speechTimeout="auto"/>')
    assert "initial_timeout" not in steps(translation)[1]["prompt"]
    assert lost(translation) == ["Gather timeout"]


def test_what_a_recogniser_is_told_is_lost_with_speech_only() -> None:
    """Digits have none of it."""
    attributes = 'speechModel="x" enhanced="true" profanityFilter="false" maxSpeechTime="9"'
    assert lost(swml(f"<Gather {attributes}/>")[0]) == []
    assert lost(swml(f'<Gather input="speech" {attributes}/>')[0]) == [
        *("Gather speechModel", "Gather enhanced", "Gather profanityFilter"),
        "Gather maxSpeechTime",
    ]


@pytest.mark.contract("S19")
def test_record_writes_out_its_defaults() -> None:
    """SWML's own are others."""
    record, transfer = between("<Record/>")
    assert record == {
        "record": {
            "beep": True,
            "terminators": "1234567890*#",
            "initial_timeout": 5,
            "end_silence_timeout": 5,
            "max_length": 3600,
            "status_url": "https://us.example/watch/1",
        }
    }
    assert list(transfer) == ["transfer"]


def test_record_as_written() -> None:
    """Every attribute that SWML has; an empty finishing key is none, and is written out."""
    record, _ = between(
        '<Record playBeep="false" finishOnKey="" timeout="2" maxLength="30" '
        'recordingStatusCallback="/r" recordingStatusCallbackMethod="GET"/>'
    )
    assert record == {
        "record": {
            "beep": False,
            "terminators": "",
            "initial_timeout": 2,
            "end_silence_timeout": 2,
            "max_length": 30,
            "status_url": "https://us.example/callback/1",
        }
    }


def test_what_record_cannot_do() -> None:
    """Silence leads to the action too; only the end is reported."""
    translation, _ = swml(
        '<Record recordingStatusCallback="/r" recordingStatusCallbackEvent="in-progress" '
        'trim="trim-silence"/><Say>You said nothing</Say>'
    )
    assert lost(translation) == ["Record recordingStatusCallbackEvent", "Record trim", "Record"]
    assert "even if nothing was said" in str(translation.losses[-1])
    assert [next(iter(step)) for step in steps(translation)] == ["answer", "record", "transfer"]
