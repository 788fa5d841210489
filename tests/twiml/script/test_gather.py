"""What `<Gather>` collects, when it ends, and what it asks with."""

from __future__ import annotations

import pytest

from tests.twiml.script.driving import URL, Drive, names
from twiml.script import (
    Digits,
    Fetch,
    HangUp,
    Listen,
    Notify,
    PartialSpeech,
    PauseOver,
    PlayEnded,
    Skip,
    Speak,
    SpeechRecognised,
    StartTimer,
    State,
    StopListening,
    StopPlaying,
    StopTimer,
    TimerOver,
    Wait,
)

END = "<Hangup/>"
SPEECH = '<Gather action="/a" input="{}" {}><Say>hello</Say></Gather><Hangup/>'


def gather(attributes: str = "", inner: str = "") -> Drive:
    return Drive(f"<Gather {attributes}>{inner}</Gather>{END}")


def ended_empty(drive: Drive) -> bool:
    """The next verb has run."""
    return isinstance(drive.said[-1], HangUp)


def test_nothing_entered_goes_on_with_the_next_verb() -> None:
    """After the time-out, which begins at once when there is no prompt."""
    drive = gather('timeout="7"')
    assert drive.find(StartTimer).seconds == 7
    drive.timer()
    assert ended_empty(drive)


def test_the_timeout_begins_when_all_prompts_are_over() -> None:
    """They follow one another; nothing is timed before."""
    drive = gather("", '<Say>a</Say><Pause length="3"/><Play>b.wav</Play>')
    assert names(drive.said) == ["Answer", "Speak"]
    assert drive.played() == [Wait(3)]
    assert names(drive.paused()) == ["PlayFile"]
    assert names(drive.played()) == ["StartTimer"]


def test_a_blank_prompt_is_skipped() -> None:
    """Visibly; the next one plays."""
    drive = gather("", "<Say> </Say><Play/><Say>b</Say>")
    assert names(drive.said) == ["Answer", "Skip", "Skip", "Speak"]
    drive = gather("", "<Play/>")
    assert names(drive.said) == ["Answer", "Skip", "StartTimer"]


def test_digits_are_submitted_at_the_finish_key() -> None:
    """Which is not one of them."""
    drive = gather('action="/done?x=1" method="GET"')
    drive.keys("12")
    drive.keys("#")
    fetch = drive.said[-1]
    assert fetch == Fetch("https://app.example/done?x=1", "GET", (("Digits", "12"),), "Gather")
    assert names(drive.said) == ["StopTimer", "Fetch"]


def test_without_an_action_the_document_itself_is_asked() -> None:
    """With its query."""
    drive = gather('numDigits="1"')
    drive.keys("5")
    assert drive.said[-1] == Fetch(URL, "POST", (("Digits", "5"),), "Gather")


def test_the_finish_key_alone_is_nothing() -> None:
    """As if the time were over."""
    drive = gather('action="/a"')
    drive.keys("#")
    assert ended_empty(drive)


def test_an_empty_result_asks_if_it_is_wanted() -> None:
    """Without any result in it."""
    drive = gather('action="/a" actionOnEmptyResult="true"')
    drive.timer()
    assert drive.fields() == {}


@pytest.mark.parametrize(("finish", "keys"), [("", "1#*2"), ("*", "12#")])
def test_other_finish_keys(finish: str, keys: str) -> None:
    """An empty finishOnKey takes every key for a digit; another one leaves # to be one."""
    drive = gather(f'finishOnKey="{finish}"')
    drive.keys(keys)
    assert drive.at(State.KEYING)
    drive.keys(finish) if finish else drive.timer()
    assert drive.fields() == {"Digits": keys}


def test_the_last_of_num_digits_submits() -> None:
    """Keys after it are nobody's."""
    drive = gather('numDigits="3"')
    drive.keys("12345")
    assert drive.fields() == {"Digits": "123"}


def test_each_key_begins_the_timeout_anew() -> None:
    """The old timer's end, on its way, does not count."""
    drive = gather('timeout="4"')
    first = drive.find(StartTimer)
    drive.keys("1")
    assert drive.said == [StopTimer(first), StartTimer("gather", 4)]
    assert drive.tell(TimerOver(first)) == []
    drive.timer()
    assert drive.fields() == {"Digits": "1"}


def test_a_key_cuts_the_prompts_short() -> None:
    """The one that plays, and those to come."""
    drive = gather("", "<Say>a</Say><Say>b</Say>")
    speak = drive.find(Speak)
    drive.keys("1")
    assert names(drive.said) == ["StopPlaying", "StartTimer"]
    assert drive.said[0] == StopPlaying(speak)
    assert drive.tell(PlayEnded(speak)) == []


def test_a_key_in_a_pause() -> None:
    """There is nothing to stop; the pause's end counts no more."""
    drive = gather("", "<Pause/><Say>b</Say>")
    drive.keys("1")
    assert names(drive.said) == ["StartTimer"]
    assert drive.tell(PauseOver()) == []


@pytest.mark.parametrize("state", ["prompting", "listening"])
def test_keys_mean_nothing_where_only_speech_is_wanted(state: str) -> None:
    """Not even the finish key."""
    drive = Drive(SPEECH.format("speech", ""))
    if state == "listening":
        drive.played()
    for key in "1#":
        assert drive.keys(key) == []


def test_what_the_recogniser_is_told() -> None:
    """Everything that the attributes say about recognition, with Twilio's defaults."""
    drive = Drive(SPEECH.format("speech", 'timeout="3"'))
    assert drive.find(Listen) == Listen("en-US", (), 3, 60, True, None, False)
    drive = Drive(
        SPEECH.format(
            "speech dtmf",
            'language="de-DE" hints="ja, nein , ,jawohl" speechTimeout="auto" maxSpeechTime="20" '
            'profanityFilter="false" speechModel="phone_call" partialResultCallback="/p"',
        )
    )
    hints = ("ja", "nein", "jawohl")
    assert drive.find(Listen) == Listen("de-DE", hints, None, 20, False, "phone_call", True)
    drive = Drive(SPEECH.format("speech", 'speechTimeout="2"'))
    assert drive.find(Listen).pause_seconds == 2


def test_what_was_said_is_submitted() -> None:
    """With the confidence if there is one."""
    drive = Drive(SPEECH.format("speech", ""))
    drive.played()
    drive.words("a table for two", 0.87)
    assert drive.fields() == {"SpeechResult": "a table for two", "Confidence": "0.87"}
    assert names(drive.said) == ["StopTimer", "Fetch"]
    drive = Drive(SPEECH.format("speech", ""))
    drive.words("two")
    assert drive.fields() == {"SpeechResult": "two"}


def test_a_voice_cuts_the_prompt_short() -> None:
    """And the time-out does not run while the caller speaks."""
    drive = Drive(SPEECH.format("speech", ""))
    drive.voice()
    assert names(drive.said) == ["StopPlaying"]
    drive = Drive(SPEECH.format("speech", ""))
    drive.played()
    timer = drive.find(StartTimer)
    drive.voice()
    assert drive.said == [StopTimer(timer)]
    assert drive.tell(TimerOver(timer)) == []


def test_no_barge_in() -> None:
    """Nobody listens before the prompts are over; a key cuts them short all the same."""
    drive = Drive(SPEECH.format("speech dtmf", 'bargeIn="false"'))
    assert names(drive.said) == ["Answer", "Speak"]
    assert names(drive.played()) == ["Listen", "StartTimer"]
    drive = Drive(SPEECH.format("speech dtmf", 'bargeIn="false"'))
    assert names(drive.keys("1")) == ["StopPlaying", "StartTimer"]


def test_the_first_key_ends_listening() -> None:
    """A result on its way does not count."""
    drive = Drive(SPEECH.format("dtmf speech", ""))
    listen = drive.find(Listen)
    drive.keys("1")
    assert StopListening(listen) in drive.said
    assert drive.tell(SpeechRecognised(listen, "one")) == []
    drive.timer()
    assert drive.fields() == {"Digits": "1"}


def test_the_first_word_ends_keys() -> None:
    """A voice alone does not: it may be the key's own tone."""
    drive = Drive(SPEECH.format("dtmf speech", ""))
    drive.voice()
    assert drive.keys("1") != []
    drive = Drive(SPEECH.format("dtmf speech", ""))
    drive.voice()
    drive.partial(" ")
    drive.partial("a")
    assert drive.keys("1#") == []
    drive.words("a table")
    assert drive.fields() == {"SpeechResult": "a table"}


def test_partial_results() -> None:
    """Each is told to the callback, counted; the reply would mean nothing."""
    drive = Drive(
        SPEECH.format("speech", 'partialResultCallback="/p" partialResultCallbackMethod="GET"')
    )
    drive.partial("a")
    assert drive.said == [
        StopPlaying(drive.find(Speak)),
        Notify(
            "https://app.example/p",
            "GET",
            (("UnstableSpeechResult", "a"), ("SequenceNumber", "0")),
            "Gather",
        ),
    ]
    drive.partial("a table")
    assert drive.fields() == {"UnstableSpeechResult": "a table", "SequenceNumber": "1"}
    drive = Drive(SPEECH.format("speech", ""))
    assert names(drive.partial("a")) == ["StopPlaying"]


def test_an_utterance_without_words_is_not_the_end() -> None:
    """Somebody coughed: listen again, and wait as long again."""
    drive = Drive(SPEECH.format("speech", ""))
    first = drive.find(Listen)
    assert names(drive.words("")) == ["Listen"]
    assert drive.tell(PartialSpeech(first, "late")) == []
    drive.voice()
    assert names(drive.words("")) == ["Listen", "StartTimer"]
    drive.timer()
    assert ended_empty(drive)
    assert isinstance(drive.said[0], StopListening)


def test_an_update_leaves_nothing_running() -> None:
    """The prompt, the timer and the recogniser are stopped."""
    drive = Drive(SPEECH.format("speech", ""))
    assert names(drive.update("<Pause/>")) == ["StopPlaying", "StopListening", "Wait"]
    drive = gather()
    assert names(drive.update("<Pause/>")) == ["StopTimer", "Wait"]
    assert gather().hang_up() == []


def test_keys_go_to_whoever_waits_for_them() -> None:
    """Those after the end of one Gather belong to the next, or to nobody."""
    drive = Drive('<Gather finishOnKey="#"/><Gather numDigits="2"/>')
    drive.keys("#12")
    assert drive.fields() == {"Digits": "12"}
    drive = Drive("<Say>x</Say><Gather/>")
    assert drive.keys("123") == []
    drive.played()
    assert drive.at(State.LISTENING)
    assert drive.tell(Digits("")) == []


def test_a_skipped_prompt_says_why() -> None:
    """As everywhere."""
    skip = gather("", "<Play/>").find(Skip)
    assert "neither a URL nor digits" in skip.reason
