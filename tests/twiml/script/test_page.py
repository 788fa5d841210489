"""docs/script.md has the tables that the code is driven by."""

from __future__ import annotations

from pathlib import Path

from tests.twiml.script.page import tables
from twiml.actions import ELEMENTS, Verb
from twiml.script import EVERY_VERB
from twiml.script.activity import Activity
from twiml.script.page import MACHINES, render

PAGE = (Path(__file__).parents[3] / "docs" / "script.md").read_text(encoding="utf-8")


def test_the_tables_are_the_code_s() -> None:
    """To write them anew: python -m tests.twiml.script.page."""
    assert tables(PAGE) == render()


def test_every_verb_that_blocks_has_its_table() -> None:
    """None is left out."""

    def leaves(kind: type[Activity]) -> set[type[Activity]]:
        below = kind.__subclasses__()
        return set().union(*map(leaves, below)) if below else {kind}

    assert {machine for _, machine in MACHINES} == leaves(Activity)


def test_every_verb_is_on_the_page() -> None:
    """Those that run in a table, those that cannot among what is skipped."""
    skipped = PAGE.split("What a local call cannot run", 1)[1].split("## ", 1)[0]
    for element in ELEMENTS:
        if issubclass(element, Verb):
            name = f"`<{element.__name__}>`"
            if element.__name__ in EVERY_VERB:
                assert f"\n| {name} |" in PAGE
            else:
                assert name in skipped
