"""Random TwiML, drawn from the schema: valid elements in valid places, with any values."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.twiml.signalwire.ours import BASE
from twiml.actions import Attributes, Element
from twiml.document import Document
from twiml.markup import render
from twiml.parser import parse
from twiml.schema import ROOT, Rule, Text

_WORDS = (
    *("", "0", "1", "3", "12", "102", "5000000", "true", "false", "auto", "#", "ww1#a"),
    *("${call.from}", "%{x}", "$${y}", "a%%{b", "https://c.example/x?${a}", "/relative?a=%{b}"),
    *("wss://c.example/m", "rtmp://c.example/x", "+1 (555) 123-0000", "sip:bob@pbx.example?X-A=1"),
    *("sip:${x}@pbx.example", "client:bob", "queue:q", "stream:wss://c.example/", "/private/x"),
    *("Polly.Amy", "Google.de-DE-Wavenet-A", "man", "alice", "Nobody", "de-DE", "xx-XX"),
    *("CA0123456789abcdef0123456789abcdef", "<speak>x</speak>", "line\nbreak\u2028", "Grüße"),
)
_texts = st.sampled_from(_WORDS) | st.text(max_size=12)
_APT = {
    ("Stream", "url"): "wss://c.example/media",
    ("Stream", "track"): "inbound_track",
    ("Number", ""): "+1 (555) 123-0000",
    ("Dial", ""): "5551230000",
    ("Sip", ""): "sip:${x}@pbx.example;transport=tls?X-A=%24%7By}",
    ("Play", ""): "/music ${x}.mp3",
    ("Enqueue", ""): "queue ${x}",
    ("Conference", ""): "room %{x}",
}
"""What makes sense there, and is given mostly; other values have the element left out."""


@st.composite
def elements(draw: st.DrawFn, rule: Rule, depth: int = 3) -> Element:
    """An element of this rule with some of its attributes and children."""
    names = draw(st.lists(st.sampled_from(sorted(rule.attributes) or [""]), unique=True))
    attributes: Attributes = tuple(
        (name, draw(_values(rule, name)))
        for name in rule.attributes
        if (name in names and name != "connectorName") or (rule.name, name) in _APT
    )
    content: list[str | Element] = []
    if rule.text is not Text.NONE:
        content.append(draw(_values(rule, "")))
    if rule.children and depth:
        kinds = draw(st.lists(st.sampled_from(sorted(rule.children)), max_size=2 * depth))
        content += [draw(elements(rule.children[kind], depth - 1)) for kind in kinds]
    return Element(rule.name, attributes, tuple(content))


def documents() -> st.SearchStrategy[Document]:
    """Documents as the parser gives them."""
    return elements(ROOT).map(_parsed).filter(lambda document: document.usable)


def _parsed(root: Element) -> Document:
    return parse(render(root), base_url=BASE)


def _values(rule: Rule, name: str) -> st.SearchStrategy[str]:
    """Of an attribute, or of the text where the name is empty."""
    kind = rule.attributes[name].kind if name else None
    if kind is not None and kind.options:
        return st.sampled_from(kind.options)
    apt = _APT.get((rule.name, name))
    return _texts if apt is None else st.sampled_from((*_WORDS, *[apt] * 4 * len(_WORDS)))
