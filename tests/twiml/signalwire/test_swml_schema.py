"""The two schemas, and that every translation is valid under its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twiml.signalwire.ours import BASE, FOLDER, Ours, every_step, steps
from tests.twiml.signalwire.schemas import faults, schema
from tests.twiml.signalwire.strategies import documents
from twiml.document import Document
from twiml.parser import parse
from twiml.signalwire.swml import Dialect, translate
from twiml.signalwire.swml.expressions import LIVE

FULL, STRICT = Dialect.FULL, Dialect.STRICT
BOTH, NEITHER = {FULL, STRICT}, set[Dialect]()

WS = "stream:wss://h.example/p"
MATRIX: tuple[tuple[Any, set[Dialect]], ...] = (
    ({"stream": {"url": "wss://a"}}, {FULL}),
    ({"stop_stream": {"control_id": "a"}}, {FULL}),
    ({"stream": {"url": "http://a"}}, {FULL}),
    ({"stream": {"url": "wss://a", "track": "both"}}, NEITHER),
    ({"stream": {"url": "wss://a", "custom_parameters": {"a": 1}}}, NEITHER),
    ({"connect": {"to": WS}}, BOTH),
    ({"connect": {"to": WS, "timeout": 1, "max_duration": 9}}, BOTH),
    ({"connect": {"to": WS, "result": {"case": {}}}}, BOTH),
    ({"connect": {"to": WS, "realtime": True}}, {FULL}),
    ({"connect": {"to": WS, "codec": "PCMU"}}, {FULL}),
    ({"connect": {"to": WS, "name": "n"}}, {FULL}),
    ({"connect": {"to": WS, "status_url": "https://a"}}, {FULL}),
    ({"connect": {"to": WS, "status_url_method": "GET"}}, {FULL}),
    ({"connect": {"to": WS, "authorization_bearer_token": "t"}}, {FULL}),
    ({"connect": {"to": WS, "custom_parameters": {"a": "b"}}}, {FULL}),
    ({"connect": {"serial": [{"to": WS, "realtime": True}]}}, {FULL}),
    ({"connect": {"to": "+1", "serial": [{"to": "+1"}]}}, NEITHER),
    ({"connect": {"to": "+1", "ringback": {"url": "ring:us"}}}, {STRICT}),
    ({"connect": {"to": "+1", "ringback": ["ring:us"]}}, BOTH),
    ({"connect": {"to": "+1", "from_name": "n"}}, {FULL}),
    ({"transcribe": {}}, {FULL}),
    ({"transcribe_stop": {}}, {FULL}),
    (
        {
            "send_sms": {
                "to_number": "1",
                "from_number": "2",
                "body": "b",
                "status_callback": "https://a",
            }
        },
        {FULL},
    ),
    ({"tap": {"uri": "wss://a"}}, BOTH),
    ({"tap": {"uri": "http://a"}}, BOTH),
    ({"tap": {"uri": "ws://a", "codec": "L16"}}, NEITHER),
    ({"tap": {"uri": "ws://a", "direction": "hear"}}, NEITHER),
    ({"answer": {}}, BOTH),
    ({"hangup": {}}, BOTH),
    ({"answer": None}, NEITHER),
    ("hangup", NEITHER),
    ({"answer": {}, "hangup": {}}, NEITHER),
    ({"gather": {}}, NEITHER),
    ({"hangup": {"reason": "rejected"}}, NEITHER),
    ({"play": {"url": "say:a", "urls": ["say:a"]}}, NEITHER),
    ({"play": {"url": "say:a", "loop": 2}}, NEITHER),
    ({"play": {"url": "rtmp://a"}}, NEITHER),
    ({"play": {"url": "a.mp3"}}, NEITHER),
    ({"play": {"url": "say:a", "volume": 41}}, NEITHER),
    ({"play": {"url": "${x}"}}, BOTH),
    ({"play": {"url": "say:"}}, BOTH),
    ({"play": {"url": "say:<speak>a</speak>"}}, BOTH),
    ({"play": {"url": "silence: 1.5"}}, BOTH),
    ({"play": {"url": "say:line1\nline2"}}, NEITHER),
    ({"prompt": {"max_digits": 1}}, NEITHER),
    ({"prompt": {"play": "say:a", "max_digits": 1000}}, BOTH),
    ({"sleep": 1000}, BOTH),
    ({"sleep": -1}, BOTH),
    ({"sleep": {"duration": 1000}}, BOTH),
    ({"sleep": 1.5}, NEITHER),
    ({"record": {"direction": "both"}}, NEITHER),
    ({"record_call": {"direction": "both"}}, BOTH),
    ({"goto": {"label": "a", "max": 0}}, NEITHER),
    ({"goto": {"label": "a", "max": 101}}, NEITHER),
    ({"request": {"url": "https://a"}}, NEITHER),
    ({"request": {"url": "https://a", "method": "PATCH"}}, NEITHER),
    ({"enter_queue": {"queue_name": "q"}}, NEITHER),
    ({"join_conference": {"name": "n", "beep": True}}, NEITHER),
    ({"join_conference": {"name": "n", "max_participants": 1}}, NEITHER),
    ({"join_conference": {"name": "n", "region": "us-east"}}, {STRICT}),
    ({"join_conference": {"name": "n", "status_callback_event": "start end"}}, {FULL}),
    ({"join_conference": {"name": "n", "status_callback_event_type": "cxml"}}, {FULL}),
    ({"join_conference": {"name": "n", "stream": {"url": "wss://a"}}}, {FULL}),
)
"""The acceptance matrix of S section 1.1: a step, and the dialects that take it."""


def accepted(step: Any) -> set[Dialect]:
    document = {"version": "1.0.0", "sections": {"main": [step]}}
    return {dialect for dialect in Dialect if not faults(document, dialect)}


@pytest.mark.parametrize(
    ("step", "dialects"), MATRIX, ids=[json.dumps(step)[:60] for step, _ in MATRIX]
)
def test_the_schemas_are_those_of_the_reference(step: Any, dialects: set[Dialect]) -> None:
    """What the SDK's schema takes and what the overlay adds to it, as seen when written down."""
    assert accepted(step) == dialects


@pytest.mark.contract("S3")
def test_only_the_full_dialect_knows_stream() -> None:
    """When this fails the SDK has caught up, and the overlay can shrink."""
    assert accepted({"stream": {"url": "wss://h.example/p"}}) == {FULL}
    assert "stream" not in json.dumps(schema(STRICT)["$defs"]["ValidConfirmMethods"]).lower()


@pytest.mark.contract("S4")
def test_a_bare_connect_passes_both_and_realtime_one() -> None:
    """The strict dialect has no other two-way stream."""
    assert accepted({"connect": {"to": WS}}) == BOTH
    assert accepted({"connect": {"to": WS, "realtime": True}}) == {FULL}


@pytest.mark.parametrize(
    ("document", "valid"),
    [
        ({"sections": {"main": []}}, True),
        ({"version": "1.0.0", "sections": {"main": [], "more": [{"answer": {}}]}}, True),
        ({"version": "1.0", "sections": {"main": []}}, False),
        ({"version": "1.0.0", "sections": {"more": []}}, False),
        ({"version": "1.0.0", "sections": {"main": []}, "x": 1}, False),
    ],
)
def test_documents(document: Any, valid: bool) -> None:
    """What may stand round the steps."""
    assert {not faults(document, dialect) for dialect in Dialect} == {valid}


def check(document: Document, dialect: Dialect) -> None:
    """All that holds for every translation."""
    translation = translate(document, Ours(), BASE, dialect)
    assert translation == translate(document, Ours(), BASE, dialect)
    output = json.loads(translation.output)
    assert output["version"] == "1.0.0"
    assert faults(output, dialect) == []
    assert translation.output == json.dumps(output, indent=2, ensure_ascii=False) + "\n"
    for step in every_step(steps(translation)):
        ((method, keys),) = step.items()
        check_step(method, keys)
        check_addresses(keys)
        assert faults({"sections": {"main": [step]}}, dialect) == []
    for text in strings(output):
        assert text in LIVE or ("${" not in text and "%{" not in text)
    for loss in translation.losses:
        assert loss.element
        assert loss.why.endswith(".")
        assert loss.instead.endswith(".")


def check_step(method: str, keys: Any) -> None:
    match method:
        case "goto":
            assert 1 <= keys["max"] <= 100
        case "join_conference":
            assert 2 <= keys.get("max_participants", 2) <= 100_000
            assert isinstance(keys["beep"], str)
        case "play":
            assert ("url" in keys) != ("urls" in keys)
            assert "loop" not in keys
            for url in keys.get("urls") or [keys["url"]]:
                assert url.startswith(("say:", "https://us.example/"))
        case "sleep":
            assert isinstance(keys, int)
        case "stream":
            assert all(isinstance(value, str) for value in keys.get("custom_parameters", {}))


ADDRESSES = (
    *("dest", "url", "uri", "status_url", "call_state_url", "wait_url", "confirm"),
    *("status_callback", "recording_status_callback"),
)


def check_addresses(keys: Any) -> None:
    """Every address is ours, whatever stood there, and the streams' have no query string."""
    if not isinstance(keys, dict):
        return
    for place in (keys, *keys.get("serial", ()), *keys.get("parallel", ())):
        for name in ADDRESSES:
            if isinstance(url := place.get(name), str):
                assert url.startswith(("https://us.example/", "wss://us.example/", "say:")), name
        to = place.get("to", "")
        assert to.startswith("stream:wss://us.example/media/") or not to.startswith("stream:")
        for media in (to, place.get("url", ""), place.get("uri", "")):
            if media.startswith(("wss:", "stream:")):
                assert "?" not in media


def strings(value: Any) -> list[str]:
    """Every string of a JSON value, keys and those of documents in strings too."""
    match value:
        case str() if value.startswith('{"version"'):
            return strings(json.loads(value))
        case str():
            return [value]
        case dict():
            return [text for pair in value.items() for part in pair for text in strings(part)]
        case list():
            return [text for part in value for text in strings(part)]
        case None:
            raise AssertionError("no value is null")
        case _:
            return []


@pytest.mark.contract("S1", "S2", "S5", "S6", "S7", "S8", "S9", "S10")
@pytest.mark.parametrize("dialect", Dialect)
@settings(deadline=None)
@given(document=documents())
def test_any_document_is_valid(document: Document, dialect: Dialect) -> None:
    """Whatever is in it, in either dialect, and nothing of the customer's is evaluated."""
    check(document, dialect)


@pytest.mark.contract("S1", "S2", "S5", "S6")
@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xml")), ids=lambda path: path.stem)
def test_every_fixture_is_valid(path: Path, dialect: Dialect) -> None:
    """The documents that real apps might send."""
    document = parse(path.read_bytes(), base_url=BASE)
    if document.usable:
        check(document, dialect)


@given(st.text())
def test_parsed_text_is_valid(text: str) -> None:
    """What passes the parser, in any letters."""
    escaped = text.encode("ascii", "xmlcharrefreplace").decode().replace("<", "&lt;")
    document = parse(f"<Response><Say>{escaped}</Say></Response>")
    if document.usable:
        check(document, Dialect.STRICT)
