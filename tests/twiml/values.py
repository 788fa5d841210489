"""Values that attributes take, as written and as read, drawn from what the schema says of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from twiml.actions.values import MISFIT, Attribute, Kind

_CONTROLS = "".join(map(chr, range(32))).translate(dict.fromkeys(map(ord, "\t\n\r")))

_any_text = st.text(
    st.characters(codec="utf-8", exclude_characters=f"{_CONTROLS}\ufffe\uffff"), max_size=12
)
_awkward = st.sampled_from(
    [
        *("a & b", "&amp;", "<b>", "]]>", "a]]>]]>", "<![CDATA[x]]>", "<!-- x -->", "\"'\"'", "?>"),
        *("\r\n", "a\rb", " x ", "\t", "\u00a0", "\u0085\u2028", "\ufeff", "\U0010ffff", "&#65;"),
    ]
)
xml_text = _any_text | _awkward
"""Any characters that XML can hold."""

plain_text = xml_text.filter(lambda text: not text.isspace() and text != "")
_blanks = st.sampled_from(["", "", " ", "\n "])
_languages = st.sampled_from(["en-US", "de", "cmn-Hans-CN", "es_MX", "zh-HK", "arb"])
_texts = st.one_of(
    xml_text,
    st.sampled_from(["https://a.example/x?a=1&b=2", "http://a.example/a b", "/x", "?x=1", "${x}"]),
)
Value = tuple[str, Any]
"""As written, and as read."""


def values(attribute: Attribute) -> st.SearchStrategy[Value]:
    """Values that an attribute takes without a finding."""
    kind = attribute.kind
    if kind is None:
        return _texts.map(lambda text: (text, text))
    match family(attribute):
        case "choice":
            return st.sampled_from(kind.options).map(lambda word: (word, word))
        case "words":
            return _words(kind, needed=attribute.default != ())
        case "boolean":
            return st.sampled_from([("true", True), ("false", False)])
        case "seconds or auto":
            words = st.integers(0, 999_999_999).map(str) | st.just("auto")
            return words.map(lambda word: (word, word))
        case "language":
            return _languages.map(lambda tag: (tag, tag))
        case "numbers":
            return st.lists(_number(0), max_size=4).map(_joined)
        case _:
            return _number(lowest(kind))


def family(attribute: Attribute) -> str:
    """What kind of values an attribute takes, by trying what it reads."""
    kind = attribute.kind
    if kind is None:
        return "text"
    if kind.options:
        return "words" if isinstance(kind.read(kind.options[0]), tuple) else "choice"
    if kind.read("true") is True:
        return "boolean"
    if kind.read("auto") == "auto":
        return "seconds or auto"
    if kind.read("en-US") == "en-US":
        return "language"
    return "numbers" if kind.read("7 8") == (7, 8) else "number"


@cache
def lowest(kind: Kind) -> int:
    """The smallest number that an attribute takes."""
    return next(number for number in range(100) if kind.read(str(number)) is not MISFIT)


def _number(low: int) -> st.SearchStrategy[Value]:
    numbers = st.one_of(st.integers(low, low + 3), st.integers(low, 999_999_999))
    forms = st.sampled_from(["{}", "{}", " {} ", "+{}", "0{}", "\n{}"])
    return st.builds(lambda form, number: (form.format(number)[:9], number), forms, numbers).filter(
        lambda value: value[0].strip(" +\n").lstrip("0") == (str(value[1]).lstrip("0"))
    )


def _words(kind: Kind, *, needed: bool) -> st.SearchStrategy[Value]:
    words = st.lists(st.sampled_from(kind.options), min_size=int(needed), max_size=4)
    return st.builds(
        lambda chosen, before, between: (
            before + (between or " ").join(chosen),
            tuple(dict.fromkeys(chosen)),
        ),
        words,
        _blanks,
        _blanks,
    )


def _joined(numbers: list[Value]) -> Value:
    return " ".join(written for written, _ in numbers), tuple(number for _, number in numbers)
