"""One running service: its engine, its calls, and what begins and ends them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import httpx
import structlog

from app import grants, routes
from app.calls.exchange import Exchange
from app.calls.sounds import Sounds
from app.customer import CallContext, Customer, voice_form
from app.equipment import fast_of, ports_of, tls_of
from app.live import Carriage, LiveCall
from app.logs import log_entry
from app.restoring import Leftovers, purge, save_recordings
from app.routes import Route
from app.security import TokenError, Tokens
from app.settings import Settings
from app.store.database import abandoned
from app.store.store import Store
from app.workers.place import Place
from app.workers.siblings import Seat, Siblings
from bridge.call import Call, CallStatus, Parties
from bridge.engine.connect import StreamConnector
from bridge.engine.core import Engine
from bridge.engine.guard import AddressGuard
from bridge.engine.http import new_client
from bridge.engine.sender import CallbackSender
from bridge.engine.webhook import Webhooks
from bridge.ids import alias
from bridge.timeline import Timeline

log = structlog.get_logger("service")

KEEP_ENDED = 200
"""Ended calls whose timelines are still shown."""


LATE = 900.0
"""Seconds in which a carrier may still report on a call that is over: recordings, actions."""

SILENCE = 60.0
"""Seconds without a word after which a call whose stream SignalWire has ended is taken for over,
if nobody reports its end."""

LONG_SILENCE = 900.0
"""The same for a call that SignalWire has given no such sign of."""


PURGE_SECONDS = 3600.0
"""How often what is older than the retention is deleted."""


class Service:
    """Holds the calls. Create it inside the event loop; end it with `drain` and `close`.

    Without a `store` of its own, nothing outlives the process. `seat` is its place among several
    workers that are one service. `requests_late` counts the HTTP requests that did not come in
    time.
    """

    def __init__(
        self, settings: Settings, store: Store | None = None, seat: Seat | None = None
    ) -> None:
        seat = seat or Seat.sole()
        self.settings = settings
        self.siblings = Siblings(seat)
        self.base_url = settings.base_url
        self.routes = routes.load(settings)
        tls, ports = tls_of(settings), ports_of(settings, seat)
        self.fast = fast_of(settings)
        # Behind all that may refuse the settings: a database that is opened has to be closed.
        self.store = store or Store.memory()
        guard = AddressGuard(allow_private=settings.local)
        self.client = new_client(guard, tls)
        webhooks = Webhooks(self.client, settings.signing_token)
        self.engine = Engine(
            connector=StreamConnector(
                settings.signing_token,
                guard,
                tls,
                settings.limits,
                downgrade_loopback=settings.local,
                fast=self.fast,
            ),
            webhooks=webhooks,
            sender=CallbackSender(webhooks, journal=self.store if self.store.lasting else None),
            limits=settings.limits,
            ports=ports,
        )
        self.sounds = Sounds(
            self.client,
            settings.data_dir / "recordings",
            local=settings.local,
            recognisers=settings.speech_processes,
        )
        self.exchange = Exchange(settings.phone_names if settings.local else {})
        self.customer = Customer(webhooks, allow_plain_ws=settings.local)
        self.lifetime = settings.call_hours * 3600
        self.tokens: Tokens[grants.Grant] = Tokens(seat.secret, self.lifetime, mark=seat.mark)
        self.calls: dict[str, LiveCall] = {}
        self.ended: dict[str, LiveCall] = {}
        self.draining = False
        self.requests_late = 0
        self._sweeper: asyncio.Task[None] | None = None
        self._delivering: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[object]] = set()

    # Calls

    @property
    def active(self) -> int:
        """Calls that have media here, or were heard of in the last minute.

        A carrier that never reports a call's end must not fill the service up with silent ones.
        """
        recently = time.monotonic() - 60
        return sum(1 for live in self.calls.values() if live.has_media or live.last_seen > recently)

    @property
    def full(self) -> bool:
        """Whether no new call is taken now: the limit is one for all workers."""
        return self.draining or self.active + self.siblings.calls >= self.settings.max_calls

    def publish(self) -> None:
        """Let the other workers know of the calls here."""
        if self.siblings:
            self.siblings.publish(self.active)

    def issuer(self, token: str, *purposes: str) -> Place | None:
        """The worker that issued a token, for any of these purposes; None when none did."""
        for purpose in purposes:
            try:
                return Place.of(self.tokens.mark_of(purpose, token))
            except TokenError:
                continue
        return None

    @property
    def carrier_auth(self) -> httpx.BasicAuth:
        """Our credentials at SignalWire."""
        token = self.settings.signalwire_token.get_secret_value()
        return httpx.BasicAuth(self.settings.signalwire_project, token)

    def account_sid(self, project: str) -> str:
        return self.settings.account_sid or alias("AC", project)

    def begin_call(
        self,
        sid: str,
        account_sid: str,
        parties: Parties,
        *,
        status: CallStatus = CallStatus.RINGING,
        extra: tuple[tuple[str, str], ...] = (),
        carriage: Carriage | None = None,
        route: Route | None = None,
    ) -> LiveCall:
        """A new call, with the route of the number that was called if none is given."""
        if len(self.calls) >= 10 * self.settings.max_calls:
            quiet = (known for known, live in self.calls.items() if not live.has_media)
            self.end_call(next(quiet, ""), "expired")
        timeline = Timeline(clock=time.monotonic, observer=lambda entry: log_entry(sid, entry))
        call = Call(sid, account_sid, parties, timeline, status, extra)
        context = CallContext(call, route or self.routes.find(parties.to))
        live = LiveCall(context, time.monotonic(), carriage=carriage)
        self.calls[sid] = live
        timeline.add("call.began", direction=parties.direction)
        self.publish()
        self.store.save(live.record)
        return live

    def placed(self, carriage: Carriage, grant: grants.PlacedGrant, parties: Parties) -> LiveCall:
        """The call that SignalWire has made for us, which is new when it is first heard of."""
        sid = alias("CA", carriage.call_id)
        known = self.calls.get(sid) or self.ended.get(sid)
        return known or self.begin_call(
            sid, grant.account_sid, parties, carriage=carriage, route=grant.route
        )

    def stand(self, live: LiveCall, status: CallStatus) -> None:
        """Where a call that is not over stands now."""
        if live.call.status is status:
            return
        live.call.status = status
        if status is CallStatus.IN_PROGRESS and live.answered_at is None:
            live.answered_at = time.time()
        self.store.save(live.record)

    def end_call(self, sid: str, reason: str, status: CallStatus = CallStatus.COMPLETED) -> None:
        """End a call here: its streams stop, its tokens die; a later look-up shows its timeline.

        What runs it may say, while it is stopped, that another `status` has become of it.
        """
        live = self.calls.get(sid)
        if live is None:
            return
        live.call.status = status
        if live.ended_at is not None:
            return
        live.ended_at = time.time()
        if live.limit is not None:
            live.limit.cancel()
        try:
            for stop in tuple(live.legs):
                stop()
            for leg in tuple(live.taps.values()):
                leg.stop()
        finally:
            del self.calls[sid]
        self.tokens.retire(sid, spare=(grants.DOCUMENT, grants.CALLBACK, grants.EVENT), grace=LATE)
        live.call.timeline.add("call.ended", reason=reason)
        self.publish()
        self.store.save(live.record)
        self.ended[sid] = live
        while len(self.ended) > KEEP_ENDED:
            del self.ended[next(iter(self.ended))]

    def background(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        """Have something done beside everything else; what goes wrong is logged."""
        task: asyncio.Task[object] = asyncio.create_task(work)
        self._background.add(task)

        def done(finished: asyncio.Task[object]) -> None:
            self._background.discard(finished)
            if not finished.cancelled() and (error := finished.exception()) is not None:
                log.error("background work failed", exc_info=error)

        task.add_done_callback(done)
        return task

    def conclude(self, sid: str, reason: str) -> None:
        """End a call of which nobody else reports the end, and tell the number's callback."""
        live = self.calls.get(sid)
        if live is None:
            return
        began = live.call.timeline.began
        self.end_call(sid, reason)
        route = live.context.route
        if route.status_callback:
            seconds = max(0, int(live.last_seen - began))
            form = voice_form(live.call, (("CallDuration", str(seconds)),))
            self.engine.sender.send(
                live.call,
                route.status_callback,
                route.status_callback_method,
                form,
                order=f"{sid} {route.status_callback}",
            )

    def resume(self, sid: str) -> LiveCall | None:
        """A call that was taken for over by mistake goes on: SignalWire has asked for more."""
        live = self.ended.get(sid)
        if live is None or not live.unreported or self.draining:
            return None
        del self.ended[sid]
        live.ended_at = None
        self.stand(live, CallStatus.IN_PROGRESS)
        live.call.timeline.add("call.resumed", "warning", message="the call is not over after all")
        self.calls[sid] = live
        return live

    def find(self, sid: str) -> Call | None:
        """A call that runs or has ended of late."""
        live = self.calls.get(sid) or self.ended.get(sid)
        return live.call if live else None

    # Life

    async def restore(self) -> None:
        """Take up what the last process left: its calls, conferences and recordings are over, its
        callbacks go out. The first worker does so too for workers that are not there any more."""
        seat = self.siblings.seat
        if self.store.lasting and seat.place.number == 0:
            with abandoned(self.settings, seat.board.count) as names:
                adopted = await self.store.adopt(names)
            if adopted:
                log.info("adopted", callbacks=adopted, of=names)
        left = await self.store.settle()
        folder, threads = self.sounds.recordings, self.sounds.encoders
        self.background(save_recordings(self.store, folder, threads, left.recordings))
        leftovers = Leftovers(self.store, self.engine.sender)
        pending = await leftovers.begin()
        self._delivering = asyncio.create_task(leftovers.finish())
        if left.calls or left.conferences or left.recordings or pending:
            log.info(
                "restored",
                calls_unfinished=left.calls,
                conferences_unfinished=left.conferences,
                recordings_unfinished=len(left.recordings),
                callbacks_pending=pending,
            )

    def start(self) -> None:
        """Begin the housekeeping; needs a running event loop."""
        self._sweeper = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        next_purge = time.monotonic()
        while True:
            try:
                self.sweep()
                if time.monotonic() >= next_purge:
                    next_purge = time.monotonic() + PURGE_SECONDS
                    await purge(self.store, self.settings)
            except Exception:
                log.exception("housekeeping failed; it is tried again")
            await asyncio.sleep(60)

    def sweep(self) -> None:
        """End calls that have outlived the longest time a call may last, or that seem to be over.

        SWML has no report of a call's end (S section 1.5). A call is taken for over when it has no
        media here, runs nothing that may take long, and has not been heard of for `SILENCE` after
        SignalWire ended a stream of it, or else for `LONG_SILENCE`.
        """
        self.tokens.purge()
        now = time.monotonic()
        for sid, live in tuple(self.calls.items()):
            if live.call.timeline.began < now - self.lifetime:
                self.end_call(sid, "time limit")
            elif live.unreported and not live.has_media and not live.lasting:
                silence = SILENCE if live.left else LONG_SILENCE
                if live.last_seen < now - silence:
                    self.conclude(sid, "no sign of life")
        if self.store.lasting:
            for live in self.calls.values():
                self.store.save(live.record)  # should we be killed, they ran until now

    async def drain(self) -> None:
        """Take no new calls, stop every stream, and send what callbacks are due, in time."""
        if self.draining:
            return
        self.draining = True
        log.info("draining", calls=len(self.calls))
        if self._delivering is not None:
            self._delivering.cancel()
        for sid in tuple(self.calls):
            self.end_call(sid, "shutdown")
        until = time.monotonic() + self.settings.shutdown_seconds
        if self._background:
            # Calls that are over have files to finish, and more to tell.
            await asyncio.wait(set(self._background), timeout=self.settings.shutdown_seconds)
        abandoned = await self.engine.sender.drain(max(0.1, until - time.monotonic()))
        if abandoned and self.store.lasting:
            log.warning("callbacks left for the next start", count=abandoned)
        elif abandoned:
            log.error("callbacks abandoned at shutdown", count=abandoned)

    async def close(self) -> None:
        await self.drain()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in self._background:
            task.cancel()
        if self.engine.ports is not None:
            self.engine.ports.close()
        await self.siblings.close()
        await self.sounds.close()
        await self.client.aclose()
        await self.store.close()
