from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twiml.actions import Hangup, Play, Say
from twiml.document import INLINE
from twiml.markup import legal
from twiml.response import Kind, kind_of, read_response

URL = "https://a.example/voice"
TWIML = b'<Response><Connect><Stream url="media"/></Connect></Response>'


@pytest.mark.contract("T16", "T18")
@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("text/xml", Kind.TWIML),
        ("application/xml; charset=utf-8", Kind.TWIML),
        ("TEXT/HTML;charset=UTF-8", Kind.TWIML),
        ("text/plain", Kind.TEXT),
        ("audio/mpeg", Kind.AUDIO),
        ("audio/", Kind.UNUSABLE),
        ("application/json", Kind.UNUSABLE),
        ("application/xhtml+xml", Kind.UNUSABLE),
        ("text/xmlish", Kind.UNUSABLE),
        ("", Kind.UNUSABLE),
        (None, Kind.UNUSABLE),
    ],
)
def test_kinds(content_type: str | None, kind: Kind) -> None:
    """The media type decides, whatever its case and its parameters."""
    assert kind_of(content_type) is kind


@pytest.mark.contract("T16")
@pytest.mark.parametrize("content_type", ["text/xml", "application/xml", "text/html"])
def test_twiml(content_type: str) -> None:
    """TwiML is read, relative URLs against the address it came from."""
    document = read_response(content_type, TWIML, URL)
    assert document.usable
    assert "wss://a.example/media" in str(document.actions)


@pytest.mark.contract("T17")
def test_plain_text_that_is_twiml_is_run() -> None:
    """text/plain makes no difference to a valid document."""
    assert read_response("text/plain", TWIML, URL) == read_response("text/xml", TWIML, URL)


@pytest.mark.parametrize(
    ("content_type", "body", "spoken"),
    [
        ("text/plain", b"Hello & <welcome>", "Hello & <welcome>"),
        ("text/plain; charset=iso-8859-1", "Grüße".encode("latin-1"), "Grüße"),
        ('text/plain; charset="utf-8"', "\ufeffGrüße\n".encode(), "Grüße"),
        ("text/plain; charset=base64", b"SGk", "SGk"),
        ("text/plain", b"a\x00b\xff", "ab\ufffd"),
    ],
)
def test_other_plain_text_is_read_aloud(content_type: str, body: bytes, spoken: str) -> None:
    """What is not TwiML is said, then the call ends; a warning says that this happened and why."""
    document = read_response(content_type, body, URL)
    assert document.actions == (Say(content=(spoken,)), Hangup())
    assert [(found.severity, found.code) for found in document.diagnostics] == [("warning", 12200)]


@pytest.mark.parametrize("body", [b"", b" \n ", b"\x00"])
def test_blank_plain_text_says_nothing(body: bytes) -> None:
    """With nothing to say the answer is no document."""
    document = read_response("text/plain", body, URL)
    assert [found.code for found in document.diagnostics] == [12100]


def test_large_plain_text_is_refused() -> None:
    """The bound holds for text that would be read aloud too."""
    document = read_response("text/plain", b"x" * 100_000, URL)
    assert [found.code for found in document.diagnostics] == [11750]
    inline = read_response("text/plain", b"x" * 4001, URL, INLINE)
    assert [found.code for found in inline.diagnostics] == [32018]


def test_audio_is_played() -> None:
    """Audio is played from its own address, then the call ends."""
    document = read_response("audio/wav", b"RIFF", URL)
    assert document.actions == (Play(content=(URL,)), Hangup())
    assert document.diagnostics == ()


def test_who_waits_with_what_is_no_twiml_is_not_hung_up_on() -> None:
    """Audio sounds on and on, text is read once; TwiML stays what it is."""
    audio = read_response("audio/mpeg", b"ID3", URL)
    assert audio.while_waiting == (Play(content=(URL,), loop=0),)
    assert read_response("text/plain", b"Hello", URL).while_waiting == (Say(content=("Hello",)),)
    twiml = read_response("text/xml", b"<Response><Play>a</Play><Hangup/></Response>", URL)
    assert twiml.while_waiting == twiml.actions
    assert len(twiml.actions) == 2


@pytest.mark.contract("T18")
@pytest.mark.parametrize("content_type", ["application/json", "image/png", "", None])
def test_other_types_are_unusable(content_type: str | None) -> None:
    """12300, even when the body would have been TwiML."""
    document = read_response(content_type, TWIML, URL)
    assert not document.usable
    assert [found.code for found in document.errors] == [12300]


@given(st.one_of(st.none(), st.text(), st.just("text/plain")), st.binary())
def test_nothing_is_ever_raised(content_type: str | None, body: bytes) -> None:
    """Any header and any body give a document, and what is said can be written as XML."""
    document = read_response(content_type, body, URL)
    for action in document.actions:
        if isinstance(action, (Play, Say)):
            assert legal(action.text) == action.text
