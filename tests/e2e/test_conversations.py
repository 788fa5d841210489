"""Whole conversations, in cXML and in SWML: what the customer is asked and told on the way."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import pytest

from tests.e2e.carrier import FROM, TO, CarrierStream
from tests.e2e.cxml import CxmlCarrier
from tests.e2e.processes import Customer
from tests.e2e.script import Entered, Leg, Script
from tests.e2e.test_streams import media_of
from tests.e2e.told import Calls, Told, checked

pytestmark = pytest.mark.asyncio(loop_scope="module")

DIALLED = "+15550009999"


def speaking(said: bytes, app: Customer, path: str) -> Callable[[CarrierStream], Awaitable[None]]:
    """Say that, and hang up when the echo has come back."""

    async def talk(stream: CarrierStream) -> None:
        stream.expected = len(said)
        await stream.speak(said)
        await stream.complete.wait()
        await app.wait_message(path, "mark")
        await stream.stop()

    return talk


async def test_a_whole_conversation(app: Customer, calls: Calls, told: Told) -> None:
    """Say and gather, dial with a whisper, a two-way stream, hangup: every step of it asked for in
    Twilio's form, with the result of the one before."""
    name, path = told.name, f"/ws/echo/{told.name}"
    await told.put(
        "voice",
        '<Response><Say>welcome</Say><Gather action="/twiml/digits{name}?a=1" numDigits="6">'
        "<Say>your number</Say></Gather><Say>nothing</Say></Response>",
    )
    await told.put(
        f"digits{name}",
        '<Response><Dial action="/twiml/dialled{name}" timeout="20" callerId="+15550001234">'
        '<Number url="/twiml/whisper{name}" statusCallback="{app}/callback/leg{name}"'
        ' statusCallbackEvent="initiated ringing answered completed">'
        + DIALLED
        + "</Number></Dial>"
        "</Response>",
    )
    await told.put(f"whisper{name}", "<Response><Say>a call for you</Say></Response>")
    await told.put(
        f"dialled{name}",
        '<Response><Connect action="/twiml/streamed{name}">'
        '<Stream url="{ws}/ws/echo/{name}" statusCallback="{app}/callback/stream{name}">'
        '<Parameter name="k" value="v"/></Stream></Connect></Response>',
    )
    await told.put(f"streamed{name}", "<Response><Say>bye</Say><Hangup/></Response>")
    leg = Leg(seconds=61)
    said = bytes(range(160)) * 10
    script = Script(
        entered=deque([Entered("12345", "#")]),
        legs=deque([leg]),
        talk=deque([speaking(said, app, path)]),
    )
    call = calls(script)
    await call.run()

    first = app.out.matching(type="http", path="/twiml/voice")[-1]
    standard = {
        "CallSid": call.twilio_sid,
        "AccountSid": "ACb08dacad111122223333444455556666",
        "From": FROM,
        "To": TO,
        "Caller": FROM,
        "Called": TO,
        "Direction": "inbound",
        "ApiVersion": "2010-04-01",
    }
    assert checked(first) == standard | {"CallStatus": "ringing"}
    running = standard | {"CallStatus": "in-progress"}
    assert told.asked(f"digits{name}") == running | {"Digits": "12345"}
    whispered = told.asked(f"whisper{name}")
    assert whispered == running | {
        "CallSid": leg.twilio_sid,
        "To": DIALLED,
        "Called": DIALLED,
        "Direction": "outbound-dial",
        "ParentCallSid": call.twilio_sid,
    }
    assert told.asked(f"dialled{name}") == running | {
        "DialCallStatus": "completed",
        "DialCallSid": leg.twilio_sid,
        "DialCallDuration": "61",
    }
    assert told.asked(f"streamed{name}") == running

    progress = await told.told(f"leg{name}", 4)
    assert [form["CallStatus"] for form in progress] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    for form in progress:
        assert (form["CallSid"], form["ParentCallSid"]) == (leg.twilio_sid, call.twilio_sid)
        assert (form["To"], form["Direction"]) == (DIALLED, "outbound-dial")
    assert progress[-1]["CallDuration"] == "61"

    (start,) = await app.wait_message(path, "start")
    assert start["start"]["callSid"] == call.twilio_sid
    assert start["start"]["customParameters"] == {"k": "v"}
    streams = await told.told(f"stream{name}", 2)
    assert [form["StreamEvent"] for form in streams] == ["stream-started", "stream-stopped"]


async def test_speech(app: Customer, calls: Calls, told: Told) -> None:
    """What the caller says comes to the action, with its confidence; in cXML also while it is
    said."""
    name = told.name
    await told.put(
        "voice",
        '<Response><Gather action="/twiml/said{name}" input="dtmf speech" language="en-GB"'
        ' hints="sales, support" partialResultCallback="{app}/callback/partial{name}"/></Response>',
    )
    await told.put(f"said{name}", "<Response/>")
    call = calls(Script(entered=deque([Entered(speech="Sales, please", confidence=0.875)])))
    await call.run()
    form = told.asked(f"said{name}")
    assert (form["SpeechResult"], form["Confidence"]) == ("Sales, please", "0.875")
    assert "Digits" not in form
    if isinstance(call, CxmlCarrier):
        (partial,) = await told.told(f"partial{name}", 1)
        assert (partial["UnstableSpeechResult"], partial["CallSid"]) == ("Sale", call.twilio_sid)


async def test_nothing_entered(calls: Calls, told: Told) -> None:
    """Without input the next verb runs; the action is asked only by one who wants to know that."""
    name = told.name
    await told.put(
        "voice",
        '<Response><Gather action="/twiml/never{name}"/><Gather action="/twiml/silent{name}"'
        ' method="GET" actionOnEmptyResult="true"/></Response>',
    )
    await told.put(f"silent{name}", "<Response><Hangup/></Response>")
    call = calls(Script())
    await call.run()
    form = told.asked(f"silent{name}")
    assert form["CallSid"] == call.twilio_sid
    assert not {"Digits", "SpeechResult", "Confidence"} & set(form)
    assert told.times(f"never{name}") == 0


async def test_a_recording(calls: Calls, told: Told) -> None:
    """The action is told where the recording is and how long; so is the recording's callback."""
    name = told.name
    await told.put(
        "voice",
        '<Response><Record action="/twiml/recorded{name}" maxLength="30"'
        ' recordingStatusCallback="{app}/callback/recording{name}"/></Response>',
    )
    await told.put(f"recorded{name}", "<Response/>")
    call = calls(Script(recordings=deque([17])))
    await call.run()
    form = told.asked(f"recorded{name}")
    (ready,) = await told.told(f"recording{name}", 1)
    for told_of in (form, ready):
        assert told_of["CallSid"] == call.twilio_sid
        assert told_of["RecordingUrl"].startswith("https://files.example/")
        assert told_of["RecordingDuration"] == "17"
        assert told_of["RecordingSid"][:2] == "RE"
        assert len(told_of["RecordingSid"]) == 34
    assert form["RecordingSid"] == ready["RecordingSid"]
    assert ready["RecordingStatus"] == "completed"


async def test_a_recording_that_only_the_action_wants(calls: Calls, told: Told) -> None:
    """Without a callback of the customer's the action has the length all the same."""
    name = told.name
    await told.put("voice", '<Response><Record action="/twiml/short{name}"/></Response>')
    await told.put(f"short{name}", "<Response/>")
    await calls(Script(recordings=deque([3]))).run()
    assert told.asked(f"short{name}")["RecordingDuration"] == "3"


async def test_one_way_streams(app: Customer, calls: Calls, told: Told) -> None:
    """A stream of both tracks runs beside the document, until it is stopped by name."""
    name, path = told.name, f"/ws/sink/{told.name}"
    await told.put(
        "voice",
        '<Response><Start><Stream name="ear" track="both_tracks" url="{ws}/ws/sink/{name}"'
        ' statusCallback="{app}/callback/ear{name}"/></Start><Say>hello</Say>'
        '<Stop><Stream name="ear"/></Stop><Redirect method="GET">/twiml/after{name}?q=1</Redirect>'
        "</Response>",
    )
    await told.put(f"after{name}", "<Response><Say>bye</Say></Response>")

    async def heard() -> None:
        await app.wait_message(path, "media", 10)

    script = Script(voice=b"\x11" * 800, caller=b"\x22" * 800, heard=heard)
    await calls(script).run()
    await app.wait_message(path, "stop")
    messages = app.messages(path)
    (start,) = [message["start"] for message in messages if message["event"] == "start"]
    assert start["tracks"] == ["inbound", "outbound"]
    for track, audio in (("inbound", script.caller), ("outbound", script.voice)):
        assert media_of(messages, track) == audio
    events = await told.told(f"ear{name}", 2)
    assert [form["StreamEvent"] for form in events] == ["stream-started", "stream-stopped"]
    assert told.asked(f"after{name}")["q"] == "1"


@pytest.mark.parametrize("verb", ["Start", "Connect"])
async def test_a_stream_that_signalwire_cannot_open(calls: Calls, told: Told, verb: str) -> None:
    """It becomes the customer's stream-error, and the call goes on."""
    name = told.name
    await told.put(
        "voice",
        f'<Response><{verb}><Stream url="{{ws}}/ws/sink/{{name}}"'
        f' statusCallback="{{app}}/callback/never{{name}}"/></{verb}><Say>all the same</Say>'
        "</Response>",
    )
    call = calls(Script())
    call.reaches_us = False
    await call.run()
    events = await told.told(f"never{name}", 2)
    assert [form["StreamEvent"] for form in events] == ["stream-error", "stream-stopped"]
    assert events[0]["StreamError"].startswith("31900 ")
    last = call.done[-1:] if isinstance(call, CxmlCarrier) else call.methods()[-2:]
    assert last in (["Say"], ["play", "hangup"])
