from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.overrides import Overrides, split

BASE = "https://example.com/voice?a=1"


def test_defaults() -> None:
    """Without a fragment: 5 s to connect, 15 s in all, one retry when the connection failed."""
    assert split(BASE) == (BASE, Overrides(5_000, 15_000, 15_000, 1, frozenset({"ct"})), ())


@pytest.mark.contract("T88")
def test_every_key() -> None:
    """Each documented key is understood, and the fragment is cut off."""
    url, overrides, unknown = split(
        f"{BASE}#ct=2000&rt=3000&tt=9000&rc=4&rp=4xx,5xx,rt&sni=y&e=ie1"
    )
    assert url == BASE
    assert overrides == Overrides(2_000, 3_000, 9_000, 4, frozenset({"4xx", "5xx", "rt"}))
    assert unknown == ()


@pytest.mark.parametrize(
    ("key", "low", "high", "default"),
    [
        ("ct", 100, 10_000, 5_000),
        ("rt", 100, 15_000, 15_000),
        ("tt", 100, 15_000, 15_000),
        ("rc", 0, 5, 1),
    ],
)
def test_ranges(key: str, low: int, high: int, default: int) -> None:
    """A value in range is taken; one step outside gives the default and is named."""
    name = {"ct": "connect", "rt": "read", "tt": "total", "rc": "retries"}[key]
    for value in (low, high):
        _, overrides, unknown = split(f"{BASE}#{key}={value}")
        assert (getattr(overrides, name), unknown) == (value, ())
    for value in (low - 1, high + 1):
        _, overrides, unknown = split(f"{BASE}#{key}={value}")
        assert (getattr(overrides, name), unknown) == (default, (f"{key}={value}",))


@pytest.mark.parametrize(
    "part",
    ["ct=", "ct=fast", "ct=²", "ct=1e3", "rp=6xx", "rp=", "zz=1", "anchor=", "rt=" + "9" * 5_000],
)
def test_what_is_not_understood_is_named(part: str) -> None:
    """An unknown key or value changes nothing and is named."""
    assert split(f"{BASE}#{part}") == (BASE, Overrides(), (part,))


@pytest.mark.parametrize("reason", ["ct", "rt", "4xx", "5xx"])
def test_all_retries_everything(reason: str) -> None:
    """`rp=all` names every failure; the default names only the connection's."""
    assert split(f"{BASE}#rp=all")[1].retries_on(reason)
    assert Overrides().retries_on(reason) == (reason == "ct")


@given(st.text())
def test_any_fragment(fragment: str) -> None:
    """Whatever stands in a fragment, the URL to request has none and its limits are in range."""
    url, overrides, _ = split(f"{BASE}#{fragment}")
    assert url == BASE
    assert 100 <= overrides.connect <= 10_000
    assert 100 <= overrides.total <= 15_000
    assert 0 <= overrides.retries <= 5
