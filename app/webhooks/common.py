"""What the webhook routes share: what a form says of its call, tokens, streams without a leg."""

from __future__ import annotations

import time

import structlog
from fastapi import HTTPException

from app import grants
from app.customer import CallContext
from app.grants import Grant, StreamGrant, UrlGrant
from app.live import LiveCall
from app.security import TokenError
from app.service import Service
from app.webhooks import forms
from app.webhooks.swmlcall import SwmlCall
from bridge.call import CallStatus
from bridge.callbacks import FormFields
from bridge.engine.session import StreamSession
from bridge.ids import alias
from twiml.actions import Stream

log = structlog.get_logger("webhooks")


def heard(service: Service, live: LiveCall, fields: dict[str, str]) -> None:
    """Take note of what a webhook says of its call, if it is about that and not another leg."""
    live.last_seen = time.monotonic()
    if "CallStatus" not in fields or alias("CA", fields.get("CallSid", "")) != live.call.sid:
        return
    status = forms.call_status(fields)
    if status.over:
        service.end_call(live.call.sid, fields["CallStatus"], status)
    elif status is CallStatus.IN_PROGRESS:  # a late report never takes a call back
        service.stand(live, status)


def heard_call(service: Service, live: LiveCall, call: SwmlCall) -> None:
    """The same of a SWML webhook."""
    live.last_seen = time.monotonic()
    live.left = False
    if call.sid != live.call.sid:
        return
    if call.status is CallStatus.COMPLETED:
        service.conclude(call.sid, "ended")
    elif call.status is CallStatus.IN_PROGRESS:  # a late report never takes a call back
        service.stand(live, call.status)


def unopened(
    service: Service,
    context: CallContext,
    stream: Stream,
    bidirectional: bool,
    sid: str | None = None,
) -> StreamSession:
    """A stream that has no leg, to be failed."""
    media = context.call.begin_stream(
        stream,
        bidirectional=bidirectional,
        random_bytes=service.engine.random_bytes,
        sid=sid,
    )
    return StreamSession(
        service.engine, context.call, stream, media, playback=None, ended=lambda _: None
    )


def never_opened(service: Service, grant: StreamGrant, why: str) -> None:
    """SignalWire has not opened a stream and will not: its error is ours to report, once."""
    if not grant.context.call.has_stream(grant.stream_sid):
        session = unopened(
            service, grant.context, grant.stream, grant.bidirectional, grant.stream_sid
        )
        session.fail(31900, why)


def forward(service: Service, grant: UrlGrant, form: FormFields) -> None:
    """Tell the customer's callback, after what it was told of this call before."""
    call = grant.context.call
    order = f"{call.sid} {grant.url}"
    service.engine.sender.send(call, grant.url, grant.method, form, order=order)


def redeem_url(service: Service, purpose: str, token: str) -> UrlGrant:
    grant = redeem(service, purpose, token)
    assert isinstance(grant, UrlGrant)
    return grant


def redeem_stream(service: Service, token: str) -> StreamGrant:
    grant = redeem(service, grants.STREAM_STATUS, token)
    assert isinstance(grant, StreamGrant)
    return grant


def redeem(service: Service, purpose: str, token: str) -> Grant:
    """What a token of ours stands for; 404 when it is not good for this, or no longer."""
    try:
        return service.tokens.redeem(purpose, token)
    except TokenError as error:
        log.warning("token refused", purpose=purpose, why=str(error))
        raise HTTPException(404, f"No such {purpose}: {error}.") from error
