"""What a translation leaves out. A loss is reported, never silent, and never stops the rest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing left out: an element, or one attribute of it, why, and what happens instead."""

    element: str
    attribute: str
    line: int
    why: str
    instead: str

    def __str__(self) -> str:
        what = f"{self.element} {self.attribute}".rstrip()
        return f"line {self.line}: <{what}> {self.why} {self.instead}"


@dataclass(frozen=True, slots=True)
class Fate:
    """Why something is lost, and what happens instead.

    Written at its default an attribute is no loss; with `only`, no other value than that is one.
    """

    why: str
    instead: str
    only: str | None = None


BAD_URL = "is not an http or https URL."
NEVER_ASKED = "is never asked: nothing is left in the <Connect> that could end."
"""Why the `action` of a `<Connect>` is lost that has nothing in it which can be translated."""
