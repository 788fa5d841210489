"""What SignalWire reports about a SWML call, in JSON, while its script runs.

Reports are best effort: nothing waits for one, and one that is repeated or late changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from app import grants
from app.grants import Grant, PlacedGrant, StreamGrant, TapGrant, UrlGrant
from app.service import Service
from app.webhooks import swmlevents
from app.webhooks.common import forward, never_opened, redeem
from app.webhooks.events import forward_form, stream_form
from app.webhooks.reports import callback_form, own_form
from app.webhooks.swmlevents import Event, note, read_event
from app.webhooks.trust import (
    FORM,
    content_type_of,
    read_form,
    read_json,
    require_signed,
    require_signed_json,
)
from twiml.signalwire.swml import FAILED_EVENT

_WORD = re.compile(r"[a-z][a-z_.-]{0,60}")
_MAX_SHOWN = 500
"""Characters of a script's error that the timeline keeps."""


def create_router(service: Service) -> APIRouter:
    """The route under `/signalwire` for events; the token in its path says what of."""
    router = APIRouter(prefix="/signalwire", tags=["signalwire"])

    @router.post("/event/{token}")
    async def event(token: str, request: Request) -> Response:
        """Something has happened; the answer never touches the call.

        Whether SignalWire signs these is unknown (S section 1.5), so a missing signature passes. A
        conference may report by form, as in cXML (S section 7.4).
        """
        if content_type_of(request) == FORM:
            form = await read_form(request)
            require_signed(service, request, form, optional=True)
            _by_form(service, redeem(service, grants.EVENT, token), form)
            return Response(status_code=204)
        body = await read_json(request)
        require_signed_json(service, request, body, optional=True)
        grant = redeem(service, grants.EVENT, token)
        if isinstance(grant, UrlGrant) and grant.verb == "Transcription":
            _transcribed(service, grant, body.value)
            return Response(status_code=204)
        fingerprint = hashlib.sha256(token.encode() + body.raw).digest()[:16]
        now = time.time()
        _by_event(service, grant, read_event(body.value, now), now, fingerprint)
        return Response(status_code=204)

    return router


def _transcribed(service: Service, grant: UrlGrant, body: Mapping[str, Any]) -> None:
    """Words of a call, in a form that only SignalWire knows. The same twice may be said twice."""
    call = grant.context.call
    call.timeline.add("carrier.event", event="live_transcribe")
    live = service.calls.get(call.sid)
    if live is not None:
        live.last_seen = time.monotonic()
    forward(service, grant, own_form(call, body))


def _by_form(service: Service, grant: Grant, form: list[tuple[str, str]]) -> None:
    match grant:
        case UrlGrant():
            forward_form(service, grant, form)
        case StreamGrant():
            stream_form(service, grant, dict(form))


def _by_event(service: Service, grant: Grant, event: Event, now: float, fingerprint: bytes) -> None:
    assert not isinstance(grant, PlacedGrant)  # reports by form
    context = grant.context
    call, facts = context.call, context.facts
    new = facts.is_new(fingerprint) and note(facts, event, now)
    call.timeline.add(
        "carrier.event" if new else "carrier.event_repeated",
        event=_word(event.kind),
        status=_word(event.state),
        stream=grant.stream_sid if isinstance(grant, (StreamGrant, TapGrant)) else None,
    )
    live = service.calls.get(call.sid)
    if live is not None:
        live.last_seen = time.monotonic()
    if not new:
        return
    if event.kind == swmlevents.SCRIPT_WARNING:
        call.timeline.add(
            "carrier.script",
            "error",
            message="SignalWire reports an error in the script",
            detail=str(dict(event.params))[:_MAX_SHOWN],
        )
    elif isinstance(grant, StreamGrant):
        _stream(service, grant, event)
    elif isinstance(grant, TapGrant):
        _tap(service, grant, event)
    elif isinstance(grant, UrlGrant):
        form = callback_form(call, facts, grant.verb, grant.attribute, event)
        if form is not None:
            forward(service, grant, form)
    if event.kind == swmlevents.CONNECT and live is not None:
        live.lasting = event.state in ("connecting", "connected")
    if event.ends(call.sid):
        service.conclude(call.sid, "ended")


def _stream(service: Service, grant: StreamGrant, event: Event) -> None:
    """Its own socket tells the customer all; this is for a stream whose socket never came."""
    if event.kind == FAILED_EVENT:
        never_opened(service, grant, "SignalWire could not open the stream")
    elif event.state == "finished":
        never_opened(service, grant, "SignalWire ended the stream before it reached us")


def _tap(service: Service, grant: TapGrant, event: Event) -> None:
    live = service.calls.get(grant.context.call.sid)
    leg = live.taps.get(grant.stream_sid) if live else None
    if live is None or leg is None:
        return
    if event.state == "tapping":
        leg.tapping()
    elif event.kind == FAILED_EVENT or event.state == "finished":
        live.left = leg.running
        leg.ended(grant.direction)


def _word(value: str) -> str:
    """A word of SignalWire's that may stand in a log; empty for anything longer or other."""
    return value if _WORD.fullmatch(value) else ""
