from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from twiml.actions import Element
from twiml.markup import legal, render


def test_children_are_indented() -> None:
    """Elements alone stand one to a line; empty ones close themselves."""
    tree = Element("A", (("x", "1"),), (Element("B", content=(Element("C"),)), Element("D")))
    assert render(tree) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<A x="1">\n  <B>\n    <C/>\n  </B>\n  <D/>\n</A>\n'
    )


def test_mixed_content_keeps_its_whitespace() -> None:
    """Nothing is added to or taken from text that stands between elements."""
    tree = Element("A", content=(Element("B", content=(" one ", Element("C"), "\n two")),))
    assert "  <B> one <C/>\n two</B>\n" in render(tree)


@given(st.text(), st.text(min_size=1))
def test_any_text_is_well_formed_and_comes_back(value: str, text: str) -> None:
    """What XML can hold at all is read back as it was; the rest is left out."""
    written = render(Element("A", (("v", value),), (text,)))
    read = etree.fromstring(written.encode("utf-8"))
    assert read.get("v") == legal(value)
    assert (read.text or "") == legal(text)
