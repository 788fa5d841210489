"""SWML's JSON schema: as published in the SDK, and with what that one lags behind by.

The SDK's schema is that of the strict dialect. The full dialect's is the same with an overlay,
written from S sections 1.4 and 1.6; the table of S section 1.1 says what either accepts.
"""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from twiml.signalwire.swml import Dialect

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_URL: Schema = {"type": "string", "format": "uri"}
_VARIABLE: Schema = {"$ref": "#/$defs/SWMLVar"}
_BOOLEAN: Schema = {"anyOf": [{"type": "boolean"}, _VARIABLE]}
_STRINGS: Schema = {"type": "object", "additionalProperties": _TEXT}
_METHOD: Schema = {"enum": ["GET", "POST"]}
_EVENT_TYPE: Schema = {"enum": ["cxml", "laml", "relay"]}

_STREAM_OPTIONS: dict[str, Schema] = {
    "name": _TEXT,
    "codec": _TEXT,
    "status_url": _URL,
    "status_url_method": _METHOD,
    "authorization_bearer_token": _TEXT,
    "custom_parameters": _STRINGS,
}
_CONNECTIONS = (
    *("ConnectDeviceSingle", "ConnectDeviceSerial", "ConnectDeviceParallel"),
    "ConnectDeviceSerialParallel",
)


def _method(name: str, properties: dict[str, Schema], *required: str) -> Schema:
    """A step that is an object with one closed object in it."""
    inner = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {name: inner},
        "required": [name],
        "additionalProperties": False,
    }


_METHODS: dict[str, Schema] = {
    "Stream": _method(
        "stream",
        {
            "url": _TEXT,
            "control_id": _TEXT,
            "track": {"enum": ["inbound_track", "outbound_track", "both_tracks"]},
            **_STREAM_OPTIONS,
        },
        "url",
    ),
    "StopStream": _method("stop_stream", {"control_id": _TEXT}),
    "Transcribe": _method("transcribe", {"status_url": _URL}),
    "TranscribeStop": _method("transcribe_stop", {}),
}


@cache
def schema(dialect: Dialect) -> Schema:
    """The schema of a dialect."""
    packaged = distribution("signalwire-sdk").locate_file("signalwire/schema.json")
    strict: Schema = json.loads(Path(str(packaged)).read_text(encoding="utf-8"))
    return strict if dialect is Dialect.STRICT else _with_overlay(strict)


@cache
def validator(dialect: Dialect) -> Draft202012Validator:
    """What checks documents of a dialect. With an older draft, objects would not be closed."""
    Draft202012Validator.check_schema(schema(dialect))
    return Draft202012Validator(schema(dialect))


def faults(document: Any, dialect: Dialect) -> list[str]:
    """What a dialect's schema finds wrong with a document."""
    return [error.message[:300] for error in validator(dialect).iter_errors(document)]


def _with_overlay(strict: Schema) -> Schema:
    full = deepcopy(strict)
    defs = full["$defs"]
    for name, definition in _METHODS.items():
        assert name not in defs, f"the SDK's schema has {name} now: shorten the overlay"
        defs[name] = definition
        defs["SWMLMethod"]["anyOf"].append({"$ref": f"#/$defs/{name}"})
    for name in ("Stream", "StopStream"):
        defs["ValidConfirmMethods"]["anyOf"].append({"$ref": f"#/$defs/{name}"})
    for name in _CONNECTIONS:
        properties = defs[name]["properties"]
        properties |= {"status_url": _URL, "from_name": _TEXT}
        properties["ringback"] = {"type": "array", "items": _TEXT}
    # The SDK's schema has a whole connection where the documentation has a destination; what
    # stands there is what a destination may say.
    defs["ConnectDeviceSingle"]["properties"] |= _STREAM_OPTIONS | {"realtime": _BOOLEAN}
    defs["SMSWithBody"]["properties"]["status_callback"] = _TEXT
    defs["SMSWithMedia"]["properties"]["status_callback"] = _TEXT
    conference = defs["JoinConferenceObject"]["properties"]
    conference |= {
        "region": {"enum": ["global", "us", "eu", "ch"]},
        "status_callback_event": _TEXT,
        "status_callback_event_type": _EVENT_TYPE,
        "recording_status_callback_event": _TEXT,
        "recording_status_callback_event_type": _EVENT_TYPE,
        "stream": {
            "type": "object",
            "properties": {"url": _TEXT, "realtime": _BOOLEAN, **_STREAM_OPTIONS},
            "required": ["url"],
            "additionalProperties": False,
        },
    }
    return full
