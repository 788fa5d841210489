"""What Twilio's Node library writes is read back as the values that went in."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from twiml.actions import Connect, Start, Stop, Stream, Track
from twiml.diagnostics import Code
from twiml.parser import parse

HERE = Path(__file__).parent
NODE = shutil.which("node")

pytestmark = [
    pytest.mark.node,
    pytest.mark.contract("T20"),
    pytest.mark.skipif(
        NODE is None or not (HERE / "node_modules" / "twilio").exists(),
        reason="needs Node.js and `npm ci` in tests/node",
    ),
]


@cache
def documents() -> list[dict[str, Any]]:
    result = subprocess.run(
        [NODE or "node", "documents.mjs"], cwd=HERE, capture_output=True, timeout=60, check=True
    )
    # Not splitlines(): values hold line separators other than \n.
    return [json.loads(line) for line in result.stdout.decode().split("\n") if line]


def test_reads_back_every_document() -> None:
    assert len(documents()) > 40
    for made in documents():
        document = parse(made["twiml"].encode(), base_url="https://example.com/twiml")

        codes = {diagnostic.code for diagnostic in document.diagnostics}
        assert codes == ({Code.STREAM_CONNECTOR} if uses_connector(made) else set()), made["name"]
        assert len(document.actions) == len(made["verbs"]), made["name"]
        for action, verb in zip(document.actions, made["verbs"], strict=True):
            assert isinstance(action, Start | Connect | Stop), made["name"]
            assert type(action).__name__ == verb["verb"], made["name"]
            assert dict(action.attributes) == verb["attributes"], made["name"]
            if not isinstance(action, Stop):
                assert action.action == verb["attributes"].get("action"), made["name"]
                assert action.method == verb["attributes"].get("method", "POST"), made["name"]
            streams = [values_of(stream) for stream in action.streams]
            assert streams == [values_in(stream) for stream in verb["streams"]], made["name"]


def uses_connector(made: dict[str, Any]) -> bool:
    """Connectors live in a Twilio account, so naming one is an error by itself."""
    streams = [stream for verb in made["verbs"] for stream in verb["streams"]]
    return any("connectorName" in stream["attributes"] for stream in streams)


def values_of(stream: Stream) -> dict[str, Any]:
    """What the parser made of a stream."""
    return {
        "attributes": dict(stream.attributes),
        "url": stream.url,
        "name": stream.name,
        "track": stream.track,
        "statusCallback": stream.status_callback,
        "statusCallbackMethod": stream.status_callback_method,
        "connectorName": stream.connector_name,
        "audioFormat": stream.audio_format,
        "sampleRate": stream.sample_rate,
        "parameters": [[parameter.name, parameter.value] for parameter in stream.parameters],
        "customParameters": stream.custom_parameters,
    }


def values_in(stream: dict[str, Any]) -> dict[str, Any]:
    """What went into the builder, with the defaults of what was left out."""
    given: dict[str, str] = stream["attributes"]
    optional = ("url", "name", "statusCallback", "connectorName", "audioFormat", "sampleRate")
    return {
        "attributes": given,
        **{name: given.get(name) for name in optional},
        "track": given.get("track", Track.INBOUND),
        "statusCallbackMethod": given.get("statusCallbackMethod", "POST"),
        "parameters": stream["parameters"],
        "customParameters": dict(stream["parameters"]),
    }
