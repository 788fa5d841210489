from __future__ import annotations

import codecs
from collections.abc import Iterator

import pytest

from twiml.document import FETCHED, INLINE, Limits
from twiml.source import Node, SourceError, known_encoding, name_of, read

DECLARED = '<?xml version="1.0" encoding="{}"?><Response a="ü"/>'


def failure(data: bytes | str, limits: Limits = FETCHED) -> tuple[int, int, int]:
    with pytest.raises(SourceError) as caught:
        read(data, limits)
    found = caught.value.diagnostic
    assert found.advice
    return found.code, found.line, found.column


def everything(node: Node) -> Iterator[Node]:
    yield node
    for child in node:
        yield from everything(child)


def document_of(size: int) -> bytes:
    head, tail = b"<Response><Say>", b"</Say></Response>"
    return head + b"x" * (size - len(head) - len(tail)) + tail


@pytest.mark.contract("T15")
def test_fetched_documents_are_bounded_in_bytes() -> None:
    """64 kB is read, one byte more is 11750."""
    assert read(document_of(64 * 1024), FETCHED).root.tag == "Response"
    assert failure(document_of(64 * 1024 + 1))[0] == 11750


@pytest.mark.contract("T15")
@pytest.mark.parametrize("sign", ["x", "ü", "\U0001f600"])
def test_inline_documents_are_bounded_in_characters(sign: str) -> None:
    """4000 characters are read, however many bytes they take; one more is 32018."""
    fits = document_of(4000).decode().replace("x", sign)
    assert read(fits, INLINE).root.tag == "Response"
    assert read(fits.encode("utf-8-sig"), INLINE).root.tag == "Response"
    assert read(fits.encode("utf-16"), INLINE).root.tag == "Response"
    over = document_of(4001).decode().replace("x", sign)
    assert failure(over, INLINE)[0] == 32018
    assert failure(over.encode(), INLINE)[0] == 32018


def test_text_is_bounded_by_its_encoded_size_too() -> None:
    """A fetched document given as text counts the bytes it would be sent in."""
    assert failure("<Response>" + "ü" * 40_000 + "</Response>")[0] == 11750


@pytest.mark.parametrize(
    "data",
    [
        DECLARED.format("utf-8").encode(),
        codecs.BOM_UTF8 + DECLARED.format("utf-8").encode(),
        DECLARED.format("UTF-16").encode("utf-16"),
        codecs.BOM_UTF16_BE + DECLARED.format("UTF-16").encode("utf-16-be"),
        DECLARED.format("ISO-8859-1").encode("latin-1"),
        DECLARED.format("windows-1252").encode("cp1252"),
        '<Response a="ü"/>'.encode(),
        DECLARED.format("utf-16"),
        "\ufeff" + DECLARED.format("utf-8"),
    ],
)
def test_encodings(data: bytes | str) -> None:
    """A byte order mark decides, then the declaration, then UTF-8; text is past all that."""
    assert read(data, FETCHED).root.items() == [("a", "ü")]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ("<Response>\n<Say>ü".encode("latin-1"), (2, 6)),
        ("<Response>\r\r\n<Say>ü".encode("latin-1"), (3, 6)),
        (DECLARED.format("ascii").encode(), (1, 52)),
        (DECLARED.format("utf-16").encode(), (1, 1)),
        (DECLARED.format("rot13").encode(), (1, 1)),
        ("<Response>\ud800", (1, 11)),
        (codecs.BOM_UTF16_LE + b"<\x00x", (1, 2)),
    ],
)
def test_bad_bytes(data: bytes | str, place: tuple[int, int]) -> None:
    """Bytes that the encoding does not have are 12100, at their place."""
    assert failure(data) == (12100, *place)


def test_known_encodings_give_text() -> None:
    """Names of codecs that are no character encodings are unknown."""
    assert known_encoding("Latin1") == "iso8859-1"
    for name in ("base64", "idna", "punycode", "unicode_escape", "utf-7", "x"):
        assert known_encoding(name) is None


@pytest.mark.contract("T2", "T3")
def test_blanks_before_the_declaration() -> None:
    """Blanks are fine before the root and fatal before a declaration."""
    assert read("\n\t <Response/>", FETCHED).root.tag == "Response"
    assert failure("\n\t <?xml version='1.0'?><Response/>") == (12100, 2, 3)


@pytest.mark.contract("T9")
@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE Response>",
        '<!DOCTYPE Response SYSTEM "http://127.0.0.1:1/x.dtd">',
        '<!DOCTYPE Response [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        "<!doctype html>",
    ],
)
@pytest.mark.parametrize("before", ["", "<?xml version='1.0'?>\n", "<!-- > --><?p ?> "])
def test_document_types_are_refused(before: str, doctype: str) -> None:
    """A DOCTYPE is 12100 wherever it can stand, before the parser sees an entity."""
    assert failure(f"{before}{doctype}<Response>&x;</Response>")[0] == 12100


@pytest.mark.contract("T9")
@pytest.mark.parametrize(
    "text", ["<Response/>", '<!DOCTYPE x [<!ENTITY y "z">]><Response a="&y;"/>']
)
def test_a_second_byte_order_mark_is_refused(text: str) -> None:
    """libxml2 would skip it, and with it our look at what stands before the root."""
    twice = "\ufeff\ufeff" + text
    for data in (
        twice,
        twice.encode(),
        twice.encode("utf-16-be"),
        codecs.BOM_UTF8 + twice.encode(),
    ):
        assert failure(data) == (12100, 1, 1)


@pytest.mark.contract("T9")
def test_a_doctype_in_text_is_no_doctype() -> None:
    """Inside comments and CDATA the word means nothing."""
    text = "<!-- <!DOCTYPE x> --><Response><Say><![CDATA[<!DOCTYPE x>]]></Say></Response>"
    assert next(iter(read(text, FETCHED).root)).text == "<!DOCTYPE x>"


@pytest.mark.contract("T8")
def test_entities_and_references_are_resolved() -> None:
    """The five named entities and numbers stand for their characters, in values and in text."""
    text = "&amp;&lt;&gt;&quot;&apos;&#65;&#x1F600;&#10;"
    root = read(f'<Response a="{text}">{text}</Response>', FETCHED).root
    assert root.items() == [("a", "&<>\"'A\U0001f600\n")]
    assert root.text == "&<>\"'A\U0001f600\n"


def test_depth_is_bounded() -> None:
    """A tower of elements is 12100, not a crash."""
    tower = "<a>" * 200 + "</a>" * 200
    assert read(tower, FETCHED).root.tag == "a"
    assert failure("<a>" * 5000 + "</a>" * 5000)[0] == 12100


def test_names_are_as_written() -> None:
    """Prefixes stay on names, a default namespace does not show."""
    source = read(
        '<r xmlns:p="urn:p"><p:a p:b="1" xml:lang="en" xmlns:q="urn:p" c="2" q:d=""/>'
        '<d xmlns="urn:d"><e/></d></r>',
        FETCHED,
    )
    prefixed, plain = source.root
    assert name_of(prefixed) == "p:a"
    assert source.attributes(prefixed) == (
        *(("p:b", "1"), ("xml:lang", "en"), ("c", "2"), ("q:d", "")),
    )
    assert name_of(plain) == "d"
    assert [name_of(node) for node in plain] == ["e"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("<a>\n<b/>\n\n<c\n d='1'/>\n<e f='\n'/></a>", [1, 2, 4, 6]),
        ("<a>\n<b g='>'/>\r\n<c/></a>", [1, 2, 3]),
        ("<a><b g='>\n'/><c/></a>", [1, 1, 2]),
        ("<!-- <x\n --><a>\n<b/><![CDATA[<y\n]]><c/></a>", [2, 3, 4]),
        ("<?xml version='1.0'\n?><a\n><b/></a>", [2, 3]),
    ],
)
def test_lines_are_those_of_start_tags(text: str, lines: list[int]) -> None:
    """Whether a tag fits on a line or not, an element's line is that of its first character."""
    source = read(text, FETCHED)
    assert [source.line(node) for node in everything(source.root)] == lines
    assert [source.place(node)[0] for node in everything(source.root)] == lines


@pytest.mark.parametrize(
    "text",
    ["<x:a/>", "<r x:a='1'/>", "<r><x:a><b xmlns='u'/></x:a></r>", "<x:a><b xmlns='u'/></x:a>"],
)
def test_undeclared_prefixes_are_unparsable(text: str) -> None:
    """Whatever surrounds it, a prefix that is not declared is 12100."""
    assert failure(text)[0] == 12100
