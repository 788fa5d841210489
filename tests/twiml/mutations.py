"""Nearly valid TwiML: valid documents with something changed, as text or as bytes."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import strategies as st

from tests.twiml.generator import samples
from twiml.schema import RULES

_NAMES = sorted({*RULES, *(name for rule in RULES.values() for name in rule.attributes)})
_TAG = re.compile(r"<(/?)([^\s/>!?]+)")
_VALUE = re.compile(r"=\s*(\"[^\"]*\"|'[^']*')")
_TOKENS = (
    *("<", ">", "&", '"', "'", "/", "=", "]]>", "<![CDATA[", "<!--", "-->", "--", "<?", "?>", ";"),
    *(
        "&amp;",
        "&#0;",
        "&#xD800;",
        "&#x110000;",
        "&x;",
        "&lol9;",
        "&#13;",
        "%",
        "#",
        "\x00",
        "\x1b",
    ),
    *("\r", "\n", "\t", "\u00a0", "\u0085", "\u2028", "\ufeff", "\ufffe", "\ud800", "\U0001f600"),
    *("<?xml version='1.0'?>", "<?xml version='1.0' encoding='utf-16'?>", "<!DOCTYPE Response>"),
    *("<!DOCTYPE x [<!ENTITY lol9 'x'>]>", "xmlns='urn:a'", "xmlns:a='urn:a'", "a:", "xml:", ":"),
    *("<Response>", "</Response>", "<Say/>", "</Say>", "<Stream url='wss://c.example/?a=1'/>"),
    *("<Parameter name='a' value='b'/>", "<prosody>" * 70, "</prosody>" * 70, "x" * 500, "\u1680"),
)
_VALUES = (
    *("", " ", "true", "TRUE", "0", "-1", "1.5", "9" * 10, "both", "inbound_track", "GET", "get"),
    *(
        "wss://",
        "ws://c.example/",
        "wss://c.example:99999/",
        "wss://[::1",
        "wss://a..b/",
        "http://x",
    ),
    *("\u0663", "\u00b2", "1_0", "inf", "nan", "auto", "en-US", "${x}", "%{x}", "{{x}}", "x" * 501),
    *(
        "javascript:x",
        "//",
        "?",
        "#",
        "https://a.example/\u202e",
        "sip:a@b",
        "wss://\u00fc.example/",
    ),
)


_CODECS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "gb18030", "cp037")


def near_misses() -> st.SearchStrategy[bytes | str]:
    """Documents with a few changes; some are still valid, and some are not even text."""
    texts = st.builds(_changed, samples().map(lambda sample: sample.printed.text), _changes)
    flipped = st.builds(_flipped, samples().map(lambda sample: sample.data), _flips)
    return st.one_of(texts, texts.flatmap(_encoded), flipped)


def answers() -> st.SearchStrategy[tuple[str | None, bytes]]:
    """A content type, good or bad, and a body that may be TwiML."""
    charsets = st.sampled_from(["utf-8", "utf-16", "latin-1", "base64", "x"])
    types = st.one_of(
        st.none(),
        st.text(max_size=20),
        st.sampled_from(["text/xml", "text/html; charset=utf-8", "text/plain", "audio/basic"]),
        charsets.map("text/plain; charset={}".format),
    )
    texts = st.builds(_changed, samples().map(lambda sample: sample.printed.text), _changes)
    valid = samples().map(lambda sample: sample.data)
    return st.tuples(types, st.one_of(st.binary(), valid, texts.flatmap(_encoded)))


Change = Callable[[str, int, int, int], str]
"""A text with something changed, for three numbers that say where and what."""


def _deleted(text: str, start: int, size: int, _: int) -> str:
    at = start % (len(text) + 1)
    return text[:at] + text[at + 1 + size % 40 :]


def _doubled(text: str, start: int, size: int, to: int) -> str:
    at, there = start % (len(text) + 1), to % (len(text) + 1)
    return text[:there] + text[at : at + 1 + size % 200] + text[there:]


def _inserted(text: str, start: int, _: int, which: int) -> str:
    at = start % (len(text) + 1)
    return text[:at] + _TOKENS[which % len(_TOKENS)] + text[at:]


def _cut_off(text: str, start: int, _size: int, _which: int) -> str:
    return text[: start % (len(text) + 1)]


def _renamed(text: str, start: int, _: int, which: int) -> str:
    """Another name for an element, at both of its ends where that is easily found."""
    tags = sorted({match[2] for match in _TAG.finditer(text)})
    if not tags:
        return text
    name = tags[start % len(tags)]
    others = (name.lower(), name.upper(), name[:-1] or "x", f"{name}s", *_NAMES)
    other = others[which % len(others)]
    return re.sub(rf"(</?){re.escape(name)}(?=[\s/>])", lambda match: match[1] + other, text)


def _revalued(text: str, start: int, _: int, which: int) -> str:
    values = list(_VALUE.finditer(text))
    if not values:
        return text
    match = values[start % len(values)]
    return f'{text[: match.start()]}="{_VALUES[which % len(_VALUES)]}"{text[match.end() :]}'


def _attributed(text: str, start: int, _: int, which: int) -> str:
    """One attribute more in some tag."""
    tags = list(re.finditer(r"<[^\s/>!?]+", text))
    if not tags:
        return text
    at = tags[start % len(tags)].end()
    return f'{text[:at]} {_NAMES[which % len(_NAMES)]}="{_VALUES[which % len(_VALUES)]}"{text[at:]}'


_kinds = st.sampled_from(
    [_deleted, _doubled, _inserted, _cut_off, _renamed, _revalued, _attributed, _renamed]
)
_numbers = st.integers(0, 9999)
_changes = st.lists(st.tuples(_kinds, _numbers, _numbers, _numbers), min_size=1, max_size=4)
_flips = st.lists(st.tuples(_numbers, st.integers(0, 255)), min_size=1, max_size=4)


def _changed(text: str, changes: list[tuple[Change, int, int, int]]) -> str:
    for change, *numbers in changes:
        text = change(text, *numbers)
    return text


def _encoded(text: str) -> st.SearchStrategy[bytes]:
    def encode(codec: str) -> bytes:
        return text.encode(codec, "surrogatepass" if codec.startswith("utf") else "replace")

    return st.sampled_from(_CODECS).map(encode)


def _flipped(data: bytes, flips: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for at, value in flips:
        changed[at % len(changed)] = value
    return bytes(changed)
