from __future__ import annotations

import inspect
import re
from functools import cache

import pytest
from twilio.twiml import TwiML, lower_camel, voice_response

from twiml.schema import ROOT, RULES, Text, parents_of, rule_for

BUILDER = re.compile(r"self\.nest\(\s*(\w+)\(")
NAME = re.compile(r'self\.name = "([^"]+)"')


def camel(name: str) -> str:
    return str(lower_camel(TwiML.MAP.get(name, name)))


@cache
def library_arguments() -> dict[str, set[str]]:
    """What twilio-python's builders take, by the name of the element that they build."""
    found: dict[str, set[str]] = {}
    kinds = dict(inspect.getmembers(voice_response, inspect.isclass))
    for kind in kinds.values():
        for _, method in inspect.getmembers(kind, inspect.isfunction):
            built = BUILDER.search(inspect.getsource(method))
            if built and built[1] in kinds:
                name = NAME.search(inspect.getsource(kinds[built[1]].__init__))
                assert name
                arguments = set(inspect.signature(method).parameters) - {"self", "kwargs"}
                found.setdefault(name[1], set()).update(camel(word) for word in arguments)
    return found


def test_every_child_has_a_rule() -> None:
    """Each element that may stand somewhere is described."""
    for rule in RULES.values():
        assert set(rule.children) <= set(RULES), rule.name


def test_every_element_but_the_root_stands_somewhere() -> None:
    """No rule is out of reach, and parents mirror children."""
    for name in RULES:
        assert bool(parents_of(name)) is (name != ROOT.name), name
        for parent in parents_of(name):
            assert name in RULES[parent].children
    assert parents_of("Nonsense") == ()


def test_the_parents_of_a_stream() -> None:
    """A stream stands in Connect, Start and Stop, nowhere else."""
    assert parents_of("Stream") == ("Connect", "Start", "Stop")
    assert rule_for("Stream", "Response") is None
    assert rule_for("Stream", "Start") is RULES["Stream"]


def test_sip_depends_on_its_parent() -> None:
    """Refer's Sip is an address alone, Dial's has attributes and children."""
    refer, dial = rule_for("Sip", "Refer"), rule_for("Sip", "Dial")
    assert refer is not None
    assert dial is not None
    assert not refer.attributes
    assert refer.text is Text.PLAIN
    assert "username" in dial.attributes


@pytest.mark.parametrize("name", sorted(set(RULES) - {"Response"}))
def test_attributes_agree_with_the_library(name: str) -> None:
    """Attribute names are those of Twilio's own Python library, no more and no fewer."""
    arguments, attributes = library_arguments()[name], set(RULES[name].attributes)
    assert attributes <= arguments
    # An element's text is an argument too, under a name of its own.
    assert len(arguments - attributes) == (RULES[name].text is not Text.NONE)
