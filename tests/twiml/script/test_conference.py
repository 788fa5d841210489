"""`<Dial><Conference>`: entering, waiting, being in it, leaving, and what the action is told."""

from __future__ import annotations

import pytest

from tests.twiml.script.driving import Drive, names
from twiml.script import (
    Answer,
    Callback,
    ConferenceStarted,
    Fetch,
    JoinConference,
    LeaveConference,
    Notify,
    PlayEnded,
    PlayMusic,
    Skip,
    Speak,
    StartTimer,
    State,
    StopPlaying,
    Wait,
)


def conference(attributes: str = "", dial: str = 'action="/a"') -> Drive:
    return Drive(
        f'<Dial {dial}><Conference {attributes}> room </Conference></Dial><Pause length="9"/>'
    )


def waiting(attributes: str) -> Drive:
    drive = conference(attributes)
    drive.joined(started=False)
    return drive


def test_it_is_entered() -> None:
    """What the noun asks for goes with it, URLs made absolute."""
    drive = conference(
        'muted="true" beep="onEnter" startConferenceOnEnter="false" endConferenceOnExit="true" '
        'maxParticipants="3" coach="CA1" participantLabel="me" record="record-from-start" '
        'statusCallback="/s" statusCallbackEvent="join leave" recordingStatusCallback="/r"'
    )
    answer, join = drive.said
    assert answer == Answer()
    assert isinstance(join, JoinConference)
    noun = join.conference
    assert join.name == "room"
    assert (noun.muted, noun.beep, noun.max_participants, noun.coach) == (True, "onEnter", 3, "CA1")
    assert (noun.start_conference_on_enter, noun.end_conference_on_exit) == (False, True)
    assert (noun.record, noun.participant_label) == ("record-from-start", "me")
    assert join.callback == Callback("https://app.example/s", "POST", ("join", "leave"))
    assert join.recording_callback == Callback("https://app.example/r", "POST", ("completed",))


def test_answered_whatever_it_was_like() -> None:
    """No sid and no duration after a conference."""
    drive = conference()
    drive.joined()
    assert names(drive.said) == ["StartTimer"]
    drive.left_conference()
    assert drive.fields() == {"DialCallStatus": "answered", "DialBridged": "true"}


def test_it_never_began() -> None:
    """The caller was in it, and talked to nobody."""
    drive = waiting("")
    drive.left_conference()
    assert drive.fields() == {"DialCallStatus": "answered", "DialBridged": "false"}


def test_it_could_not_be_entered() -> None:
    """Full, say."""
    drive = conference('maxParticipants="2"')
    drive.left_conference(failed=True)
    assert drive.fields() == {"DialCallStatus": "failed", "DialBridged": "false"}


def test_without_an_action_the_next_verb_runs() -> None:
    """As after any Dial."""
    drive = conference(dial="")
    drive.joined()
    assert drive.left_conference()[-1] == Wait(9)


def test_music_until_it_starts() -> None:
    """Ours, when the document names none."""
    drive = waiting("")
    music = drive.find(PlayMusic)
    assert drive.started() == [StopPlaying(music)]
    assert drive.at(State.CONFERRING)


def test_silence_until_it_starts() -> None:
    """An empty waitUrl."""
    drive = waiting('waitUrl=""')
    assert names(drive.said) == ["StartTimer"]
    assert drive.started() == []


def test_a_document_until_it_starts() -> None:
    """It runs once, then there is silence; it may ask for itself again."""
    drive = waiting('waitUrl="/w" waitMethod="GET"')
    assert drive.find(Fetch) == Fetch("https://app.example/w", "GET", (), "Conference")
    drive.reply("<Say>wait</Say><Redirect/>", "https://app.example/w?x=1")
    assert drive.played() == [Fetch("https://app.example/w?x=1", "POST", (), "Redirect")]
    drive.reply("<Say>still</Say>")
    assert drive.played() == []
    assert drive.at(State.HOLDING)
    assert drive.started() == []


def test_the_document_is_cut_short() -> None:
    """Late reports of it change nothing."""
    drive = waiting('waitUrl="/w"')
    drive.reply("<Say>wait</Say><Say>more</Say>")
    speak = drive.find(Speak)
    assert drive.started() == [StopPlaying(speak)]
    assert drive.tell(PlayEnded(speak)) == []
    drive = waiting('waitUrl="/w"')
    assert drive.started() == []
    assert drive.reply("<Say>late</Say>") == []


def test_verbs_that_mean_nothing_while_waiting() -> None:
    """They are skipped, visibly."""
    drive = waiting('waitUrl="/w"')
    drive.reply("<Gather/><Hangup/><Dial>1</Dial><Record/><Play>music.wav</Play>")
    assert names(drive.said) == ["Skip"] * 4 + ["PlayFile"]
    assert "waits for a conference" in drive.find(Skip).reason


@pytest.mark.parametrize("unusable", [False, True])
def test_a_document_that_cannot_be_had(unusable: bool) -> None:
    """The call is not left in a conference that it cannot wait for."""
    drive = waiting('waitUrl="/w"')
    drive.reply("&") if unusable else drive.no_reply()
    assert drive.said == [LeaveConference(drive.find(JoinConference))]
    drive.left_conference()
    assert drive.fields()["DialCallStatus"] == "failed"


def test_on_hold_by_rest() -> None:
    """Music, and then the conference again."""
    drive = conference()
    drive.joined()
    (music,) = drive.held()
    assert music == PlayMusic()
    (stop, fetch) = drive.held("https://app.example/hold")
    assert stop == StopPlaying(drive.find(PlayMusic))
    assert fetch == Fetch("https://app.example/hold", "POST", (), "Conference")
    drive.reply("<Say>wait</Say>")
    assert names(drive.started()) == ["StopPlaying"]


def test_star_and_time_limit() -> None:
    """Either leaves the conference; what was played stops."""
    for leave in (lambda d: d.keys("*"), Drive.timer):
        drive = conference(dial='hangupOnStar="true" timeLimit="20" action="/a"')
        drive.joined(started=False)
        assert drive.find(StartTimer).seconds == 20
        leave(drive)
        assert drive.said == [
            StopPlaying(drive.find(PlayMusic)),
            LeaveConference(drive.find(JoinConference)),
        ]
        drive.left_conference()
        assert drive.fields()["DialCallStatus"] == "answered"
    drive = conference()
    drive.joined()
    assert drive.keys("*") == []


def test_recording_of_the_dial() -> None:
    """From the moment that the call is in it."""
    drive = conference(dial='record="record-from-answer-dual" action="/a"')
    assert "StartRecording" not in names(drive.said)
    drive.joined()
    assert names(drive.said) == ["StartTimer", "StartRecording"]
    drive.recording()
    drive.left_conference()
    assert names(drive.said) == ["StopTimer", "StopRecording", "Fetch"]
    assert drive.fields()["RecordingUrl"] == "https://r.example/RE1"


def test_the_caller_hangs_up() -> None:
    """The action is told when the conference has let go."""
    drive = waiting("")
    assert drive.hang_up() == [LeaveConference(drive.find(JoinConference))]
    drive.left_conference()
    (told,) = drive.said
    assert isinstance(told, Notify)
    assert drive.at(State.ENDED)
    drive = conference(dial="")
    drive.hang_up()
    assert drive.at(State.ENDED)


def test_an_update() -> None:
    """Out of the conference, and nothing of it goes on."""
    drive = waiting('waitUrl="/w"')
    drive.reply("<Say>wait</Say>")
    join = drive.find(JoinConference)
    assert names(drive.update("<Pause/>")) == [
        "StopPlaying",
        "LeaveConference",
        "StopTimer",
        "Wait",
    ]
    assert drive.left_conference() == []
    drive = conference(dial='hangupOnStar="true"')
    drive.joined()
    drive.keys("*")
    assert names(drive.update("<Pause/>")) == ["StopTimer", "Wait"]
    assert drive.tell(ConferenceStarted(join)) == []


def test_what_stands_beside_it_is_skipped() -> None:
    """And so is one without a name, with the verb."""
    drive = Drive("<Dial><Number>1</Number><Conference>a</Conference><Queue>q</Queue></Dial>")
    assert names(drive.said) == ["Skip", "Skip", "Answer", "JoinConference"]
    drive = Drive('<Dial action="/a"><Conference> </Conference></Dial>')
    assert names(drive.said) == ["Skip", "Fetch"]
    assert drive.fields()["DialCallStatus"] == "failed"
