"""What every builder of Twilio's Python library prints is read as the values that went in."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from twilio.twiml import TwiML, lower_camel, voice_response
from twilio.twiml.voice_response import VoiceResponse

from tests.twiml.plans import BASE, Plan, Step, chains, everything, last_of, plans, written
from twiml.diagnostics import Code
from twiml.parser import parse
from twiml.schema import ROOT

_NESTED = re.compile(r"self\.nest\(\s*(\w+)\(")
_NAME = re.compile(r'self\.name = "([^"]+)"')


KINDS = {
    kind
    for _, kind in inspect.getmembers(voice_response, inspect.isclass)
    if issubclass(kind, TwiML) and kind is not TwiML
}


def name_of(kind: type[TwiML]) -> str:
    """The element that a builder is of."""
    if kind is VoiceResponse:
        return ROOT.name
    (name,) = _NAME.findall(inspect.getsource(kind.__init__))
    return str(name)


def builders(kind: type[TwiML]) -> dict[str, str]:
    """The methods of a builder, by the element that each makes."""
    found = {}
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        made = _NESTED.search(inspect.getsource(method))
        if made and hasattr(voice_response, made[1]):
            found[name_of(getattr(voice_response, made[1]))] = name
    return found


BUILDERS = {kind: builders(kind) for kind in KINDS}


def build(node: TwiML, step: Step) -> TwiML:
    """Call the builder of a step with each of its arguments, by name."""
    method = getattr(node, BUILDERS[type(node)][step.element])
    arguments: dict[str, Any] = {}
    for name in set(inspect.signature(method).parameters) - {"kwargs"}:
        attribute = lower_camel(TwiML.MAP.get(name, name))
        if attribute in step.attributes:
            value = step.attributes[attribute]
            arguments[name] = written(value) if isinstance(value, list) else value
        elif step.text is not None:
            arguments[name] = step.text
    assert len(arguments) == len(step.attributes) + (step.text is not None), (step, arguments)
    built = method(**arguments)
    assert isinstance(built, TwiML)
    return built


def printed(plan: Plan) -> str:
    response = VoiceResponse()
    node: TwiML = response
    for step in plan.path:
        node = build(node, step)
    return str(response)


@pytest.mark.contract("T20")
@pytest.mark.parametrize("chain", chains().values(), ids=" ".join)
def test_every_argument_comes_back(chain: tuple[str, ...]) -> None:
    """Every builder, in every place, with each value: no finding, and the values typed."""
    for plan in plans(chain):
        document = parse(printed(plan).encode(), base_url=BASE)
        assert tuple(found.code for found in document.diagnostics) == plan.codes
        assert last_of(document.actions) == plan.expected
        assert type(last_of(document.actions)) is type(plan.expected)


def test_every_builder_is_called() -> None:
    """The plans hold each builder of each class of the library, and no other nesting."""
    reached = {(name_of(kind), element) for kind in KINDS for element in BUILDERS[kind]}
    assert reached == set(chains())
    assert len(everything()) > 500


def test_a_list_is_not_joined() -> None:
    """What the library prints for a Python list is no list of words; that is reported."""
    response = VoiceResponse()
    response.dial().number("1", status_callback_event=["initiated", "ringing"])
    document = parse(str(response))
    assert [found.code for found in document.diagnostics] == [Code.SCHEMA]
