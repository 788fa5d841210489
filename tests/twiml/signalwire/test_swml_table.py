"""S section 7.2, row by row: what each verb of TwiML is in SWML, in both dialects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.twiml.signalwire.ours import BASE, Ours, between, lost, steps, swml
from tests.twiml.signalwire.schemas import faults
from twiml.actions import Recording, Stop
from twiml.document import Document
from twiml.signalwire.swml import FAILED_EVENT, Dialect, translate

Steps = list[dict[str, Any]]

US = "https://us.example"
WS = "wss://us.example"


def failed(variable: str, url: str) -> dict[str, Any]:
    """The step that tells us that SignalWire could not begin a stream."""
    request = {
        "url": url,
        "method": "POST",
        "headers": {"Content-Type": "application/json"},
        "body": {"event_type": FAILED_EVENT},
        "timeout": 5,
        "connect_timeout": 2,
    }
    return {"cond": [{"when": f"{variable} == 'failed'", "then": [{"request": request}]}]}


def on_input(dest: str) -> dict[str, Any]:
    """The step that goes on when something was entered."""
    when = "prompt_result == 'match_digits' || prompt_result == 'match_speech'"
    return {"cond": [{"when": when, "then": [{"transfer": {"dest": dest}}]}]}


DIALLED = {"timeout": 30, "max_duration": 14400}
WATCHED = {"status_url": f"{US}/watch/1"}
WATCHED_STRICTLY = {"call_state_url": f"{US}/watch/1", "call_state_events": ["answered", "ended"]}
PROMPT = {"max_digits": 1000, "terminators": "#", "initial_timeout": 5, "digit_timeout": 5}
RECORD = {
    "beep": True,
    "terminators": "1234567890*#",
    "initial_timeout": 5,
    "end_silence_timeout": 5,
    "max_length": 3600,
}
CONFERENCE = {
    "muted": False,
    "beep": "true",
    "start_on_enter": True,
    "end_on_exit": False,
    "record": "do-not-record",
}


@dataclass(frozen=True)
class Row:
    """A row of the table: TwiML, its SWML, what is lost; where the dialects differ, both."""

    name: str
    twiml: str
    full: Steps
    strict: Steps | None = None
    losses: tuple[str, ...] = ()
    strict_losses: tuple[str, ...] | None = None


ROWS = (
    Row("Say", "<Say>Hello  there</Say>", [{"play": {"url": "say:Hello there"}}]),
    Row(
        "Say loop=N",
        '<Say loop="3">Hi</Say>',
        [{"play": {"urls": ["say:Hi", "say:Hi", "say:Hi"]}}],
    ),
    Row(
        "Say loop=0",
        '<Say loop="0">Hi</Say>',
        [
            {"label": "again-1"},
            {"play": {"url": "say:Hi"}},
            {"goto": {"label": "again-1", "max": 100}},
        ],
        losses=("Say loop",),
    ),
    Row("Play url", "<Play>/a.mp3</Play>", [{"play": {"url": f"{US}/file/1"}}]),
    Row("Play digits", '<Play digits="ww1"/>', [{"send_digits": {"digits": "ww1"}}]),
    Row("Pause length", '<Pause length="2"/>', [{"sleep": 2000}]),
    Row(
        "Gather",
        '<Gather action="/a" numDigits="4"><Say>Press 1</Say><Pause/></Gather>',
        [
            {"prompt": {"play": ["say:Press 1", "silence: 1"]} | PROMPT | {"max_digits": 4}},
            on_input(f"{US}/document/1"),
        ],
    ),
    Row(
        "Gather's other attributes",
        '<Gather input="speech dtmf" action="/a" hints="yes, no" partialResultCallback="/p" '
        'bargeIn="false" profanityFilter="false" enhanced="true" speechModel="phone_call"/>',
        [
            {
                "prompt": {
                    "play": ["silence: 1"],
                    **PROMPT,
                    "speech_language": "en-US",
                    "speech_end_timeout": 5,
                    "speech_hints": ["yes", "no"],
                }
            },
            on_input(f"{US}/document/1"),
        ],
        losses=(
            *("Gather partialResultCallback", "Gather bargeIn", "Gather profanityFilter"),
            *("Gather enhanced", "Gather speechModel"),
        ),
    ),
    Row(
        "Record",
        '<Record action="/a"/>',
        [
            {"record": RECORD | {"status_url": f"{US}/watch/1"}},
            {"transfer": {"dest": f"{US}/document/2"}},
        ],
    ),
    Row(
        "Record transcribe",
        '<Record transcribe="true" transcribeCallback="/t"/>',
        [
            {"record": RECORD | {"status_url": f"{US}/watch/1"}},
            {"transfer": {"dest": f"{US}/document/2"}},
        ],
        losses=("Record transcribe", "Record transcribeCallback"),
    ),
    Row(
        "Dial number text",
        "<Dial>+15551230000</Dial>",
        [{"connect": {"to": "+15551230000"} | DIALLED | WATCHED}],
        [{"connect": {"to": "+15551230000"} | DIALLED | WATCHED_STRICTLY}],
    ),
    Row(
        "Number",
        "<Dial><Number>+1 (555) 123-0000</Number></Dial>",
        [{"connect": {"to": "+15551230000"} | DIALLED | WATCHED}],
        [{"connect": {"to": "+15551230000"} | DIALLED | WATCHED_STRICTLY}],
    ),
    Row(
        "Dial several nouns",
        "<Dial><Number>+1</Number><Number>+2</Number></Dial>",
        [{"connect": {"parallel": [{"to": "+1"}, {"to": "+2"}]} | DIALLED | WATCHED}],
        [{"connect": {"parallel": [{"to": "+1"}, {"to": "+2"}]} | DIALLED | WATCHED_STRICTLY}],
    ),
    Row(
        "Dial sequential",
        '<Dial sequential="true"><Number>+1</Number><Number>+2</Number></Dial>',
        [{"connect": {"serial": [{"to": "+1"}, {"to": "+2"}]} | DIALLED | WATCHED}],
        [{"connect": {"serial": [{"to": "+1"}, {"to": "+2"}]} | DIALLED | WATCHED_STRICTLY}],
    ),
    Row(
        "Sip",
        '<Dial><Sip username="u" password="p">sip:bob@pbx.example?X-A=1%20b</Sip></Dial>',
        [
            {
                "connect": {
                    "to": "sip:bob@pbx.example",
                    "headers": [{"name": "X-A", "value": "1 b"}],
                    "username": "u",
                    "password": "p",
                    **DIALLED,
                    **WATCHED,
                }
            }
        ],
        [
            {
                "connect": {
                    "to": "sip:bob@pbx.example",
                    "headers": [{"name": "X-A", "value": "1 b"}],
                    "username": "u",
                    "password": "p",
                    **DIALLED,
                    **WATCHED_STRICTLY,
                }
            }
        ],
    ),
    Row(
        "Client",
        "<Dial><Client>bob</Client></Dial>",
        [{"connect": {"to": "/private/bob"} | DIALLED | WATCHED}],
        [{"connect": {"to": "/private/bob"} | DIALLED | WATCHED_STRICTLY}],
        losses=("Client",),
    ),
    Row(
        "Conference",
        '<Dial><Conference statusCallback="/s" statusCallbackEvent="leave join" '
        'maxParticipants="2">room</Conference></Dial>',
        [
            {
                "join_conference": {
                    "name": "room",
                    **CONFERENCE,
                    "max_participants": 2,
                    "status_callback": f"{US}/callback/1",
                    "status_callback_event": "join leave",
                }
            }
        ],
        [
            {
                "join_conference": {
                    "name": "room",
                    **CONFERENCE,
                    "max_participants": 2,
                    "status_callback": f"{US}/callback/1",
                    "status_callback_event": "leave",
                }
            }
        ],
        strict_losses=("Conference statusCallbackEvent",),
    ),
    Row(
        "Queue",
        '<Dial action="/a"><Queue>support</Queue></Dial>',
        [
            {
                "connect": {
                    "to": "queue:support",
                    "transfer_after_bridge": f"{US}/document/1",
                    **DIALLED,
                    "status_url": f"{US}/watch/2",
                }
            },
            {"transfer": {"dest": f"{US}/document/1"}},
        ],
        [
            {
                "connect": {
                    "to": "queue:support",
                    "transfer_after_bridge": f"{US}/document/1",
                    **DIALLED,
                    "call_state_url": f"{US}/watch/2",
                    "call_state_events": ["answered", "ended"],
                }
            },
            {"transfer": {"dest": f"{US}/document/1"}},
        ],
    ),
    Row(
        "Enqueue",
        '<Enqueue action="/a" waitUrl="/w">support</Enqueue>',
        [
            {
                "enter_queue": {
                    "queue_name": "support",
                    "transfer_after_bridge": f"{US}/document/1",
                    "status_url": f"{US}/watch/2",
                    "wait_time": 14400,
                    "wait_url": f"{US}/document/3",
                }
            },
            {"transfer": {"dest": f"{US}/document/1"}},
        ],
        losses=("Enqueue waitUrl",),
    ),
    Row("Leave", "<Leave/>", [], losses=("Leave",)),
    Row("Redirect", "<Redirect>/r</Redirect>", [{"transfer": {"dest": f"{US}/document/1"}}]),
    Row(
        "Refer",
        '<Refer action="/a"><Sip>sip:bob@pbx.example</Sip></Refer>',
        [
            {"sip_refer": {"to_uri": "sip:bob@pbx.example"}},
            {"transfer": {"dest": f"{US}/document/1"}},
        ],
    ),
    Row(
        "Sms",
        '<Sms to="+1" from="+2" statusCallback="/s">Hello</Sms>',
        [
            {
                "send_sms": {
                    "to_number": "+1",
                    "from_number": "+2",
                    "body": "Hello",
                    "status_callback": f"{US}/callback/1",
                }
            }
        ],
        [{"send_sms": {"to_number": "+1", "from_number": "+2", "body": "Hello"}}],
        strict_losses=("Sms statusCallback",),
    ),
    Row(
        "Echo",
        "<Echo/>",
        [
            {
                "connect": {
                    "to": f"stream:{WS}/media/1",
                    "codec": "PCMU",
                    "realtime": True,
                    "status_url": f"{US}/watch/1",
                    "authorization_bearer_token": "bearer1",
                }
            },
            failed("connect_result", f"{US}/watch/1"),
        ],
        [
            {"connect": {"to": f"stream:{WS}/media/1"}},
            failed("connect_result", f"{US}/watch/1"),
        ],
        strict_losses=("Echo",),
    ),
    Row("Pay", '<Pay paymentConnector="stripe"/>', [], losses=("Pay",)),
    Row(
        "Start Stream",
        '<Start><Stream url="wss://c.example/" name="s" track="both_tracks">'
        '<Parameter name="k" value="v"/></Stream></Start>',
        [
            {
                "stream": {
                    "url": f"{WS}/media/1",
                    "control_id": "s",
                    "name": "s",
                    "track": "both_tracks",
                    "codec": "PCMU",
                    "status_url": f"{US}/stream/1",
                    "authorization_bearer_token": "bearer1",
                    "custom_parameters": {"k": "v"},
                }
            },
            failed("stream_result", f"{US}/stream/1"),
        ],
        [
            {
                "tap": {
                    "uri": f"{WS}/tap/1",
                    "control_id": "s",
                    "direction": "speak",
                    "codec": "PCMU",
                    "status_url": f"{US}/tapped/1",
                }
            },
            failed("tap_result", f"{US}/tapped/1"),
            {
                "tap": {
                    "uri": f"{WS}/tap/2",
                    "control_id": "s-listen",
                    "direction": "listen",
                    "codec": "PCMU",
                    "status_url": f"{US}/tapped/2",
                }
            },
            failed("tap_result", f"{US}/tapped/2"),
        ],
    ),
    Row(
        "Stop Stream",
        '<Stop><Stream name="s"/></Stop>',
        [{"stop_stream": {"control_id": "s"}}],
        [{"stop_tap": {"control_id": "s"}}, {"stop_tap": {"control_id": "s-listen"}}],
    ),
    Row(
        "Connect Stream",
        '<Connect action="/a"><Stream url="wss://c.example/" name="n">'
        '<Parameter name="k" value="v"/></Stream></Connect>',
        [
            {
                "connect": {
                    "to": f"stream:{WS}/media/1",
                    "name": "n",
                    "codec": "PCMU",
                    "realtime": True,
                    "status_url": f"{US}/stream/1",
                    "authorization_bearer_token": "bearer1",
                    "custom_parameters": {"k": "v"},
                }
            },
            failed("connect_result", f"{US}/stream/1"),
            {"transfer": {"dest": f"{US}/document/2"}},
        ],
        [
            {"connect": {"to": f"stream:{WS}/media/1"}},
            failed("connect_result", f"{US}/stream/1"),
            {"transfer": {"dest": f"{US}/document/2"}},
        ],
        strict_losses=("Stream",),
    ),
    Row(
        "Connect Room",
        "<Connect><Room>studio-1</Room></Connect>",
        [{"join_room": {"name": "studio-1"}}],
    ),
    Row(
        "Start Recording",
        '<Start><Recording recordingStatusCallback="/r" track="inbound"/></Start>',
        [{"record_call": {"stereo": True, "direction": "speak", "status_url": f"{US}/callback/1"}}],
    ),
    Row(
        "Start Transcription",
        '<Start><Transcription statusCallbackUrl="/t" languageCode="de-DE" track="inbound_track" '
        'transcriptionEngine="google"/></Start>',
        [
            {
                "live_transcribe": {
                    "action": {
                        "start": {
                            "webhook": f"{US}/callback/1",
                            "lang": "de-DE",
                            "direction": ["remote-caller"],
                            "speech_engine": "google",
                        }
                    }
                }
            }
        ],
        losses=("Transcription",),
    ),
    Row(
        "Stop Transcription",
        "<Stop><Transcription/></Stop>",
        [{"live_transcribe": {"action": "stop"}}],
    ),
    Row("Siprec", "<Start><Siprec/></Start>", [], losses=("Siprec",)),
    Row(
        "ConversationRelay, AiSession, VirtualAgent",
        "<Connect><ConversationRelay/></Connect><Connect><AiSession/></Connect>"
        "<Connect><VirtualAgent/></Connect>",
        [],
        losses=("ConversationRelay", "AiSession", "VirtualAgent"),
    ),
    Row("Message, fax verbs", "<Message>x</Message><Fax/>", []),
    Row("unknown verb", "<Dance/>", []),
)
"""But for Hangup, Reject and Stop Recording, which have tests of their own below."""


@pytest.mark.contract("S26")
@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_row(row: Row, dialect: Dialect) -> None:
    """The steps, the losses, and that a verb that is lost does not keep the next from running."""
    strict = dialect is Dialect.STRICT
    wanted = row.strict if strict and row.strict is not None else row.full
    losses = row.strict_losses if strict and row.strict_losses is not None else row.losses
    translation, _ = swml(row.twiml, dialect)
    assert between(row.twiml, dialect) == wanted
    assert lost(translation) == list(losses)
    assert all(str(loss).startswith("line 1: <") for loss in translation.losses)
    if not any(step.get("transfer") for step in wanted):
        assert between(row.twiml + "<Say>next</Say>", dialect)[-1] == {"play": {"url": "say:next"}}


@pytest.mark.contract("S24")
@pytest.mark.parametrize("dialect", Dialect)
def test_hangup(dialect: Dialect) -> None:
    """Hangup is a hangup, and the end of a document is one too."""
    ended: Steps = [{"answer": {}}, {"hangup": {}}]
    assert steps(swml("<Hangup/><Say>never</Say>", dialect)[0]) == ended
    assert steps(swml("", dialect)[0]) == ended
    translation, _ = swml('<Hangup><Parameter name="a" value="b"/></Hangup>', dialect)
    assert steps(translation) == ended
    assert lost(translation) == ["Parameter"]


@pytest.mark.contract("S23")
@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    ("twiml", "reason"),
    [
        ("<Reject/>", "decline"),
        ('<Reject reason="rejected"/>', "decline"),
        ('<Reject reason="busy"/>', "busy"),
    ],
)
def test_reject(twiml: str, reason: str, dialect: Dialect) -> None:
    """A call is turned away unanswered, after a pause too."""
    rejected = {"hangup": {"reason": reason}}
    assert steps(swml(twiml, dialect)[0]) == [rejected]
    assert steps(swml("<Pause/>" + twiml, dialect)[0]) == [{"sleep": 1000}, rejected]


@pytest.mark.parametrize("dialect", Dialect)
def test_stop_recording(dialect: Dialect) -> None:
    """The latest recording is stopped; no parser gives this, for TwiML has it in REST only."""
    document = Document((Stop(content=(Recording(),)),))
    translation = translate(document, Ours(), BASE, dialect)
    assert steps(translation) == [{"answer": {}}, {"stop_record_call": {}}, {"hangup": {}}]
    assert faults({"sections": {"main": steps(translation)}}, dialect) == []
