from __future__ import annotations

import pytest

from twiml.parser import parse
from twiml.syntax import explain


@pytest.mark.contract("T1")
@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("<Response>a & b</Response>", (1, 14), "&amp;"),
        ('<Response a="?a=1&b=2"/>', (1, 20), "&amp;"),
        ("<Response>1 < 2</Response>", (1, 14), "&lt;"),
        ('<Response a="1 < 2"/>', (1, 16), "&lt;"),
        ("<Response>&nbsp;</Response>", (1, 17), "&#160;"),
        ("<Response>\n<Say>x</Response>", (2, 18), "</Say> before </Response>"),
        ("<Response><Say>x</say></Response>", (1, 23), "<Say> of line 1"),
        ("<Response><Say>x", (1, 17), "</Say>"),
        ("<Response a=1/>", (1, 13), 'name="value"'),
        ("<Response a=\u201c1\u201d/>", (1, 13), "curly"),
        ("<Response a/>", (1, 12), 'name="value"'),
        ("<Response a='1' a='2'/>", (1, 22), "twice"),
        ("<Response a='1'b='2'/>", (1, 16), "space"),
        ("<Response a='1/>", (1, 17), "quote"),
        ("<Response><Say</Response>", (1, 15), "tag"),
        ("<Response/><Response/>", (1, 12), "nothing after"),
        ("<br/>\n<Response/>", (2, 1), "no warning"),
        ("<Response>&#6a;</Response>", (1, 14), "&#233;"),
        ("<Response>&#xg;</Response>", (1, 14), "&#xE9;"),
        ('<?xml version="2.0"?><Response/>', (1, 20), 'version="1.0"'),
        ('<?xml encoding="UTF-8"?><Response/>', (1, 7), 'version="1.0"'),
        ('<?xml version="1.0" encoding=""?><Response/>', (1, 31), 'version="1.0"'),
        ("<Response><?a </Response>", (1, 26), "?>"),
        ("<Response><?= $x ?></Response>", (1, 13), "PHP"),
        ("<Response><a:b:c xmlns:a='u'/></Response>", (1, 17), "without colons"),
        ("<r xmlns:a='u' xmlns:b='u' a:x='' b:x=''/>", (1, 41), "twice"),
        ("Hello", (1, 1), "not XML"),
        ("<Response><!-- a -- b --></Response>", (1, 18), "--"),
        ("<Response><!-- a </Response>", (1, 29), "-->"),
        ("<Response><![CDATA[a</Response>", (1, 32), "]]>"),
        ("<Response>]]></Response>", (1, 11), "]]&gt;"),
        ("<Response>\x07</Response>", (1, 11), "control"),
        ("<Response><x:Say/></Response>", (1, 17), "prefix"),
        ("<Response><?xml version='1.0'?></Response>", (1, 16), "first characters"),
    ],
)
def test_each_common_mistake_is_explained(text: str, place: tuple[int, int], says: str) -> None:
    """The place is where reading stopped, and the words say how to mend it."""
    (found,) = parse(text).diagnostics
    assert (found.severity, found.code) == ("error", 12100)
    assert (found.line, found.column) == place
    assert says in f"{found.message} {found.advice}"


def test_the_unexplained_has_words_too() -> None:
    """An error that we have no words for still gets a message and advice."""
    message, advice = explain("ERR_NEVER_HEARD_OF", "", "", 1, 1)
    assert message
    assert advice


def test_a_place_outside_the_text_is_harmless() -> None:
    """Places come from libxml2 and are not trusted to be in the text."""
    for line, column in ((0, 0), (9, 9), (1, 99)):
        _, advice = explain("ERR_ATTRIBUTE_NOT_STARTED", "", "x", line, column)
        assert "curly" not in advice


def test_long_names_are_cut() -> None:
    """A customer's name for a tag does not make a message of any length."""
    (found,) = parse(f"<Response><{'x' * 9000}></Response>").diagnostics
    assert len(str(found)) < 400
