"""docs/diagnostics.md says of every number what the parser does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from twiml.diagnostics import Code
from twiml.document import FETCHED, LIVE_UPDATE
from twiml.parser import parse
from twiml.response import read_response

PAGE = (Path(__file__).parents[2] / "docs" / "diagnostics.md").read_text(encoding="utf-8")
SECTIONS = {
    int(section[:5]): section
    for section in re.split("^## ", PAGE, flags=re.MULTILINE)[1:]
    if section[:5].isdigit()
}
NO_EXAMPLE = {Code.TOO_LARGE, Code.INLINE_TOO_LONG, Code.CONTENT_TYPE}
"""Those that take more than a short document."""


def examples(code: int) -> list[str]:
    return re.findall(r"^```xml\n(.*?)^```", SECTIONS[code], flags=re.MULTILINE | re.DOTALL)


def test_every_number_has_its_section() -> None:
    """And its row in the first table; there are no others."""
    assert set(SECTIONS) == set(Code)
    rows = re.findall(r"^\| \[(\d+)\]\(#(\d+)\) \| (error|warning) \|", PAGE, flags=re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == sorted(Code)
    assert all(number == anchor for number, anchor, _ in rows)


@pytest.mark.parametrize("code", sorted(set(Code) - NO_EXAMPLE))
def test_examples(code: Code) -> None:
    """The first has this number and no other; mended, it has none at all."""
    limits = LIVE_UPDATE if code is Code.RELATIVE_ACTION else FETCHED
    wrong, mended = (parse(example, limits) for example in examples(code))
    assert {found.code for found in wrong.diagnostics} == {code}
    assert mended.diagnostics == ()


def test_numbers_without_an_example() -> None:
    """They have none that a short document could show."""
    assert [examples(code) for code in sorted(NO_EXAMPLE)] == [[], [], []]


URL = 'url="wss://c.example/"'
NAMED = f'{URL} name="a"'
LONG = "v" * 498


@pytest.mark.parametrize(
    ("document", "codes"),
    [
        (b"\xef\xbb\xbf<Response/>", []),
        ("<Response/>".encode("utf-16"), []),
        ('<?xml version="1.0" encoding="UTF-16"?><Response/>'.encode("utf-16-le"), [12100]),
        ('<?xml version="1.0" encoding="KOI8-R"?><Response/>'.encode("koi8-r"), []),
        ('<?xml version="1.0" encoding="windows-1252"?><Response/>'.encode("cp1252"), []),
        ("<Response/>".encode("utf-32"), [12100]),
        ("<!DOCTYPE Response><Response/>", [12100]),
        ("<Response><Say>&#233;&lt;</Say></Response>", []),
        ("<Response><Say>&eacute;</Say></Response>", [12100]),
        ('<Response xmlns="urn:x"/>', [12200]),
        ('<Response xmlns:x="urn:x"><x:Say/></Response>', [12200]),
        ("<Response><x:Say/></Response>", [12100]),
        ("<!-- a --><?p ?><Response><!-- a --><?p ?></Response><!-- a -->", []),
        ("<Response><Say><![CDATA[<a>]]></Say></Response>", []),
        ("<a>" * 300 + "</a>" * 300, [12100]),
        ("<Response><SAY/><Hangup/></Response>", [12200]),
        ('<Response version="1"/>', [12200]),
        ("<Response><Connect><Siprec/></Connect></Response>", [12200]),
        (f"<Response><Connect><Stream {URL}/><Stream {URL}/></Connect></Response>", [31900]),
        (f"<Response>{f'<Connect><Stream {URL}/></Connect>' * 2}</Response>", []),
        (f"<Response><Start>{f'<Stream {NAMED}/>' * 2}</Start></Response>", [31900]),
        (f"<Response><Start>{f'<Stream {URL}/>' * 5}</Start></Response>", [31900]),
        (f"<Response>{f'<Connect><Stream {NAMED}/></Connect>' * 2}</Response>", []),
        (f'<Stream {URL}><Parameter name="a" value="{LONG}"/></Stream>', []),
        (f'<Stream {URL}><Parameter name="ab" value="{LONG}"/></Stream>', [31900]),
        (f'<Stream {URL}><Parameter name="é" value="{LONG}"/></Stream>', []),
        (f'<Stream {URL}><Parameter name=""/></Stream>', [12200]),
        (f'<Stream {URL}><Parameter name="a"/></Stream>', []),
        ("<Stream/>", [31923]),
        ('<Stream url=""/>', [31923]),
        ('<Stream connectorName="a"/>', [31940]),
        (f'<Stream {URL} track="INBOUND_TRACK"/>', [31941]),
        (f'<Stream {URL} statusCallbackMethod="post"/>', [12200]),
        (f'<Stream {URL} statusCallback="/s"/>', []),
        ('<Response><Dial timeout="soon">1</Dial></Response>', [12200]),
        ('<Response><Dial hangupOnStar="True">1</Dial></Response>', [12200]),
        (f'<Response><Start action="/a"><Stream {URL}/></Start></Response>', []),
        ('<Response><Stop><Stream name="a" url="x:" track="x"/></Stop></Response>', []),
    ],
)
def test_choices(document: bytes | str, codes: list[int]) -> None:
    """What the page says of the cases that Twilio's documents leave open."""
    if isinstance(document, str) and document.startswith("<Stream"):
        document = f"<Response><Start>{document}</Start></Response>"
    found = parse(document, base_url="https://a.example/").diagnostics
    assert [finding.code for finding in found] == codes


def test_the_charset_of_an_answer_does_not_count() -> None:
    """The document says itself what it is written in."""
    body = '<Response><Pause length="é"/></Response>'.encode()
    (found,) = read_response("text/xml; charset=latin-1", body, "https://a.example/").diagnostics
    assert '"é"' in found.message


def test_a_stream_fails_for_the_first_of_its_faults() -> None:
    """In the order that the page gives; all of them are reported."""
    wrong = f'url="x:" connectorName="c" track="x"><Parameter name="n" value="{LONG * 2}"/>'
    document = parse(
        f"<Response><Connect><Stream {URL}/><Stream {wrong}</Stream></Connect></Response>"
    )
    assert [found.code for found in document.diagnostics] == [31900, 31940, 31922, 31941, 31900]
