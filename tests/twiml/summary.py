"""A document in plain data, short enough to write down as an expectation and to compare."""

from __future__ import annotations

from typing import Any

from twiml.actions import Action, Connect, Element, Hangup, Pause, Redirect, Start, Stop, Stream
from twiml.document import Document


def of_document(document: Document) -> dict[str, Any]:
    return {
        "usable": document.usable,
        "diagnostics": [
            f"{found.line}:{found.column} {found.severity} {found.code}"
            for found in document.diagnostics
        ],
        "actions": [_action(action) for action in document.actions],
    }


def _action(action: Action) -> dict[str, Any]:
    match action:
        case Start() | Connect() | Stop():
            shown: dict[str, Any] = {"verb": type(action).__name__, "line": action.line}
            if not isinstance(action, Stop) and action.action is not None:
                shown |= {"action": action.action, "method": action.method}
            return shown | {"nouns": [_noun(noun) for noun in action.children]}
        case Pause():
            return {"verb": "Pause", "length": action.length}
        case Hangup():
            return {"verb": "Hangup"}
        case Redirect():
            return {"verb": "Redirect", "url": action.url, "method": action.method}
        case _:
            return {"verb": action.tag, **_element(action)}


def _noun(noun: Element) -> dict[str, Any]:
    if not isinstance(noun, Stream):
        return {"noun": noun.tag, **_element(noun)}
    shown: dict[str, Any] = {
        "noun": "Stream",
        "line": noun.line,
        "name": noun.name,
        "connect_url": noun.connect_url,
        "track": str(noun.track),
    }
    if noun.refusal:
        shown["refusal"] = noun.refusal
    if noun.status_callback:
        shown["status_callback"] = [noun.status_callback_method, noun.status_callback]
    if noun.parameters:
        shown["parameters"] = noun.custom_parameters
    return shown


def _element(element: Element) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if element.attributes:
        shown["attributes"] = dict(element.attributes)
    if element.content:
        shown["content"] = [
            part if isinstance(part, str) else {part.tag: _element(part)}
            for part in element.content
        ]
    return shown
