"""A document in SignalWire's languages, for reading: the URLs in it stay the customer's own."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from app.addresses import PlainLinks
from app.cli.choices import Dialect, Language
from twiml.document import Document
from twiml.signalwire import cxml
from twiml.signalwire.losses import Loss


class Translated(Protocol):
    """What every translator gives: the document as text, and what is not in it."""

    @property
    def output(self) -> str: ...

    @property
    def losses(self) -> tuple[Loss, ...]: ...


Translate = Callable[[Document, str], Translated]
"""Translates a usable document that comes from a URL; an empty one when that is not known."""


class NotThereError(Exception):
    """There is no translator into this language."""


def translator(language: Language, dialect: Dialect = Dialect.FULL) -> Translate:
    """What translates into a language; raises NotThereError."""
    return _cxml if language is Language.CXML else _swml(dialect)


def _cxml(document: Document, base_url: str) -> Translated:
    return cxml.translate(document, PlainLinks(base_url), base_url)


def _swml(dialect: Dialect) -> Translate:
    try:
        swml = import_module("twiml.signalwire.swml")
    except ModuleNotFoundError:
        raise NotThereError("this version does not translate into SWML; --to cxml does") from None
    chosen = swml.Dialect[dialect.name]

    def translate(document: Document, base_url: str) -> Translated:
        translated: Translated = swml.translate(
            document, PlainLinks(base_url), base_url, dialect=chosen
        )
        return translated

    return translate
