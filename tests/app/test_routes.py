"""Which app answers which number."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.routes import Route, load
from app.settings import SettingsError
from app.settings import load as settings


def routes_file(text: str | bytes) -> Path:
    path = Path("routes.toml")
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_without_a_file_every_number_has_the_settings_app() -> None:
    """The settings' six values are the route of whatever was called."""
    given = {
        "voice_url": "https://app.example.com/voice",
        "voice_method": "GET",
        "voice_fallback_url": "https://app.example.com/plan-b",
        "voice_fallback_method": "GET",
        "status_callback": "https://app.example.com/status",
        "status_callback_method": "GET",
    }
    assert load(settings(local=True, **given)).find("+15550001111") == Route(**given)
    assert load(settings(local=True)).find("") == Route()


def test_a_number_of_the_file_has_its_own_app_and_nothing_of_the_settings() -> None:
    """A table stands alone: what it leaves out is not taken from the settings."""
    path = routes_file(
        '["+15550001111"]\nvoice_url = "https://one.example.com/voice"\nvoice_method = "GET"\n'
        '["sip:desk@example.com"]\nvoice_url = "http://two.example.com"\n'
        'status_callback = "https://two.example.com/status"\n'
    )
    routes = load(
        settings(
            local=True,
            routes_file=path,
            voice_url="https://default.example.com",
            voice_fallback_url="https://default.example.com/plan-b",
        )
    )
    assert routes.find("+15550001111") == Route("https://one.example.com/voice", "GET")
    assert routes.find("sip:desk@example.com") == Route(
        "http://two.example.com", status_callback="https://two.example.com/status"
    )
    for other in ("15550001111", "+15550001112", ""):
        assert routes.find(other).voice_url == "https://default.example.com"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('voice_url = "https://x"', ["'voice_url'", "write a table"]),
        ('["+1"]\n', ["'+1'", "voice_url is missing"]),
        ('["+1"]\nvoice_ulr = "https://x"', ["unknown key 'voice_ulr'", "status_callback_method"]),
        ('["+1"]\nvoice_url = "ftp://x"', ["voice_url is an http(s) URL", "'ftp://x'"]),
        ('["+1"]\nvoice_url = "/voice"', ["voice_url is an http(s) URL"]),
        ('["+1"]\nvoice_url = "https://"', ["voice_url is an http(s) URL"]),
        ('["+1"]\nvoice_url = "http://[::1/x"', ["voice_url is an http(s) URL"]),
        ('["+1"]\nvoice_url = 7', ["voice_url is an http(s) URL", "7"]),
        ('["+1"]\nvoice_url = "https://x"\nvoice_method = "get"', ["GET or POST, not 'get'"]),
        ('["+1"\n', ["line 1"]),
        (b"\xff", ["utf-8"]),
    ],
)
def test_a_file_that_is_not_as_described(text: str | bytes, words: list[str]) -> None:
    """A fault names the file, the number, the key and what belongs there."""
    with pytest.raises(SettingsError) as caught:
        load(settings(local=True, routes_file=routes_file(text)))
    for word in ["routes.toml", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(("path", "why"), [("nowhere.toml", "No such file"), (".", "directory")])
def test_a_file_that_cannot_be_read(path: str, why: str) -> None:
    """A file that is not there is named, with the reason."""
    with pytest.raises(SettingsError, match=why):
        load(settings(local=True, routes_file=path))
