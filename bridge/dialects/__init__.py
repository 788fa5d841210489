"""The JSON messages of the sockets we speak on, one module per dialect. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from bridge.errors import PeerError


def read_object(data: bytes) -> dict[str, Any]:
    """A message as the JSON object that it is; raises PeerError, which says what it is not."""
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise PeerError(f"not JSON: {error}") from error
    if not isinstance(message, dict):
        raise PeerError("not a JSON object")
    return message


def shown(value: object) -> str:
    """A peer's value as a fault names it: a string's beginning, a number; of the rest the type."""
    if isinstance(value, str):
        return repr(value[:40])
    return f"a {type(value).__name__}" if isinstance(value, list | dict) else repr(value)
