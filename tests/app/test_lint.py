"""What a report says of a document, as `--json` prints it."""

from __future__ import annotations

import pytest

from app.lint import Report, Verdict, not_had
from twiml.diagnostics import Severity
from twiml.document import LIVE_UPDATE, Limits
from twiml.parser import parse
from twiml.signalwire.links import NOWHERE

BASE = "https://app.example/voice"


def report(xml: str, base_url: str = "", limits: Limits | None = None) -> Report:
    document = parse(xml, limits or Limits(1 << 20), base_url=base_url or NOWHERE)
    return Report("app.xml", document, base_url)


def test_a_record() -> None:
    """Every field, in order; attributes exactly as written and null when absent."""
    xml = (
        "<Response><Say>hi</Say>\n"
        '<Start><Stream url="wss://c.example/m?a=1" name="" track="both_tracks" '
        'statusCallback=" https://c.example/s"/></Start>\n'
        '<Connect><Stream url="WSS://c.example/"><Parameter name="k" value="1"/>'
        '<Parameter name="K"/><Parameter name="k" value="2"/></Stream></Connect>\n'
        '<Stop><Stream name="a" statusCallbackMethod="GET" connectorName="c"/></Stop></Response>'
    )
    record = report(xml).record
    findings = record.pop("diagnostics")
    assert record == {
        "file": "app.xml",
        "verdict": "warn",
        "codes": [12200],
        "verbs": ["Say", "Start", "Connect", "Stop"],
        "streams": [
            {
                "verb": "start",
                "url": "wss://c.example/m?a=1",
                "connect_url": "wss://c.example/m",
                "name": "",
                "track": "both_tracks",
                "statusCallback": " https://c.example/s",
                "statusCallbackMethod": None,
                "connectorName": None,
                "params": {},
            },
            {
                "verb": "connect",
                "url": "WSS://c.example/",
                "connect_url": "wss://c.example/",
                "name": None,
                "track": None,
                "statusCallback": None,
                "statusCallbackMethod": None,
                "connectorName": None,
                "params": {"k": "2", "K": ""},
            },
            {
                "verb": "stop",
                "url": None,
                "connect_url": None,
                "name": "a",
                "track": None,
                "statusCallback": None,
                "statusCallbackMethod": "GET",
                "connectorName": "c",
                "params": {},
            },
        ],
    }
    assert list(record) == ["file", "verdict", "codes", "verbs", "streams"]
    assert [(found["line"], found["column"]) for found in findings] == [(2, 16), (3, 104)]
    assert findings[1] == {
        "severity": "warning",
        "code": 12200,
        "line": 3,
        "column": 104,
        "message": 'The parameter "k" is given twice; the last value stands.',
        "advice": "Use each name once: customParameters is an object and can hold one.",
    }


@pytest.mark.parametrize(
    ("inner", "verdict"),
    [
        ("<Hangup/>", "accept"),
        ("", "accept"),
        ("<say/>", "warn"),
        ('<say/><Start><Stream url="wss://c.example/" track="x"/></Start>', "error"),
        ("<Start><x/></Start>", "error"),
    ],
)
def test_verdicts(inner: str, verdict: str) -> None:
    """An error is an error wherever it is; without one a warning decides."""
    assert report(f"<Response>{inner}</Response>").verdict == verdict


def test_errors_come_first_and_each_number_once() -> None:
    """Then warnings; within each kind in the order they stand in the document."""
    xml = (
        '<Response><say/><Start><Stream track="x" url="ws://c.example/"/></Start>'
        '<Start><y/><Stream url="ws://c.example/"/></Start><tell/></Response>'
    )
    record = report(xml).record
    assert record["codes"] == [31941, 31922, 14300, 12200]
    places = [(found["line"], found["column"]) for found in record["diagnostics"]]
    assert places == sorted(places)
    assert len(places) == 6


def test_what_holds_for_the_whole_document_comes_last() -> None:
    """A finding without a place is not put before the first line."""
    many = report(f"<Response>{'<x/>' * 500}</Response>")
    assert many.findings[-1].line == 0
    assert many.findings[0].line == 1


def test_a_refused_stream_is_not_dialled() -> None:
    """Its URL may be right; it is shown, and what would be dialled is nothing."""
    xml = '<Response><Connect><Stream url="wss://c.example/" track="x"/></Connect></Response>'
    (stream,) = report(xml).record["streams"]
    assert (stream["url"], stream["connect_url"]) == ("wss://c.example/", None)


def test_relative_urls() -> None:
    """No error without a base, and nothing to dial; with one, the absolute URL over wss."""
    xml = '<Response><Start><Stream url="../m"/></Start></Response>'
    assert report(xml).record["codes"] == []
    assert report(xml).record["streams"][0]["connect_url"] is None
    assert report(xml, BASE).record["streams"][0]["connect_url"] == "wss://app.example/m"


def test_a_document_that_cannot_run() -> None:
    """It has no streams; its verbs are named if the XML could be read."""
    xml = '<Response><Dial action="/x"/><Start><Stream url="wss://c.example/"/></Start></Response>'
    update = report(xml, limits=LIVE_UPDATE)
    assert not update.usable
    assert update.record["codes"] == [15004]
    assert update.record["verbs"] == ["Dial", "Start"]
    assert update.record["streams"] == []
    broken = report("<Response><Dial>")
    assert broken.record["verbs"] == []
    assert broken.verdict is Verdict.ERROR


def test_a_document_that_is_not_there() -> None:
    """Why not is an error without a place, and there is nothing to run."""
    missing = not_had("http://a.example/", 11205, "Refused.", "Start it.")
    assert not missing.usable
    assert missing.verdict is Verdict.ERROR
    assert [found.severity for found in missing.findings] == [Severity.ERROR]
    assert missing.record["codes"] == [11205]
    assert (missing.record["verbs"], missing.record["streams"]) == ([], [])
