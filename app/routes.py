"""Which app answers which number: the settings' own app, or one per number from a TOML file.

    ["+15550001111"]
    voice_url = "https://app.example.com/voice"
    status_callback = "https://app.example.com/status"

The keys are those of a Twilio phone number.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.settings import Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Route:
    """The app behind a number. Empty URLs are not asked."""

    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"


_KEYS = tuple(Route.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Routes:
    default: Route
    numbers: dict[str, Route] = field(default_factory=dict)

    def find(self, number: str) -> Route:
        """The route of a called number (or SIP address); the default one for others."""
        return self.numbers.get(number, self.default)


def load(settings: Settings) -> Routes:
    """Routes from the settings; raises SettingsError when the file is not as described."""
    default = Route(**{key: getattr(settings, key) for key in _KEYS})
    for key in _KEYS:
        url = getattr(default, key)
        if url and not key.endswith("_method") and not _is_http(url):
            raise SettingsError(
                f"TWIML_BRIDGE_{key.upper()}: an http(s) URL is needed, not {url!r}"
            )
    if settings.routes_file is None:
        return Routes(default)
    return Routes(default, parse(settings.routes_file))


def parse(path: Path) -> dict[str, Route]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"routes file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"routes file {path}: {error}") from error
    return {number: _route(f"{path} [{number!r}]", table) for number, table in tables.items()}


def _route(place: str, table: Any) -> Route:
    if not isinstance(table, dict):
        raise SettingsError(f'{place}: write a table, ["+15550001111"], with voice_url in it')
    for key, value in table.items():
        if key not in _KEYS:
            raise SettingsError(f"{place}: unknown key {key!r}; known are {', '.join(_KEYS)}")
        if key.endswith("_method"):
            if value not in ("GET", "POST"):
                raise SettingsError(f"{place}: {key} is GET or POST, not {value!r}")
        elif not _is_http(value):
            raise SettingsError(f"{place}: {key} is an http(s) URL, not {value!r}")
    if "voice_url" not in table:
        raise SettingsError(f"{place}: voice_url is missing")
    return Route(**table)


def _is_http(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
