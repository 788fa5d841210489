"""What SWML makes of a document with its own URLs, with no service behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.addresses import PlainLinks
from tests.twiml.signalwire.ours import FOLDER, every_step, lost, steps
from tests.twiml.signalwire.schemas import faults
from twiml.parser import parse
from twiml.signalwire import cxml
from twiml.signalwire.links import NOWHERE
from twiml.signalwire.swml import Dialect, translate
from twiml.signalwire.translation import Translation

BASE = "https://app.example/voice/answer"


def translated(inner: str, dialect: Dialect = Dialect.FULL, base_url: str = BASE) -> Translation:
    document = parse(f"<Response>{inner}</Response>", base_url=base_url or NOWHERE)
    assert document.usable
    return translate(document, PlainLinks(base_url), base_url, dialect)


def main(inner: str, dialect: Dialect = Dialect.FULL) -> list[dict[str, Any]]:
    return steps(translated(inner, dialect))[1:-1]


def test_streams_stay_the_customers() -> None:
    """Their own sockets and callbacks; no token, and no request that only we would understand."""
    stream = (
        '<Stream url="wss://c.example/1?x=1" name="a" statusCallback="https://c.example/s" '
        'statusCallbackMethod="GET"/>'
    )
    told = {"status_url": "https://c.example/s", "status_url_method": "GET"}
    assert main(f"<Start>{stream}</Start><Connect>{stream}</Connect>") == [
        {
            "stream": {
                "url": "wss://c.example/1",
                "control_id": "a",
                "name": "a",
                "track": "inbound_track",
                "codec": "PCMU",
                **told,
            }
        },
        {
            "connect": {
                "to": "stream:wss://c.example/1",
                "name": "a",
                "codec": "PCMU",
                "realtime": True,
                **told,
            }
        },
    ]
    bare = '<Stream url="wss://c.example/1"/>'
    assert main(f"<Start>{bare}</Start>", Dialect.STRICT) == [
        {"tap": {"uri": "wss://c.example/1", "direction": "speak", "codec": "PCMU"}}
    ]
    (step,) = main(f"<Start>{bare}</Start>")
    assert sorted(step["stream"]) == ["codec", "track", "url"]


def test_names_and_parameters_that_would_be_evaluated() -> None:
    """No bridge delivers them as they were: that is told."""
    stream = (
        '<Stream url="wss://c.example/" name="${a}"><Parameter name="k" value="%{b}"/></Stream>'
    )
    translation = translated(f"<Start>{stream}</Start>")
    keys = steps(translation)[1]["stream"]
    assert (keys["name"], keys["custom_parameters"]) == ("$ {a}", {"k": "% {b}"})
    assert lost(translation) == ["Stream name", "Parameter value"]


@pytest.mark.parametrize("dialect", Dialect)
def test_nothing_is_watched(dialect: Dialect) -> None:
    """There is nobody who would ask."""
    made = main("<Dial>+1</Dial><Enqueue>q</Enqueue><Record/>", dialect)
    output = json.dumps(made)
    assert "status_url" not in output
    assert "call_state" not in output
    assert made[-1]["record"]["max_length"] == 3600


def test_what_is_asked_by_get() -> None:
    """SWML posts; but for a conference, which has the choice."""
    translation = translated(
        '<Gather action="/a" method="GET"/><Dial><Conference statusCallback="/s" '
        'statusCallbackMethod="GET" recordingStatusCallback="/r" waitUrl="/w" waitMethod="GET">'
        'c</Conference></Dial><Record action="/b" recordingStatusCallback="/r" '
        'recordingStatusCallbackMethod="GET"/>'
    )
    assert lost(translation) == [
        *("Gather action", "Conference waitUrl", "Record recordingStatusCallback")
    ]
    keys = next(step for step in steps(translation) if "join_conference" in step)
    assert keys["join_conference"]["status_callback"] == "https://app.example/s"
    assert keys["join_conference"]["status_callback_method"] == "GET"
    assert "recording_status_callback_method" not in keys["join_conference"]


def test_a_document_from_nowhere() -> None:
    """Its own URL is not known, and SWML has no relative ones."""
    translation = translated("<Gather/><Record/><Play>/a.mp3</Play><Redirect/>", base_url="")
    assert [next(iter(step)) for step in steps(translation)] == [
        *("answer", "prompt", "record", "hangup")
    ]
    assert lost(translation) == ["Gather action", "Record action", "Play", "Redirect"]
    translation = translated('<Record action="https://c.example/a"/>', base_url="")
    assert steps(translation)[-1] == {"transfer": {"dest": "https://c.example/a"}}


def test_the_customers_urls_are_not_evaluated() -> None:
    """Percent-encoded they mean what they did, and nothing is lost."""
    translation = translated(
        "<Play>https://c.example/${a}%{b}</Play><Redirect>/n?x=$%{c}&amp;y=${d}</Redirect>"
    )
    assert steps(translation)[1:] == [
        {"play": {"url": "https://c.example/$%7Ba}%25%7Bb}"}},
        {"transfer": {"dest": "https://app.example/n?x=$%25%7Bc}&y=$%7Bd}"}},
    ]
    assert translation.losses == ()


@pytest.mark.contract("S1", "S2")
@pytest.mark.parametrize("base_url", [BASE, ""])
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xml")), ids=lambda path: path.stem)
def test_every_fixture_is_valid(path: Path, base_url: str) -> None:
    """In either dialect, from somewhere or nowhere."""
    document = parse(path.read_bytes(), base_url=base_url or None)
    if not document.usable:
        return
    for dialect in Dialect:
        translation = translate(document, PlainLinks(base_url), base_url, dialect)
        assert faults(json.loads(translation.output), dialect) == []
        assert "us.example" not in translation.output
        assert not any("request" in step for step in every_step(steps(translation)))


STREAM = (
    '<Stream url="wss://c.example/" name="n" statusCallback="/s" statusCallbackMethod="GET">'
    '<Parameter name="k" value="v"/><Parameter name="l" value="w"/></Stream>'
)


@pytest.mark.parametrize(
    ("verb", "lost_ones"),
    [
        ("Start", ["Parameter", "Parameter", "Stream statusCallbackMethod"]),
        ("Connect", ["Stream name", "Stream statusCallback", "Parameter", "Parameter", "Stream"]),
    ],
)
def test_what_a_stream_loses_in_the_strict_dialect(verb: str, lost_ones: list[str]) -> None:
    """No bridge is there that would deliver what the dialect has no place for."""
    translation = translated(f"<{verb}>{STREAM}</{verb}>", Dialect.STRICT)
    assert lost(translation) == lost_ones
    assert lost(translated(f"<{verb}>{STREAM}</{verb}>")) == []
    bare = f'<{verb}><Stream url="wss://c.example/"/></{verb}>'
    assert "Stream name" not in lost(translated(bare, Dialect.STRICT))


@pytest.mark.parametrize("dialect", Dialect)
def test_nobody_echoes(dialect: Dialect) -> None:
    """An echo needs a bridge."""
    translation = translated("<Echo/><Say>x</Say>", dialect)
    assert [next(iter(step)) for step in steps(translation)] == ["answer", "play", "hangup"]
    assert lost(translation) == ["Echo"]
    assert "<Connect><Stream>" in translation.losses[0].instead


@pytest.mark.parametrize("dialect", Dialect)
def test_nobody_is_told_of_a_refused_stream(dialect: Dialect) -> None:
    """It is left out, with a loss that promises nothing."""
    translation = translated('<Start><Stream url="http://c.example/"/></Start>', dialect)
    assert [next(iter(step)) for step in steps(translation)] == ["answer", "hangup"]
    assert [loss.instead for loss in translation.losses] == ["It is left out."]


def test_a_transcription_is_told_to_the_customer() -> None:
    """At their own address, and a loss says in what form."""
    translation = translated('<Start><Transcription statusCallbackUrl="/t"/></Start>')
    start = steps(translation)[1]["live_transcribe"]["action"]["start"]
    assert start["webhook"] == "https://app.example/t"
    assert [loss.instead for loss in translation.losses] == [
        "The statusCallbackUrl gets it in SignalWire's JSON."
    ]


@pytest.mark.parametrize("inner", ["<Redirect>mailto:x</Redirect>", "<Redirect>tel:1</Redirect>"])
def test_nothing_runs_after_a_redirect_that_is_lost(inner: str) -> None:
    """In no language; and the loss says the same in each."""
    document = parse(f"<Response>{inner}<Say>after</Say></Response>", base_url=BASE)
    translations = [translate(document, PlainLinks(BASE), BASE, dialect) for dialect in Dialect]
    translations.append(cxml.translate(document, PlainLinks(BASE), BASE))
    for translation in translations:
        assert "after" not in translation.output
        (loss,) = translation.losses
        assert (loss.element, loss.instead) == ("Redirect", "The call ends there.")
