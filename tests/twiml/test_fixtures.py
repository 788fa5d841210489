"""Every document in fixtures/twiml gives what the JSON beside it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.twiml import summary
from twiml.document import FETCHED, INLINE, LIVE_UPDATE
from twiml.parser import parse

FOLDER = Path(__file__).parents[2] / "fixtures" / "twiml"
LIMITS = {"fetched": FETCHED, "inline": INLINE, "live-update": LIVE_UPDATE}

PROVES = {
    "no_declaration": ("T3", "T4"),
    "comments_everywhere": ("T7",),
    "start_full": ("T7", "T8", "T13"),
    "e12100_blank_before_declaration": ("T2",),
    "e12100_wrong_case_root": ("T5", "T6"),
    "e12100_other_root": ("T5",),
    "e12100_prefixed_root": ("T5",),
    "e12100_doctype_entities": ("T9",),
    "e12100_doctype_external": ("T9",),
    "w12200_unknown_attribute": ("T6", "T10"),
    "w12200_unknown_verbs": ("T6", "T11"),
    "w12200_nested": ("T11",),
    "w12200_connect_noun": ("T11",),
    "e14300_start_noun": ("T12",),
    "e31922_schemes": ("T22",),
    "e31923_malformed": ("T23",),
    "w12200_query_dropped": ("T24",),
    "relative_url": ("T25",),
    "e31941_connect_tracks": ("T26",),
    "e31941_start_tracks": ("T27",),
    "e15004_live_update": ("T19",),
    "live_update_absolute": ("T19",),
    "node_start_stop": ("T20",),
    "node_connect": ("T20",),
}
MALFORMED = (
    "e12100_ampersand",
    "e12100_ampersand_in_url",
    "e12100_less_than",
    "e12100_unclosed",
    "e12100_unquoted",
    "e12100_curly_quotes",
    "e12100_no_end",
    "e12100_two_roots",
    "e12100_json",
    "e12100_bad_bytes",
    "e12100_empty",
)


def cases() -> Iterator[object]:
    for path in sorted(FOLDER.glob("*.xml")):
        lines = PROVES.get(path.stem, ()) + (("T1",) if path.stem in MALFORMED else ())
        marks = [pytest.mark.contract(*lines)] if lines else []
        yield pytest.param(path, id=path.stem, marks=marks)


@pytest.mark.parametrize("path", list(cases()))
def test_document(path: Path) -> None:
    """A stored document is read to the stored actions, codes, lines and columns."""
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    given = expected.pop("given", {})
    limits = LIMITS[given.pop("limits", "fetched")]
    assert summary.of_document(parse(path.read_bytes(), limits, **given)) == expected


def test_the_lists_name_documents_that_exist() -> None:
    """No mark is lost to a renamed document."""
    names = {path.stem for path in FOLDER.glob("*.xml")}
    assert set(PROVES) | set(MALFORMED) <= names
    assert {path.stem for path in FOLDER.glob("*.json")} == names
