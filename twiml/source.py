"""From bytes to a tree of nodes, giving untrusted XML no chance to be more than a tree.

The order is part of the defence: size first, then encoding, then the prolog (a DOCTYPE can only
stand there, and without one there are no entities to expand and nothing to fetch), then libxml2
with every optional ability switched off.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Protocol, cast

from lxml import etree

from twiml.actions import Attributes
from twiml.diagnostics import Code, Diagnostic, Severity
from twiml.document import Limits
from twiml.places import Places
from twiml.syntax import explain

_BLANK = " \t\r\n"
_DECLARATION = re.compile(rb"<\?xml\s[^>]*?\bencoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]*)[\"']")
_MISC = re.compile(r"[ \t\n]+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_ENCODINGS = frozenset(
    {"utf-8", "ascii", "big5", "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "koi8-r", "koi8-u"}
    | {"shift_jis"}
    | {f"iso8859-{part}" for part in range(1, 17) if part != 12}  # ISO 8859-12 does not exist
    | {f"cp{page}" for page in range(1250, 1259)}
)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# No tag holds a second "<". Were one passed over, a comment full of them would be read to its end
# once for each.
_TAG_OVER_LINES = re.compile(
    r"""<[^!?/](?:[^"'<>\n]++|"[^"<\n]*+"|'[^'<\n]*+')*+(?:\n|"[^"<]*\n|'[^'<]*\n)"""
)
_WARNING = etree.ErrorLevels.WARNING


class Node(Protocol):
    """An element of lxml's tree, as far as it is used. Comments and the like are not in it.

    `tag` and the names of attributes are in lxml's spelling: a namespace stands before in braces.
    """

    tag: str
    text: str | None
    tail: str | None
    prefix: str | None
    sourceline: int

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Node]: ...
    def iter(self) -> Iterator[Node]: ...
    def items(self) -> list[tuple[str, str]]: ...
    def get(self, name: str, /) -> str | None: ...


class Source:
    """A document that has been read: its tree, and where things stand in it.

    Lines and columns count from 1, 0 when unknown.
    """

    def __init__(self, text: str, root: Node) -> None:
        self.root = root
        self._text = text
        self._places: Places | None = None
        self._numbers: dict[Node, int] = {}
        self._lines: dict[Node, int] | None = None
        if _TAG_OVER_LINES.search(text):  # libxml2's line of an element is that of its tag's end
            self._places = Places(text)
            self._lines = dict(zip(root.iter(), self._places.lines(), strict=True))

    def line(self, node: Node) -> int:
        """The line of an element's start tag."""
        return node.sourceline if self._lines is None else self._lines[node]

    def place(self, node: Node, attribute: str | None = None) -> tuple[int, int]:
        """The line and column of a start tag, or of an attribute in it."""
        places, number = self._find(node)
        return places.element(number) if attribute is None else places.attribute(number, attribute)

    def attributes(self, node: Node) -> Attributes:
        """An element's attributes in document order, their names as written."""
        places, number = self._find(node)
        values = (value for _, value in node.items())
        return tuple(zip(places.names(number), values, strict=True))

    def _find(self, node: Node) -> tuple[Places, int]:
        """Where things stand, and the number of an element in document order."""
        if self._places is None:
            self._places = Places(self._text)
        if not self._numbers:
            self._numbers = {each: number for number, each in enumerate(self.root.iter())}
        return self._places, self._numbers[node]


def name_of(node: Node) -> str:
    """An element's name as written: `Say`, `x:Say`; a default namespace does not show."""
    name = node.tag.rpartition("}")[2]
    return f"{node.prefix}:{name}" if node.prefix else name


class SourceError(Exception):
    """The document cannot be read at all; `diagnostic` says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(str(diagnostic))
        self.diagnostic = diagnostic


def read(data: bytes | str, limits: Limits) -> Source:
    """Read a document; raises `SourceError`, and nothing else, for whatever is wrong with it."""
    text = _decoded(data, limits)
    _check_prolog(text)
    return _tree(text)


def _decoded(data: bytes | str, limits: Limits) -> str:
    if isinstance(data, str):
        # Each character takes a byte at least: what fails here need not be encoded.
        if len(data) > limits.max_bytes:
            raise _too_large(limits)
        text = data.removeprefix("\ufeff")
        try:
            encoded = len(text.encode())
        except UnicodeEncodeError as error:
            raise _bad_bytes(text[: error.start], "UTF-8") from None
    else:
        encoded = len(data)
        if encoded > limits.max_bytes:
            raise _too_large(limits)
        text = _characters(data)
    if encoded > limits.max_bytes:
        raise _too_large(limits)
    if limits.max_characters is not None and len(text) > limits.max_characters:
        raise _too_large(limits)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _characters(data: bytes) -> str:
    for mark, codec in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode(data[len(mark) :], codec)
    declared = _DECLARATION.match(data)
    return _decode(data, _codec(declared[1].decode("ascii")) if declared else "utf-8")


def known_encoding(declared: str) -> str | None:
    """Python's name of an encoding we read, None for any other."""
    try:
        name = codecs.lookup(declared).name
    except LookupError:
        return None
    return name if name in _ENCODINGS else None


def _codec(declared: str) -> str:
    if declared.lower().startswith("utf-16"):
        raise _unparsable(
            f'The XML declaration says encoding="{declared}" but the bytes are not UTF-16.',
            'Write encoding="UTF-8" in the declaration; .NET\'s StringWriter puts utf-16 there.',
        )
    name = known_encoding(declared)
    if name is None:
        raise _unparsable(
            f'The XML declaration names an encoding that is not known: "{declared[:40]}".',
            'Send UTF-8 and write encoding="UTF-8".',
        )
    return name


def _decode(data: bytes, codec: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        raise _bad_bytes(data[: error.start].decode(codec, "replace"), codec) from None


def _check_prolog(text: str) -> None:
    # One has been removed. libxml2 would remove another, and a DOCTYPE behind it go unseen here.
    if text.startswith("\ufeff"):
        raise _unparsable(
            "The document begins with two byte order marks.",
            "Send one or none: look for a file that is included before the document.",
        )
    start = text.lstrip(_BLANK)
    if not start:
        raise _unparsable("The document is empty.", "Answer with <Response> … </Response>.")
    if start != text and re.match(r"<\?xml\s", start):
        raise _unparsable(
            "There is blank space before the XML declaration.",
            "Let <?xml be the very first characters of the body, or leave the declaration out.",
            *_end_of(text[: len(text) - len(start)]),
        )
    position = 0
    while match := _MISC.match(text, position):
        position = match.end()
    if text[position : position + 9].upper() == "<!DOCTYPE":
        page = re.match(r"<!doctype\s+html", text[position:], re.IGNORECASE) is not None
        raise _unparsable(
            "This is an HTML page, not TwiML." if page else "The document has a DOCTYPE.",
            "Look at what the URL answers: it may be an error or log-in page."
            if page
            else "Leave the DOCTYPE out: document types and entities are never read.",
            *_end_of(text[:position]),
        )


def _tree(text: str) -> Source:
    parser = etree.XMLParser(
        encoding="utf-8",  # overrides the declaration: `text` is decoded already
        attribute_defaults=False,
        collect_ids=False,
        dtd_validation=False,
        huge_tree=False,
        load_dtd=False,
        no_network=True,
        recover=False,
        remove_comments=True,
        remove_pis=True,
        resolve_entities=False,
        strip_cdata=True,
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError:
        root = None
    # lxml lets some errors about namespaces pass, depending on what follows them.
    wrong = [entry for entry in parser.error_log if entry.level > _WARNING]
    if wrong:
        line, column = wrong[0].line, wrong[0].column
        words = explain(wrong[0].type_name, wrong[0].message, text, line, column)
        raise _unparsable(*words, line, column)
    if root is None:
        raise _unparsable(*explain("", "", text, 0, 0), 0, 0)
    return Source(text, cast(Node, root))


def _end_of(before: str) -> tuple[int, int]:
    """The line and column of what follows `before`."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _bad_bytes(before: str, encoding: str) -> SourceError:
    return _unparsable(
        f"The document is not valid {encoding.upper()}.",
        "Send UTF-8, and let the XML declaration's encoding be the one that is sent.",
        *_end_of(before.replace("\r\n", "\n").replace("\r", "\n")),
    )


def _too_large(limits: Limits) -> SourceError:
    if limits.max_characters is None:
        bound = f"{limits.max_bytes} bytes"
    else:
        bound = f"{limits.max_characters} characters"
    return SourceError(
        Diagnostic(
            Severity.ERROR,
            limits.too_large,
            0,
            0,
            f"The document is longer than {bound}.",
            "Shorten it: split it with <Redirect>, or play recordings instead of long texts.",
        )
    )


def _unparsable(message: str, advice: str, line: int = 1, column: int = 1) -> SourceError:
    return SourceError(Diagnostic(Severity.ERROR, Code.UNPARSABLE, line, column, message, advice))
