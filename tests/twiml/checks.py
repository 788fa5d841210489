"""What holds of every document, whatever it is; random tests and the fuzzer check it alike."""

from __future__ import annotations

import json

from lxml import etree

from app.lint import Report
from tests.twiml.generator import BASE
from tests.twiml.signalwire.ours import Ours
from tests.twiml.signalwire.schemas import faults
from twiml.diagnostics import Severity
from twiml.document import FETCHED, INLINE, LIVE_UPDATE, Document
from twiml.parser import parse
from twiml.response import Kind, kind_of, read_response
from twiml.signalwire import cxml, swml

LIMITS = (FETCHED, INLINE, LIVE_UPDATE)
_MESSAGE = 1000


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
    """Translated, it is valid under the dialect's schema, and the same each time."""
    output = swml.translate(document, Ours(), BASE, dialect, aside=aside).output
    assert output == swml.translate(document, Ours(), BASE, dialect, aside=aside).output
    assert faults(json.loads(output), dialect) == []


def check_cxml(document: Document) -> None:
    """Translated, a usable document is well-formed, the same each time, and no worse."""
    translation = cxml.translate(document, Ours(), BASE)
    assert translation.output == cxml.translate(document, Ours(), BASE).output
    etree.fromstring(translation.output.encode())
    if not translation.too_large:
        again = parse(translation.output, base_url=BASE)
        assert _errors(again) <= _errors(document), again.errors


def _errors(document: Document) -> set[int]:
    return {found.code for found in document.diagnostics if found.severity is Severity.ERROR}
