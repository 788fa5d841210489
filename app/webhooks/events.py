"""What SignalWire reports about a call: status callbacks, streams; and the files it plays."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app import grants
from app.customer import voice_form
from app.grants import StreamGrant, UrlGrant
from app.service import Service
from app.webhooks import forms
from app.webhooks.common import forward, heard, never_opened, redeem_stream, redeem_url
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
        forward_form(service, redeem_url(service, grants.CALLBACK, token), form)
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
                url, method = route.status_callback, route.status_callback_method
                forward_form(service, UrlGrant(live.context, url, method, ""), form)
            heard(service, live, fields)
        return Response(status_code=204)

    @router.post("/stream/{token}")
    async def stream_status(token: str, request: Request) -> Response:
        """What SignalWire says of a stream. Ours tell the customer; only one that never reached
        us is told from here."""
        form = await read_form(request)
        require_signed(service, request, form, optional=True)
        stream_form(service, redeem_stream(service, token), dict(form))
        return Response(status_code=204)

    @router.get("/play/{token}")
    async def play(token: str) -> Response:
        """An audio file of the customer's, fetched as Twilio would and passed through."""
        grant = redeem_url(service, grants.PLAY, token)
        return await relay(service.client, settings.signing_token, grant.context.call, grant.url)

    return router


def stream_form(service: Service, grant: StreamGrant, fields: dict[str, str]) -> None:
    """A report on a stream: of one that never reached us the customer is told from here."""
    event = fields.get("StreamEvent", "")
    error = fields.get("StreamError", "")
    grant.context.call.timeline.add(
        "carrier.stream",
        "warning" if event == "stream-error" else "info",
        stream=grant.stream_sid,
        event=event,
        message=error,
    )
    if event == "stream-error":
        why = f"SignalWire could not open the stream: {error or 'no reason given'}"
        never_opened(service, grant, why)


def forward_form(service: Service, grant: UrlGrant, form: list[tuple[str, str]]) -> None:
    """A status callback in SignalWire's form, for the customer in Twilio's."""
    forward(service, grant, voice_form(grant.context.call, forms.forwarded_fields(form)))
