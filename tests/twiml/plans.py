"""What a library of builders is told to build, and what reading its document must give.

A plan is a chain of elements from the root; the last has every attribute, the others only what
they need. Together the plans hold every nesting that the schema has and every value of a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

from tests.twiml.values import family, lowest
from twiml.actions import Connect, Element, Start, Stop, Stream, Text, Track
from twiml.actions.values import Attribute
from twiml.schema import ROOT, Rule, rule_for

BASE = "https://app.example/voice"
TEXT = "1 & <2> \"3\" '4' ]]> Žluťoučký 電話 👩🏽‍🚀 "
_URL = "wss://c.example/media"
_LANGUAGES = ("en-US", "de-DE", "cmn-CN", "es-MX")
Native = bool | int | str | list[str]


@dataclass(frozen=True)
class Step:
    """One element: attributes by their names in TwiML, with values as a program has them."""

    element: str
    attributes: dict[str, Native]
    text: str | None

    @property
    def written(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, written(value)) for name, value in self.attributes.items())


@dataclass(frozen=True)
class Plan:
    """A chain of elements, how its last must be read, and the numbers of what must be found.

    An empty `<Start>` is told of (12200), and a connector is refused (31940).
    """

    path: tuple[Step, ...]
    expected: Element
    codes: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return " ".join(step.element for step in self.path)


def written(value: Native) -> str:
    """A value as it stands in the document; libraries join lists with blanks."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(value) if isinstance(value, list) else str(value)


def chains() -> dict[tuple[str, str], tuple[str, ...]]:
    """Each nesting of an element in another, with the shortest way to it from the root."""
    ways: dict[tuple[str, str], tuple[str, ...]] = {}
    seen = {ROOT.name}
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        above = waiting.pop(0)
        parent = above[-1] if above else ROOT.name
        for child, rule in _rule(above).children.items():
            ways[parent, child] = (*above, child)
            if child not in seen and rule.children:
                seen.add(child)
                waiting.append((*above, child))
    return ways


def plans(chain: tuple[str, ...]) -> Iterator[Plan]:
    """Every argument that the last element of a chain takes, with each of its values in turn."""
    above = tuple(needed(name) for name in chain[:-1])
    rule, parent = _rule(chain), chain[-2] if len(chain) > 1 else ROOT.name
    values = {
        name: _values(rule, attribute, parent)
        for name, attribute in sorted(rule.attributes.items())
        if name != "connectorName" or rule.kind is not Stream
    }
    text = TEXT if rule.text is not Text.NONE else None
    for turn in range(max([1, *map(len, values.values())])):
        given = {name: choices[turn % len(choices)] for name, choices in values.items()}
        codes = (12200,) if rule.kind in {Start, Connect, Stop} else ()
        expected = _expected(rule, given, text, parent)
        yield Plan((*above, Step(rule.name, given, text)), expected, codes)
    if rule.kind is Stream and parent != "Stop":
        given = {"connectorName": "a & b", "url": _URL}
        reason = 'There is no connector named "a & b".'
        refusal: dict[str, Any] = {"refusal": 31940, "refusal_reason": reason}
        expected = replace(_expected(rule, given, None, parent), **refusal)
        yield Plan((*above, Step(rule.name, given, None)), expected, (31940,))


def _rule(chain: tuple[str, ...]) -> Rule:
    rule = ROOT
    for parent, child in pairwise((ROOT.name, *chain)):
        found = rule_for(child, parent)
        assert found is not None
        rule = found
    return rule


def needed(name: str) -> Step:
    """An element with no more than it cannot be without."""
    return Step(name, {"url": _URL} if name == "Stream" else {}, None)


def _values(rule: Rule, attribute: Attribute, parent: str) -> list[Native]:
    if rule.kind is Stream:
        of_streams: dict[str, list[Native]] = {
            "url": [_URL],
            "track": [track.value for track in Track if parent != "Connect"] or ["inbound_track"],
            "statusCallback": ["https://a.example/s?a=1&b=%26"],
            "audioFormat": ["audio/x-mulaw"],
            "sampleRate": ["8000"],
        }
        if attribute.name in of_streams:
            return of_streams[attribute.name]
    kind = attribute.kind
    if kind is None:
        return [f"{attribute.name} & <'\">", "https://a.example/x?a=1&b=2"]
    match family(attribute):
        case "choice":
            return list(kind.options)
        case "words":
            return [*([option] for option in kind.options), list(kind.options)]
        case "boolean":
            return [True, False]
        case "seconds or auto":
            return ["auto", "3"]
        case "language":
            return list(_LANGUAGES)
        case "numbers":
            return [["1"], ["1", "2", "3"]]
        case _:
            low = lowest(kind)
            return [low, low + 1, 999_999_999]


def _expected(rule: Rule, given: dict[str, Native], text: str | None, parent: str) -> Element:
    fields: dict[str, Any] = {}
    for name, value in given.items():
        attribute = rule.attributes[name]
        if isinstance(value, list):
            numbers = family(attribute) == "numbers"
            fields[attribute.field] = tuple(map(int, value)) if numbers else tuple(value)
        else:
            fields[attribute.field] = value
    if rule.kind is Stream:
        if parent == "Stop":
            fields.pop("track", None)
        else:
            fields["connect_url"] = _URL
            fields["track"] = Track(fields.get("track", "inbound_track"))
    content = (text,) if text else ()
    attributes = tuple((name, written(value)) for name, value in given.items())
    return rule.kind(rule.name, attributes, content, **fields)


@cache
def everything() -> tuple[Plan, ...]:
    """All plans, of every chain."""
    return tuple(plan for chain in chains().values() for plan in plans(chain))


def last_of(actions: tuple[Element, ...]) -> Element:
    """The innermost element of a document that is a chain."""
    (element,) = actions
    while element.children:
        (element,) = element.children
    return element
