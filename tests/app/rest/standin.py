"""A stand-in for SignalWire's REST, which cannot run here. It is strict: credentials, paths and
fields that S sections 2.6 and 3.1 do not know are errors of the test."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.peers import HttpRequest, read_request, response, tcp_server

PROJECT = "b08dacad-1111-4222-8333-444455556666"
TOKEN = "PT-secret"
_LAML = f"/api/laml/2010-04-01/Accounts/{PROJECT}"
_CALL = "/Calls/[0-9a-f-]{36}"
_CONFERENCE = "/Conferences/[0-9a-f-]{36}"

FORMS: dict[str, tuple[set[str], set[str]]] = {
    "/Calls": (
        {"To", "From", "Url"},
        {
            "Method",
            "StatusCallback",
            "StatusCallbackMethod",
            "StatusCallbackEvent",
            "Timeout",
            "TimeLimit",
            "SendDigits",
            "CallerId",
            "Record",
            "RecordingChannels",
            "RecordingTrack",
            "RecordingStatusCallback",
            "RecordingStatusCallbackMethod",
            "RecordingStatusCallbackEvent",
            "Trim",
            "MachineDetection",
            "MachineDetectionTimeout",
            "AsyncAmd",
            "AsyncAmdStatusCallback",
            "AsyncAmdStatusCallbackMethod",
        },
    ),
    _CALL: (set(), {"Url", "Method", "Status"}),
    f"{_CALL}/Streams": (
        {"Url"},
        {
            "Name",
            "Track",
            "StatusCallback",
            "StatusCallbackMethod",
            "AuthorizationBearerToken",
        },
    ),
    f"{_CALL}/Streams/[0-9a-f-]{{36}}": ({"Status"}, set()),
    f"{_CALL}/Recordings": (
        set(),
        {
            "RecordingChannels",
            "RecordingTrack",
            "Trim",
            "RecordingStatusCallback",
            "RecordingStatusCallbackMethod",
            "RecordingStatusCallbackEvent",
        },
    ),
    f"{_CALL}/Recordings/([0-9a-f-]{{36}}|Twilio.CURRENT)": ({"Status"}, {"PauseBehavior"}),
    _CONFERENCE: ({"Status"}, set()),
    f"{_CONFERENCE}/Recordings/[0-9a-f-]{{36}}": ({"Status"}, {"PauseBehavior"}),
    f"{_CONFERENCE}/Participants/[0-9a-f-]{{36}}": (
        set(),
        {
            "Muted",
            "Hold",
            "HoldUrl",
            "HoldMethod",
            "AnnounceUrl",
            "AnnounceMethod",
            "WaitUrl",
            "WaitMethod",
            "Coaching",
            "CallSidToCoach",
        },
    ),
}
"""Forms by path: the fields that are needed, and those that may be there."""

COMMANDS: dict[str, tuple[set[str], set[str]]] = {
    "update": ({"id"}, {"url", "status"}),
    "calling.stream": (
        {"control_id", "url"},
        {
            "name",
            "codec",
            "track",
            "authorization_bearer_token",
            "status_url",
            "status_url_method",
        },
    ),
    "calling.stream.stop": ({"control_id"}, set()),
}
"""Parameters by command, in the same way."""


@dataclass(slots=True)
class StandIn:
    """Answers each request with the next of `answers`, each a status and an object. `arrived` is
    set when there has been one."""

    url: str = ""
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    requests: list[HttpRequest] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def next(self, status: int = 200, /, **value: Any) -> None:
        self.answers.append((status, value))

    def form(self, at: int = -1) -> dict[str, Any]:
        """The fields of a request, those that are repeated as lists."""
        found = parse_qs(self.requests[at].body.decode(), keep_blank_values=True)
        return {name: value[0] if len(value) == 1 else value for name, value in found.items()}

    def command(self, at: int = -1) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.requests[at].body)
        return value

    def path(self, at: int = -1) -> str:
        return self.requests[at].target.removeprefix(_LAML)


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    carrier = StandIn()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await read_request(reader)
        except asyncio.IncompleteReadError:
            return
        carrier.requests.append(request)
        carrier.arrived.set()
        status, value = carrier.answers.pop(0)
        writer.write(response(status, json.dumps(value).encode(), "Content-Type: application/json"))
        _check(request)

    async with tcp_server(serve) as port:
        carrier.url = f"http://127.0.0.1:{port}"
        yield carrier
        assert not carrier.answers, "requests that were expected did not come"


def _check(request: HttpRequest) -> None:
    credentials = base64.b64encode(f"{PROJECT}:{TOKEN}".encode()).decode()
    assert request.header("Authorization") == f"Basic {credentials}"
    path = urlsplit(request.target).path
    if path == "/api/calling/calls":
        _check_command(request)
        return
    assert path.startswith(_LAML + "/"), path
    if request.method == "DELETE":
        assert re.fullmatch(f"{_CONFERENCE}/Participants/[0-9a-f-]{{36}}", path[len(_LAML) :])
        return
    assert request.method == "POST"
    assert request.header("Content-Type") == "application/x-www-form-urlencoded"
    (known,) = [FORMS[one] for one in FORMS if re.fullmatch(one, path[len(_LAML) :])]
    sent = parse_qs(request.body.decode(), keep_blank_values=True, strict_parsing=True)
    _check_names(set(sent), *known)


def _check_command(request: HttpRequest) -> None:
    assert request.method == "POST"
    assert request.header("Content-Type") == "application/json"
    body = json.loads(request.body)
    top = {"command", "params"} | (set() if body["command"] == "update" else {"id"})
    assert set(body) == top
    _check_names(set(body["params"]), *COMMANDS[body["command"]])


def _check_names(given: set[str], needed: set[str], allowed: set[str]) -> None:
    assert needed <= given, needed - given
    assert given <= needed | allowed, given - needed - allowed
