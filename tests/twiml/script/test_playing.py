"""`<Say>`, `<Play>` and `<Echo>`."""

from __future__ import annotations

import pytest

from tests.twiml.script.driving import Drive, names
from twiml.script import (
    Answer,
    PlayEnded,
    PlayFile,
    PlayTones,
    Speak,
    StartEcho,
    State,
    StopEcho,
    StopPlaying,
    Wait,
)


@pytest.mark.parametrize("loop", [0, 1, 3])
def test_say(loop: int) -> None:
    """It blocks until all of its repetitions have been heard."""
    drive = Drive(f'<Say loop="{loop}" voice="alice">Hi <break/>there</Say><Pause/>')
    answer, speak = drive.said
    assert answer == Answer()
    assert isinstance(speak, Speak)
    assert (speak.loop, speak.say.voice, speak.say.text) == (loop, "alice", "Hi there")
    assert drive.keys("123") == []
    assert drive.played() == [Wait(1)]


@pytest.mark.parametrize(
    ("inner", "url"),
    [
        ("<Play> a.wav </Play>", "https://app.example/voice/a.wav"),
        ("<Play>/a b.wav</Play>", "https://app.example/a%20b.wav"),
        ("<Play>https://m.example/a.mp3</Play>", "https://m.example/a.mp3"),
    ],
)
def test_play_a_file(inner: str, url: str) -> None:
    """Its URL is read against the document's."""
    drive = Drive(inner)
    file = drive.find(PlayFile)
    assert (file.url, file.loop) == (url, 1)


def test_play_tones() -> None:
    """And a file after them, if there is one."""
    drive = Drive('<Play digits="ww12#" loop="2"/><Pause/>')
    tones = drive.find(PlayTones)
    assert (tones.digits, tones.loop) == ("ww12#", 2)
    assert drive.played() == [Wait(1)]
    drive = Drive('<Play digits="1">a.wav</Play><Pause/>')
    assert names(drive.said) == ["Answer", "PlayTones"]
    assert names(drive.played()) == ["PlayFile"]
    assert drive.played() == [Wait(1)]


@pytest.mark.parametrize("inner", ["<Say/>", "<Say> \n </Say>", "<Play/>", '<Play digits=""/>'])
def test_nothing_to_play(inner: str) -> None:
    """It is skipped, visibly, and does not block."""
    assert names(Drive(inner + "<Pause/>").said) == ["Answer", "Skip", "Wait"]


def test_speech_without_words_of_its_own() -> None:
    """A substitute's alias is spoken: that is not nothing."""
    assert names(Drive('<Say><sub alias="x"/></Say>').said) == ["Answer", "Speak"]


def test_what_cannot_be_played_is_over() -> None:
    """The document goes on."""
    drive = Drive("<Play>gone.wav</Play><Pause/>")
    assert drive.played(failed=True) == [Wait(1)]


def test_the_end_of_another_prompt_does_not_count() -> None:
    """It was cut short before; only the very command's end does."""
    drive = Drive("<Say>x</Say>")
    old = drive.find(Speak)
    assert drive.update("<Say>x</Say>") == [StopPlaying(old), drive.find(Speak)]
    assert drive.find(Speak) is not old
    assert drive.tell(PlayEnded(old)) == []
    assert drive.at(State.PLAYING)


def test_echo() -> None:
    """Only another document, or the end of the call, ends it."""
    drive = Drive("<Echo/><Pause/>")
    echo = drive.find(StartEcho)
    assert drive.keys("#") == []
    assert drive.update("<Pause/>") == [StopEcho(echo), Wait(1)]
    drive = Drive("<Echo/>")
    assert drive.hang_up() == []
    assert drive.at(State.ENDED)
