"""What all of TwiML's elements have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Self

Attributes = tuple[tuple[str, str], ...]
"""Attributes of an element as written, in document order."""


class Text(Enum):
    """Whether an element's own text means anything."""

    NONE = "none"
    PLAIN = "plain"
    MIXED = "mixed"
    """Text and elements in one sequence, whitespace included: `<Say>` and SSML."""


@dataclass(frozen=True)
class Element:
    """An element as written; its subclasses add what its attributes mean.

    A typed field holds the value that is in force: what was written if that can be used, or else
    the default. `content` holds text and child elements in document order, without what the
    schema does not know. There are no slots, so that defaults are held by the class alone.
    """

    tag: str
    attributes: Attributes = ()
    content: tuple[str | Element, ...] = ()
    line: int = field(default=0, compare=False)

    CHILDREN: ClassVar[str] = ""
    """The elements that may stand in this one, with blanks between them."""
    TEXT: ClassVar[Text] = Text.NONE

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """One with these fields; every other has its default. Costs less than `__init__` does."""
        element = object.__new__(cls)
        element.__dict__.update(fields)
        return element

    @property
    def text(self) -> str:
        """The element's own text, without that of its children."""
        return "".join(part for part in self.content if isinstance(part, str))

    @property
    def children(self) -> tuple[Element, ...]:
        return tuple(part for part in self.content if isinstance(part, Element))

    def get(self, name: str) -> str | None:
        """The value of an attribute as written, None when absent."""
        return lookup(self.attributes, name)


@dataclass(frozen=True)
class Verb(Element):
    """An element that may stand in `<Response>`, where it is an action of its own."""


Action = Verb


def lookup(attributes: Attributes, name: str) -> str | None:
    """The value of an attribute as written, None when absent."""
    for key, value in attributes:
        if key == name:
            return value
    return None
