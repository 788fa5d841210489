"""Reads what a REST request says: its form or its query, with Twilio's number for each mistake."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from urllib.parse import parse_qsl, urlsplit

from fastapi import HTTPException, Request

from app.telephony.orders import Refusal
from app.webhooks.trust import read_form

INVALID = 20001
"""A parameter that is not as it must be and for which Twilio has no number of its own."""


class Form:
    """Parameters by name. A method raises Refusal (400) with `code` for what cannot be used."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = tuple(pairs)
        self._values: dict[str, list[str]] = {}
        for name, value in self.pairs:
            self._values.setdefault(name, []).append(value)

    def __contains__(self, name: str) -> bool:
        return bool(self.text(name))

    def has(self, name: str) -> bool:
        """Whether it was sent, be it empty."""
        return name in self._values

    def text(self, name: str) -> str:
        """The last value; empty when there is none."""
        return self._values.get(name, [""])[-1]

    def many(self, name: str) -> tuple[str, ...]:
        """Every value, one that is written as several words too."""
        return tuple(word for value in self._values.get(name, ()) for word in value.split())

    def url(self, name: str, code: int = 21205) -> str:
        """An absolute http(s) URL, or nothing."""
        value = self.text(name)
        if value and not _is_http(value):
            raise Refusal(400, code, f"{name} is not a valid URL: {value}")
        return value

    def method(self, name: str, default: str = "POST") -> str:
        value = self.text(name).upper() or default
        if value not in ("GET", "POST"):
            raise Refusal(400, 21209, f"{name} must be GET or POST")
        return value

    def word(self, name: str, allowed: Collection[str], code: int = INVALID) -> str:
        """One of the allowed words, or nothing."""
        value = self.text(name)
        if value and value not in allowed:
            raise Refusal(400, code, f"{name} is not valid: use {', '.join(sorted(allowed))}")
        return value

    def words(self, name: str, allowed: Collection[str]) -> tuple[str, ...]:
        """All its values, each one of the allowed words."""
        for value in self.many(name):
            if value not in allowed:
                raise Refusal(
                    400, INVALID, f"{name} is not valid: use {', '.join(sorted(allowed))}"
                )
        return self.many(name)

    def number(self, name: str, low: int, high: int, code: int = INVALID) -> int | None:
        """A whole number within bounds; None when there is none."""
        value = self.text(name)
        if not value:
            return None
        if re.fullmatch("[0-9]{1,9}", value) is None or not low <= int(value) <= high:
            raise Refusal(400, code, f"{name} must be a number from {low} to {high}")
        return int(value)

    def flag(self, name: str) -> bool | None:
        """A truth value; None when there is none."""
        value = self.text(name).lower()
        if value not in ("", "true", "false"):
            raise Refusal(400, INVALID, f"{name} must be true or false")
        return value == "true" if value else None


async def read(request: Request) -> Form:
    """The form of a request. An empty body without a content type is an empty form."""
    if not request.headers.get("content-type") and not await request.body():
        return Form(())
    try:
        return Form(await read_form(request))
    except HTTPException as error:
        raise Refusal(error.status_code, INVALID, str(error.detail)) from error


def read_query(request: Request) -> Form:
    try:
        return Form(parse_qsl(request.url.query, keep_blank_values=True, max_num_fields=100))
    except ValueError as error:
        raise Refusal(400, INVALID, "The query has too many parameters") from error


def _is_http(value: str) -> bool:
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError, as urlsplit does
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
