"""JSON written in every way that means the same, and in some that do not."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

Pairs = list[tuple[str, Any]]
"""An object as it is written: names may come twice."""

BLANKS = st.sampled_from(["", "", "", " ", "  ", "\t", "\n", "\r\n "])


@st.composite
def strings(draw: st.DrawFn, text: str) -> str:
    """A string, with some of its letters escaped in one of the ways there are."""
    style = draw(st.sampled_from([*["plain"] * 20, "ascii", "slashes", "some", "upper"]))
    if style == "plain":
        return json.dumps(text, ensure_ascii=False)
    if style == "ascii":
        return json.dumps(text)
    if style == "slashes":
        return json.dumps(text, ensure_ascii=False).replace("/", "\\/")
    if not text:
        return '""'
    at = draw(st.integers(0, len(text) - 1))
    code = f"\\u{ord(text[at]):04x}" if ord(text[at]) < 0x10000 else json.dumps(text[at])[1:-1]
    code = "\\u" + code[2:].upper() if style == "upper" and len(code) == 6 else code
    before, after = (json.dumps(part)[1:-1] for part in (text[:at], text[at + 1 :]))
    return f'"{before}{code}{after}"'


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """A value as JSON; a list of pairs is an object."""
    if isinstance(value, str):
        return draw(strings(value))
    if not isinstance(value, list):
        return json.dumps(value)
    # Mostly in one manner, as programs write it.
    uniform = draw(st.sampled_from([("", ""), ("", ""), (" ", " "), ("", " "), None]))
    parts = []
    for name, inner in value:
        colon = uniform[1] if uniform else draw(BLANKS)
        start = "" if uniform else draw(BLANKS)
        end = "" if uniform else draw(BLANKS)
        parts.append(f"{start}{draw(strings(name))}:{colon}{draw(written(inner))}{end}")
    comma = "," + (uniform[0] if uniform else draw(BLANKS))
    return "{" + comma.join(parts) + "}"


@st.composite
def disturbed(draw: st.DrawFn, pairs: Pairs, others: st.SearchStrategy[Any]) -> Pairs:
    """The same object, or one with its names in another order, twice, missing, or more of them."""
    kind = draw(
        st.sampled_from(["same", "same", "same", "order", "twice", "missing", "more", "value"])
    )
    pairs = list(pairs)
    at = draw(st.integers(0, len(pairs) - 1))
    match kind:
        case "order":
            pairs = draw(st.permutations(pairs))
        case "twice":
            pairs.insert(draw(st.integers(0, len(pairs))), (pairs[at][0], draw(others)))
        case "missing":
            del pairs[at]
        case "more":
            pairs.insert(
                at, (draw(st.sampled_from(["x", "é", "chunk", "payload", ""])), draw(others))
            )
        case "value":
            pairs[at] = (pairs[at][0], draw(others))
    return pairs
