"""Both sides of a queue."""

from __future__ import annotations

import pytest

from tests.twiml.script.driving import URL, Drive, names
from twiml.script import (
    Answer,
    AskQueue,
    Fetch,
    HangUp,
    HangUpReason,
    JoinQueue,
    LeaveQueue,
    Notify,
    PlayMusic,
    PlayRinging,
    QueueState,
    ReadyToBridge,
    Skip,
    Speak,
    StartTimer,
    State,
    StopPlaying,
    StopTaking,
    StopTimer,
    TakeFromQueue,
    Wait,
)

NEXT = '<Pause length="9"/>'
STANDING = {
    "QueuePosition": "2",
    "QueueSid": "QU1",
    "QueueTime": "0",
    "AvgQueueTime": "40",
    "CurrentQueueSize": "3",
    "MaxQueueSize": "100",
}


def enqueue(attributes: str = 'action="/a" waitUrl="/w"') -> Drive:
    drive = Drive(f"<Enqueue {attributes}> support </Enqueue>{NEXT}")
    drive.queue()
    return drive


def take(attributes: str = 'action="/a"', noun: str = "<Queue> support </Queue>") -> Drive:
    return Drive(f"<Dial {attributes}>{noun}</Dial>{NEXT}")


# <Enqueue>


def test_it_is_entered() -> None:
    """The call is answered, if it was not."""
    drive = Drive('<Enqueue maxQueueSize="7"> support </Enqueue>')
    assert drive.said == [Answer(), JoinQueue("support", 7)]


def test_the_wait_document_is_told_how_the_queue_stands() -> None:
    """Each time anew."""
    drive = enqueue('waitUrl="/w" waitUrlMethod="GET"')
    fetch = drive.find(Fetch)
    assert (fetch.url, fetch.method, fetch.reason) == ("https://app.example/w", "GET", "Enqueue")
    assert drive.fields() == STANDING
    drive.reply("<Say>wait</Say>")
    assert drive.played() == [AskQueue(drive.find(JoinQueue))]
    drive.queue(position=1, seconds=12)
    assert drive.find(Fetch).url == "https://app.example/w"
    assert drive.fields() == STANDING | {"QueuePosition": "1", "QueueTime": "12"}


def test_what_the_wait_document_asks_for_is_told_too() -> None:
    """Its Redirect and its Gather, beside what they have to say."""
    drive = enqueue()
    drive.reply('<Gather numDigits="1" action="menu"/>', "https://app.example/wait/w")
    drive.keys("5")
    assert isinstance(drive.said[-1], AskQueue)
    drive.queue()
    assert drive.find(Fetch).url == "https://app.example/wait/menu"
    assert drive.fields() == {"Digits": "5"} | STANDING
    drive.reply("<Redirect>/x</Redirect>")
    drive.queue()
    assert drive.find(Fetch).url == "https://app.example/x"
    drive.reply("<Say>x</Say>")
    drive.played()
    drive.queue()
    assert drive.find(Fetch).url == "https://app.example/w"


@pytest.mark.parametrize("reply", ["", "<Record/>", "<Play>gone.wav</Play>"])
def test_a_wait_document_that_takes_no_time(reply: str) -> None:
    """A second passes before it is asked for again, so that nobody is flooded."""
    drive = enqueue()
    drive.reply(reply)
    if "Play" in reply:
        drive.played(failed=True)
    assert drive.said[-1] == Wait(1)
    assert drive.paused() == [AskQueue(drive.find(JoinQueue))]


def test_another_queue_s_state_is_not_an_answer() -> None:
    """There may be reports of a place that was given up."""
    drive = enqueue()
    drive.reply("<Say>x</Say>")
    drive.played()
    other = QueueState(JoinQueue("support", None), "QU1", 1, 1, 1)
    assert drive.tell(other) == []
    assert names(drive.queue()) == ["Fetch"]


def test_music_of_ours_and_silence() -> None:
    """Without a waitUrl, and with an empty one."""
    drive = enqueue('action="/a"')
    assert drive.said == [PlayMusic()]
    assert drive.taken() == [
        StopPlaying(drive.find(PlayMusic)),
        ReadyToBridge(drive.find(JoinQueue)),
    ]
    drive = enqueue('waitUrl=""')
    assert drive.said == []
    assert names(drive.taken()) == ["ReadyToBridge"]


def test_bridged() -> None:
    """The action is asked when the two have parted."""
    drive = enqueue()
    drive.reply("<Say>wait</Say>")
    speak = drive.find(Speak)
    assert drive.taken() == [StopPlaying(speak), ReadyToBridge(drive.find(JoinQueue))]
    assert drive.played() == []
    drive.left_queue(31)
    assert drive.find(Fetch).url == "https://app.example/a"
    assert drive.fields() == {"QueueResult": "bridged", "QueueSid": "QU1", "QueueTime": "31"}


def test_a_document_before_they_are_connected() -> None:
    """It is heard by the one who waited; it is told who takes it."""
    drive = enqueue()
    drive.reply("<Say>wait</Say>")
    stop, fetch = drive.taken("https://agent.example/hello")
    assert isinstance(stop, StopPlaying)
    assert isinstance(fetch, Fetch)
    assert (fetch.url, fetch.method, fetch.reason) == (
        "https://agent.example/hello",
        "POST",
        "Queue",
    )
    assert drive.fields() == {"QueueSid": "QU1", "QueueTime": "30", "DequeingCallSid": "CAagent"}
    drive.reply("<Hangup/><Say>you are connected</Say>")
    assert names(drive.said) == ["Skip", "Speak"]
    assert drive.played() == [ReadyToBridge(drive.find(JoinQueue))]


@pytest.mark.parametrize("unusable", [False, True])
def test_that_document_cannot_be_had(unusable: bool) -> None:
    """Nobody has waited so long to be turned away now."""
    drive = enqueue()
    drive.taken("https://agent.example/hello")
    drive.reply("&") if unusable else drive.no_reply()
    assert drive.said == [ReadyToBridge(drive.find(JoinQueue))]


def test_the_taker_is_gone_before_that() -> None:
    """What was played stops."""
    drive = enqueue()
    drive.taken("https://agent.example/hello")
    drive.reply("<Say>you are</Say>")
    drive.left_queue()
    assert names(drive.said) == ["StopPlaying", "Fetch"]
    assert drive.fields()["QueueResult"] == "bridging-in-process"


def test_leave() -> None:
    """The action is asked at once, or the verb after Enqueue runs."""
    for attributes in ('action="/a" waitUrl="/w"', 'waitUrl="/w"'):
        drive = enqueue(attributes)
        drive.reply("<Leave/><Say>never</Say>")
        assert drive.said == [LeaveQueue(drive.find(JoinQueue))]
        drive.left_queue(5)
        if "action" in attributes:
            assert drive.fields() == {"QueueResult": "leave", "QueueSid": "QU1", "QueueTime": "5"}
        else:
            assert drive.said == [Wait(9)]


def test_leave_where_nobody_waits() -> None:
    """It is skipped."""
    drive = Drive("<Leave/>" + NEXT)
    assert names(drive.said) == ["Skip", "Wait"]


@pytest.mark.parametrize("unusable", [False, True])
def test_a_wait_document_that_cannot_be_had(unusable: bool) -> None:
    """The call leaves the queue: error."""
    drive = enqueue()
    drive.reply("&") if unusable else drive.no_reply()
    assert drive.said == [LeaveQueue(drive.find(JoinQueue))]
    drive.left_queue()
    assert drive.fields()["QueueResult"] == "error"


@pytest.mark.parametrize(("full", "result"), [(True, "queue-full"), (False, "system-error")])
def test_refused(full: bool, result: str) -> None:
    """There is no sid and no time of a queue that the call was never in."""
    drive = Drive(f'<Enqueue action="/a">q</Enqueue>{NEXT}')
    drive.refused(full=full)
    assert drive.fields() == {"QueueResult": result}
    drive = Drive(f"<Enqueue>q</Enqueue>{NEXT}")
    assert drive.refused(full=full) == [Wait(9)]


def test_the_queue_goes_away() -> None:
    """The music stops."""
    drive = enqueue('action="/a"')
    drive.left_queue()
    assert names(drive.said) == ["StopPlaying", "Fetch"]
    assert drive.fields()["QueueResult"] == "system-error"


def test_the_wait_document_hangs_up() -> None:
    """Out of the queue, and the call is over; the action is told."""
    drive = enqueue()
    drive.reply("<Hangup/>")
    assert drive.said == [LeaveQueue(drive.find(JoinQueue)), HangUp(HangUpReason.HANGUP)]
    assert drive.at(State.CLOSING)
    drive.left_queue()
    assert isinstance(drive.said[0], Notify)
    assert drive.fields()["QueueResult"] == "hangup"
    assert drive.at(State.ENDED)


@pytest.mark.parametrize(("when", "result"), [("waiting", "hangup"), ("bridged", "bridged")])
def test_the_caller_hangs_up(when: str, result: str) -> None:
    """The action is told what it was."""
    drive = enqueue()
    if when == "bridged":
        drive.taken()
    assert drive.hang_up() == [LeaveQueue(drive.find(JoinQueue))]
    drive.left_queue(8)
    assert drive.fields() == {"QueueResult": result, "QueueSid": "QU1", "QueueTime": "8"}
    quiet = enqueue('waitUrl="/w"')
    quiet.hang_up()
    assert quiet.at(State.ENDED)


@pytest.mark.parametrize(
    ("when", "result"),
    [("waiting", "redirected"), ("bridged", "redirected-from-bridged"), ("leaving", "leave")],
)
def test_redirected(when: str, result: str) -> None:
    """The new document runs at once; the action is told beside it."""
    drive = enqueue()
    drive.reply("<Say>wait</Say>" if when == "waiting" else "<Leave/>" if when == "leaving" else "")
    if when == "bridged":
        drive.taken()
    said = drive.update("<Pause/>", "https://new.example/")
    assert said[-1] == Wait(1)
    assert ("StopPlaying" in names(said)) == (when == "waiting")
    assert ("LeaveQueue" in names(said)) == (when != "leaving")
    assert drive.at(State.PAUSING)
    (told,) = drive.left_queue(4)
    assert isinstance(told, Notify)
    assert told.url == "https://app.example/a"
    assert drive.fields() == {"QueueResult": result, "QueueSid": "QU1", "QueueTime": "4"}
    assert drive.at(State.PAUSING)
    assert drive.left_queue(4) == []


def test_a_call_that_ends_while_a_report_is_owed() -> None:
    """It is waited for after the call, too."""
    drive = enqueue()
    drive.update("<Pause/>")
    assert drive.hang_up() == []
    assert drive.at(State.CLOSING)
    assert drive.hang_up() == []
    drive.left_queue()
    assert drive.fields()["QueueResult"] == "redirected"
    assert drive.at(State.ENDED)


def test_refused_when_nobody_is_there_any_more() -> None:
    """Told without sid and time."""
    drive = Drive('<Enqueue action="/a">q</Enqueue>')
    drive.hang_up()
    drive.refused(full=False)
    assert drive.fields() == {"QueueResult": "hangup"}


@pytest.mark.parametrize(
    "inner",
    ["<Enqueue/>", '<Enqueue workflowSid="WW1"/>', "<Enqueue><Task>{}</Task></Enqueue>"],
)
def test_what_a_local_call_has_not(inner: str) -> None:
    """Skipped, its action too."""
    drive = Drive(inner + NEXT)
    assert names(drive.said) == ["Answer", "Skip", "Wait"]
    assert "<Enqueue>" in drive.find(Skip).reason


# <Dial><Queue>


def test_somebody_is_taken_out() -> None:
    """The document's URLs are absolute; it rings until somebody is there."""
    drive = take('timeout="20"', '<Queue url="/hello" method="GET"> support </Queue>')
    assert drive.said == [
        Answer(),
        PlayRinging(None),
        TakeFromQueue("support", "https://app.example/hello", "GET"),
        StartTimer("dial timeout", 20),
    ]
    assert names(drive.met()) == ["StopPlaying", "StopTimer", "StartTimer"]
    assert drive.released(5)[-1] == Wait(9)


def test_the_action_after_a_talk() -> None:
    """It hears of the other call and of its wait."""
    drive = take('action="/a" record="record-from-answer"')
    drive.met()
    drive.recording()
    drive.released(44)
    assert drive.fields() == {
        "DialCallStatus": "completed",
        "DialCallSid": "CAcaller",
        "DialCallDuration": "44",
        "DialBridged": "true",
        "RecordingUrl": "https://r.example/RE1",
        "QueueSid": "QU1",
        "QueueTime": "30",
    }


def test_nobody_comes() -> None:
    """It stops waiting: no answer."""
    drive = take()
    assert drive.timer() == [StopTaking(drive.find(TakeFromQueue))]
    drive.released()
    assert drive.fields() == {"DialCallStatus": "no-answer", "DialBridged": "false"}


def test_somebody_comes_too_late() -> None:
    """They were connected for a moment: that is told."""
    drive = take()
    drive.timer()
    drive.met()
    drive.released(1)
    assert drive.fields()["DialCallStatus"] == "completed"


def test_no_such_queue() -> None:
    """Failed."""
    drive = take()
    drive.no_queue()
    assert drive.fields() == {"DialCallStatus": "failed", "DialBridged": "false"}
    drive = take(noun="<Queue/>")
    assert names(drive.said) == ["Skip", "Fetch"]
    assert drive.fields()["DialCallStatus"] == "failed"


def test_star_and_time_limit() -> None:
    """Either lets the other go."""
    for leave in (lambda d: d.keys("*"), Drive.timer):
        drive = take('hangupOnStar="true" timeLimit="60" action="/a"')
        assert drive.keys("*") == []
        drive.met()
        assert drive.find(StartTimer).seconds == 60
        leave(drive)
        assert drive.said == [StopTaking(drive.find(TakeFromQueue))]
        drive.released(60)
        assert drive.fields()["DialCallStatus"] == "completed"


@pytest.mark.parametrize(("talked", "status"), [(True, "completed"), (False, "canceled")])
def test_the_taker_hangs_up(talked: bool, status: str) -> None:
    """The action is told."""
    drive = take()
    if talked:
        drive.met()
    assert drive.hang_up() == [StopTaking(drive.find(TakeFromQueue))]
    drive.released(2)
    assert drive.fields()["DialCallStatus"] == status
    assert drive.at(State.ENDED)


def test_the_taker_gets_another_document() -> None:
    """The other is let go; the action is not asked."""
    drive = take()
    ringing, timer = drive.find(PlayRinging), drive.find(StartTimer)
    stop = StopTaking(drive.find(TakeFromQueue))
    said = drive.update("<Pause/>")
    assert said == [stop, StopPlaying(ringing), StopTimer(timer), Wait(1)]
    assert drive.released() == []
    drive = take()
    drive.timer()
    assert names(drive.update("<Pause/>")) == ["StopPlaying", "Wait"]


def test_the_main_document_is_the_base_again_after_waiting() -> None:
    """What the wait document's URLs were read against does not matter any more."""
    drive = Drive('<Enqueue waitUrl="https://music.example/w/">q</Enqueue><Redirect/>')
    drive.queue()
    drive.reply("<Play>a.wav</Play>", "https://music.example/w/")
    assert drive.at(State.HOLDING)
    drive.taken()
    assert drive.left_queue() == [Fetch(URL, "POST", (), "Redirect")]
