"""What holds of every document, whatever it is; random tests and the fuzzer check it alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lxml import etree

from app.addresses import PlainLinks
from app.lint import Report
from tests.twiml.generator import BASE
from tests.twiml.signalwire.ours import Ours
from tests.twiml.signalwire.schemas import faults
from twiml.diagnostics import Severity
from twiml.document import FETCHED, INLINE, LIVE_UPDATE, Document
from twiml.parser import parse
from twiml.response import Kind, kind_of, read_response
from twiml.signalwire import cxml, swml
from twiml.signalwire.losses import Loss
from twiml.signalwire.swml import expressions
from twiml.signalwire.translation import Translation

LIMITS = (FETCHED, INLINE, LIVE_UPDATE)
_MESSAGE = 1000
_OURS = ("https://us.example/", "wss://us.example/")
_CONDITIONS = frozenset(
    {
        expressions.ANYTHING_ENTERED,
        expressions.CONNECT_FAILED,
        expressions.STREAM_FAILED,
        expressions.TAP_FAILED,
    }
)
_CXML_ADDRESSES = ("url", "callback", "action")
"""How the names of attributes end that hold URLs."""
_SWML_ADDRESSES = ("url", "urls", "callback", "dest", "uri", "webhook", "confirm")
"""How the names of SWML's keys end that do."""
_GIVEN = "custom_parameters"
"""The key of an object whose own keys are the customer's."""


def check(data: bytes | str) -> None:
    """Nothing is raised by reading, linting or translating, and what comes of it holds together."""
    for limits in LIMITS:
        check_document(parse(data, limits, base_url=BASE))
    check_document(parse(data, allow_plain_ws=True))
    document = parse(data, base_url=BASE)
    assert document == parse(data, base_url=BASE)
    check_translations(document)


def check_answer(content_type: str | None, body: bytes) -> None:
    """The same for an answer over HTTP, whatever it says that it is."""
    document = read_response(content_type, body, BASE)
    check_document(document)
    if kind_of(content_type) is Kind.TWIML:
        assert document == parse(body, base_url=BASE)
    check_translations(document)


def check_document(document: Document) -> None:
    """A document can run or says why not, in words of bounded length and plain data."""
    assert document.usable or (document.errors and not document.actions)
    for found in document.diagnostics:
        assert found.message
        assert len(str(found)) < _MESSAGE
        assert (found.line > 0) is (found.column > 0)
    json.dumps(Report("x", document, BASE).record)


def check_translations(document: Document) -> None:
    """A usable document can be translated for SignalWire, into either language."""
    if document.usable:
        check_cxml(document)
        for dialect in swml.Dialect:
            for aside in (False, True):
                check_swml(document, dialect, aside=aside)


def check_swml(document: Document, dialect: swml.Dialect, *, aside: bool) -> None:
    """Translated, it is valid under the dialect's schema, the same each time, and holds no
    expression of the customer's; on a call every address in it is ours."""
    translation = swml.translate(document, Ours(), BASE, dialect, aside=aside)
    assert translation == swml.translate(document, Ours(), BASE, dialect, aside=aside)
    for key, text in _checked(translation, dialect):
        if key.endswith(_SWML_ADDRESSES):
            assert text.startswith((*_OURS, "say:", "silence:", "{")), (key, text)
        elif key == "to":
            assert not text.startswith("stream:") or text.startswith(f"stream:{_OURS[1]}"), text
    if not aside:
        for base_url in (BASE, ""):
            plain = swml.translate(document, PlainLinks(base_url), base_url, dialect)
            assert plain == swml.translate(document, PlainLinks(base_url), base_url, dialect)
            assert not any("us.example" in text for _, text in _checked(plain, dialect))


def check_cxml(document: Document) -> None:
    """Translated, a usable document is well-formed, the same each time, and no worse; on a call
    every address in it is ours."""
    translation = cxml.translate(document, Ours(), BASE)
    assert translation == cxml.translate(document, Ours(), BASE)
    check_losses(translation.losses)
    for element in etree.fromstring(translation.output.encode()).iter():
        for name, value in element.attrib.items():
            if str(name).lower().endswith(_CXML_ADDRESSES) and value:
                assert str(value).startswith(_OURS), (name, value)
        if element.tag in ("Redirect", "Play") and (element.text or "").strip():
            assert str(element.text).startswith(_OURS)
    _check_again(document, translation)
    for base_url in (BASE, ""):
        plain = cxml.translate(document, PlainLinks(base_url), base_url)
        assert plain == cxml.translate(document, PlainLinks(base_url), base_url)
        check_losses(plain.losses)
        etree.fromstring(plain.output.encode())
        _check_again(document, plain)


def check_losses(losses: tuple[Loss, ...]) -> None:
    """Each says what is lost, why, and what happens instead, in sentences."""
    for loss in losses:
        assert loss.element
        assert loss.why.endswith("."), loss
        assert loss.instead.endswith("."), loss


def check_expressions(translated: Any) -> None:
    """Nothing in a SWML document is evaluated but what we wrote."""
    for key, text in strings(translated):
        if key == "when":
            assert text in _CONDITIONS
        elif not _is_document(key, text):
            assert text in expressions.LIVE or not ("${" in text or "%{" in text), (key, text)


def strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a SWML document with the key it stands under, the keys themselves, and what
    is in the documents within it."""
    match value:
        case str():
            yield key, value
            if _is_document(key, value):
                yield from strings(json.loads(value))
        case dict():
            for name, inner in value.items():
                yield "", name
                yield from strings(inner, _GIVEN if key == _GIVEN else name)
        case list():
            for inner in value:
                yield from strings(inner, key)


def _is_document(key: str, text: str) -> bool:
    return key == "transfer_after_bridge" and text.startswith("{")


def _checked(translation: Translation, dialect: swml.Dialect) -> list[tuple[str, str]]:
    """The strings of a translation that is as it must be."""
    check_losses(translation.losses)
    assert translation.refused == ()
    translated = json.loads(translation.output)
    assert faults(translated, dialect) == []
    check_expressions(translated)
    return list(strings(translated))


def _check_again(document: Document, translation: Translation) -> None:
    if not translation.too_large:
        again = parse(translation.output, base_url=BASE)
        assert _errors(again) <= _errors(document), again.errors


def _errors(document: Document) -> set[int]:
    return {found.code for found in document.diagnostics if found.severity is Severity.ERROR}
