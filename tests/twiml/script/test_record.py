"""`<Record>`: what is recorded, what ends it, and what its action is asked with."""

from __future__ import annotations

import pytest

from tests.twiml.script.driving import URL, Drive, names
from twiml.actions import Dial, Record
from twiml.script import (
    Callback,
    Fetch,
    HangUp,
    Notify,
    RecordingFinished,
    Skip,
    StartRecording,
    State,
    StopRecording,
    Wait,
)


def record(attributes: str = "") -> Drive:
    return Drive(f'<Record {attributes}/><Pause length="9"/>')


def test_defaults() -> None:
    """A beep, five seconds of silence, an hour, silence trimmed, no callback."""
    drive = record()
    assert names(drive.said) == ["Answer", "StartRecording"]
    recording = drive.find(StartRecording)
    assert isinstance(recording.noun, Record)
    assert (recording.source, recording.track, recording.channels) == ("RecordVerb", "inbound", 1)
    assert (recording.beep, recording.trim, recording.callback) == (True, True, None)
    assert (recording.silence_seconds, recording.max_seconds) == (5, 3600)


def test_attributes() -> None:
    """A timeout of 0 is none."""
    recording = record(
        'timeout="0" maxLength="20" playBeep="false" trim="do-not-trim" '
        'recordingStatusCallback="/r" recordingStatusCallbackMethod="GET" '
        'recordingStatusCallbackEvent="in-progress absent"'
    ).find(StartRecording)
    assert (recording.silence_seconds, recording.max_seconds) == (None, 20)
    assert (recording.beep, recording.trim) == (False, False)
    wanted = ("in-progress", "absent")
    assert recording.callback == Callback("https://app.example/r", "GET", wanted)


def test_silence_or_length_ends_it() -> None:
    """The recorder says so; the action is asked, and the next verb never runs."""
    drive = record('action="/done" method="GET"')
    drive.recorded(12)
    assert drive.said == [
        Fetch(
            "https://app.example/done",
            "GET",
            (
                ("RecordingUrl", "https://r.example/RE1"),
                ("RecordingSid", "RE1"),
                ("RecordingDuration", "12"),
            ),
            "Record",
        )
    ]


def test_without_an_action_the_document_itself_is_asked() -> None:
    """For ever, unless the app sees to it."""
    drive = record()
    drive.recorded()
    assert drive.find(Fetch).url == URL


def test_nothing_kept_goes_on_with_the_next_verb() -> None:
    """There is nothing to ask with."""
    drive = record('action="/done"')
    assert drive.recorded(0, kept=False) == [Wait(9)]


@pytest.mark.parametrize("key", "0123456789*#")
def test_any_key_ends_it(key: str) -> None:
    """And is told."""
    drive = record()
    assert drive.keys(key) == [StopRecording(drive.find(StartRecording))]
    assert drive.keys("1") == []
    drive.recorded()
    assert drive.fields()["Digits"] == key


def test_finish_keys() -> None:
    """Others are part of what is recorded."""
    drive = record('finishOnKey="#*"')
    assert drive.keys("12") == []
    drive.keys("3*4")
    drive.recorded()
    assert drive.fields()["Digits"] == "*"
    assert record('finishOnKey=""').keys("#") == []


def test_a_caller_who_hangs_up() -> None:
    """The recording is finished, the action told; whatever it replies, there is nobody left."""
    drive = record('action="/done"')
    assert drive.hang_up() == [StopRecording(drive.find(StartRecording))]
    assert drive.at(State.CLOSING)
    drive.recorded(3)
    (told,) = drive.said
    assert isinstance(told, Notify)
    assert told.url == "https://app.example/done"
    assert drive.fields()["Digits"] == "hangup"
    assert drive.fields()["RecordingDuration"] == "3"
    assert drive.at(State.ENDED)
    assert drive.recorded(3) == []


def test_a_caller_who_hangs_up_after_a_key() -> None:
    """The key came first."""
    drive = record()
    drive.keys("5")
    assert drive.hang_up() == []
    drive.recorded()
    assert drive.fields()["Digits"] == "5"


def test_an_update_stops_it() -> None:
    """Its action is not asked any more."""
    drive = record('action="/done"')
    recording = drive.find(StartRecording)
    assert drive.update("<Pause/>") == [StopRecording(recording), Wait(1)]
    assert drive.recorded() == []
    assert drive.at(State.PAUSING)


def test_another_recording_s_end_is_not_its_own() -> None:
    """One in the background may run beside it."""
    drive = Drive("<Start><Recording/></Start><Record/>")
    background = drive.find(StartRecording, 0)
    assert drive.tell(RecordingFinished(background, "RE0", "https://r.example/RE0", 9)) == []
    assert drive.at(State.RECORDING)


def test_transcription_is_not_done() -> None:
    """The recording is."""
    drive = record('transcribe="true"')
    assert names(drive.said) == ["Answer", "Skip", "StartRecording"]
    assert "transcribe" in drive.find(Skip).reason


def test_a_document_with_nothing_after_it_ends() -> None:
    """When nothing was kept."""
    drive = Drive("<Record/>")
    drive.recorded(kept=False)
    assert isinstance(drive.said[-1], HangUp)


@pytest.mark.parametrize(
    ("attributes", "channels", "track", "trim"),
    [
        ('record="record-from-answer"', 1, "both", False),
        ('record="record-from-answer-dual" trim="trim-silence"', 2, "both", True),
        ('record="record-from-answer-dual" recordingTrack="inbound"', 1, "inbound", False),
    ],
)
def test_what_dial_records(attributes: str, channels: int, track: str, trim: bool) -> None:
    """Both sides, each on a channel of its own if that is wanted."""
    drive = Drive(f'<Dial {attributes} recordingStatusCallback="/r">1</Dial>')
    drive.answered()
    recording = drive.find(StartRecording)
    assert isinstance(recording.noun, Dial)
    assert (recording.channels, recording.track, recording.trim) == (channels, track, trim)
    assert recording.source == "DialVerb"
    assert recording.callback == Callback("https://app.example/r", "POST", ("completed",))
