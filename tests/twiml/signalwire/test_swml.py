"""Whole documents in SWML: what goes round the steps, size, order, losses."""

from __future__ import annotations

import json

import pytest

from tests.twiml.signalwire.ours import BASE, Ours, between, every_step, lost, steps, swml
from twiml.actions import Element, Gather, Say
from twiml.document import Document
from twiml.schema import RULES
from twiml.signalwire.swml import Dialect, apology, translate
from twiml.signalwire.swml.vocabulary import FATES

CARRIED = {
    "Say": "voice language loop",
    "Play": "loop digits",
    "Pause": "length",
    "Gather": "action method input timeout speechTimeout finishOnKey numDigits language hints "
    "actionOnEmptyResult",
    "Record": "action method recordingStatusCallback recordingStatusCallbackMethod timeout "
    "finishOnKey maxLength playBeep",
    "Dial": "action method recordingStatusCallback recordingStatusCallbackMethod timeout "
    "timeLimit callerId record answerOnBridge ringTone recordingTrack sequential",
    "Number": "url method statusCallback statusCallbackMethod statusCallbackEvent sendDigits",
    "Sip": "url method statusCallback statusCallbackMethod statusCallbackEvent username password",
    "Uri": "priority weight username password",
    "Header": "name value",
    "Client": "url method statusCallback statusCallbackMethod statusCallbackEvent",
    "Conference": "statusCallback statusCallbackMethod recordingStatusCallback "
    "recordingStatusCallbackMethod muted beep startConferenceOnEnter endConferenceOnExit waitUrl "
    "waitMethod maxParticipants record region coach trim statusCallbackEvent "
    "recordingStatusCallbackEvent",
    "Enqueue": "action method waitUrl waitUrlMethod",
    "Reject": "reason",
    "Redirect": "method",
    "Refer": "action method",
    "Sms": "to from action method statusCallback",
    "Connect": "action method",
    "Stream": "statusCallback statusCallbackMethod url name track connectorName",
    "Recording": "recordingStatusCallback recordingStatusCallbackMethod track channels",
    "Transcription": "statusCallbackUrl statusCallbackMethod track languageCode "
    "transcriptionEngine",
}
"""What a translator reads; a Stream's connectorName is refused before."""
MUTE = {
    "Gather": "partialResultCallbackMethod",
    "Dial": "referMethod",
    "Number": "amdStatusCallback amdStatusCallbackMethod machineDetectionTimeout "
    "machineDetectionSpeechThreshold machineDetectionSpeechEndThreshold "
    "machineDetectionSilenceTimeout",
    "Sip": "amdStatusCallback amdStatusCallbackMethod machineDetectionTimeout "
    "machineDetectionSpeechThreshold machineDetectionSpeechEndThreshold "
    "machineDetectionSilenceTimeout",
    "Queue": "method",
    "Start": "method",
}
"""What means nothing without another attribute, which is lost."""


def test_every_attribute_has_one_fate() -> None:
    """None is forgotten: each is carried, lost in words, or mute without one that is lost."""
    ssml = {"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub"}
    whole = {element for element, attribute in FATES if not attribute}
    for name, rule in RULES.items():
        if (name in whole and name != "Queue") or name in ssml or name in ("Language", "Config"):
            continue
        lost_ones = [attribute for element, attribute in FATES if element == name and attribute]
        told = [*CARRIED.get(name, "").split(), *MUTE.get(name, "").split(), *lost_ones]
        assert sorted(told) == sorted(rule.attributes), name


def test_every_fate_is_of_something() -> None:
    """The table names nothing that TwiML does not have."""
    for element, attribute in FATES:
        assert element in RULES
        assert not attribute or attribute in RULES[element].attributes


@pytest.mark.parametrize(
    ("twiml", "method"),
    [
        ("<Say>x</Say>", "answer"),
        ("<Pause/><Say>x</Say>", "answer"),
        ("<Hangup/>", "answer"),
        ("<Dial>+1</Dial>", "answer"),
        ('<Dial answerOnBridge="true">+1</Dial>', "connect"),
        ('<Say>x</Say><Dial answerOnBridge="true">+1</Dial>', "answer"),
        ('<Dial answerOnBridge="true"><Conference>c</Conference></Dial>', "answer"),
        ('<Dial answerOnBridge="true" record="record-from-ringing">+1</Dial>', "record_call"),
        ('<Pause/><Dial answerOnBridge="true">+1</Dial>', "answer"),
        ("<Dial><Sim>s</Sim></Dial><Reject/>", "hangup"),
        ("<Dial><Sim>s</Sim></Dial><Say>x</Say>", "answer"),
        ('<Leave/><Dial answerOnBridge="true">+1</Dial>', "connect"),
        ("<Pause/><Reject/>", "sleep"),
        ("<Leave/><Reject/>", "hangup"),
        ("<Say>x</Say><Reject/>", "answer"),
    ],
)
def test_when_a_call_is_answered(twiml: str, method: str) -> None:
    """Before all else, unless it is to be rejected or to ring until the other party answers."""
    assert next(iter(steps(swml(twiml)[0])[0])) == method


def test_nothing_comes_after_what_never_returns() -> None:
    """No step that cannot be reached, no second end, and no losses of what is never run."""
    translation, links = swml("<Redirect>/r</Redirect><Pay/><Dial>+1</Dial>")
    assert steps(translation) == [
        {"answer": {}},
        {"transfer": {"dest": "https://us.example/document/1"}},
    ]
    assert translation.losses == ()
    assert links.given == [("document", "https://customer.example/r", "POST", "Redirect")]
    assert steps(swml('<Reject reason="busy"/><Pay/>')[0]) == [{"hangup": {"reason": "busy"}}]


def test_a_document_aside_neither_answers_nor_ends_the_call() -> None:
    """What a dialled party or a queue hears is not the caller's own document."""
    translation, _ = swml("<Say>Call for you</Say>", aside=True)
    assert steps(translation) == [{"play": {"url": "say:Call for you"}}]
    translation, _ = swml("<Hangup/>", aside=True)
    assert steps(translation) == [{"hangup": {}}]
    translation, _ = swml("", aside=True)
    assert steps(translation) == []


@pytest.mark.contract("S25")
def test_redirects() -> None:
    """To an absolute URL of ours; an empty one asks for the document itself, a bad one nothing."""
    _, links = swml("<Redirect/>")
    assert links.given == [("document", BASE, "POST", "Redirect")]
    (step,) = between('<Redirect method="GET">https://c.example/next?a=1</Redirect>')
    assert step["transfer"]["dest"].startswith("https://")
    translation, links = swml("<Redirect>tel:1</Redirect><Say>never</Say>")
    assert steps(translation) == [{"answer": {}}, {"hangup": {}}]
    assert lost(translation) == ["Redirect"]
    assert links.given == []


def test_urls_come_back_through_us() -> None:
    """Each kind of URL is exchanged for its kind of link, absolute; what only we ask is watched."""
    _, links = swml(
        '<Gather action="/a" method="GET"><Play>m.mp3</Play></Gather>'
        '<Dial action="b" recordingStatusCallback="/rs" record="record-from-ringing">'
        '<Number url="w" method="GET" statusCallback="s" statusCallbackMethod="GET">+1</Number>'
        "</Dial>"
    )
    voice = "https://customer.example/voice"
    assert links.given == [
        ("file", f"{voice}/m.mp3"),
        ("document", "https://customer.example/a", "GET", "Gather"),
        ("document", f"{voice}/b", "POST", "Dial"),
        ("document", f"{voice}/w", "GET", "Number"),
        ("callback", f"{voice}/s", "GET", "Number"),
        ("watch", "Dial"),
        ("callback", "https://customer.example/rs", "POST", "Dial"),
    ]


def test_the_output_is_written_for_people_too() -> None:
    """Indented by two, in plain letters, keys in one order, the same each time."""
    translation, _ = swml("<Say>Grüße</Say>")
    assert translation.output == (
        '{\n  "version": "1.0.0",\n  "sections": {\n    "main": [\n      {\n'
        '        "answer": {}\n      },\n      {\n        "play": {\n'
        '          "url": "say:Grüße"\n        }\n      },\n      {\n'
        '        "hangup": {}\n      }\n    ]\n  }\n}\n'
    )
    assert swml("<Say>Grüße</Say>")[0] == translation


def test_the_size_is_told() -> None:
    """64 kB is within the bound, one byte more is not, and a loss says so."""
    spoken = "<Say>" + "x" * 4050 + "</Say>"
    whole = len(swml(spoken * 15 + "<Say>x</Say>")[0].output) - 1
    fits = 64 * 1024 - whole
    assert 0 < fits < 4096
    translation, _ = swml(spoken * 15 + f"<Say>{'x' * fits}</Say>")
    assert len(translation.output) == 64 * 1024
    assert not translation.too_large
    assert translation.losses == ()
    translation, _ = swml(spoken * 15 + f"<Say>{'x' * (fits + 1)}</Say>")
    assert translation.too_large
    assert "too large" in str(translation.losses[-1])


def test_an_apology_says_a_sentence_and_hangs_up() -> None:
    """It stands alone, whatever happened to the customer's document."""
    main = json.loads(apology("We are\nsorry."))["sections"]["main"]
    assert main == [{"answer": {}}, {"play": {"url": "say:We are sorry."}}, {"hangup": {}}]


def test_verbs_that_come_to_nothing_are_lost() -> None:
    """With what is wrong with them, and what happens instead, in one line each."""
    translation, _ = swml(
        "<Dial><Sim>x</Sim></Dial>\n<Dial/>\n<Enqueue/>\n<Refer><Sip>tel:1</Sip></Refer>\n"
        "<Sms/>\n<Connect><Room/></Connect>\n<Play>rtmp://c.example/x</Play>"
    )
    assert steps(translation) == [{"answer": {}}, {"hangup": {}}]
    assert [str(loss) for loss in translation.losses] == [
        "line 1: <Sim> has no counterpart in SWML. It is not dialled.",
        "line 1: <Dial> has nobody left in it whom SWML can call. It is left out.",
        "line 2: <Dial> has nobody left in it whom SWML can call. It is left out.",
        "line 3: <Enqueue> names no queue. The call does not wait.",
        "line 4: <Refer> has no SIP address in it. It is left out.",
        "line 5: <Sms> has no text. No message is sent.",
        "line 6: <Room> has no name. Nothing is joined.",
        "line 7: <Play> is not an http or https URL. It is left out.",
    ]


def test_urls_that_cannot_be_asked_are_lost() -> None:
    """Each with what it stands in; the verb itself runs."""
    translation, links = swml(
        '<Sms statusCallback="tel:1">x</Sms><Enqueue action="tel:1" waitUrl="tel:1">q</Enqueue>'
        '<Dial action="tel:1"><Number url="tel:1" statusCallback="tel:1">+1</Number></Dial>'
        '<Dial><Conference waitUrl="tel:1">c</Conference></Dial>'
    )
    assert [next(iter(step)) for step in steps(translation)] == [
        *("answer", "send_sms", "enter_queue", "connect", "join_conference", "hangup")
    ]
    assert lost(translation) == [
        *("Sms statusCallback", "Enqueue action", "Enqueue waitUrl", "Dial action"),
        *("Number url", "Number statusCallback", "Conference waitUrl"),
    ]
    assert links.given == [("watch", "Enqueue"), ("watch", "Dial")]


def test_what_no_parser_gives_is_left_out() -> None:
    """An element that is nowhere in the schema does not stop the rest."""
    document = Document((Gather(content=(Element("dance"), Say(content=("x",)))),))
    translation = translate(document, Ours(), BASE)
    assert steps(translation)[1]["prompt"]["play"] == ["say:x"]
    assert lost(translation) == ["dance"]


def test_what_is_at_its_default_is_no_loss() -> None:
    """Nor is what changes nothing, nor what TwiML itself does not know."""
    translation, _ = swml(
        '<Gather bargeIn="true" debug="false" enhanced="false" speechModel="numbers_and_commands" '
        'nonsense="1" maxSpeechTime="9"/><Dial hangupOnStar="false" referUrl="" '
        'trim="do-not-trim"><Number machineDetectionTimeout="9">+1</Number></Dial>'
        '<Start action="" method="GET"><Recording trim="do-not-trim"/></Start>'
    )
    assert translation.losses == ()
    translation, _ = swml('<Record trim="trim-silence" action="/a"/>')
    assert lost(translation) == ["Record trim"]


def test_the_dialects_are_two_words() -> None:
    """As a setting would spell them."""
    assert [str(dialect) for dialect in Dialect] == ["full", "strict"]
    assert translate(Document(()), Ours(), BASE) == translate(
        Document(()), Ours(), BASE, Dialect.FULL
    )


def test_labels_are_used_once() -> None:
    """Each loop jumps to its own label."""
    main = steps(swml('<Say loop="0">a</Say><Play loop="0">/b</Play>')[0])
    labels = [step["label"] for step in every_step(main) if "label" in step]
    jumps = [step["goto"]["label"] for step in every_step(main) if "goto" in step]
    assert labels == jumps == ["again-1", "again-2"]
