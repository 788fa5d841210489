"""Random TwiML without a fault, made from the schema, and what reading it must give.

An element is drawn as the parser should return it: attributes as written, typed fields, content.
`printing` writes it down in one of the many ways that XML has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.twiml.printing import Printed, printed
from tests.twiml.values import Value, plain_text, values, xml_text
from twiml.actions import Connect, Element, Parameter, Start, Stop, Stream, Text, Track
from twiml.schema import ROOT, RULES, Rule
from twiml.streams import MAX_TRACKS

BASE = "https://app.example/voice/answer?x=1"
_MOST_ATTRIBUTES = 6
_DEPTH = 5
_VERBS = (
    *sorted(ROOT.children),
    *(["Connect", "Dial", "Gather", "Pay", "Start", "Stop", "Start", "Connect"]),
)
"""More often those with much in them."""

_URLS = {
    "wss://c.example/media": ("wss://c.example/media", False),
    "WSS://user:p@c.example:8443/a%20b/": ("wss://user:p@c.example:8443/a%20b/", False),
    "wss://[2001:db8::1]/": ("wss://[2001:db8::1]/", False),
    "wss://b\u00fccher.example/\u00fc": ("wss://xn--bcher-kva.example/%C3%BC", False),
    "media": ("wss://app.example/voice/media", False),
    "/media": ("wss://app.example/media", False),
    "//c.example/media": ("wss://c.example/media", False),
    "wss://c.example/media?token=1&x": ("wss://c.example/media", True),
    "/media#part": ("wss://app.example/media", True),
}
"""A stream's URL as written, what is dialled, and whether something of it is dropped (12200)."""
_CALLBACKS = {
    "https://a.example/s?a=1&b=2#rc=1": "https://a.example/s?a=1&b=2#rc=1",
    "/s": "https://app.example/s",
    "s": "https://app.example/voice/s",
    "": None,
}


@dataclass(frozen=True)
class Sample:
    """A document, the actions that reading it must give, and the numbers of what it must find."""

    printed: Printed
    actions: tuple[Element, ...]
    codes: tuple[int, ...]

    @property
    def data(self) -> bytes:
        return self.printed.data


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Documents in which all is where it may be and as it may be written."""
    verbs = draw(st.lists(st.sampled_from(_VERBS), max_size=5))
    actions = tuple(draw(elements(ROOT.children[verb], ROOT.name)) for verb in verbs)
    return Sample(draw(printed(Element(ROOT.name, content=actions))), actions, _codes(actions))


@st.composite
def elements(draw: st.DrawFn, rule: Rule, parent: str, depth: int = _DEPTH) -> Element:
    """An element of this rule in `parent`, no deeper than `depth`."""
    if rule.kind is Stream:
        return draw(_streams(parent))
    fields: dict[str, Any] = {}
    attributes: list[tuple[str, str]] = []
    for name in draw(_some(rule)):
        attribute = rule.attributes[name]
        written, value = draw(values(attribute))
        attributes.append((name, written))
        fields[attribute.field] = value
    content = draw(_contents(rule, depth))
    return rule.kind(rule.name, tuple(attributes), content, **fields)


def _some(rule: Rule) -> st.SearchStrategy[list[str]]:
    names = sorted(rule.attributes)
    if rule.kind is Parameter:
        return st.permutations(names)
    if not names:
        return st.just([])
    return st.lists(st.sampled_from(names), unique=True, max_size=_MOST_ATTRIBUTES)


@st.composite
def _contents(draw: st.DrawFn, rule: Rule, depth: int) -> tuple[str | Element, ...]:
    least = int(rule.kind in {Start, Connect, Stop})
    kinds = sorted(rule.children)
    chosen = (
        draw(st.lists(st.sampled_from(kinds), min_size=least, max_size=min(4, depth)))
        if kinds and depth
        else []
    )
    children: list[Element] = []
    names: set[str] = set()
    for kind in chosen:
        child = draw(elements(rule.children[kind], rule.name, depth - 1))
        if isinstance(child, Parameter):
            if not child.name or child.name in names:
                continue
            names.add(child.name)
        if not (
            isinstance(child, Stream)
            and rule.kind is Connect
            and any(isinstance(other, Stream) for other in children)
        ):
            children.append(child)
    if rule.text is Text.NONE:
        return tuple(children)
    texts = plain_text if rule.text is Text.PLAIN else xml_text.filter(bool)
    content: list[str | Element] = []
    for child in children:
        content += [*draw(_perhaps(texts)), child]
    return (*content, *draw(_perhaps(texts)))


def _perhaps(texts: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(texts, max_size=1)


@st.composite
def _streams(draw: st.DrawFn, parent: str) -> Stream:
    if parent == "Stop":
        name = draw(plain_text)
        return Stream("Stream", (("name", name),), name=name)
    tracks = [Track.INBOUND] if parent == "Connect" else list(Track)
    written, (connect_url, _) = draw(st.sampled_from(sorted(_URLS.items())))
    fields: dict[str, Value] = {"url": (written, written)}
    for name, of in (
        ("name", xml_text.map(_twice)),
        ("track", st.sampled_from(tracks).map(lambda track: (track.value, track))),
        ("status_callback", st.sampled_from(sorted(_CALLBACKS.items()))),
        ("status_callback_method", values(RULES["Stream"].attributes["statusCallbackMethod"])),
        ("audio_format", st.sampled_from(["audio/x-mulaw", "PCMU"]).map(_twice)),
        ("sample_rate", st.just("8000").map(_twice)),
    ):
        if draw(st.booleans()):
            fields[name] = draw(of)
    spelt = {known.field: name for name, known in RULES["Stream"].attributes.items()}
    order = draw(st.permutations(sorted(fields)))
    return Stream(
        "Stream",
        tuple((spelt[name], fields[name][0]) for name in order),
        draw(_contents(RULES["Stream"], 2)),
        connect_url=connect_url,
        **{name: value for name, (_, value) in fields.items()},
    )


def _twice(value: str) -> Value:
    return value, value


def _codes(actions: Iterable[Element]) -> tuple[int, ...]:
    """What must be found: dropped queries, and what goes wrong among the streams of a call."""
    codes: list[int] = []
    running: dict[object, int] = {}
    for verb in actions:
        for stream in verb.children:
            if not isinstance(stream, Stream):
                continue
            if isinstance(verb, Stop):
                running.pop(stream.name, None)
                continue
            if _URLS[stream.url or ""][1]:
                codes.append(12200)
            if not isinstance(verb, Start):
                continue
            tracks = len(stream.track.names)
            if stream.name in running or sum(running.values()) + tracks > MAX_TRACKS:
                codes.append(31900)
            else:
                running[stream.name or object()] = tracks
    return tuple(sorted(codes))
