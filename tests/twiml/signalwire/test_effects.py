"""SWML and cXML of one document do the same things in the same order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from lxml import etree

from tests.twiml.signalwire.ours import BASE, Ours
from twiml.parser import parse
from twiml.signalwire import cxml, swml
from twiml.signalwire.swml import Dialect

STREAM = '<Stream url="wss://c.example/" name="s"/>'

TABLE: tuple[tuple[str, list[str]], ...] = (
    ("<Say>a</Say><Play>/b.mp3</Play><Pause length='2'/>", ["say a", "play b", "wait 2"]),
    ('<Say loop="2">a</Say><Play digits="1w"/>', ["say a", "say a", "tones 1w"]),
    ("<Say>a</Say><Hangup/><Say>b</Say>", ["say a"]),
    ("<Reject/>", ["reject rejected"]),
    ('<Reject reason="busy"/>', ["reject busy"]),
    ("<Say>a</Say><Redirect>/next</Redirect><Say>b</Say>", ["say a", "go /next"]),
    (
        '<Gather action="/g"><Say>a</Say><Pause/></Gather><Say>b</Say>',
        ["ask: say a, wait 1", "if entered go /g", "say b"],
    ),
    (
        '<Gather action="/g" actionOnEmptyResult="true"><Play>/b.mp3</Play></Gather>',
        ["ask: play b", "go /g"],
    ),
    ('<Record action="/r"/>', ["record", "go /r"]),
    ('<Dial action="/d"><Number>+1</Number></Dial>', ["dial +1", "go /d"]),
    (
        "<Dial><Number>+1</Number><Number>+2</Number></Dial><Say>a</Say>",
        ["dial +1, +2", "say a"],
    ),
    ("<Dial><Sip>sip:a@b.example</Sip></Dial>", ["dial sip:a@b.example"]),
    ("<Dial>+1</Dial>", ["dial +1"]),
    ("<Dial><Conference>c</Conference></Dial><Say>a</Say>", ["conference c", "say a"]),
    ('<Dial action="/d"><Queue>q</Queue></Dial>', ["dial queue:q", "go /d"]),
    ('<Enqueue action="/e">q</Enqueue>', ["wait in q", "go /e"]),
    (
        '<Refer action="/f"><Sip>sip:a@b.example</Sip></Refer>',
        ["refer to sip:a@b.example", "go /f"],
    ),
    ('<Sms to="+1" from="+2">hi</Sms><Say>a</Say>', ["message hi", "say a"]),
    (f"<Start>{STREAM}</Start><Say>a</Say>", ["stream s", "say a"]),
    (
        f'<Start>{STREAM}</Start><Pause/><Stop><Stream name="s"/></Stop>',
        ["stream s", "wait 1", "stop s"],
    ),
    (f'<Connect action="/c">{STREAM}</Connect><Say>a</Say>', ["hand over", "go /c"]),
    (f"<Connect>{STREAM}</Connect><Say>a</Say>", ["hand over", "say a"]),
    ("<Connect><Room>r</Room></Connect><Say>a</Say>", ["room r", "say a"]),
    ('<Connect action="/c"><Room>r</Room></Connect><Say>a</Say>', ["room r", "go /c"]),
    ("<Start><Siprec/></Start><Connect><AiSession/></Connect><Say>a</Say>", ["say a"]),
    ('<Connect action="/c"><AiSession/></Connect><Say>a</Say>', ["say a"]),
    ('<Connect action="tel:1">' + STREAM + "</Connect><Say>a</Say>", ["hand over", "say a"]),
    ("<Say>a</Say><Redirect>mailto:x</Redirect><Say>b</Say>", ["say a"]),
    ("<Enqueue/><Sms/><Play/><Say/><Refer/><Dial/><Say>a</Say>", ["say a"]),
    ("", []),
)
"""Documents, and what a caller meets. What only one of the languages has is not here."""


@dataclass
class Speaking(Ours):
    """Links that say what they stand for, however many were made before."""

    def document(self, url: str, method: str, verb: str, attribute: str) -> str:
        return "https://us.example/go" + url.removeprefix("https://customer.example")

    def media_file(self, url: str) -> str:
        return "https://us.example/play/" + quote(url.rpartition("/")[2])


@pytest.mark.contract("S33")
@pytest.mark.parametrize(("twiml", "effects"), TABLE, ids=[row[0][:60] for row in TABLE])
def test_the_translations_have_the_same_effects(twiml: str, effects: list[str]) -> None:
    """Both dialects of SWML, and cXML."""
    document = parse(f"<Response>{twiml}</Response>", base_url=BASE)
    assert of_cxml(cxml.translate(document, Speaking(), BASE).output) == effects
    for dialect in Dialect:
        output = swml.translate(document, Speaking(), BASE, dialect).output
        assert of_swml(json.loads(output)["sections"]["main"]) == effects


def went(url: str) -> str:
    return "go " + url.removeprefix("https://us.example/go")


def heard(url: str) -> str:
    kind, _, rest = url.partition(":")
    match kind:
        case "say":
            return f"say {rest}"
        case "silence":
            return f"wait {rest.strip()}"
        case _:
            return f"play {url.removeprefix('https://us.example/play/').removesuffix('.mp3')}"


def of_swml(steps: list[dict[str, Any]]) -> list[str]:
    """What a caller meets, in words."""
    effects: list[str] = []
    for step in steps:
        ((method, keys),) = step.items()
        match method:
            case "play":
                effects += [heard(url) for url in keys.get("urls") or [keys["url"]]]
            case "sleep":
                effects.append(f"wait {keys // 1000}")
            case "send_digits":
                effects.append(f"tones {keys['digits']}")
            case "prompt":
                effects.append(f"ask: {', '.join(heard(url) for url in keys['play'])}")
            case "cond" if "transfer" in keys[0]["then"][0]:
                effects.append("if entered " + went(keys[0]["then"][0]["transfer"]["dest"]))
            case "record":
                effects.append("record")
            case "connect" if keys.get("to", "").startswith("stream:"):
                effects.append("hand over")
            case "connect":
                places = keys.get("parallel") or [keys]
                effects.append(f"dial {', '.join(place['to'] for place in places)}")
            case "join_conference":
                effects.append(f"conference {keys['name']}")
            case "join_room":
                effects.append(f"room {keys['name']}")
            case "enter_queue":
                effects.append(f"wait in {keys['queue_name']}")
            case "sip_refer":
                effects.append(f"refer to {keys['to_uri']}")
            case "send_sms":
                effects.append(f"message {keys['body']}")
            case "stream" | "tap":
                effects.append(f"stream {keys['control_id']}")
            case "stop_stream" | "stop_tap" if not keys["control_id"].endswith("-listen"):
                effects.append(f"stop {keys['control_id']}")
            case "transfer":
                effects.append(went(keys["dest"]))
            case "hangup" if "reason" in keys:
                effects.append("reject " + {"decline": "rejected"}.get(keys["reason"], "busy"))
            case "answer" | "hangup" | "cond" | "stop_tap":
                pass
            case _:
                raise AssertionError(f"what a caller meets in {method} is not known")
    return effects


def of_cxml(output: str) -> list[str]:
    """What a caller meets, in words; what SignalWire's cXML does by itself too."""
    effects: list[str] = []
    for verb in etree.fromstring(output.encode()):
        tag, text, action = str(verb.tag), (verb.text or "").strip(), verb.get("action")
        match tag:
            case "Say" | "Play" | "Pause":
                effects += spoken(verb)
            case "Gather":
                effects.append(f"ask: {', '.join(word for noun in verb for word in spoken(noun))}")
                entered = "" if verb.get("actionOnEmptyResult") == "true" else "if entered "
                effects.append(entered + went(str(action)))
                action = None
            case "Record":
                effects.append("record")
            case "Dial" if verb.find("Conference") is not None:
                effects.append(f"conference {verb.findtext('Conference')}")
            case "Dial" if verb.find("Queue") is not None:
                effects.append(f"dial queue:{verb.findtext('Queue')}")
            case "Dial":
                effects.append(f"dial {', '.join(str(noun.text) for noun in verb) or text}")
            case "Enqueue":
                effects.append(f"wait in {text}")
            case "Refer":
                effects.append(f"refer to {verb.findtext('Sip')}")
            case "Sms":
                effects.append(f"message {text}")
            case "Start" | "Stop":
                does = {"Start": "stream", "Stop": "stop"}[tag]
                effects += [f"{does} {stream.get('name')}" for stream in verb]
            case "Connect" if verb.find("Room") is not None:
                effects.append(f"room {verb.findtext('Room')}")
            case "Connect":
                effects.append("hand over")
            case "Redirect":
                effects.append(went(text))
            case "Reject":
                effects.append(f"reject {verb.get('reason', 'rejected')}")
            case "Hangup":
                break
            case _:
                raise AssertionError(f"what a caller meets in {tag} is not known")
        if action:
            effects.append(went(action))
    return effects


def spoken(verb: etree._Element) -> list[str]:
    match verb.tag:
        case "Pause":
            return [f"wait {verb.get('length', '1')}"]
        case "Play" if verb.get("digits"):
            return [f"tones {verb.get('digits')}"]
        case "Play":
            return [heard(str(verb.text))]
        case _:
            return [f"say {verb.text}"] * int(verb.get("loop", "1"))
