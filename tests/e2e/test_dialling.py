"""Calls that are put through: to numbers, conferences, queues and SIP addresses."""

from __future__ import annotations

from collections import deque

import pytest

from tests.e2e.script import Entered, Leg, Script
from tests.e2e.swml import SwmlCarrier
from tests.e2e.told import Calls, Told

pytestmark = pytest.mark.asyncio(loop_scope="module")

DIALLED = "+15550009999"


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("busy", "busy"),
        ("declined", "busy"),
        ("no_answer", "no-answer"),
        ("cancel", "canceled"),
        ("error", "failed"),
    ],
)
async def test_nobody_answers(calls: Calls, told: Told, reason: str, status: str) -> None:
    """Why a dialled party did not answer is told to the action and to the party's callback."""
    name = told.name
    await told.put(
        "voice",
        '<Response><Dial action="/twiml/unanswered{name}"><Number'
        ' statusCallback="{app}/callback/missed{name}">' + DIALLED + "</Number></Dial></Response>",
    )
    await told.put(f"unanswered{name}", "<Response/>")
    call = calls(Script(legs=deque([Leg(reason=reason)])))
    await call.run()
    form = told.asked(f"unanswered{name}")
    assert form["DialCallStatus"] == status
    assert "DialCallDuration" not in form
    (missed,) = await told.told(f"missed{name}", 1)
    assert missed["CallStatus"] == status
    assert missed["ParentCallSid"] == call.twilio_sid


async def test_several_parties_and_a_recording(calls: Calls, told: Told) -> None:
    """Of two numbers that ring, the action is told the one that answered, and the recording."""
    name = told.name
    await told.put(
        "voice",
        '<Response><Dial action="/twiml/first{name}" record="record-from-answer-dual"'
        ' recordingStatusCallback="{app}/callback/dialled{name}">'
        "<Number>+15550007777</Number><Number>" + DIALLED + "</Number></Dial></Response>",
    )
    await told.put(f"first{name}", "<Response/>")
    winner = Leg(seconds=7)
    call = calls(Script(legs=deque([Leg(reason="no_answer"), winner])))
    await call.run()
    form = told.asked(f"first{name}")
    assert (form["DialCallStatus"], form["DialCallSid"]) == ("completed", winner.twilio_sid)
    assert form["DialCallDuration"] == "7"
    assert form["RecordingUrl"].startswith("https://files.example/")
    if isinstance(call, SwmlCarrier):
        (ready,) = await told.told(f"dialled{name}", 1)
        assert ready["RecordingUrl"] == form["RecordingUrl"]
        assert ready["RecordingSource"] == "DialVerb"
        assert (ready["RecordingChannels"], ready["RecordingDuration"]) == ("2", "61")


async def test_a_whisper_that_asks(calls: Calls, told: Told) -> None:
    """The dialled party is asked before it is put through: of its own call, and without ending
    it."""
    name = told.name
    await told.put(
        "voice",
        '<Response><Dial><Number url="/twiml/screen{name}">' + DIALLED + "</Number></Dial>"
        "<Say>bye</Say></Response>",
    )
    await told.put(
        f"screen{name}",
        '<Response><Gather action="/twiml/accepted{name}" numDigits="1"><Say>press 1</Say>'
        "</Gather><Hangup/></Response>",
    )
    await told.put(f"accepted{name}", "<Response><Say>thank you</Say></Response>")
    leg = Leg(seconds=5, presses=Entered("1"))
    call = calls(Script(legs=deque([leg])))
    await call.run()
    asked, answered = told.asked(f"screen{name}"), told.asked(f"accepted{name}")
    assert asked["CallSid"] == leg.twilio_sid
    assert asked["ParentCallSid"] == call.twilio_sid
    assert answered["Digits"] == "1"
    if isinstance(call, SwmlCarrier):
        whispered = [method for method in call.methods() if method.startswith("whisper")]
        assert "whisper hangup" not in whispered
        assert call.methods()[-2:] == ["play", "hangup"]


async def test_a_conference(calls: Calls, told: Told) -> None:
    """What happens in a conference is told in Twilio's words; then the action is asked."""
    name = told.name
    await told.put(
        "voice",
        '<Response><Dial action="/twiml/left{name}"><Conference'
        ' statusCallback="{app}/callback/conference{name}"'
        ' statusCallbackEvent="join start leave" endConferenceOnExit="true">standup</Conference>'
        "</Dial></Response>",
    )
    await told.put(f"left{name}", "<Response/>")
    call = calls(Script())
    await call.run()
    # The strict dialect has room for one event.
    events = await told.told(f"conference{name}", 1 if calls.kind == "strict" else 3)
    assert [form["StatusCallbackEvent"] for form in events] == [
        "participant-join",
        "conference-start",
        "participant-leave",
    ][: len(events)]
    for form in events:
        assert form["ConferenceSid"][:2] == "CF"
        assert form["FriendlyName"] == "standup"
    assert events[0]["CallSid"] == call.twilio_sid
    assert events[0]["Muted"] == "false"
    form = told.asked(f"left{name}")
    assert form["DialCallStatus"] in ("answered", "completed")


async def test_a_queue(calls: Calls, told: Told) -> None:
    """The music is asked for with the caller's place in the queue, the action with how it ended."""
    name = told.name
    await told.put(
        "voice",
        '<Response><Enqueue action="/twiml/served{name}" waitUrl="/twiml/music{name}">support'
        "</Enqueue></Response>",
    )
    await told.put(f"music{name}", "<Response><Say>please wait</Say></Response>")
    await told.put(f"served{name}", "<Response/>")
    call = calls(Script())
    await call.run()
    waiting, served = told.asked(f"music{name}"), told.asked(f"served{name}")
    assert (waiting["QueuePosition"], waiting["CurrentQueueSize"]) == ("1", "1")
    assert waiting["AvgQueueTime"] == "30"
    assert waiting["QueueSid"] == served["QueueSid"]
    assert served["QueueSid"][:2] == "QU"
    assert (served["QueueResult"], served["QueueTime"]) == ("bridged", "42")


async def test_a_sip_transfer(calls: Calls, told: Told) -> None:
    """The action of a `<Refer>` is told what the two SIP requests were answered."""
    name = told.name
    await told.put(
        "voice",
        '<Response><Refer action="/twiml/referred{name}"><Sip>sip:a@sip.example</Sip></Refer>'
        "</Response>",
    )
    await told.put(f"referred{name}", "<Response/>")
    await calls(Script()).run()
    form = told.asked(f"referred{name}")
    assert form["ReferCallStatus"] == "in-progress"
    assert (form["ReferSipResponseCode"], form["NotifySipResponseCode"]) == ("202", "200")
