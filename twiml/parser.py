"""TwiML in, actions and diagnostics out. Whatever comes in, nothing is raised.

"The root must be <Response>; verbs run top to bottom; comments are ignored." Names are
case-sensitive. What breaks the schema is a warning (12200), is left out, and the rest runs; what
cannot be read at all (12100, 11750, 32018, 15004) leaves nothing to run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType

from twiml.actions import Action, Hangup, Pause, Redirect, Verb, lookup
from twiml.diagnostics import Code
from twiml.document import FETCHED, INLINE, LIVE_UPDATE, Document, Limits
from twiml.elements import Reading, carry, check, method, unknown_child
from twiml.hints import nearest, quoted
from twiml.schema import ROOT, RULES
from twiml.source import Node, Source, SourceError, read
from twiml.streams import connect, parameters, start, stop

__all__ = ["FETCHED", "INLINE", "LIVE_UPDATE", "Document", "Limits", "parse"]

_SECONDS = re.compile(r"[0-9]{1,9}")


def parse(
    data: bytes | str,
    limits: Limits = FETCHED,
    *,
    base_url: str | None = None,
    allow_plain_ws: bool = False,
) -> Document:
    """Read a TwiML document.

    `base_url` is the document's own URL, against which relative ones are read. `allow_plain_ws`
    lets streams go to ws:// as well, for work on a laptop. Text given as `str` has its encoding
    behind it: what an XML declaration says of that is ignored.
    """
    try:
        source = read(data, limits)
    except SourceError as error:
        return Document((), (error.diagnostic,))
    reading = Reading(source.places, limits, base_url, allow_plain_ws)
    actions = _response(source, reading)
    document = Document(actions, reading.findings)
    return document if document.usable else Document((), document.diagnostics)


def _response(source: Source, reading: Reading) -> tuple[Action, ...]:
    root = source.root
    if root.name != ROOT.name:
        reading.error(Code.UNPARSABLE, root, *_wrong_root(root.name))
        return ()
    if source.namespaced is not None:
        reading.warn(
            source.namespaced,
            "The document declares a default namespace; it is ignored.",
            "TwiML has no namespace: leave xmlns out.",
        )
    check(root, ROOT, reading)
    actions: list[Action] = []
    for node in root.children:
        if node.name in ROOT.children:
            actions.append(_READERS.get(node.name, _verb)(node, reading))
        else:
            reading.warn(node, *unknown_child(node, ROOT, reading))
    return tuple(actions)


def _wrong_root(name: str) -> tuple[str, str]:
    message = f"The root element is {quoted(name)} and not Response."
    if name.lower() == "html":
        return message, "This looks like a web page: look at what the URL answers."
    if nearest(name, [ROOT.name]):
        return message, "Did you mean <Response>? Upper and lower case count."
    return message, "Put the verbs into <Response> … </Response>."


def _pause(node: Node, reading: Reading) -> Pause:
    carry(Verb, node, RULES["Pause"], reading)
    written = lookup(node.attributes, "length")
    length = 1
    if written is not None:
        if _SECONDS.fullmatch(written.strip()) and int(written) > 0:
            length = int(written)
        else:
            reading.warn(
                node,
                f"The pause's length {quoted(written)} is no whole number above 0; 1 is used.",
                'Write whole seconds, such as length="5".',
                "length",
            )
    return Pause(length, node.attributes, reading.line(node))


def _hangup(node: Node, reading: Reading) -> Hangup:
    check(node, RULES["Hangup"], reading)
    return Hangup(parameters(node, reading), node.attributes, reading.line(node))


def _redirect(node: Node, reading: Reading) -> Redirect:
    whole = carry(Verb, node, RULES["Redirect"], reading)
    return Redirect(
        whole.text.strip(), method(node, "method", reading), node.attributes, whole.line
    )


def _verb(node: Node, reading: Reading) -> Verb:
    return carry(Verb, node, RULES[node.name], reading)


_READERS: MappingProxyType[str, Callable[[Node, Reading], Action]] = MappingProxyType(
    {
        "Connect": connect,
        "Hangup": _hangup,
        "Pause": _pause,
        "Redirect": _redirect,
        "Start": start,
        "Stop": stop,
    }
)
