"""SignalWire's signatures, and the tokens in our own URLs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.security import TokenError, Tokens, verify_form, verify_json
from bridge.signature import sign

# S section 2.5
KEY = "PSK_test_key_123"
URL = "https://example.com/cxml"
FORM = (("To", "+15550002222"), ("From", "+15550001111"), ("CallSid", "CA123"))
SIGNATURE = "Z/s0urcMRL6Slhmb9YnExQWac78="


@pytest.mark.contract("S40")
def test_signalwires_vector() -> None:
    """The documented key, URL and form have the documented signature, in any order of fields."""
    for form in (FORM, FORM[::-1]):
        assert verify_form([KEY], URL, form, SIGNATURE)


@pytest.mark.parametrize(
    ("key", "url", "form", "signature"),
    [
        ("PSK_test_key_124", URL, FORM, SIGNATURE),
        (KEY, "https://example.com/cxml/", FORM, SIGNATURE),
        (KEY, "https://example.com:8443/cxml", FORM, SIGNATURE),
        (KEY, "https://example.com:80/cxml", FORM, SIGNATURE),
        (KEY, "http://example.com/cxml", FORM, SIGNATURE),
        (KEY, URL, FORM[:2], SIGNATURE),
        (KEY, URL, (*FORM, ("Extra", "")), SIGNATURE),
        (KEY, URL, (("To", "+15550002223"), *FORM[1:]), SIGNATURE),
        (KEY, URL, FORM, ""),
        (KEY, URL, FORM, SIGNATURE[:-1]),
        (KEY, URL, FORM, SIGNATURE.swapcase()),
        (KEY, URL, FORM, "é"),
    ],
)
def test_anything_changed_spoils_a_signature(
    key: str, url: str, form: tuple[tuple[str, str], ...], signature: str
) -> None:
    """Another key, URL, field or value has another signature."""
    assert not verify_form([key], url, form, signature)


def test_any_of_the_valid_keys_will_do() -> None:
    """During a rotation either key's signature is good; without keys none is."""
    assert verify_form(["PSK_other", KEY], URL, FORM, SIGNATURE)
    assert not verify_form([], URL, FORM, SIGNATURE)


@pytest.mark.parametrize(
    ("ours", "signed"),
    [
        ("https://h.example/x?a=1", "https://h.example:443/x?a=1"),
        ("https://h.example:443/x", "https://h.example/x"),
        ("http://h.example/x", "http://h.example:80/x"),
        ("http://h.example:80/x", "http://h.example/x"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"),
        ("https://[2001:db8::1]:443/x", "https://[2001:db8::1]/x"),
        ("https://h.example:8443/x", "https://h.example:8443/x"),
    ],
)
def test_the_standard_port_may_be_signed_or_not(ours: str, signed: str) -> None:
    """The URL is tried with and without the port that its scheme stands for."""
    assert verify_form([KEY], ours, FORM, sign(KEY, signed, FORM))


# JSON webhooks (S section 1.5)

JSON_URL = "https://example.com/swml?x=1"
BODY = b'{"call":{"call_id":"c1"},"vars":{},"envs":{},"params":{}}'
SHA1 = "f743320ea31ea7b330c83eb7f3307a94ff483b0c"
SHA256 = "80123e9f72e1004af4087327c4bf3a898a9381c5223ce53c845ac571b49b3b9e"


def json_headers(sha1: str | None = SHA1, sha256: str | None = SHA256) -> dict[str, str]:
    headers = {"x-signalwire-signature": sha1, "x-signalwire-sha256-signature": sha256}
    return {name: value for name, value in headers.items() if value is not None}


def json_signed(url: str, key: str = KEY) -> dict[str, str]:
    text = url.encode() + BODY
    return json_headers(
        hmac.new(key.encode(), text, hashlib.sha1).hexdigest(),
        hmac.new(key.encode(), text, hashlib.sha256).hexdigest(),
    )


@pytest.mark.contract("S39")
@pytest.mark.parametrize(
    "headers", [json_headers(), json_headers(sha256=None), json_headers(sha1=None)]
)
def test_signalwires_json_vector(headers: dict[str, str]) -> None:
    """The documented key, URL and body have the documented signatures; one of them is enough."""
    assert verify_json([KEY], JSON_URL, BODY, headers)


@pytest.mark.contract("S39")
def test_every_byte_of_a_json_body_counts() -> None:
    """Whatever byte of the body is altered, the signatures are no longer its own."""
    for at in range(len(BODY)):
        altered = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
        assert not verify_json([KEY], JSON_URL, altered, json_headers())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        json_headers(SHA1[:-1] + "d", None),
        json_headers(None, SHA256[:-1] + "f"),
        json_headers(SHA1, "0" * 64),
        json_headers("0" * 40, SHA256),
        json_headers(SHA1, ""),
        json_headers("", SHA256),
        json_headers(SHA256, SHA1),
        json_headers(SHA1.upper(), None),
        json_headers("é", None),
        json_headers(None, "é"),
    ],
)
def test_one_right_json_signature_does_not_excuse_a_wrong_one(headers: dict[str, str]) -> None:
    """None at all, or any that is there and wrong, is refused."""
    assert not verify_json([KEY], JSON_URL, BODY, headers)


@pytest.mark.parametrize(
    "url",
    ["https://example.com/swml", "https://example.com/swml?x=2", "http://example.com/swml?x=1"],
)
def test_another_url_has_another_json_signature(url: str) -> None:
    assert not verify_json([KEY], url, BODY, json_headers())


@pytest.mark.contract("S41")
@pytest.mark.parametrize(
    ("ours", "signed"),
    [
        ("https://user:pass@example.com/swml", "https://example.com/swml"),
        ("https://user@example.com:443/swml", "https://example.com/swml"),
        ("https://us%40er:p%2Fw@example.com/swml?x=1", "https://example.com/swml?x=1"),
        ("https://user:pass@[2001:db8::1]/swml", "https://[2001:db8::1]/swml"),
        ("https://user:pass@example.com:8443/swml", "https://example.com:8443/swml"),
    ],
)
def test_a_urls_user_is_not_signed(ours: str, signed: str) -> None:
    """User and password are dropped before the signature is made."""
    assert verify_json([KEY], ours, BODY, json_signed(signed))


def test_the_standard_port_may_be_in_a_signed_json_url_or_not() -> None:
    """As with forms."""
    for ours, signed in (
        ("https://h.example/x", "https://h.example:443/x"),
        ("https://h.example:443/x", "https://h.example/x"),
        ("http://h.example/x", "http://h.example:80/x"),
    ):
        assert verify_json([KEY], ours, BODY, json_signed(signed))


def test_both_json_signatures_are_of_one_key() -> None:
    """Either key is good during a rotation; a mixture of the two is not what SignalWire sends."""
    keys = ["PSK_new", KEY]
    old, new = json_signed(JSON_URL), json_signed(JSON_URL, "PSK_new")
    assert verify_json(keys, JSON_URL, BODY, old)
    assert verify_json(keys, JSON_URL, BODY, new)
    mixed = old | {"x-signalwire-signature": new["x-signalwire-signature"]}
    assert not verify_json(keys, JSON_URL, BODY, mixed)
    assert not verify_json([], JSON_URL, BODY, old)


# Tokens


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens[str]:
    return Tokens(b"secret", 60, clock)


def test_a_token_stands_for_what_it_was_issued_for(tokens: Tokens[str]) -> None:
    """Tokens differ though all else is the same, fit into a path, and are redeemed many times."""
    first = tokens.issue("play", "CA1", "a")
    second = tokens.issue("play", "CA1", "b")
    for token, payload in ((first, "a"), (second, "b"), (first, "a")):
        assert re.fullmatch("[A-Za-z0-9_-]{43}", token)
        assert tokens.redeem("play", token) == payload


def test_a_token_is_for_one_purpose(tokens: Tokens[str]) -> None:
    """A token opens nothing of another kind, and is not used up by the attempt."""
    token = tokens.issue("media", "CA1", "a", once=True)
    for purpose in ("document", "medi", "media ", ""):
        with pytest.raises(TokenError, match="not ours, or not for this"):
            tokens.redeem(purpose, token)
        assert not tokens.made_for(purpose, token)
    assert tokens.redeem("media", token) == "a"
    assert tokens.made_for("media", token)  # still, though it is used up


def test_a_token_issued_for_once_is_used_up(tokens: Tokens[str]) -> None:
    """The first redeeming of such a token is the last; nothing of it is kept."""
    token = tokens.issue("media", "CA1", "a", once=True)
    tokens.redeem("media", token)
    with pytest.raises(TokenError, match="used"):
        tokens.redeem("media", token)
    assert len(tokens) == 0


def test_a_token_expires(tokens: Tokens[str], clock: Clock) -> None:
    """In its last second a token is good, in the next it is not, and it is forgotten."""
    token = tokens.issue("play", "CA1", "a")
    clock.now += 60
    assert tokens.redeem("play", token) == "a"
    clock.now += 1
    with pytest.raises(TokenError, match="expired"):
        tokens.redeem("play", token)
    assert len(tokens) == 0


def test_purging_forgets_only_what_has_expired(tokens: Tokens[str], clock: Clock) -> None:
    """What can still be redeemed survives, what cannot be is gone."""
    tokens.issue("play", "CA1", "old")
    clock.now += 1
    young = tokens.issue("play", "CA1", "young")
    clock.now += 59
    tokens.purge()
    assert len(tokens) == 2
    clock.now += 1
    tokens.purge()
    assert len(tokens) == 1
    assert tokens.redeem("play", young) == "young"


def test_a_call_that_is_over_takes_its_tokens_along(tokens: Tokens[str]) -> None:
    """All tokens of the call die at once, and those of another call live."""
    gone = [tokens.issue(purpose, "CA1", "a") for purpose in ("media", "document")]
    kept = tokens.issue("media", "CA2", "b")
    tokens.retire("CA1")
    for token, purpose in zip(gone, ("media", "document"), strict=True):
        with pytest.raises(TokenError, match="its call is over"):
            tokens.redeem(purpose, token)
    assert tokens.redeem("media", kept) == "b"
    tokens.retire("CA1")
    tokens.retire("CA3")
    assert len(tokens) == 1


def test_spared_tokens_live_through_the_grace(tokens: Tokens[str], clock: Clock) -> None:
    """After the call those of a spared purpose are good for the grace and not a second longer."""
    late = tokens.issue("callback", "CA1", "a")
    tokens.retire("CA1", spare=("callback",), grace=15)
    clock.now += 15
    assert tokens.redeem("callback", late) == "a"
    clock.now += 1
    with pytest.raises(TokenError, match="expired"):
        tokens.redeem("callback", late)


def test_the_grace_prolongs_no_life(tokens: Tokens[str], clock: Clock) -> None:
    """A token near its end when the call ends has only what was left of it."""
    late = tokens.issue("callback", "CA1", "a")
    clock.now += 50
    tokens.retire("CA1", spare=("callback",), grace=900)
    clock.now += 11
    with pytest.raises(TokenError, match="expired"):
        tokens.redeem("callback", late)


def test_a_call_may_go_on_after_its_tokens_were_used_up(tokens: Tokens[str]) -> None:
    """Tokens that were redeemed, expired or retired leave nothing that a new one trips over."""
    tokens.redeem("media", tokens.issue("media", "CA1", "a", once=True))
    token = tokens.issue("media", "CA1", "b", once=True)
    assert tokens.redeem("media", token) == "b"


@pytest.mark.parametrize("bit", range(256))
def test_a_forged_token(tokens: Tokens[str], bit: int) -> None:
    """A token with any one bit changed is refused: key, expiry and code are all signed."""
    raw = bytearray(base64.urlsafe_b64decode(tokens.issue("play", "CA1", "a") + "="))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(TokenError, match="not ours"):
        tokens.redeem("play", base64.urlsafe_b64encode(raw).decode().rstrip("="))


@given(st.text(max_size=60))
def test_what_is_no_token(text: str) -> None:
    """Whatever stands in a URL is refused in one way."""
    with pytest.raises(TokenError):
        Tokens[str](b"secret", 60).redeem("play", text)


@pytest.mark.parametrize("text", ["", "A", "A" * 42, "A" * 43, "A" * 44, "é" * 43, "/" * 43])
def test_what_almost_is_a_token(tokens: Tokens[str], text: str) -> None:
    """Too short, too long, or in other letters: refused in the same way."""
    with pytest.raises(TokenError):
        tokens.redeem("play", text)


def test_a_service_does_not_know_the_tokens_of_another(tokens: Tokens[str], clock: Clock) -> None:
    """Another secret is a forgery; the same secret after a new start is a call that is over."""
    token = tokens.issue("play", "CA1", "a")
    with pytest.raises(TokenError, match="not ours"):
        Tokens[str](b"other", 60, clock).redeem("play", token)
    with pytest.raises(TokenError, match="its call is over"):
        Tokens[str](b"secret", 60, clock).redeem("play", token)


def test_a_bearer_belongs_to_one_token(tokens: Tokens[str]) -> None:
    """The second secret follows from the token and our secret alone, and differs for each."""
    token, other = tokens.issue("media", "CA1", "a"), tokens.issue("media", "CA1", "b")
    bearer = tokens.bearer(token)
    assert re.fullmatch("[0-9a-f]{64}", bearer)
    assert bearer == tokens.bearer(token)
    assert token not in bearer
    assert len({bearer, tokens.bearer(other), Tokens[str](b"other", 60).bearer(token)}) == 3


def test_the_mark_of_a_token(clock: Clock) -> None:
    """Those who share a secret tell each other's tokens by their marks, and forged ones from both.

    What a token stands for is known only to whoever issued it.
    """
    one, two = (Tokens[str](b"secret", 60, clock, mark=mark) for mark in (b"\x01\x00", b"\x02\x07"))
    token = one.issue("play", "CA1", "a")
    assert len(token) == 43
    assert one.mark_of("play", token) == two.mark_of("play", token) == b"\x01\x00"
    assert two.mark_of("play", two.issue("play", "CA1", "b")) == b"\x02\x07"
    assert one.redeem("play", token) == "a"
    with pytest.raises(TokenError, match="its call is over"):
        two.redeem("play", token)
    for purpose, wrong in (("media", token), ("play", "C" + token[1:]), ("play", "")):
        with pytest.raises(TokenError):
            two.mark_of(purpose, wrong)
