"""Small words for people: "did you mean", and values quoted at a bounded length."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_QUOTED = 40


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most likely meant: same letters first (case, `_` and `-` aside), then alike."""
    known = list(candidates)
    plain = _plain(word)
    for candidate in known:
        if _plain(candidate) == plain:
            return candidate
    by_plain = {_plain(candidate): candidate for candidate in known}
    close = get_close_matches(plain, by_plain, n=1, cutoff=0.7)
    return by_plain[close[0]] if close else None


def quoted(value: str) -> str:
    """A value in double quotes, cut short, so that a message stays a message."""
    clipped = value if len(value) <= _QUOTED else value[: _QUOTED - 1] + "…"
    return f'"{clipped}"'


def listed(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    *most, final = words
    return f"{', '.join(most)} {last} {final}" if most else final


def _plain(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")
