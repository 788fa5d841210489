"""What SignalWire reports about a call: status callbacks, streams; and the files it plays."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app import grants
from app.customer import CallContext, voice_form
from app.grants import StreamGrant
from app.service import Service
from app.webhooks import forms
from app.webhooks.common import heard, redeem_stream, redeem_url, unopened
from app.webhooks.files import relay
from app.webhooks.trust import read_form, require_signed
from bridge.ids import alias


def create_router(service: Service) -> APIRouter:
    """The routes under `/signalwire` that never change what a call does next."""
    router = APIRouter(prefix="/signalwire", tags=["signalwire"])
    settings = service.settings

    @router.post("/callback/{token}")
    async def callback(token: str, request: Request) -> Response:
        """A status callback for the customer; its answer never touches the call."""
        form = await read_form(request)
        require_signed(service, request, form, optional=True)
        grant = redeem_url(service, grants.CALLBACK, token)
        _forward(service, grant.context, grant.url, grant.method, form)
        return Response(status_code=204)

    @router.post("/status")
    async def status(request: Request) -> Response:
        """The number's own status callback: how we learn that a call is over."""
        form = await read_form(request)
        require_signed(service, request, form)
        fields = dict(form)
        live = service.calls.get(alias("CA", fields.get("CallSid", "")))
        if live is not None:
            route = live.context.route
            if route.status_callback:
                _forward(
                    service,
                    live.context,
                    route.status_callback,
                    route.status_callback_method,
                    form,
                )
            heard(service, live, fields)
        return Response(status_code=204)

    @router.post("/stream/{token}")
    async def stream_status(token: str, request: Request) -> Response:
        """What SignalWire says of a stream. Ours tell the customer; only one that never reached
        us is told from here."""
        form = await read_form(request)
        require_signed(service, request, form, optional=True)
        grant = redeem_stream(service, token)
        _stream_status(service, grant, dict(form))
        return Response(status_code=204)

    @router.get("/play/{token}")
    async def play(token: str) -> Response:
        """An audio file of the customer's, fetched as Twilio would and passed through."""
        grant = redeem_url(service, grants.PLAY, token)
        return await relay(service.client, settings.signing_token, grant.context.call, grant.url)

    return router


def _stream_status(service: Service, grant: StreamGrant, fields: dict[str, str]) -> None:
    event = fields.get("StreamEvent", "")
    error = fields.get("StreamError", "")
    call = grant.context.call
    call.timeline.add(
        "carrier.stream",
        "warning" if event == "stream-error" else "info",
        stream=grant.stream_sid,
        event=event,
        message=error,
    )
    if event == "stream-error" and not call.has_stream(grant.stream_sid):
        session = unopened(
            service, grant.context, grant.stream, grant.bidirectional, grant.stream_sid
        )
        session.fail(31900, f"SignalWire could not open the stream: {error or 'no reason given'}")


def _forward(
    service: Service, context: CallContext, url: str, method: str, form: list[tuple[str, str]]
) -> None:
    call = context.call
    service.engine.sender.send(
        call,
        url,
        method,
        voice_form(call, forms.forwarded_fields(form)),
        order=f"{call.sid} {url}",
    )
