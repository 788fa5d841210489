"""Random documents: valid ones come back as they were made, and nothing is ever raised."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twiml import checks
from tests.twiml.generator import BASE, Sample, samples
from tests.twiml.mutations import answers, near_misses
from tests.twiml.values import family, lowest
from twiml.actions import Element
from twiml.parser import parse
from twiml.schema import RULES

at_leisure = settings(deadline=None)


def lines_of(elements: Sequence[Element]) -> list[int]:
    return [line for each in elements for line in (each.line, *lines_of(each.children))]


@pytest.mark.contract("T4", "T7", "T8", "T13")
@at_leisure
@given(samples())
def test_what_was_made_comes_back(sample: Sample) -> None:
    """Types, order, text and lines, in whatever form of XML, with the expected findings only."""
    document = parse(sample.data, base_url=BASE)
    assert tuple(sorted(found.code for found in document.diagnostics)) == sample.codes
    assert document.actions == sample.actions
    assert document.verbs == tuple(action.tag for action in sample.actions)
    assert lines_of(document.actions) == list(sample.printed.lines[1:])


@at_leisure
@given(samples())
def test_valid_documents_are_read_and_translated(sample: Sample) -> None:
    """Under all limits, and in every way that there is."""
    checks.check(sample.data)


@pytest.mark.contract("T1")
@at_leisure
@given(near_misses())
def test_nearly_valid_documents_raise_nothing(data: bytes | str) -> None:
    """They are read as far as they make sense, or refused with a finding."""
    checks.check(data)


@pytest.mark.contract("T1")
@at_leisure
@given(st.binary() | st.text())
def test_random_data_raises_nothing(data: bytes | str) -> None:
    """Hardly any of it is XML at all."""
    checks.check(data)


@at_leisure
@given(answers())
def test_answers_raise_nothing(answer: tuple[str | None, bytes]) -> None:
    """Whatever an answer says that it is."""
    checks.check_answer(*answer)


def test_every_kind_of_value_is_known() -> None:
    """The generator tells the kinds apart, so that it makes values of each."""
    kinds = {
        (rule.name, name): family(attribute)
        for rule in RULES.values()
        for name, attribute in rule.attributes.items()
    }
    assert set(kinds.values()) == {
        *("text", "choice", "words", "boolean", "seconds or auto", "language", "numbers", "number")
    }
    assert kinds["Dial", "ringTone"] == "choice"
    assert kinds["Gather", "input"] == "words"
    assert kinds["Gather", "speechTimeout"] == "seconds or auto"
    assert kinds["lang", "xml:lang"] == "language"
    assert kinds["Prompt", "attempt"] == "numbers"


@pytest.mark.parametrize(
    ("element", "attribute", "low"),
    [("Gather", "timeout", 0), ("Pause", "length", 1), ("Conference", "maxParticipants", 2)],
)
def test_the_bounds_of_numbers_are_known(element: str, attribute: str, low: int) -> None:
    """Numbers are drawn from the smallest that is taken on."""
    kind = RULES[element].attributes[attribute].kind
    assert kind is not None
    assert lowest(kind) == low
