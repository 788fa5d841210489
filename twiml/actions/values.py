"""The kinds of values that attributes have, as specifiers of dataclass fields.

`timeout: int = number(5)` says at once which attribute there is, what it may hold, how it is read
and what holds when it is not written. The attribute's name is the field's in camelCase unless it
is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

_NUMBER = re.compile(r"\s*\+?([0-9]{1,9})\s*")
_SECONDS_OR_AUTO = re.compile(r"auto|[0-9]{1,9}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
_KIND = "kind"


class Misfit:
    """The one value, `MISFIT`, that says that nothing could be read."""


MISFIT = Misfit()


@dataclass(frozen=True, slots=True)
class Kind:
    """How the written value of an attribute is read.

    `read` gives `MISFIT` for what the schema does not have. `expected` tells a person what to
    write. `lenient`, if any, reads what is meant all the same; the misspelling is reported.
    """

    read: Callable[[str], Any]
    expected: str = ""
    lenient: Callable[[str], Any] | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute in the schema: its name, its typed field, and how its value is read.

    `kind` is None for text, which is taken as it is.
    """

    name: str
    field: str
    kind: Kind | None
    default: Any

    def meant(self, written: str) -> str | None:
        """A value in the schema's spelling: as written if that can be used, None if it is nothing
        that can be understood."""
        kind = self.kind
        if kind is None or kind.read(written) is not MISFIT:
            return written
        value = kind.lenient(written) if kind.lenient else MISFIT
        return None if value is MISFIT else spelt(value)


def spelt(value: Any) -> str:
    """A typed value as TwiML spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def attributes_of(element: type) -> Mapping[str, Attribute]:
    """The attributes that a class of elements declares, by name."""
    found = (
        Attribute(
            given.metadata["attribute"] or _camel_case(given.name),
            given.name,
            given.metadata[_KIND],
            given.default,
        )
        for given in fields(element)
        if _KIND in given.metadata
    )
    return {attribute.name: attribute for attribute in found}


def text(default: str | None = None, *, attribute: str = "") -> Any:
    """Any text; URLs too, as written."""
    return _field(default, None, attribute)


def number(default: int | None = None, *, low: int = 0, high: int | None = None) -> Any:
    """A whole number from `low` to `high`."""

    def read(written: str) -> int | Misfit:
        match = _NUMBER.fullmatch(written)
        if match is None:
            return MISFIT
        value = int(match[1])
        return value if value >= low and (high is None or value <= high) else MISFIT

    bounds = f"of at least {low}" if high is None else f"from {low} to {high}"
    return _field(default, Kind(read, f"a whole number {bounds}"))


def boolean(default: bool | None = False) -> Any:
    """`true` or `false`; in other letters it is understood, and reported."""
    values = {"true": True, "false": False}

    def lenient(written: str) -> bool | Misfit:
        return values.get(written.strip().lower(), MISFIT)

    read = Kind(lambda written: values.get(written, MISFIT), "true or false", lenient)
    return _field(default, read)


def choice(default: str | None, options: str, *, attribute: str = "") -> Any:
    """One of a few words."""
    words = tuple(options.split())
    known = {word: word for word in words}
    return _field(default, Kind(lambda w: known.get(w, MISFIT), "", None, words), attribute)


def words(options: str = "", default: tuple[str, ...] = ()) -> Any:
    """Words with blanks between them, of a few or any; each is kept once, in the order written.

    None at all is a misspelling where some are the default: nothing could be meant by it.
    """
    known = tuple(options.split())
    allowed = frozenset(known)

    def read(written: str) -> tuple[str, ...] | Misfit:
        given = written.split()
        if default and not given:
            return MISFIT
        return tuple(dict.fromkeys(given)) if not allowed or allowed.issuperset(given) else MISFIT

    def lenient(written: str) -> tuple[str, ...] | Misfit:
        kept = tuple(dict.fromkeys(word for word in written.split() if word in allowed))
        return kept or MISFIT

    return _field(default, Kind(read, "", lenient, known))


def numbers() -> Any:
    """Whole numbers with blanks between them."""

    def read(written: str) -> tuple[int, ...] | Misfit:
        given = written.split()
        return tuple(map(int, given)) if all(_NUMBER.fullmatch(word) for word in given) else MISFIT

    return _field((), Kind(read, "whole numbers with blanks between them"))


def http_method(default: str = "POST") -> Any:
    """An HTTP method, in capitals."""
    return choice(default, "GET POST")


def seconds_or_auto() -> Any:
    """Whole seconds, or `auto`; kept as text."""

    def read(written: str) -> str | Misfit:
        return written if _SECONDS_OR_AUTO.fullmatch(written) else MISFIT

    return _field(None, Kind(read, "whole seconds, or auto"))


def language_tag(default: str | None = None, *, attribute: str = "") -> Any:
    """A language tag such as en-US; only its shape is checked, for the lists grow."""

    def read(written: str) -> str | Misfit:
        return written if _LANGUAGE.fullmatch(written) else MISFIT

    return _field(default, Kind(read, "a language tag such as en-US"), attribute)


def _field(default: Any, kind: Kind | None, attribute: str = "") -> Any:
    return field(default=default, metadata={_KIND: kind, "attribute": attribute})


def _camel_case(name: str) -> str:
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(part.capitalize() for part in rest)
