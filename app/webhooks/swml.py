"""SignalWire's SWML webhooks: it asks us in JSON, we ask the customer by form, and answer SWML."""

from __future__ import annotations

import json
import time

import structlog
from fastapi import APIRouter, HTTPException, Request, Response

from app import grants
from app.customer import CallContext, Reply
from app.live import Carriage, LiveCall
from app.service import Service
from app.webhooks.answering import Answer, Language, answer, begin
from app.webhooks.common import heard_call, redeem_url
from app.webhooks.links import SwmlCallLinks
from app.webhooks.results import Result, result_fields
from app.webhooks.swmlcall import SwmlCall, of_leg, read_call
from app.webhooks.trust import JsonBody, read_json, require_signed_json
from twiml.actions import Connect, Dial, Enqueue, Pause, Record, Room
from twiml.document import Document
from twiml.signalwire.swml import Dialect, apology, translate
from twiml.signalwire.translation import Translation

MAX_TRANSFERS = 32
"""Documents that SignalWire asks for by `transfer` in one call (S section 1.2)."""
_MANY_TRANSFERS = 30
_LONG_PAUSE = 600
"""Seconds of `<Pause>` from which a call is not expected to be heard of."""

log = structlog.get_logger("swml")


def _translate(service: Service, context: CallContext, reply: Reply, aside: str) -> Translation:
    dialect = Dialect(service.settings.swml_dialect)
    links = SwmlCallLinks(service, context, aside, dialect)
    return translate(reply.document, links, reply.url, dialect, aside=bool(aside))


def _of(step: dict[str, object]) -> str:
    return json.dumps({"version": "1.0.0", "sections": {"main": [step]}})


SWML = Language(
    content_type="application/json",
    busy=_of({"hangup": {"reason": "busy"}}),
    silence=_of({"play": {"url": "silence:10"}}),
    apology=apology,
    translate=_translate,
)


def create_router(service: Service) -> APIRouter:
    """The routes under `/signalwire` for SWML calls of this service."""
    router = APIRouter(prefix="/signalwire", tags=["signalwire"])

    @router.post("/swml")
    async def incoming(request: Request) -> Response:
        """A call comes in: SignalWire asks what to do with it."""
        call = _call(await _signed(service, request))
        live = service.calls.get(call.sid)
        if live is None:
            if service.full:
                log.warning("call refused: the service is full or going down", call=call.sid)
                return SWML.response(SWML.busy)
            live = service.begin_call(
                call.sid,
                service.account_sid(call.project_id),
                call.parties,
                extra=call.extra,
                carriage=Carriage("swml", call.call_id),
            )
            live.unreported = True
        heard_call(service, live, call)
        return _answered(live, await begin(service, SWML, live, ()))

    @router.post("/swml/{token}")
    async def continued(token: str, request: Request) -> Response:
        """An `action`, a `<Redirect>`, a `waitUrl`: the customer says how to go on."""
        call = _call(await _signed(service, request))
        grant = redeem_url(service, grants.DOCUMENT, token)
        context = grant.context
        own = call.sid == context.call.sid
        live = service.calls.get(context.call.sid)
        if live is None and own:
            live = service.resume(context.call.sid)
        if live is not None:
            heard_call(service, live, call)
        if not grant.aside:
            _count_transfer(context)
        leg = () if own else of_leg(call, context.call.sid)
        result = Result(call, context.facts, since=grant.made_at, now=time.time())
        answered = await answer(
            service,
            SWML,
            context,
            grant.url,
            grant.method,
            leg + result_fields(grant.verb, grant.attribute, result),
            aside=grant.aside,
        )
        return _answered(None if grant.aside else live, answered)

    return router


async def _signed(service: Service, request: Request) -> JsonBody:
    body = await read_json(request)
    require_signed_json(service, request, body)
    return body


def _call(body: JsonBody) -> SwmlCall:
    call = read_call(body.value)
    if call is None:
        raise HTTPException(400, "The body names no call: call.call_id is missing.")
    return call


def _answered(live: LiveCall | None, answered: Answer) -> Response:
    if live is not None and answered.document is not None:
        live.lasting = _lasts(answered.document)
    return answered.response


def _lasts(document: Document) -> bool:
    """Whether a document has what may rightly take long without a word from SignalWire."""
    return any(
        isinstance(action, (Dial, Enqueue, Record))
        or (isinstance(action, Pause) and action.length >= _LONG_PAUSE)
        or (isinstance(action, Connect) and any(isinstance(n, Room) for n in action.children))
        for action in document.actions
    )


def _count_transfer(context: CallContext) -> None:
    facts = context.facts
    facts.transfers += 1
    if facts.transfers >= _MANY_TRANSFERS:
        left = max(0, MAX_TRANSFERS - facts.transfers)
        context.call.timeline.add(
            "call.transfers",
            "warning",
            limit=MAX_TRANSFERS,
            message=f"SignalWire has asked for {facts.transfers} documents after the first:"
            f" {left} more are possible, then it ends the call",
            advice="Use fewer <Redirect>s and actions, or SignalWire's cXML webhook for this app.",
        )
