"""Calls that REST places to phones of this service: they ring, then a document runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.calls.call import OwnCall
from app.calls.handsets import Handset, Invitation, Talk
from app.calls.progress import Progress
from app.customer import Reply, record_findings
from app.routes import Route
from app.telephony.orders import NewCall
from bridge.call import CallStatus, Parties
from bridge.engine.line import Line
from bridge.ids import mint
from bridge.phone import Phone
from twiml.document import INLINE
from twiml.parser import parse
from twiml.script import Callback, LegStatus

if TYPE_CHECKING:
    from app.live import LiveCall
    from app.service import Service

_NOT_ANSWERED = {
    LegStatus.BUSY: CallStatus.BUSY,
    LegStatus.NO_ANSWER: CallStatus.NO_ANSWER,
    LegStatus.CANCELED: CallStatus.CANCELED,
}


class PlacedCall:
    """One such call, `queued` until `ring`. `over` is called once, when it has ended."""

    def __init__(
        self,
        service: Service,
        order: NewCall,
        handset: Handset,
        *,
        over: Callable[[], None] = lambda: None,
    ) -> None:
        self._told_over = over
        self._own: OwnCall | None = None
        self._service = service
        self._order = order
        self._handset = handset
        self._timer: asyncio.TimerHandle | None = None
        self._over = False
        self.live: LiveCall = service.begin_call(
            mint("CA", service.engine.random_bytes),
            order.account_sid,
            Parties(order.caller_id or order.from_, order.to, "outbound-api"),
            status=CallStatus.QUEUED,
            route=Route(
                voice_url=order.source.url,
                voice_method=order.source.method,
                voice_fallback_url=order.fallback.url,
                voice_fallback_method=order.fallback.method,
            ),
        )
        self.live.time_limit = order.time_limit
        told = order.told
        callback = Callback(told.url, told.method, told.events or ("completed",))
        self._progress = Progress(service, self.live, callback if told.url else None)
        call = self.live.call
        self._invitation = Invitation(
            call.sid, call.parties.from_, call.parties.to, self._answer, self._decline
        )
        self.live.legs.add(self._cancel)

    def ring(self) -> None:
        """Begin; the call may be over already."""
        if self._over:
            return
        self._progress.tell("initiated", "initiated")
        self._service.stand(self.live, CallStatus.RINGING)
        self._progress.tell("ringing", "ringing")
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._order.timeout, self._give_up)
        for asked, message in (
            (self._order.machine.mode, "a local call does not find out whether a machine answers"),
            (self._order.sip_username, "a phone here asks for no SIP credentials"),
        ):
            if asked:
                self.live.call.timeline.add("placing.skipped", "warning", message=message)
        self._handset.ring(self._invitation)

    def _answer(self, phone: Phone) -> Talk:
        self._quiet()
        live, order = self.live, self._order
        live.legs.discard(self._cancel)
        line = Line(self._service.engine, live.call, phone)
        self._own = own = OwnCall(self._service, live, line, progress=self._progress)
        own.answer()
        if order.recording is not None:
            own.start_recording(order.recording, placing=True)
        self._service.background(self._run(own))
        return Talk(line.press, lambda: own.hang_up("callee"))

    async def _run(self, own: OwnCall) -> None:
        try:
            await self._run_document(own)
        finally:
            own.hang_up("service")
            self._told_over()

    async def _run_document(self, own: OwnCall) -> None:
        source, timeline = self._order.source, self.live.call.timeline
        if self._order.send_digits:
            await own.press(self._order.send_digits)
        if source.twiml:
            document = parse(source.twiml, INLINE, allow_plain_ws=self._service.settings.local)
            record_findings(timeline, document, "")
            await own.run_document(Reply(document, ""))
            return
        await own.run(source.url, source.method)

    def _decline(self, status: LegStatus) -> None:
        self._end(_NOT_ANSWERED.get(status, CallStatus.FAILED))

    def _give_up(self) -> None:
        self._handset.stop_ringing(self._invitation)
        self._end(CallStatus.NO_ANSWER)

    def _cancel(self) -> None:
        """REST does not want it any more, or the service ends."""
        self._handset.stop_ringing(self._invitation)
        self._end(CallStatus.CANCELED)

    def end(self) -> None:
        """It is not wanted any more, whether it rings or has been answered."""
        if self._own is not None:
            self._own.hang_up("rest")
        else:
            self._cancel()

    def _quiet(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self, status: CallStatus) -> None:
        if self._over:
            return
        self._over = True
        self._quiet()
        self.live.legs.discard(self._cancel)
        self._service.end_call(self.live.call.sid, status.value, status)
        self._progress.tell("completed", status.value, 0)
        self._told_over()
