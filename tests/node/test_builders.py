"""What Node's builders print is read as the values that went in, and the types agree."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node.libraries import MISSING, attributes, built, census, literals
from tests.twiml.plans import (
    BASE,
    TEXT,
    Native,
    Plan,
    Step,
    chains,
    everything,
    last_of,
    needed,
    plans,
)
from tests.twiml.values import family
from twiml.actions import Track
from twiml.actions.values import MISFIT, Attribute
from twiml.parser import parse
from twiml.schema import RULES

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(MISSING, reason="needs Node.js and `npm ci` in tests/node"),
]
LOWER_CASE = {
    *("backgroundnoisereduction", "deepgramsmartformat", "ignorebackchannel", "speechtimeout")
}
THROW = {"emphasis", "lang", "p", "prosody", "s", "w"}
"""Where SignalWire's library looks for its own node under a name that is a method's, or no
name at all: whatever is put into these throws a TypeError before anything is printed."""


def comes_back(library: str, chosen: list[Plan]) -> None:
    documents = built(library, [plan.path for plan in chosen])
    for plan, twiml in zip(chosen, documents, strict=True):
        document = parse(twiml.encode(), base_url=BASE)
        assert tuple(found.code for found in document.diagnostics) == plan.codes, plan.name
        assert last_of(document.actions) == plan.expected, plan.name
        assert type(last_of(document.actions)) is type(plan.expected), plan.name


@pytest.mark.contract("T20")
def test_twilio_every_argument_comes_back() -> None:
    """Every builder, in every place, with each value: no finding, and the values typed."""
    comes_back("twilio", list(everything()))


def test_twilio_every_builder_is_called() -> None:
    """The library has the nestings of the schema, no more and no fewer."""
    found = census("twilio")
    assert not [each for each in found if "failed" in each]
    nestings = {((["Response", *each["path"]])[-1], each["element"]) for each in found}
    assert nestings == set(chains())


@pytest.mark.parametrize("name", sorted(name for name, rule in RULES.items() if rule.attributes))
def test_twilio_types_agree(name: str) -> None:
    """Each attribute takes what the library's types say: numbers, booleans, the same words."""
    declared, known = attributes("twilio")[name], RULES[name].attributes
    assert set(declared) - set(known) == (LOWER_CASE if name == "ConversationRelay" else set())
    # Of these two the Python library knows more than Node's of the same month.
    assert set(declared) >= set(known) or name in {"ConversationRelay", "Language"}
    for attribute in known.values():
        if attribute.name in declared:
            check_type(attribute, declared[attribute.name])


@pytest.mark.parametrize("name", sorted(LOWER_CASE))
def test_twilio_names_in_lower_case(name: str) -> None:
    """Four names that Node's types misspell are told of, with the name that Python's has."""
    document = parse(f'<Response><Connect><ConversationRelay {name}="x"/></Connect></Response>')
    (found,) = document.diagnostics
    meant = found.advice.removeprefix("Did you mean ").partition("?")[0]
    assert meant in RULES["ConversationRelay"].attributes
    assert meant.lower() == name


def check_type(attribute: Attribute, declared: str) -> None:
    union = literals("twilio").get(declared.removesuffix("[]"))
    kind, found = attribute.kind, family(attribute)
    if declared in {"number", "boolean"}:
        assert found == declared
    elif declared == "number[]":
        assert found == "numbers"
    elif union is None:
        assert declared == "string"
        # Methods are "string" in most places, and take two values all the same.
        assert found in {"text", "language", "seconds or auto", "choice"}
        assert kind is None or found != "choice" or set(kind.options) == {"GET", "POST"}
    elif found in {"choice", "words"}:
        assert kind is not None
        assert set(kind.options) == set(union)
        assert (found == "words") is (declared.endswith("[]") and len(union) > 1)
    elif kind is not None:
        assert found == "language"
        assert not [word for word in union if kind.read(word) is MISFIT]
    else:
        # A voice, for the list grows; a stream's track, which has numbers of its own for faults.
        assert attribute.name == "voice" or set(union) == {track.value for track in Track}


def signalwire_paths() -> list[tuple[str, ...]]:
    return [(*each["path"], each["element"]) for each in census("signalwire") if "element" in each]


def is_twilios(path: tuple[str, ...]) -> bool:
    parents = ("Response", *path)
    return all(nesting in chains() for nesting in zip(parents, path, strict=False))


def test_signalwire_every_argument_comes_back() -> None:
    """What SignalWire's library builds of Twilio's schema, with all that Twilio's has."""
    paths = [path for path in signalwire_paths() if is_twilios(path)]
    assert len(paths) > 50
    comes_back("signalwire", [plan for path in paths for plan in plans(path)])


def test_signalwire_words_of_its_own_are_warnings() -> None:
    """What Twilio does not know is told of, and no error: the rest of the document runs."""
    own = list(_signalwires_own())
    assert {steps[-1].element for steps in own} >= {"AI", "SWAIG", "PostPrompt", "Languages"}
    for steps, twiml in zip(own, built("signalwire", own), strict=True):
        document = parse(twiml.encode(), base_url=BASE)
        assert document.errors == (), twiml
        assert {found.code for found in document.diagnostics} <= {12200}, twiml
        assert document.verbs == (steps[0].element,)


def _signalwires_own() -> Iterator[tuple[Step, ...]]:
    """Every builder with each value that SignalWire's types have, whoever knows it."""
    for path in signalwire_paths():
        *above, name = path
        declared = attributes("signalwire").get(f"AI{name}" if above[-1:] == ["AI"] else name, {})
        values = {attribute: _samples(declared[attribute]) for attribute in declared}
        if name == "Stream":
            values |= {"url": ["wss://c.example/"], "track": ["inbound_track"], "connectorName": []}
        text = TEXT if name == "PostPrompt" else None
        for turn in range(max([1, *map(len, values.values())])):
            given = {each: of[turn % len(of)] for each, of in values.items() if of}
            yield (*map(needed, above), Step(name, given, text))


def _samples(declared: str) -> list[Native]:
    if union := literals("signalwire").get(declared.removesuffix("[]")):
        return [[word] if declared.endswith("[]") else word for word in union]
    plain: dict[str, list[Native]] = {"number": [2], "boolean": [True, False]}
    return plain.get(declared, ["text & <more>"])


def test_signalwire_builders_that_throw() -> None:
    """They are those of marks inside marks of speech, and throw in the library itself."""
    failed = [each for each in census("signalwire") if "failed" in each]
    assert {each["path"][-1] for each in failed} == THROW
    reached = {path[-2:] for path in signalwire_paths()}
    assert not {pair for pair in reached if len(pair) == 2 and pair[0] in THROW}
