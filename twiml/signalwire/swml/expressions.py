"""Steps, strings and expressions: what keeps the customer's text from being run.

SignalWire evaluates `${…}` and `%{…}` inside any string as JavaScript, and documents no way to
escape them (S section 1.3). So every string of a document passes `sealed`, which breaks them up;
only strings marked as `Ours` may hold any.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

Step = dict[str, Any]
"""One instruction: an object with one key, the method's name."""

_OPENING = re.compile(r"([$%])(?=\{)")


class Ours(str):
    """A string written by us alone, in which expressions are live."""

    __slots__ = ()


_INBOUND = "call.direction == 'inbound'"
OTHER_PARTY = Ours(f"${{{_INBOUND} ? call.from : call.to}}")
"""Who is at the other end of the call, whoever placed it."""
OUR_PARTY = Ours(f"${{{_INBOUND} ? call.to : call.from}}")
"""The number of the application's side."""
LIVE = frozenset({OTHER_PARTY, OUR_PARTY})
"""Every expression that a translation may hold."""

ANYTHING_ENTERED = "prompt_result == 'match_digits' || prompt_result == 'match_speech'"
STREAM_FAILED = "stream_result == 'failed'"
TAP_FAILED = "tap_result == 'failed'"
CONNECT_FAILED = "connect_result == 'failed'"


def harmless(text: str) -> str:
    """`text` with nothing in it to evaluate: a blank stands between the sign and the brace."""
    return _OPENING.sub(r"\1 ", text)


def harmless_url(url: str) -> str:
    """The same URL with nothing in it to evaluate: percent-encoded, it means what it did."""
    return url.replace("%{", "%25%7B").replace("${", "$%7B")


def sealed(value: Any) -> Any:
    """A copy of a JSON value, every string in it made harmless but those that are ours."""
    match value:
        case Ours():
            return str(value)
        case str():
            return harmless(value)
        case dict():
            return {harmless(key): sealed(inner) for key, inner in value.items()}
        case list() | tuple():
            return [sealed(inner) for inner in value]
        case _:
            return value


def document(steps: Sequence[Step]) -> dict[str, Any]:
    """A complete document of these steps: `version` is optional, but if there it is this one."""
    return {"version": "1.0.0", "sections": {"main": list(steps)}}


def pretty(steps: Sequence[Step]) -> str:
    """A document as it is answered: keys in the order written, children indented by two spaces."""
    return json.dumps(sealed(document(steps)), indent=2, ensure_ascii=False) + "\n"


def inline(steps: Sequence[Step]) -> Ours:
    """A document inside another one's string. What is sealed inside stays so outside."""
    return Ours(json.dumps(sealed(document(steps)), ensure_ascii=False, separators=(",", ":")))
