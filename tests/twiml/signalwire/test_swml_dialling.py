"""Putting the call through, in SWML: parties, queues, conferences, messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.twiml.signalwire.ours import between, lost, steps, swml
from twiml.signalwire.swml import Dialect

CALL = "0123456789abcdef0123456789abcdef"


def connect(inner: str, dialect: Dialect = Dialect.FULL) -> dict[str, Any]:
    made = steps(swml(inner, dialect)[0])
    keys: dict[str, Any] = next(step["connect"] for step in made if "connect" in step)
    return keys


@pytest.mark.contract("S20")
def test_dial_writes_out_its_defaults() -> None:
    """SWML would let it ring for longer."""
    keys = connect("<Dial>+1</Dial>")
    assert (keys["timeout"], keys["max_duration"]) == (30, 14400)
    keys = connect('<Dial timeout="9" timeLimit="60">+1</Dial>')
    assert (keys["timeout"], keys["max_duration"]) == (9, 60)


@pytest.mark.contract("S21")
def test_several_at_once_or_one_by_one() -> None:
    """As Twilio does by default, or sequential."""
    nouns = "<Number>+1</Number><Sip>sip:a@pbx.example</Sip>"
    places = [{"to": "+1"}, {"to": "sip:a@pbx.example"}]
    assert connect(f"<Dial>{nouns}</Dial>")["parallel"] == places
    assert connect(f'<Dial sequential="true">{nouns}</Dial>')["serial"] == places
    assert connect('<Dial sequential="true"><Number>+1</Number></Dial>')["to"] == "+1"


@pytest.mark.parametrize(
    "text",
    ["stream:wss://c.example/", "queue:q", "/private/x", "sip:a@pbx.example", "+1${x}", "1800CALL"],
)
def test_a_number_is_a_number(text: str) -> None:
    """No other of SWML's destinations can be written there."""
    for inner in (f"<Dial>{text}</Dial>", f"<Dial><Number>{text}</Number></Dial>"):
        translation, _ = swml(inner)
        assert steps(translation) == [{"answer": {}}, {"hangup": {}}]
        assert lost(translation)[-1] == "Dial"


def test_what_holds_for_the_whole_dial() -> None:
    """Caller, answer, ring tone."""
    keys = connect('<Dial callerId="+1 555" answerOnBridge="true" ringTone="de">+1</Dial>')
    assert keys["from"] == "+1555"
    assert keys["answer_on_bridge"] is True
    assert keys["ringback"] == ["ring:de"]
    assert connect('<Dial callerId="client:bob b">+1</Dial>')["from"] == "/private/bob%20b"
    assert connect('<Dial callerId="sip:a@b.example">+1</Dial>')["from"] == "sip:a@b.example"
    assert "from" not in connect('<Dial callerId=" ">+1</Dial>')
    translation, _ = swml('<Dial ringTone="us-old" callerId="${x}">+1</Dial>')
    assert steps(translation)[1]["connect"]["ringback"] == ["ring:us"]
    assert lost(translation) == ["Dial callerId", "Dial ringTone"]


def test_what_holds_for_one_party() -> None:
    """Its whisper, its digits, its progress: in SWML's words, in their order."""
    keys = connect(
        '<Dial><Number url="/w" statusCallback="/s" '
        'statusCallbackEvent="completed answered initiated ringing">+1</Number>'
        '<Number sendDigits="1w2" statusCallback="/t">+2</Number></Dial>'
    )
    assert keys["parallel"] == [
        {
            "to": "+1",
            "confirm": "https://us.example/document/1",
            "call_state_url": "https://us.example/callback/2",
            "call_state_events": ["created", "ringing", "answered", "ended"],
        },
        {
            "to": "+2",
            "confirm": [{"send_digits": {"digits": "1w2"}}],
            "call_state_url": "https://us.example/callback/3",
            "call_state_events": ["ended"],
        },
    ]


def test_digits_and_a_whisper_exclude_each_other() -> None:
    """The digits may be all that gets the call there."""
    translation, _ = swml('<Dial><Number sendDigits="1" url="/w">+1</Number></Dial>')
    assert steps(translation)[1]["connect"]["confirm"] == [{"send_digits": {"digits": "1"}}]
    assert lost(translation) == ["Number url"]
    translation, _ = swml('<Dial><Number sendDigits="1-2">+1</Number></Dial>')
    assert steps(translation)[1]["connect"]["confirm"] == [{"send_digits": {"digits": "12"}}]
    assert lost(translation) == ["Number sendDigits"]


def test_sip_addresses() -> None:
    """Several are tried by priority and weight; headers come from the query and beside it."""
    keys = connect(
        "<Dial><Sip username='u' password='p'><Uri priority='2'>sip:c@pbx.example</Uri>"
        "<Uri priority='1' weight='1'>sip:b@pbx.example;transport=tls?X-B=</Uri>"
        "<Uri priority='1' weight='9' username='v'>sips:a@pbx.example</Uri>"
        "<Headers><Header name='X-H' value='h'/><Header name=' '/></Headers></Sip></Dial>"
    )
    shared = {"name": "X-H", "value": "h"}
    assert keys["serial"] == [
        {"to": "sips:a@pbx.example", "headers": [shared], "username": "v", "password": "p"},
        {
            "to": "sip:b@pbx.example;transport=tls",
            "headers": [{"name": "X-B", "value": ""}, shared],
            "username": "u",
            "password": "p",
        },
        {"to": "sip:c@pbx.example", "headers": [shared], "username": "u", "password": "p"},
    ]


def test_sip_addresses_beside_others() -> None:
    """SWML has no turns within a parallel dial."""
    translation, _ = swml(
        "<Dial><Sip><Uri>sip:a@pbx.example</Uri><Uri>sip:b@pbx.example</Uri></Sip>"
        "<Number>+1</Number><Sip>tel:1</Sip></Dial>"
    )
    assert [place["to"] for place in steps(translation)[1]["connect"]["parallel"]] == [
        *("sip:a@pbx.example", "sip:b@pbx.example", "+1")
    ]
    assert lost(translation) == ["Sip", "Sip"]


def test_sip_secrets_are_not_evaluated() -> None:
    """A password that would be is told: it cannot be right any more. Headers likewise."""
    translation, _ = swml(
        "<Dial><Sip password='a${b' username='%{u'>sip:x${y}@z?X=%25%7Bq<Headers>"
        "<Header name='H' value='${h'/></Headers></Sip></Dial>"
    )
    keys = steps(translation)[1]["connect"]
    assert [header["value"] for header in keys["headers"]] == ["% {q", "$ {h"]
    assert (keys["to"], keys["username"], keys["password"]) == ("sip:x$ {y}@z", "% {u", "a$ {b")
    assert lost(translation) == [*("Header value", "Sip", "Sip", "Sip username", "Sip password")]


def test_clients() -> None:
    """A client is a resource of the same name, one path segment whatever is in it."""
    translation, _ = swml(
        "<Dial><Client>a/../b ${c}</Client><Client><Identity>bob</Identity>"
        "<Parameter name='k' value='v'/></Client><Client> </Client></Dial>"
    )
    assert [place["to"] for place in steps(translation)[1]["connect"]["parallel"]] == [
        *("/private/a%2F..%2Fb%20%24%7Bc%7D", "/private/bob")
    ]
    assert lost(translation) == ["Client", "Parameter", "Client", "Client"]


def test_recording_a_dial() -> None:
    """Begun before and stopped after; from the ringing on, whatever was wanted."""
    begin, _, end, transfer = between(
        '<Dial record="record-from-ringing-dual" recordingTrack="outbound" action="/a" '
        'recordingStatusCallback="/r">+1</Dial>'
    )
    assert begin == {
        "record_call": {
            "control_id": "dial-1",
            "stereo": True,
            "direction": "listen",
            "status_url": "https://us.example/callback/3",
        }
    }
    assert end == {"stop_record_call": {"control_id": "dial-1"}}
    assert list(transfer) == ["transfer"]
    assert lost(swml('<Dial record="record-from-answer">+1</Dial>')[0]) == ["Dial record"]


def test_what_dial_cannot_do() -> None:
    """Each attribute is told, and the call goes through."""
    translation, _ = swml(
        '<Dial hangupOnStar="true" trim="trim-silence" referUrl="/r" events="call-progress-event" '
        'passports="p" recordingConfigurationId="c" recordingStatusCallbackEvent="absent">+2'
        '<Number byoc="b" machineDetection="Enable" amdStatusCallback="/m">+1</Number>'
        "<Sim>s</Sim><WhatsApp>w</WhatsApp><Application>a</Application></Dial>"
    )
    assert steps(translation)[1]["connect"]["to"] == "+1"
    assert sorted(lost(translation)) == sorted(
        [
            *("Dial", "Number byoc", "Number machineDetection", "Sim", "WhatsApp", "Application"),
            *("Dial hangupOnStar", "Dial trim", "Dial referUrl", "Dial events", "Dial passports"),
            *("Dial recordingConfigurationId", "Dial recordingStatusCallbackEvent"),
        ]
    )


def test_who_answered_in_the_strict_dialect() -> None:
    """It has no status_url: a leg's own events do, where the customer has not asked for them."""
    strict = Dialect.STRICT
    told = "<Number statusCallback='/s'>+2</Number>"
    keys = connect(f"<Dial><Number>+1</Number>{told}</Dial>", strict)
    assert keys["call_state_url"] == "https://us.example/watch/2"
    assert keys["parallel"][1]["call_state_url"] == "https://us.example/callback/1"
    keys = connect(f"<Dial>{told}</Dial>", strict)
    assert keys["call_state_url"] == "https://us.example/callback/1"
    assert "status_url" not in keys
    translation, _ = swml(f"<Dial action='/a'>{told}</Dial>", strict)
    assert lost(translation) == ["Dial action"]


@pytest.mark.contract("S22")
@pytest.mark.parametrize("dialect", Dialect)
def test_a_queue_always_says_what_comes_after(dialect: Dialect) -> None:
    """The action, or else what follows, and with a recording what stops it."""
    keys = connect('<Dial action="/a"><Queue>q</Queue></Dial>', dialect)
    assert keys["to"] == "queue:q"
    assert keys["transfer_after_bridge"] == "https://us.example/document/1"
    keys = connect("<Dial><Queue>q</Queue></Dial><Say>x</Say>", dialect)
    after = json.loads(keys["transfer_after_bridge"])
    assert after == {
        "version": "1.0.0",
        "sections": {"main": [{"play": {"url": "say:x"}}, {"hangup": {}}]},
    }
    main = between(
        '<Dial record="record-from-ringing" action="/a"><Queue>q</Queue></Dial>', dialect
    )
    after = json.loads(main[1]["connect"]["transfer_after_bridge"])["sections"]["main"]
    assert after == main[2:]
    assert [next(iter(step)) for step in after] == ["stop_record_call", "transfer"]


def test_what_cannot_stand_beside_a_queue_or_a_conference() -> None:
    """They are alone in their Dial."""
    translation, _ = swml("<Dial><Number>+1</Number><Queue url='/w'>q</Queue></Dial>")
    assert steps(translation)[1]["connect"]["to"] == "queue:q"
    assert lost(translation) == ["Number", "Queue url"]
    translation, _ = swml("<Dial><Conference>c</Conference><Queue>q</Queue></Dial>")
    assert list(steps(translation)[1]) == ["join_conference"]
    assert lost(translation) == ["Queue"]
    for noun in ("<Queue> </Queue>", "<Conference/>"):
        assert lost(swml(f"<Dial>{noun}</Dial>")[0])[-1] == "Dial"


def test_enqueue() -> None:
    """What follows is both in the queue's own document and after it."""
    queue, say = between("<Enqueue>q ${x}</Enqueue><Say>${y}</Say><Hangup/><Pay/>")
    keys = queue["enter_queue"]
    assert keys["queue_name"] == "q $ {x}"
    assert keys["wait_time"] == 14400
    assert "wait_url" not in keys
    assert json.loads(keys["transfer_after_bridge"])["sections"]["main"] == [say, {"hangup": {}}]
    assert "${" not in keys["transfer_after_bridge"]


def test_queues_in_a_row_stay_bounded() -> None:
    """Each document within another escapes it; beyond a bound the call ends there."""
    translation, _ = swml("<Enqueue>q</Enqueue>" * 40)
    assert len(translation.output) < 200_000
    assert "Enqueue" in lost(translation)
    assert not swml("<Enqueue>q</Enqueue>" * 3)[0].losses


def test_what_enqueue_cannot_do() -> None:
    """A workflow has no queue; a bound, a task and silence are lost."""
    translation, _ = swml(
        '<Enqueue workflowSid="WW1"><Task>{}</Task></Enqueue>'
        '<Enqueue maxQueueSize="3" waitUrl="">q</Enqueue>'
    )
    assert lost(translation) == [
        *("Enqueue workflowSid", "Task", "Enqueue", "Enqueue maxQueueSize", "Enqueue waitUrl")
    ]


@pytest.mark.contract("S7")
def test_conferences() -> None:
    """Every key, within the schema's bounds."""
    noun = (
        '<Conference muted="true" beep="onEnter" startConferenceOnEnter="false" '
        'endConferenceOnExit="true" waitUrl="/w" waitMethod="GET" maxParticipants="200000" '
        f'record="record-from-start" region="ie1" coach="CA{CALL}" trim="do-not-trim" '
        'recordingStatusCallback="/r" recordingStatusCallbackEvent="absent completed">c'
        "</Conference>"
    )
    (step,) = between(f"<Dial>{noun}</Dial>")
    assert step == {
        "join_conference": {
            "name": "c",
            "muted": True,
            "beep": "onEnter",
            "start_on_enter": False,
            "end_on_exit": True,
            "wait_url": "https://us.example/document/1",
            "max_participants": 100_000,
            "record": "record-from-start",
            "region": "eu",
            "trim": "do-not-trim",
            "coach": "01234567-89ab-cdef-0123-456789abcdef",
            "recording_status_callback": "https://us.example/callback/2",
            "recording_status_callback_event": "completed absent",
        }
    }
    translation, _ = swml(f"<Dial>{noun}</Dial>", Dialect.STRICT)
    keys = steps(translation)[1]["join_conference"]
    assert keys["recording_status_callback_event"] == "absent"
    assert lost(translation) == ["Conference recordingStatusCallbackEvent"]


def test_what_a_conference_cannot_do() -> None:
    """Told one by one."""
    translation, _ = swml(
        '<Dial record="record-from-answer" timeLimit="9"><Conference eventCallbackUrl="/e" '
        'participantLabel="l" jitterBufferSize="off" region="jp1" waitUrl="" coach="${x}" '
        'statusCallback="mailto:x" recordingStatusCallback="mailto:x">c</Conference></Dial>'
    )
    assert list(steps(translation)[1]) == ["join_conference"]
    assert sorted(lost(translation)) == sorted(
        [
            *("Conference eventCallbackUrl", "Conference participantLabel"),
            *("Conference jitterBufferSize", "Conference waitUrl", "Conference region"),
            *("Conference coach", "Conference statusCallback"),
            *("Conference recordingStatusCallback", "Dial record", "Dial timeLimit"),
        ]
    )


def test_an_sms_goes_to_the_other_party() -> None:
    """Who that is only SignalWire knows: our own expressions say it, and no others."""
    translation, _ = swml('<Sms action="/a">Pay ${x}</Sms>')
    sms, transfer = steps(translation)[1:]
    assert sms == {
        "send_sms": {
            "to_number": "${call.direction == 'inbound' ? call.from : call.to}",
            "from_number": "${call.direction == 'inbound' ? call.to : call.from}",
            "body": "Pay $ {x}",
        }
    }
    assert transfer == {"transfer": {"dest": "https://us.example/document/1"}}
    assert lost(translation) == ["Sms", "Sms action"]
    translation, _ = swml('<Sms to="${call.from}" from=" ">x</Sms>')
    assert steps(translation)[1]["send_sms"]["to_number"] == "$ {call.from}"
    assert lost(translation) == ["Sms to"]


def test_refer_keeps_its_query() -> None:
    """There the headers belong to the address."""
    (step,) = between("<Refer><Sip>sip:bob@pbx.example?X-A=1</Sip></Refer>")
    assert step == {"sip_refer": {"to_uri": "sip:bob@pbx.example?X-A=1"}}
