"""Writing XML: deterministic, indented, well-formed whatever the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from twiml.actions import Element

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
# A parser turns a raw tab or line end in an attribute into a space; as a reference it survives.
_VALUE = _TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


def legal(text: str) -> str:
    """`text` without the characters that XML cannot hold in any form."""
    return _ILLEGAL.sub("", text)


def render(root: Element) -> str:
    """A document in UTF-8's characters, children indented by two spaces.

    An element with text among its content is written on one line, its whitespace untouched.
    """
    return DECLARATION + "".join(_lines(root, ""))


def _lines(element: Element, indent: str) -> Iterator[str]:
    if not element.content or any(isinstance(part, str) for part in element.content):
        yield f"{indent}{inline(element)}\n"
        return
    yield f"{indent}<{_tag(element)}>\n"
    for child in element.children:
        yield from _lines(child, indent + "  ")
    yield f"{indent}</{element.tag}>\n"


def inline(element: Element) -> str:
    """An element on one line."""
    if not element.content:
        return f"<{_tag(element)}/>"
    inner = "".join(
        legal(part).translate(_TEXT) if isinstance(part, str) else inline(part)
        for part in element.content
    )
    return f"<{_tag(element)}>{inner}</{element.tag}>"


def _tag(element: Element) -> str:
    written = (f'{name}="{legal(value).translate(_VALUE)}"' for name, value in element.attributes)
    return " ".join((element.tag, *written))
