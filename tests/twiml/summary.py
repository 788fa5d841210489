"""A document in plain data, short enough to write down as an expectation and to compare."""

from __future__ import annotations

from dataclasses import fields
from enum import Enum
from typing import Any
from zlib import crc32

from twiml.actions import Connect, Element, ReferSip, Start, Stop, Stream
from twiml.document import Document
from twiml.schema import RULES

_NOT_TYPED = frozenset({"tag", "attributes", "content", "line", "refusal_reason"})
"""Fields that are shown in another way; of a refusal the number says enough."""
_LONG = 400


def of_document(document: Document) -> dict[str, Any]:
    """Whether it can run, what stands where verbs do, each finding's place, weight and number,
    and the actions."""
    return {
        "usable": document.usable,
        "verbs": list(document.verbs),
        "diagnostics": [
            f"{found.line}:{found.column} {found.severity} {found.code}"
            for found in document.diagnostics
        ],
        "actions": [of_element(action) for action in document.actions],
    }


def of_element(element: Element) -> dict[str, Any]:
    """`{tag: {…}}` with every typed field that is not the default, by the field's name.

    Beside these: `line` where a stream is concerned, which is told by its line; `connect_url` of
    every stream that is to be dialled, null when it cannot be; `custom_parameters` for a stream's
    content; `unknown`, the attributes that the schema does not have; and `content`.
    """
    shown: dict[str, Any] = {}
    if isinstance(element, (Start, Connect, Stop, Stream)):
        shown["line"] = element.line
    for field in fields(element):
        value = getattr(element, field.name)
        if field.name not in _NOT_TYPED and value != field.default:
            shown[field.name] = _plain(value)
    rule = RULES["Refer"].children["Sip"] if isinstance(element, ReferSip) else RULES[element.tag]
    if unknown := {name: v for name, v in element.attributes if name not in rule.attributes}:
        shown["unknown"] = unknown
    if isinstance(element, Stream):
        shown.setdefault("connect_url", None)
        if element.custom_parameters:
            shown["custom_parameters"] = {
                _plain(name): _plain(value) for name, value in element.custom_parameters.items()
            }
    elif element.content:
        shown["content"] = [
            _plain(part) if isinstance(part, str) else of_element(part) for part in element.content
        ]
    return {element.tag: shown}


def _plain(value: Any) -> Any:
    """As JSON has it; a long text by its beginning, its length and a checksum."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str) and len(value) > _LONG:
        return f"{value[:20]}… {len(value)} characters, crc32 {crc32(value.encode()):08x}"
    return value
