"""SignalWire's cXML webhooks: it asks us, we ask the customer, and answer in cXML."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, HTTPException, Request, Response

from app import grants
from app.customer import CallContext, Reply
from app.live import Carriage, LiveCall
from app.service import Service
from app.webhooks import forms
from app.webhooks.answering import Language, answer, begin
from app.webhooks.common import heard, redeem_url
from app.webhooks.links import CallLinks
from app.webhooks.trust import read_form, require_signed
from bridge.ids import alias
from twiml.signalwire.cxml import apology, translate
from twiml.signalwire.translation import Translation

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'

log = structlog.get_logger("cxml")


def _translate(service: Service, context: CallContext, reply: Reply, aside: str) -> Translation:
    links = CallLinks(service, context, aside)
    return translate(reply.document, links, base_url=reply.url)


CXML = Language(
    content_type="text/xml",
    busy=f'{_HEAD}<Response><Reject reason="busy"/></Response>\n',
    silence=f'{_HEAD}<Response><Pause length="10"/></Response>\n',
    apology=apology,
    translate=_translate,
)


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
                return CXML.response(CXML.busy)
            live = _begin(service, sid, carrier_sid, form)
        heard(service, live, fields)
        return (await begin(service, CXML, live, forms.extra_fields(form))).response

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
        extra = forms.forwarded_fields(form)
        answered = await answer(
            service, CXML, context, grant.url, grant.method, extra, aside=grant.aside
        )
        return answered.response

    return router


def _begin(service: Service, sid: str, carrier_sid: str, form: list[tuple[str, str]]) -> LiveCall:
    fields = dict(form)
    known = ("CallerName", "ForwardedFrom", "ParentCallSid")
    extra = [(name, value) for name, value in forms.extra_fields(form) if name in known and value]
    return service.begin_call(
        sid,
        service.account_sid(fields.get("AccountSid", "")),
        forms.parties(fields),
        extra=tuple(extra),
        carriage=Carriage("cxml", carrier_sid),
    )
