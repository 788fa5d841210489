"""Every document in fixtures/twiml gives what the JSON beside it says, and they cover it all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.twiml import expectations, summary
from twiml.actions import Element, ReferSip
from twiml.diagnostics import Code, Diagnostic
from twiml.document import Document
from twiml.schema import ROOT, RULES

PROVES = {
    "no_declaration": ("T3", "T4"),
    "real_template_literal": ("T3", "T4"),
    "enc_bom_and_blanks": ("T3",),
    "comments_everywhere": ("T7",),
    "comments_in_odd_places": ("T7",),
    "doctype_in_text_and_comment": ("T7", "T9"),
    "references_of_every_kind": ("T8",),
    "line_ends_as_references": ("T8",),
    "start_full": ("T7", "T8", "T13"),
    "e12100_blank_before_declaration": ("T2",),
    "e12100_bom_and_blank_before_declaration": ("T2",),
    "w12200_default_namespace": ("T5",),
    "w12200_unknown_attribute": ("T6", "T10"),
    "w12200_attributes_misspelled": ("T6", "T10"),
    "w12200_prefixed_everything": ("T10", "T11"),
    "w12200_unknown_verbs": ("T6", "T11"),
    "w12200_verbs_in_other_letters": ("T6", "T11"),
    "w12200_verbs_misspelled": ("T11",),
    "w12200_noun_at_the_top": ("T11",),
    "w12200_verb_in_verb": ("T11",),
    "w12200_nested": ("T11",),
    "w12200_connect_noun": ("T11",),
    "w12200_nouns_of_the_other_verb": ("T11",),
    "e14300_start_noun": ("T12",),
    "e14300_nouns_of_the_other_verb": ("T12",),
    "size_65536_bytes": ("T15",),
    "e11750_65537_bytes": ("T15",),
    "inline_4000_characters": ("T15",),
    "inline_wide_characters": ("T15",),
    "e32018_4001_characters": ("T15",),
    "live_update_4000_characters": ("T15",),
    "e32018_live_update_4001_characters": ("T15",),
    "answer_text_html_twiml": ("T16",),
    "answer_twiml_as_text_plain": ("T17",),
    "e12300_json": ("T18",),
    "e12300_image": ("T18",),
    "e12300_xml_of_another_kind": ("T18",),
    "start_minimal": ("T21",),
    "all_defaults_written": ("T21",),
    "e31922_schemes": ("T22",),
    "e31922_relative_and_odd_schemes": ("T22",),
    "e31923_malformed": ("T23",),
    "e31923_placeholders": ("T23",),
    "w12200_query_dropped": ("T24",),
    "w12200_queries_and_fragments": ("T24",),
    "w12200_relative_url": ("T25",),
    "relative_urls_of_every_kind": ("T25",),
    "relative_urls_of_an_http_document_in_production": ("T25",),
    "e31941_connect_tracks": ("T26",),
    "e31941_tracks_of_connect": ("T26",),
    "e31941_start_tracks": ("T27",),
    "e31900_parameter_500": ("T31",),
    "e15004_live_update": ("T19",),
    "e15004_actions": ("T19",),
    "live_update_absolute": ("T19",),
    "node_start_stop": ("T20",),
    "node_connect": ("T20",),
}
WRONG_ROOTS = (
    *("fragment", "html", "html_page", "messaging_root", "other_root", "prefixed_root"),
    *("soap_fault", "wrong_case_root"),
)
DOCUMENT_TYPES = (
    *("billion_laughs", "default_attributes", "doctype_alone", "doctype_entities"),
    *("doctype_external", "doctype_html", "doctype_public", "external_entity"),
    *("external_entity_by_http", "parameter_entity", "quadratic_blow_up"),
)


def proved(name: str) -> tuple[str, ...]:
    """The lines that a document proves; most of what is 12100 is no well-formed XML (T1)."""
    lines = PROVES.get(name, ())
    kind, _, what = name.partition("_")
    if kind != "e12100" or lines:
        return lines
    if what in WRONG_ROOTS:
        return ("T5", "T6") if what == "wrong_case_root" else ("T5",)
    return ("T9",) if what in DOCUMENT_TYPES else ("T1",)


def cases() -> Iterator[object]:
    for path in expectations.paths():
        lines = proved(path.stem)
        marks = [pytest.mark.contract(*lines)] if lines else []
        yield pytest.param(path, id=path.stem, marks=marks)


@pytest.mark.parametrize("path", list(cases()))
def test_document(path: Path) -> None:
    """A stored document is read to the stored actions, codes, lines and columns."""
    given, expected = expectations.stored(path)
    assert summary.of_document(expectations.read(path, given)) == expected


@pytest.mark.parametrize("path", expectations.paths(), ids=lambda path: path.stem)
def test_the_name_says_the_number(path: Path) -> None:
    """A document called by a code has it; one without a code in its name has no finding."""
    _, expected = expectations.stored(path)
    codes = {int(found.rpartition(" ")[2]) for found in expected["diagnostics"]}
    kind = path.stem.partition("_")[0]
    if kind[1:].isdigit():
        assert int(kind[1:]) in codes
        assert expected["usable"] is not (int(kind[1:]) in {12100, 11750, 12300, 15004, 32018})
    elif path.stem not in MIXED and kind != "answer":
        assert codes == set()


MIXED = ("wrong_in_every_way", "refused_and_sound_streams", "other_nouns")


@cache
def documents() -> dict[str, Document]:
    return {
        path.stem: expectations.read(path, expectations.stored(path)[0])
        for path in expectations.paths()
    }


def elements() -> Iterator[Element]:
    def below(element: Element) -> Iterator[Element]:
        yield element
        for child in element.children:
            yield from below(child)

    for document in documents().values():
        for action in document.actions:
            yield from below(action)


def test_there_are_documents_enough() -> None:
    """A hundred and fifty at least, each with its expectation, and no expectation without one."""
    names = {path.stem for path in expectations.paths()}
    assert len(names) >= 150
    assert {path.stem for path in expectations.FOLDER.glob("*.json")} == names
    assert set(PROVES) | set(MIXED) <= names
    assert {f"e12100_{name}" for name in (*WRONG_ROOTS, *DOCUMENT_TYPES)} <= names


def test_every_element_is_read() -> None:
    """Each element that the schema has is in some document, where it belongs."""
    found = {type(element) for element in elements()}
    assert {rule.kind for rule in RULES.values() if rule is not ROOT} | {ReferSip} <= found


def test_every_attribute_is_read() -> None:
    """Each attribute has, somewhere, a value that is not its default."""
    left = {
        (rule.name, attribute.name)
        for rule in RULES.values()
        for attribute in rule.attributes.values()
    }
    for element in elements():
        for attribute in RULES[element.tag].attributes.values():
            if getattr(element, attribute.field, attribute.default) != attribute.default:
                left.discard((element.tag, attribute.name))
    # Pay knows one kind of input, which is the default.
    assert left == {("Pay", "input")}


def tag_before(name: str, found: Diagnostic) -> str:
    """The element in whose tag a finding is; every such document is in UTF-8."""
    text = (expectations.FOLDER / f"{name}.xml").read_text(encoding="utf-8")
    lines = text.split("\n")[: found.line]
    lines[-1] = lines[-1][: found.column]
    return "\n".join(lines).rpartition("<")[2].split()[0]


def test_every_kind_of_value_is_misread() -> None:
    """Each attribute that does not take any text is given, somewhere, what it does not take."""
    left = {
        (rule.name, attribute.name)
        for rule in RULES.values()
        for attribute in rule.attributes.values()
        if attribute.kind is not None
    }
    for name, document in documents().items():
        for found in document.diagnostics:
            attribute, _, rest = found.message.partition(" is ")
            if found.code == Code.SCHEMA and rest.startswith('"'):
                left.discard((tag_before(name, found), attribute))
    assert left == set()


def test_every_code_is_met() -> None:
    """Each number that a document can give is given by one."""
    met = {found.code for document in documents().values() for found in document.diagnostics}
    assert met == set(Code)


def test_expectations_are_written_in_one_way(tmp_path: Path) -> None:
    """What `make expectations` would write is what is there, so that differences are real ones."""
    for path in expectations.paths():
        given, expected = expectations.stored(path)
        beside = path.with_suffix(".json")
        assert beside.read_text(encoding="utf-8") == expectations.page(given, expected), path.stem


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": []},
        {"usable": True, "text": 'x"\\\n\u00a0\U0001f600'},
        {"words": [f"word-{number}" for number in range(40)]},
        {"texts": [f"a text {number}" for number in range(40)]},
        {"deep": [{"one": {"a": "x" * 90, "b": [1, 2.5, None, False]}}, "y" * 200]},
    ],
)
def test_expectations_are_json(value: object) -> None:
    """However it is laid out, it says what it was given."""
    assert json.loads(expectations.written(value)) == value
