"""TwiML in, actions and diagnostics out. Whatever comes in, nothing is raised.

"The root must be <Response>; verbs run top to bottom; comments are ignored." Names are
case-sensitive. What breaks the schema is a warning (12200), is left out, and the rest runs; what
cannot be read at all (12100, 11750, 32018, 15004) leaves nothing to run.
"""

from __future__ import annotations

from twiml.actions import Action
from twiml.diagnostics import Code
from twiml.document import FETCHED, INLINE, LIVE_UPDATE, Document, Limits
from twiml.elements import Reading
from twiml.hints import nearest, quoted
from twiml.schema import ROOT
from twiml.source import Node, SourceError, name_of, read
from twiml.streams import stream

__all__ = ["FETCHED", "INLINE", "LIVE_UPDATE", "Document", "Limits", "parse"]


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
    reading = Reading(source, limits, base_url, allow_plain_ws, stream)
    actions, verbs = _response(source.root, reading)
    document = Document(actions, reading.findings, verbs)
    return document if document.usable else Document((), document.diagnostics, verbs)


def _response(root: Node, reading: Reading) -> tuple[tuple[Action, ...], tuple[str, ...]]:
    """The verbs, and the names of all that stands where verbs do."""
    name = reading.name(root)
    if name != ROOT.name:
        reading.error(Code.UNPARSABLE, root, *_wrong_root(name))
        return (), ()
    actions: tuple[Action, ...] = reading.fields(root, ROOT)["content"]
    if len(actions) == len(root):
        return actions, tuple(action.tag for action in actions)
    return actions, tuple(map(name_of, root))


def _wrong_root(name: str) -> tuple[str, str]:
    message = f"The root element is {quoted(name)} and not Response."
    if name.lower() == "html":
        return message, "This looks like a web page: look at what the URL answers."
    if nearest(name, [ROOT.name]):
        return message, "Did you mean <Response>? Upper and lower case count."
    return message, "Put the verbs into <Response> … </Response>."
