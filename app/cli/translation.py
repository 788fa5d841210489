"""A document in SignalWire's languages, for reading: the URLs in it stay the customer's own."""

from __future__ import annotations

from collections.abc import Callable

from app.addresses import PlainLinks
from app.cli.choices import Dialect, Language
from twiml.document import Document
from twiml.signalwire import cxml, swml
from twiml.signalwire.translation import Translation

Translate = Callable[[Document, str], Translation]
"""Translates a usable document that comes from a URL; an empty one when that is not known."""


def translator(language: Language, dialect: Dialect = Dialect.FULL) -> Translate:
    """What translates into a language; only SWML has dialects."""
    return _cxml if language is Language.CXML else _swml(swml.Dialect(dialect))


def _cxml(document: Document, base_url: str) -> Translation:
    return cxml.translate(document, PlainLinks(base_url), base_url)


def _swml(dialect: swml.Dialect) -> Translate:
    def translate(document: Document, base_url: str) -> Translation:
        return swml.translate(document, PlainLinks(base_url), base_url, dialect)

    return translate
