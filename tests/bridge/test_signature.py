from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import MultiDict
from twilio.request_validator import RequestValidator

from bridge.signature import Form, sign, signed_stream_url, signed_webhook_url, with_body_hash

TOKEN = "12345"
SID = "0" * 32
MYCOMPANY = "https://mycompany.com/myapp.php?foo=1&bar=2"
JSON_BODY = b'{"property": "value", "boolean": true}'
JSON_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"

FORMS: list[tuple[str, str, Form, str]] = [
    (
        "the Security page's form",
        "https://example.com/myapp.php?foo=1&bar=2",
        (
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
            ("Digits", "1234"),
            ("From", "+14158675310"),
            ("To", "+18005551212"),
        ),
        "L/OH5YylLD5NRKLltdqwSvS0BnU=",
    ),
    (
        "the test suite's form",
        MYCOMPANY,
        (
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ),
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
    ),
    (
        "repeated names",
        MYCOMPANY,
        (
            ("Sid", "CA123"),
            ("SidAccount", "AC123"),
            ("Digits", "5678"),
            ("Digits", "1234"),
            ("Digits", "1234"),
        ),
        "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
    ),
    (
        "a stream's status",
        "https://example.com/status",
        (
            ("StreamName", "tap"),
            ("StreamEvent", "stream-started"),
            ("CallSid", "CA" + SID),
            ("Timestamp", "2024-11-29T00:09:39.602648368Z"),
            ("AccountSid", "AC" + SID),
            ("StreamSid", "MZ" + SID),
        ),
        "KrSJl1l78yaotPlYzxf38wego/o=",
    ),
]

STREAMS = [
    ("wss://example.com/", "hoaxtdkWNBxVYCmDLq7UdjDdXIg="),
    ("wss://example.com/media", "7PR3qMkpDyEJtMrVOY/LDyNq8J8="),
    ("wss://example.com/media/", "T+WBXwUXC0/CyoZ1DA+p9ilZORs="),
]


@pytest.mark.contract("T92")
@pytest.mark.parametrize(
    ("url", "form", "expected"), [v[1:] for v in FORMS], ids=[v[0] for v in FORMS]
)
def test_form_vectors(url: str, form: Form, expected: str) -> None:
    """Each published vector of a posted form is matched, whatever the fields' order."""
    fields = tuple(form)
    assert sign(TOKEN, signed_webhook_url(url), fields) == expected
    assert sign(TOKEN, signed_webhook_url(url), reversed(fields)) == expected


@pytest.mark.contract("T92")
def test_json_vector() -> None:
    """A JSON body is signed by its hash in the query."""
    url = with_body_hash(MYCOMPANY, JSON_BODY)
    assert url == f"{MYCOMPANY}&bodySHA256={JSON_HASH}"
    assert sign(TOKEN, signed_webhook_url(url)) == "a9nBmqA0ju/hNViExpshrM61xv4="


@pytest.mark.contract("T44")
@pytest.mark.parametrize(("url", "expected"), STREAMS)
def test_stream_vectors(url: str, expected: str) -> None:
    """T44: Each known vector of a socket's upgrade is matched, over the wss URL alone."""
    assert sign(TOKEN, signed_stream_url(url)) == expected


@pytest.mark.contract("T45")
def test_empty_path_is_signed_as_a_slash() -> None:
    """T45: A stream's URL without a path is signed with one slash; a path gets none added."""
    assert signed_stream_url("wss://example.com") == "wss://example.com/"
    assert signed_stream_url("wss://example.com/media") == "wss://example.com/media"


@pytest.mark.contract("T46")
@pytest.mark.parametrize(
    "url",
    [
        "wss://example.com/media?token=1",
        "wss://example.com/media#part",
        "wss://user:secret@example.com/media",
        "wss://example.com:443/media",
        "wss://user:secret@example.com:443/media?token=1#part",
        "wss://example.com:8443/media",
    ],
)
def test_what_a_stream_signature_leaves_out(url: str) -> None:
    """T46: Query, fragment, user and port are not signed."""
    assert signed_stream_url(url) == "wss://example.com/media"


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://example.com:8443/voice?a=1#rc=2", "https://example.com/voice?a=1"),
        ("http://example.com:8080/voice?a=1#rc=2", "http://example.com:8080/voice?a=1"),
        ("https://user:secret@example.com/voice", "https://example.com/voice"),
        ("http://user:secret@example.com:80/voice", "http://example.com:80/voice"),
        ("https://[2001:db8::1]:8443/voice", "https://[2001:db8::1]/voice"),
        ("http://[2001:db8::1]:8080/voice", "http://[2001:db8::1]:8080/voice"),
    ],
)
def test_what_a_webhook_signature_covers(url: str, signed: str) -> None:
    """The query is signed, fragment and user are not; the port is for http and not for https."""
    assert signed_webhook_url(url) == signed


def test_ipv6_stream_url() -> None:
    """An IPv6 host keeps its brackets."""
    assert signed_stream_url("wss://[2001:db8::1]:8443/media") == "wss://[2001:db8::1]/media"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/hook", "https://example.com/hook?bodySHA256="),
        ("https://example.com/hook?a=1#frag", "https://example.com/hook?a=1&bodySHA256="),
    ],
)
def test_body_hash_joins_the_query(url: str, expected: str) -> None:
    """The body's hash starts a query or follows it, before the fragment."""
    assert with_body_hash(url, b"").startswith(expected)


URLS = st.sampled_from(
    [
        "https://example.com/voice",
        "https://example.com:8443/voice?a=1&b=%20",
        "http://example.com:8080/voice?x=",
        "http://example.com/voice",
    ]
)
FIELDS = st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=12)), max_size=8)


@pytest.mark.contract("T85", "T92")
@given(st.text(min_size=1, max_size=40), URLS, FIELDS)
def test_twilios_own_validator_agrees(token: str, url: str, fields: list[tuple[str, str]]) -> None:
    """twilio's RequestValidator accepts every form we sign and refuses it with one field more."""
    signature = sign(token, signed_webhook_url(url), fields)
    validator = RequestValidator(token)
    assert validator.validate(url, MultiDict(fields), signature)
    assert not validator.validate(url, MultiDict([*fields, ("Tampered", "1")]), signature)


@given(st.dictionaries(st.text(max_size=8), st.integers()))
def test_twilios_own_validator_agrees_on_json(content: dict[str, int]) -> None:
    """twilio's RequestValidator accepts a JSON body sent under its hash, and no other body."""
    body = json.dumps(content)
    url = with_body_hash("https://example.com/hook?a=1", body.encode())
    signature = sign(TOKEN, signed_webhook_url(url))
    assert RequestValidator(TOKEN).validate(url, body, signature)
    assert not RequestValidator(TOKEN).validate(url, body + " ", signature)


@pytest.mark.contract("T44")
@pytest.mark.parametrize("url", ["wss://example.com", "wss://example.com:8443/media?x=1"])
def test_twilios_own_validator_accepts_a_socket(url: str) -> None:
    """twilio's RequestValidator accepts an upgrade's signature for the wss URL as it is signed.

    Proves T44.
    """
    signed = signed_stream_url(url)
    assert RequestValidator(TOKEN).validate(signed, {}, sign(TOKEN, signed))
