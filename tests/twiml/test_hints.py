from __future__ import annotations

import pytest

from twiml.hints import listed, nearest, quoted


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("statuscallback", "statusCallback"),
        ("status_callback", "statusCallback"),
        ("status-callback", "statusCallback"),
        ("statusCalback", "statusCallback"),
        ("trak", "track"),
        ("q", None),
        ("", None),
    ],
)
def test_nearest(word: str, meant: str | None) -> None:
    """Case, underscores and hyphens do not count; after that the spelling must be close."""
    assert nearest(word, ["statusCallback", "statusCallbackMethod", "track", "url"]) == meant


@pytest.mark.parametrize(("length", "shown"), [(40, 40), (41, 40)])
def test_quoted_is_bounded(length: int, shown: int) -> None:
    """A value of 40 characters is shown whole, a longer one is cut and says so."""
    text = quoted("x" * length)
    assert len(text) == shown + 2
    assert ("…" in text) is (length > 40)


def test_listed() -> None:
    """Words are joined as people write them."""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b or c"
    assert listed(["a", "b"], "and") == "a and b"
