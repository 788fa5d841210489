"""Webhooks of calls that REST has placed or redirected: their first document, their progress."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request, Response

from app import grants
from app.customer import CallContext, Reply
from app.grants import InlineGrant, PlacedGrant, UrlGrant
from app.live import Carriage, LiveCall
from app.restoring import past_call
from app.service import Service
from app.store.records import CallRecord
from app.webhooks import forms
from app.webhooks.answering import Language, answer_with, begin
from app.webhooks.common import heard, heard_call, redeem
from app.webhooks.cxml import CXML
from app.webhooks.events import forward_form
from app.webhooks.swml import SWML
from app.webhooks.swmlcall import read_call
from app.webhooks.trust import read_form, read_json, require_signed, require_signed_json
from bridge.ids import alias
from twiml.document import INLINE, LIVE_UPDATE, Limits
from twiml.parser import parse

_PROGRESS = {"queued": "initiated", "in-progress": "answered"}
"""The events by which customers ask to be told, for the statuses that have another name."""


def create_router(service: Service) -> APIRouter:
    router = APIRouter(prefix="/signalwire", tags=["signalwire"])

    @router.post("/placed/{token}")
    async def answered(token: str, request: Request) -> Response:
        """Whom we have called has answered: SignalWire asks what to do."""
        form = await read_form(request)
        require_signed(service, request, form)
        grant = _placed(service, grants.PLACED, token)
        live = await _running(service, grant, form)
        heard(service, live, dict(form))
        if grant.twiml:
            return _inline(service, CXML, live.context, grant.twiml, INLINE)
        return (await begin(service, CXML, live, forms.extra_fields(form))).response

    @router.post("/placed-status/{token}")
    async def progress(token: str, request: Request) -> Response:
        """How far the call has come, for the customer as far as it wants to know."""
        form = await read_form(request)
        require_signed(service, request, form, optional=True)
        grant = _placed(service, grants.PLACED_STATUS, token)
        context = await _call(service, grant, form)
        fields = dict(form)
        status = fields.get("CallStatus", "")
        over = forms.call_status(fields).over
        event = "completed" if over else _PROGRESS.get(status, status)
        route = context.route
        if route.status_callback and event in grant.events:
            url, method = route.status_callback, route.status_callback_method
            forward_form(service, UrlGrant(context, url, method, ""), form)
        if live := service.calls.get(context.call.sid):
            heard(service, live, fields)
        return Response(status_code=204)

    @router.post("/placed-callback/{token}")
    async def callback(token: str, request: Request) -> Response:
        """What SignalWire says of the call's recording, or of who has answered it."""
        form = await read_form(request)
        require_signed(service, request, form, optional=True)
        grant = _placed(service, grants.PLACED_CALLBACK, token)
        context = await _call(service, grant, form)
        url, method = grant.callback
        forward_form(service, UrlGrant(context, url, method, ""), form)
        return Response(status_code=204)

    @router.post("/inline/{token}")
    async def inline(token: str, request: Request) -> Response:
        """A call that runs is given TwiML that came with a REST request."""
        grant = redeem(service, grants.INLINE, token)
        assert isinstance(grant, InlineGrant)
        live = service.calls.get(grant.context.call.sid)
        if grant.language == "cxml":
            form = await read_form(request)
            require_signed(service, request, form)
            if live is not None:
                heard(service, live, dict(form))
            return _inline(service, CXML, grant.context, grant.twiml, LIVE_UPDATE)
        body = await read_json(request)
        require_signed_json(service, request, body)
        call = read_call(body.value)
        if live is not None and call is not None:
            heard_call(service, live, call)
        return _inline(service, SWML, grant.context, grant.twiml, LIVE_UPDATE)

    return router


def _inline(
    service: Service, language: Language, context: CallContext, twiml: str, limits: Limits
) -> Response:
    document = parse(twiml, limits, allow_plain_ws=service.settings.local)
    return answer_with(service, language, context, Reply(document, "")).response


def _placed(service: Service, purpose: str, token: str) -> PlacedGrant:
    grant = redeem(service, purpose, token)
    assert isinstance(grant, PlacedGrant)
    return grant


async def _running(service: Service, grant: PlacedGrant, form: list[tuple[str, str]]) -> LiveCall:
    """The call of a form, which must not be over."""
    context = await _call(service, grant, form)
    live = service.calls.get(context.call.sid)
    if live is None:
        raise HTTPException(404, "The call is over.")
    return live


async def _call(service: Service, grant: PlacedGrant, form: list[tuple[str, str]]) -> CallContext:
    """The call of a form, begun if nothing is known of it: SignalWire may ask before it has
    answered our own request. One that is over stays so, however long ago that was."""
    fields = dict(form)
    if not fields.get("CallSid"):
        raise HTTPException(400, "The form has no CallSid.")
    carriage = Carriage("cxml", fields["CallSid"])
    sid = alias("CA", carriage.call_id)
    if service.find(sid) is None:
        record = await service.store.find(CallRecord, sid)
        if record is not None and service.find(sid) is None:
            return CallContext(past_call(record), grant.route)
    return service.placed(carriage, grant, forms.parties(fields | _OUTBOUND)).context


_OUTBOUND = {"Direction": "outbound-api"}
