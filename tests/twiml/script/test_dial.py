"""`<Dial>` to parties: who rings, who is connected, how it ends, what its action is asked with."""

from __future__ import annotations

import pytest

from tests.twiml.script.driving import Drive, names
from twiml.script import (
    Answer,
    Bridge,
    Callback,
    DialLeg,
    Fetch,
    HangUp,
    HangUpLeg,
    HangUpReason,
    LegAnswered,
    LegReady,
    Notify,
    PlayRinging,
    PutThrough,
    Screen,
    Skip,
    StartRecording,
    StartTimer,
    State,
    StopPlaying,
    StopRecording,
    StopTimer,
    Wait,
)

TWO = "<Number>1</Number><Client>joe</Client>"


def dial(inner: str, attributes: str = "") -> Drive:
    return Drive(f'<Dial {attributes}>{inner}</Dial><Pause length="9"/>')


def legs(drive: Drive) -> list[DialLeg]:
    return [command for command in drive.all if isinstance(command, DialLeg)]


def test_a_number_in_the_text() -> None:
    """The caller is answered and hears it ring, for as long as timeout says."""
    drive = dial(" +1 415 ", 'timeout="12" callerId="+1555" ringTone="de"')
    answer, ringing, leg, timer = drive.said
    assert (answer, ringing) == (Answer(), PlayRinging("de"))
    assert isinstance(leg, DialLeg)
    assert (leg.kind, leg.address, leg.caller_id) == ("number", "+1 415", "+1555")
    assert timer == StartTimer("dial timeout", 12)


def test_answered_connected_over() -> None:
    """Without an action the next verb runs."""
    drive = dial("1", 'timeLimit="60"')
    ringing, timer = drive.find(PlayRinging), drive.find(StartTimer)
    (leg,) = legs(drive)
    assert drive.answered() == [
        StopPlaying(ringing),
        StopTimer(timer),
        StartTimer("dial time limit", 60),
        Bridge(leg),
    ]
    limit = drive.find(StartTimer)
    assert drive.ended(seconds=5) == [StopTimer(limit), Wait(9)]


def test_the_action_of_a_call_that_took_place() -> None:
    """It is asked instead of the next verb."""
    drive = dial("1", 'action="/after" method="GET"')
    drive.answered()
    drive.ended(seconds=5)
    fetch = drive.find(Fetch)
    assert (fetch.url, fetch.method, fetch.reason) == ("https://app.example/after", "GET", "Dial")
    assert drive.fields() == {
        "DialCallStatus": "completed",
        "DialCallSid": "CA2",
        "DialCallDuration": "5",
        "DialBridged": "true",
    }


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled"])
def test_the_action_of_one_that_did_not(status: str) -> None:
    """There is no duration of a call that nobody answered."""
    drive = dial("1", 'action="/after"')
    drive.ended(status)
    assert drive.fields() == {
        "DialCallStatus": status,
        "DialCallSid": "CA2",
        "DialBridged": "false",
    }


def test_it_rings_too_long() -> None:
    """The leg is hung up, with the reason; it is no answer then."""
    drive = dial("1", 'action="/after" timeout="5"')
    assert drive.timer() == [HangUpLeg(legs(drive)[0], unanswered=True)]
    drive.ended("no-answer")
    assert drive.fields()["DialCallStatus"] == "no-answer"


def test_an_answer_crosses_the_time_out() -> None:
    """Then it was an answer: the party is there."""
    drive = dial("1")
    drive.timer()
    assert Bridge(legs(drive)[0]) in drive.answered()


def test_all_at_once_the_first_to_answer_is_connected() -> None:
    """The others are hung up; what they report counts no more."""
    drive = dial(TWO, 'action="/a"')
    first, second = legs(drive)
    assert (second.kind, second.address) == ("client", "joe")
    said = drive.answered(1)
    assert HangUpLeg(first) in said
    assert Bridge(second) in said
    assert drive.ended("canceled", 0) == []
    assert drive.tell(LegAnswered(first)) == []
    drive.ended(leg=1)
    assert drive.fields()["DialCallSid"] == f"CA{drive.all.index(second)}"


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("busy", "no-answer", "no-answer"),
        ("busy", "failed", "busy"),
        ("failed", "canceled", "failed"),
    ],
)
def test_of_several_that_failed_one_is_told(first: str, second: str, told: str) -> None:
    """The one that says most, whichever came first, with its sid."""
    for order in ((0, 1), (1, 0)):
        drive = dial(TWO, 'action="/a"')
        for leg in order:
            drive.ended((first, second)[leg], leg)
        assert drive.fields()["DialCallStatus"] == told
        sids = {
            f"CA{drive.all.index(leg)}": status
            for leg, status in zip(legs(drive), (first, second), strict=True)
        }
        assert sids[drive.fields()["DialCallSid"]] == told


def test_one_after_another() -> None:
    """Each rings as long as timeout says; the ringing tone goes on."""
    drive = dial(TWO, 'sequential="true" action="/a"')
    (first,) = legs(drive)
    drive.timer()
    said = drive.ended("no-answer", 0)
    assert names(said) == ["DialLeg", "StartTimer"]
    second = legs(drive)[1]
    assert Bridge(second) in drive.answered(1)
    drive.ended(leg=1, seconds=3)
    assert drive.fields()["DialCallStatus"] == "completed"
    assert first is not second


def test_one_after_another_in_vain() -> None:
    """No answer from the first, then busy: no answer."""
    drive = dial(TWO, 'sequential="true" action="/a"')
    drive.timer()
    drive.ended("no-answer", 0)
    drive.ended("busy", 1)
    assert drive.fields()["DialCallStatus"] == "no-answer"


def test_a_document_for_the_called_party() -> None:
    """It is run on the leg, with a script of its own; then the two are connected."""
    drive = dial('<Number url="/screen" method="GET">1</Number>', 'action="/a"')
    (leg,) = legs(drive)
    (screen,) = drive.answered()
    assert screen == Screen(leg, Fetch("https://app.example/screen", "GET", (), "Number"))
    assert isinstance(screen, Screen)
    called = Drive.on_leg(screen.fetch)
    assert called.said == [screen.fetch]
    assert names(called.reply('<Gather numDigits="1"><Say>Press 1</Say></Gather>')) == ["Speak"]
    called.keys("1")
    assert called.find(Fetch).url == "https://app.example/other/next"
    assert called.reply("<Say>Thank you</Say>") != []
    assert called.played() == [PutThrough()]
    assert called.at(State.ENDED)
    assert Bridge(leg) in drive.ready()


@pytest.mark.parametrize("inner", ["<Hangup/>", "<Dial>2</Dial><Record/><Leave/><Hangup/>"])
def test_the_called_party_declines(inner: str) -> None:
    """Its script hangs up; verbs that mean nothing there are skipped."""
    drive = dial('<Number url="/screen">1</Number>', 'action="/a"')
    drive.answered()
    called = Drive.on_leg(drive.find(Screen).fetch)
    called.reply(inner)
    assert called.said[-1] == HangUp(HangUpReason.HANGUP)
    skipped = [skip.action.tag for skip in called.said if isinstance(skip, Skip)]
    assert skipped == (["Dial", "Record", "Leave"] if "Dial" in inner else [])
    drive.ended("completed", seconds=4)
    assert drive.fields() == {
        "DialCallStatus": "no-answer",
        "DialCallSid": "CA2",
        "DialCallDuration": "4",
        "DialBridged": "false",
    }


def test_a_screening_document_that_cannot_be_had() -> None:
    """The leg is hung up."""
    drive = dial('<Number url="/screen">1</Number>')
    drive.answered()
    called = Drive.on_leg(drive.find(Screen).fetch)
    assert called.no_reply() == [HangUp(HangUpReason.FETCH_FAILED)]


def test_several_are_screened_the_first_ready_is_connected() -> None:
    """The time-out does not touch one who has answered."""
    nouns = '<Number url="/s">1</Number><Number url="/s">2</Number><Number>3</Number>'
    drive = dial(nouns)
    first, second, third = legs(drive)
    drive.answered(0)
    drive.answered(1)
    assert drive.tell(LegReady(third)) == []
    assert drive.timer() == [HangUpLeg(third, unanswered=True)]
    said = drive.ready(1)
    assert [command for command in said if isinstance(command, HangUpLeg)] == [
        HangUpLeg(first),
        HangUpLeg(third),
    ]
    assert Bridge(second) in said


def test_star_hangs_up_on_the_called_party() -> None:
    """Only if that is wanted, and only once they are connected."""
    drive = dial("1", 'hangupOnStar="true" action="/a"')
    assert drive.keys("*") == []
    drive.answered()
    assert drive.keys("1#") == []
    assert drive.keys("*") == [HangUpLeg(legs(drive)[0])]
    assert drive.keys("*") == []
    drive.ended(seconds=8)
    assert drive.fields()["DialCallStatus"] == "completed"
    other = dial("1")
    other.answered()
    assert other.keys("*") == []


def test_the_time_limit() -> None:
    """It begins when they are connected, and ends the called party's call."""
    drive = dial("1", 'timeLimit="30"')
    drive.answered()
    assert drive.timer() == [HangUpLeg(legs(drive)[0])]
    assert drive.ended(seconds=30) == [Wait(9)]


def test_answer_on_bridge() -> None:
    """The caller hears its own phone ring, and is answered when somebody is there."""
    drive = dial("1", 'answerOnBridge="true"')
    assert names(drive.said) == ["DialLeg", "StartTimer"]
    assert names(drive.answered()) == ["Answer", "StopTimer", "StartTimer", "Bridge"]


def test_answer_on_bridge_of_an_answered_call() -> None:
    """It is too late for that: the caller hears ringing of ours."""
    drive = Drive('<Say>x</Say><Dial answerOnBridge="true">1</Dial>')
    drive.played()
    assert names(drive.said) == ["PlayRinging", "DialLeg", "StartTimer"]


def test_answer_on_bridge_and_nobody_there() -> None:
    """Then the next verb answers, or refuses."""
    drive = Drive('<Dial answerOnBridge="true">1</Dial><Reject reason="busy"/>')
    assert drive.ended("busy") == [StopTimer(drive.find(StartTimer)), HangUp(HangUpReason.BUSY)]


@pytest.mark.parametrize("moment", ["answer", "ringing"])
def test_recording(moment: str) -> None:
    """It begins when it is wanted, ends with the verb, and its URL is told."""
    drive = dial("1", f'record="record-from-{moment}" action="/a"')
    assert ("StartRecording" in names(drive.said)) == (moment == "ringing")
    drive.answered()
    assert names(drive.all).count("StartRecording") == 1
    drive.recording()
    drive.ended(seconds=2)
    assert StopRecording(drive.find(StartRecording)) in drive.said
    assert drive.fields()["RecordingUrl"] == "https://r.example/RE1"


def test_the_caller_hangs_up() -> None:
    """The other side is hung up on; then the action is told how long it was."""
    drive = dial("1", 'action="/a" record="record-from-answer"')
    drive.answered()
    leg, recording = legs(drive)[0], drive.find(StartRecording)
    assert drive.hang_up() == [HangUpLeg(leg), StopRecording(recording)]
    drive.ended(seconds=6)
    (told,) = drive.said
    assert isinstance(told, Notify)
    assert drive.fields()["DialCallStatus"] == "completed"
    assert drive.fields()["DialCallDuration"] == "6"
    assert drive.at(State.ENDED)


def test_the_caller_hangs_up_while_it_rings() -> None:
    """The legs are given up: canceled."""
    drive = dial(TWO, 'action="/a"')
    assert drive.hang_up() == [HangUpLeg(leg) for leg in legs(drive)]
    drive.ended("canceled", 0)
    drive.ended("canceled", 1)
    assert drive.fields()["DialCallStatus"] == "canceled"


def test_a_hang_up_that_nobody_asks_about() -> None:
    """Without an action there is nothing to wait for."""
    drive = dial("1")
    assert drive.hang_up() == [HangUpLeg(legs(drive)[0])]
    assert drive.at(State.ENDED)
    assert drive.ended() == []


@pytest.mark.parametrize("connected", [False, True])
def test_an_update(connected: bool) -> None:
    """Everything that the verb began is ended; its action is not asked."""
    drive = dial("1", 'action="/a" record="record-from-ringing"')
    if connected:
        drive.answered()
    stopped = ["HangUpLeg", *([] if connected else ["StopPlaying"]), "StopTimer", "StopRecording"]
    assert names(drive.update("<Pause/>")) == [*stopped, "Wait"]
    assert drive.ended() == []


def test_an_update_while_the_leg_is_being_hung_up() -> None:
    """It is told once."""
    drive = dial("1", 'hangupOnStar="true"')
    drive.answered()
    drive.keys("*")
    assert names(drive.update("<Pause/>")) == ["StopTimer", "Wait"]


def test_what_the_nouns_say() -> None:
    """Digits to send, a client's parameters, a SIP call's headers, status callbacks."""
    drive = dial(
        '<Number sendDigits="ww12" statusCallback="/s" statusCallbackEvent="ringing answered" '
        'statusCallbackMethod="GET">1</Number>'
        '<Client statusCallback="/c"><Identity> joe </Identity>'
        '<Parameter name="a" value="1"/></Client>'
        "<Sip>sip:jo@b.example?X-A=1&amp;X-B=<Headers>"
        '<Header name="X-C" value="3"/><Header value="nameless"/></Headers></Sip>'
        '<Sip><Uri priority="2">sip:two@b.example</Uri><Uri weight="1" priority="1">'
        'sip:one@b.example</Uri><Uri weight="5" priority="1">sip:best@b.example</Uri></Sip>'
    )
    number, client, sip, best = legs(drive)
    assert number.send_digits == "ww12"
    events = ("ringing", "answered")
    assert number.callback == Callback("https://app.example/s", "GET", events)
    assert (client.kind, client.address, client.parameters) == ("client", "joe", (("a", "1"),))
    assert client.callback == Callback("https://app.example/c", "POST", ("completed",))
    assert (sip.kind, sip.address) == ("sip", "sip:jo@b.example")
    assert sip.headers == (("X-A", "1"), ("X-B", ""), ("X-C", "3"))
    assert sip.callback is None
    assert best.address == "sip:best@b.example"


def test_nouns_that_cannot_be_dialled() -> None:
    """They are skipped; the others ring."""
    drive = dial(
        "<Sim>SI</Sim><WhatsApp>1</WhatsApp><Application>AP</Application><Number> </Number>"
        '<Number machineDetection="Enable">2</Number>'
    )
    reasons = [skip.reason for skip in drive.said if isinstance(skip, Skip)]
    found = ("<Sim>", "<WhatsApp>", "<Application>", "<Number>", "machines")
    for word, reason in zip(found, reasons, strict=True):
        assert word in reason
    assert [leg.address for leg in legs(drive)] == ["2"]


@pytest.mark.parametrize("inner", ["", " ", "<Sim>SI</Sim>", "<Client/>"])
def test_nobody_to_dial(inner: str) -> None:
    """As if all had failed, so that the action, or the next verb, can see to it."""
    drive = dial(inner)
    assert isinstance(drive.said[0], Skip)
    assert drive.said[-1] == Wait(9)
    drive = dial(inner, 'action="/a"')
    assert drive.fields() == {"DialCallStatus": "failed", "DialBridged": "false"}


def test_ten_at_most() -> None:
    """More are skipped, visibly."""
    drive = dial("".join(f"<Number>{number}</Number>" for number in range(12)))
    assert [leg.address for leg in legs(drive)] == [str(number) for number in range(10)]
    assert "first 10" in drive.find(Skip).reason
