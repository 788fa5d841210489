"""Taps: what SignalWire is told to open for a one-way stream, one tap for each track.

Each carries one direction, so that nothing depends on how SignalWire would mix two.
"""

from __future__ import annotations

from dataclasses import dataclass

from app import grants
from app.customer import CallContext
from app.grants import TapGrant
from app.service import Service
from app.webhooks.common import unopened
from bridge.dialects.tap import DIRECTIONS, Direction
from bridge.engine.rtp import NoPortError
from bridge.engine.tap import TapLeg
from twiml.actions import Stream


@dataclass(frozen=True, slots=True)
class Tap:
    """A `tap` as SWML has it (S section 1.4): `speak` is what the party says, `listen` what it
    hears; `uri` is one of ours, `rtp://…`, `ws://…` or `wss://…`, without a query string."""

    direction: Direction
    uri: str


def open_taps(
    service: Service, context: CallContext, stream: Stream, stream_sid: str
) -> tuple[Tap, ...]:
    """Be ready for a stream's taps, the inbound track's first.

    The leg is in `LiveCall.taps` from now on: tell it what SignalWire reports (`tapping`, `ended`),
    or `stop` it. There are no taps when the call is over, and when no RTP port is free; the
    customer has then been told that the stream failed.
    """
    call = context.call
    live = service.calls.get(call.sid)
    if live is None:
        return ()

    def forget(leg: TapLeg) -> None:
        live.taps.pop(leg.stream_sid, None)

    try:
        leg = TapLeg(service.engine, call, stream, stream_sid=stream_sid, finished=forget)
    except NoPortError as error:
        call.timeline.add(
            "tap.refused", "error", stream=stream_sid, message=str(error), advice=_MORE_PORTS
        )
        session = unopened(service, context, stream, False, stream_sid)
        session.fail(31900, "no RTP port is free")
        return ()
    live.taps[stream_sid] = leg
    return tuple(
        Tap(DIRECTIONS[track], _uri(service, context, leg, DIRECTIONS[track]))
        for track in stream.track.names
    )


_MORE_PORTS = "Widen TWIML_BRIDGE_RTP_PORTS: a stream takes one even port for each track."


def _uri(service: Service, context: CallContext, leg: TapLeg, direction: Direction) -> str:
    if service.engine.ports is not None:
        return f"rtp://{service.settings.rtp_host}:{leg.port(direction)}"
    grant = TapGrant(context, leg.stream_sid, direction)
    token = service.tokens.issue(grants.TAP, context.call.sid, grant, once=True)
    return f"ws{service.base_url.removeprefix('http')}/media/{token}"
