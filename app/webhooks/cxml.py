"""SignalWire's cXML webhooks: it asks us, we ask the customer, and answer in cXML."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, HTTPException, Request, Response

from app import grants
from app.customer import CallContext, Reply
from app.service import LiveCall, Service
from app.webhooks import forms
from app.webhooks.common import heard, redeem_url, unopened
from app.webhooks.links import CallLinks
from app.webhooks.trust import read_form, require_signed
from bridge.callbacks import FormFields
from bridge.errors import CustomerError
from bridge.ids import alias
from twiml.signalwire.cxml import apology, translate

APOLOGY = "Sorry, an application error keeps this call from going on. Goodbye."
BUSY = '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Reject reason="busy"/></Response>\n'

CARRIER_PATIENCE = 14.0
"""Seconds in which SignalWire must have its answer: it waits 15 at most (S section 2.5)."""

log = structlog.get_logger("cxml")


def create_router(service: Service) -> APIRouter:
    """The routes under `/signalwire` for cXML calls of this service."""
    router = APIRouter(prefix="/signalwire", tags=["signalwire"])

    @router.post("/cxml")
    async def incoming(request: Request) -> Response:
        """A call comes in: SignalWire asks what to do with it."""
        form = await read_form(request)
        require_signed(service, request, form)
        fields = dict(form)
        carrier_sid = fields.get("CallSid", "")
        if not carrier_sid:
            raise HTTPException(400, "The form has no CallSid.")
        sid = alias("CA", carrier_sid)
        live = service.calls.get(sid)
        if live is None:
            if service.full:
                log.warning("call refused: the service is full or going down", call=sid)
                return _xml(BUSY)
            live = _begin(service, sid, form)
        route = live.context.route
        heard(service, live, fields)
        if not route.voice_url and service.settings.local:
            return await _answer(service, live.context, f"{service.base_url}/agent/voice", "POST")
        if not route.voice_url:
            live.call.timeline.add(
                "call.apology",
                "error",
                message="no app is set for this number",
                advice="Set TWIML_BRIDGE_VOICE_URL, or the number in the routes file.",
            )
            return _xml(apology(APOLOGY))
        return await _answer(
            service, live.context, route.voice_url, route.voice_method, forms.extra_fields(form)
        )

    @router.post("/cxml/{token}")
    async def continued(token: str, request: Request) -> Response:
        """An `action`, a `<Redirect>`, a `waitUrl`: the customer says how to go on."""
        form = await read_form(request)
        require_signed(service, request, form)
        grant = redeem_url(service, grants.DOCUMENT, token)
        context = grant.context
        live = service.calls.get(context.call.sid)
        if live is not None:
            heard(service, live, dict(form))
        return await _answer(
            service, context, grant.url, grant.method, forms.forwarded_fields(form)
        )

    return router


def _begin(service: Service, sid: str, form: list[tuple[str, str]]) -> LiveCall:
    fields = dict(form)
    known = ("CallerName", "ForwardedFrom", "ParentCallSid")
    extra = [(name, value) for name, value in forms.extra_fields(form) if name in known and value]
    return service.begin_call(
        sid,
        service.account_sid(fields.get("AccountSid", "")),
        forms.parties(fields),
        extra=tuple(extra),
    )


async def _answer(
    service: Service, context: CallContext, url: str, method: str, extra: FormFields = ()
) -> Response:
    """The customer's document as cXML; an apology when there is none that can be used."""
    try:
        reply = await service.customer.ask(context, url, method, extra, within=CARRIER_PATIENCE)
        return _xml(_translated(service, context, reply))
    except CustomerError as error:
        context.call.timeline.add(
            "call.apology", "error", code=error.code, message=error.message, advice=error.advice
        )
    except Exception:
        # Whatever it is, the caller hears a sentence and not a carrier's error.
        log.exception("document could not be answered", call=context.call.sid)
        context.call.timeline.add("call.apology", "error", message="internal error")
    return _xml(apology(APOLOGY))


def _translated(service: Service, context: CallContext, reply: Reply) -> str:
    translation = translate(reply.document, CallLinks(service, context), base_url=reply.url)
    timeline = context.call.timeline
    for loss in translation.losses:
        timeline.add(
            "translation.loss",
            "warning",
            line=loss.line,
            message=f"<{f'{loss.element} {loss.attribute}'.rstrip()}> {loss.why}",
            advice=loss.instead or None,
        )
    for stream, bidirectional in translation.refused:
        # They never reach the carrier: their errors are ours to report.
        unopened(service, context, stream, bidirectional).begin()
    if translation.too_large:
        timeline.add(
            "call.apology", "error", code=11750, message="the translated document is over 64 kB"
        )
        return apology(APOLOGY)
    timeline.add("translation.done", size=len(translation.output))
    return translation.output


def _xml(body: str) -> Response:
    return Response(body, media_type="text/xml")
