"""Writing an element in any of the ways that XML has, none of which may make a difference."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from twiml.actions import Element, Text
from twiml.schema import RULES

_ENCODINGS = (
    *(("utf-8", b"", declared) for declared in ("", "UTF-8", "utf-8")),
    *(("utf-8", codecs.BOM_UTF8, declared) for declared in ("", "UTF-8", "ISO-8859-1")),
    ("utf-16-le", codecs.BOM_UTF16_LE, "UTF-16"),
    ("utf-16-be", codecs.BOM_UTF16_BE, ""),
    *((name, b"", name) for name in ("ascii", "iso-8859-1", "windows-1252", "koi8-r", "gb18030")),
)
_UNICODE = ("utf", "gb18030")
_NOISE = ("", "", "", "<!---->", "<!-- <Hangup/> & ]]> -->", "<?php echo '<x>' ?>", "<?x?>")
_BLANKS = ("", "", "\n", "  ", "\t\n ")


@dataclass(frozen=True)
class Printed:
    """A document as text and in bytes, and the line of each element, the root's first."""

    text: str
    data: bytes
    lines: tuple[int, ...]


@st.composite
def printed(draw: st.DrawFn, root: Element) -> Printed:
    """A document in a random form."""
    codec, mark, declared = draw(st.sampled_from(_ENCODINGS))
    return _Printer(draw, codec).document(root, mark, declared)


class _Printer:
    def __init__(self, draw: st.DrawFn, codec: str) -> None:
        self._draw = draw
        self._codec = codec
        self._parts: list[str] = []
        self._line = 1
        self._lines: list[int] = []

    def document(self, root: Element, mark: bytes, declared: str) -> Printed:
        if declared:
            quote = self._any('"', "'")
            standalone = self._any("", " standalone='yes'")
            encoding = f" encoding={quote}{declared}{quote}"
            self._put(f"<?xml version={quote}1.0{quote}{encoding}{standalone}?>")
        self._space()
        self._element(root, Text.NONE)
        self._space()
        text = "".join(self._parts).replace("\n", self._any("\n", "\n", "\r\n", "\r"))
        return Printed(text, mark + text.encode(self._codec, "xmlcharrefreplace"), (*self._lines,))

    def _any(self, *choices: str) -> str:
        return self._draw(st.sampled_from(choices))

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._line += text.count("\n")

    def _space(self) -> None:
        """Blanks, comments and instructions, where blanks mean nothing."""
        self._put(self._any(*_BLANKS) + self._any(*_NOISE) + self._any(*_BLANKS))

    def _element(self, element: Element, around: Text) -> None:
        self._lines.append(self._line)
        self._put(f"<{element.tag}")
        for name, value in element.attributes:
            quote = self._any('"', "'")
            self._put(self._any(" ", " ", "\n    ", "\t") + name + self._any("=", "=", " = "))
            self._put(quote + self._value(value, quote) + quote)
        if not element.content and self._draw(st.booleans()):
            self._put(self._any("/>", " />", "\n/>"))
            return
        self._put(self._any(">", ">", " >"))
        text = RULES[element.tag].text
        self._content(element, text)
        self._put(f"</{element.tag}{self._any('', '', ' ')}>")

    def _content(self, element: Element, text: Text) -> None:
        blank = True
        for part in element.content:
            if isinstance(part, str):
                self._text(part)
                blank = False
                continue
            if blank and text is not Text.MIXED:
                self._space()
            self._element(part, text)
            blank = True
        if blank and text is not Text.MIXED:
            self._space()

    def _text(self, text: str) -> None:
        at = self._draw(st.integers(0, len(text)))
        for piece in (text[:at], text[at:]):
            self._put(self._any(*_NOISE))
            if piece:
                self._put(self._draw(st.sampled_from(self._forms(piece)))(piece))

    def _forms(self, text: str) -> list[Callable[[str], str]]:
        """The ways in which this text can be written."""
        forms: list[Callable[[str], str]] = [_escaped, _escaped, _numbered]
        if "\r" not in text and (self._codec.startswith(_UNICODE) or text.isascii()):
            forms.append(_section)
        return forms

    def _value(self, value: str, quote: str) -> str:
        if self._any("numbers", "", "", "") == "numbers":
            return _numbered(value)
        for sign, name in (("&", "amp"), ("<", "lt"), (quote, "quot" if quote == '"' else "apos")):
            value = value.replace(sign, f"&{name};")
        if self._draw(st.booleans()):
            value = value.replace(">", "&gt;")
        return value.replace("\t", "&#9;").replace("\n", "&#xA;").replace("\r", "&#xd;")


def _escaped(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("]]>", "]]&gt;")
    # A piece that begins so may follow one that ends in "]]".
    escaped = escaped.replace(">", "&gt;") if escaped.startswith(("]>", ">")) else escaped
    return escaped.replace("\r", "&#13;")


def _numbered(text: str) -> str:
    forms = ("&#x{:x};", "&#{};", "&#x0{:X};")
    return "".join(forms[at % 3].format(ord(sign)) for at, sign in enumerate(text))


def _section(text: str) -> str:
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"
