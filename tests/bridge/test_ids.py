from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ids import alias, is_sid, mint

UUID = "76ACB0C1-95E5-4b2a-9c63-0123456789ab"


@pytest.mark.contract("T97")
@given(st.binary(min_size=16, max_size=16))
def test_mint_form(digits: bytes) -> None:
    """A minted identifier is its prefix and 32 lower-case hex digits, made of 16 random bytes."""
    sid = mint("MZ", lambda size: digits[:size])
    assert sid == "MZ" + digits.hex()
    assert len(sid) == 34
    assert is_sid(sid, "MZ")


def test_mint_fresh() -> None:
    """Two identifiers minted from real randomness differ."""
    assert mint("CA", secrets.token_bytes) != mint("CA", secrets.token_bytes)


def test_alias_of_uuid_keeps_its_digits() -> None:
    """A carrier's UUID can be read in its alias, whatever its case and dashes."""
    expected = "CA76acb0c195e54b2a9c630123456789ab"
    assert alias("CA", UUID) == expected
    assert alias("CA", UUID.replace("-", "")) == expected


def test_alias_of_sid_is_itself() -> None:
    """An identifier that has Twilio's form and prefix already passes unchanged."""
    sid = "CA" + "0f" * 16
    assert alias("CA", sid) == sid


def test_alias_of_another_prefix_is_hashed() -> None:
    """An identifier of another kind is not taken for one of this kind."""
    other = "AC" + "0f" * 16
    assert is_sid(alias("CA", other), "CA")
    assert alias("CA", other) != "CA" + other[2:]


@pytest.mark.contract("T97")
@given(st.text(), st.sampled_from(["AC", "CA", "MZ"]))
def test_alias_is_a_stable_sid(foreign: str, prefix: str) -> None:
    """Whatever a carrier calls something, its alias has Twilio's form and is always the same."""
    assert is_sid(alias(prefix, foreign), prefix)
    assert alias(prefix, foreign) == alias(prefix, foreign)


@pytest.mark.parametrize(
    "text",
    ["", "MZ", "MZ" + "0" * 31, "MZ" + "0" * 33, "MZ" + "A" * 32, "mz" + "0" * 32, "MZ" + "g" * 32],
)
def test_not_a_sid(text: str) -> None:
    """A wrong length, case, digit or prefix is not a sid."""
    assert not is_sid(text, "MZ")
    assert not is_sid("CA" + "0" * 32, "MZ")
