"""A call while it is the service's: its legs, who runs it, and how the store keeps it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.customer import CallContext
from app.store.records import CallRecord
from app.telephony.control import CallControl
from bridge.call import Call
from bridge.engine.tap import TapLeg


@dataclass(frozen=True, slots=True)
class Carriage:
    """How a call that SignalWire runs is known there: the language of its webhooks, its id."""

    language: str
    call_id: str


@dataclass(slots=True)
class CarrierStream:
    """A stream that REST has asked SignalWire for, which may not have opened its socket yet.

    `theirs` is its id there, `name` the customer's. Once it is `stopped` no socket of it is taken.
    """

    sid: str
    theirs: str
    name: str
    stopped: bool = False


@dataclass(slots=True)
class LiveCall:
    """A call of this service. `legs` holds what ends each of its legs here.

    `carriage` is set when SignalWire runs it, `control` while this service does. `stops` holds what
    stops each stream that SignalWire carries, by its sid; `carrier_streams` are those that REST
    began, by their sids too. `began_at`, `answered_at` and `ended_at` are seconds since the epoch.
    `time_limit` is how many seconds after its answer it is to end, if
    that was asked for, and `limit` the timer for it of a call that SignalWire runs.

    `taps` are its legs of taps by stream sid, from the time that SignalWire is told of them until
    their last tap has ended.

    `unreported`: nobody will report its end, so it is guessed from silence. `lasting`: what it runs
    now may take long without a word, such as a `<Dial>`. `left`: the carrier has ended a stream of
    it and has not been heard of since.
    """

    context: CallContext
    last_seen: float
    legs: set[Callable[[], None]] = field(default_factory=set)
    taps: dict[str, TapLeg] = field(default_factory=dict)
    unreported: bool = False
    lasting: bool = False
    left: bool = False
    carriage: Carriage | None = None
    control: CallControl | None = None
    carrier_streams: dict[str, CarrierStream] = field(default_factory=dict)
    stops: dict[str, Callable[[], None]] = field(default_factory=dict)
    time_limit: int | None = None
    limit: asyncio.TimerHandle | None = None
    began_at: float = field(default_factory=time.time)
    answered_at: float | None = None
    ended_at: float | None = None

    @property
    def call(self) -> Call:
        return self.context.call

    @property
    def has_media(self) -> bool:
        """Whether a leg runs; a tap that SignalWire has not opened is none."""
        return bool(self.legs) or any(leg.running for leg in self.taps.values())

    @property
    def record(self) -> CallRecord:
        """The call as the store keeps it."""
        call, now = self.call, time.time()
        extra = dict(call.extra)
        return CallRecord(
            sid=call.sid,
            account_sid=call.account_sid,
            from_=call.parties.from_,
            to=call.parties.to,
            status=call.status.value,
            direction=call.parties.direction,
            created_at=self.began_at,
            updated_at=self.ended_at or now,
            started_at=self.answered_at,
            ended_at=self.ended_at,
            parent_sid=extra.get("ParentCallSid", ""),
            caller_name=extra.get("CallerName", ""),
            forwarded_from=extra.get("ForwardedFrom", ""),
            carrier=self.carriage.language if self.carriage else "",
            carrier_id=self.carriage.call_id if self.carriage else "",
        )
