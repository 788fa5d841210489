from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twiml.urls import StreamUrl, UrlError, absolute_http, stream_url

BASE = "https://app.example:8443/voice/answer?x=1"


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("wss://c.example", "wss://c.example"),
        ("wss://c.example/", "wss://c.example/"),
        ("WSS://C.example/A%20b", "wss://C.example/A%20b"),
        ("wss://u:p@c.example:9000/a;b=1", "wss://u:p@c.example:9000/a;b=1"),
        ("wss://[2001:db8::1]:1/a", "wss://[2001:db8::1]:1/a"),
        ("wss://bücher.example/é", "wss://xn--bcher-kva.example/%C3%A9"),
        ("wss://ü:p@bücher.example:1/", "wss://%C3%BC:p@xn--bcher-kva.example:1/"),
        ("media", "wss://app.example:8443/voice/media"),
        ("/media", "wss://app.example:8443/media"),
        ("../media", "wss://app.example:8443/media"),
        ("//other.example/media", "wss://other.example/media"),
    ],
)
@pytest.mark.contract("T25")
def test_what_is_dialled(written: str, dialled: str) -> None:
    """Absolute URLs stay, relative ones are read against the document's, always over wss."""
    assert stream_url(written, BASE, allow_plain_ws=False) == StreamUrl(dialled)


@pytest.mark.parametrize("plain", [True, False])
def test_a_plain_document_url_gives_plain_sockets_only_where_allowed(plain: bool) -> None:
    """http becomes ws when that is allowed and wss otherwise."""
    target = stream_url("m", "http://localhost:1/a", allow_plain_ws=plain)
    assert target.connect_url == ("ws" if plain else "wss") + "://localhost:1/m"


@pytest.mark.contract("T24")
def test_query_and_fragment_are_dropped() -> None:
    """What cannot be sent is dropped, and named so that the warning can help."""
    target = stream_url("wss://c.example/m?a=1&b=2#f", None, allow_plain_ws=False)
    assert target == StreamUrl("wss://c.example/m", dropped=True, dropped_names=("a", "b"))
    assert stream_url("wss://c.example/#f", None, allow_plain_ws=False).dropped


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("ws://c.example/", 31922),
        ("http://c.example/", 31922),
        ("localhost:8080/m", 31922),
        ("javascript:alert(1)", 31922),
        ("", 31923),
        (" wss://c.example/", 31923),
        ("wss://c.example/\u0007", 31923),
        ("wss://c.example/%zz", 31923),
        ("wss://c.example/{id}", 31923),
        ("wss:c.example", 31923),
        ("wss:///m", 31923),
        ("wss://c.example:0/", 31923),
        ("wss://c.example:65536/", 31923),
        ("wss://c.example:x/", 31923),
        ("wss://[::1/", 31923),
        ("wss://a..b/", 31923),
        (f"wss://{'a' * 64}.example/", 31923),
    ],
)
@pytest.mark.contract("T22", "T23")
def test_what_cannot_be_dialled(written: str, code: int) -> None:
    """A scheme other than wss is 31922, anything else that is no URL is 31923."""
    with pytest.raises(UrlError) as caught:
        stream_url(written, BASE, allow_plain_ws=False)
    assert caught.value.code == code
    assert caught.value.advice


@pytest.mark.parametrize("base", [None, "", "file:///tmp/x", "not a url", "http://"])
def test_a_relative_url_needs_a_document_url(base: str | None) -> None:
    """Without an http URL to read it against a relative URL is malformed, and the message says."""
    with pytest.raises(UrlError, match="relative"):
        stream_url("/m", base, allow_plain_ws=False)


@pytest.mark.parametrize(
    ("written", "absolute"),
    [
        ("https://a.example/x?y=1#rc=2", "https://a.example/x?y=1#rc=2"),
        ("HTTP://a.example", "HTTP://a.example"),
        ("x", "https://app.example:8443/voice/x"),
        ("", BASE),
        (" my song.mp3 ", "https://app.example:8443/voice/my%20song.mp3"),
        ("ftp://a.example/", None),
        ("mailto:a@b.example", None),
        ("https://", None),
        ("https://a.example:99999/", None),
        ("https://a\n.example/", None),
        ("https://[::1/", None),
    ],
)
def test_webhook_urls(written: str, absolute: str | None) -> None:
    """Query and fragment stay; what is not http or https is no URL for a webhook."""
    assert absolute_http(written, BASE) == absolute


def test_a_relative_webhook_without_base_is_none() -> None:
    """There is nothing to read it against."""
    assert absolute_http("/x") is None


@given(st.text(), st.one_of(st.none(), st.text(), st.just(BASE)), st.booleans())
def test_no_text_escapes(written: str, base: str | None, plain: bool) -> None:
    """Any text is either a URL without query or an error with a number."""
    absolute_http(written, base)
    try:
        target = stream_url(written, base, allow_plain_ws=plain)
    except UrlError as error:
        assert error.code in {31922, 31923}  # noqa: PT017
    else:
        assert target.connect_url.startswith(("wss://", "ws://"))
        assert target.connect_url.isascii()
        assert not set("?# ") & set(target.connect_url)
