"""What becomes of a call that was made, as told to who wants to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twiml.script import Callback
from twiml.script.reports import LegEvent, LegFacts, leg_report

if TYPE_CHECKING:
    from app.live import LiveCall
    from app.service import Service


class Progress:
    """Tells a callback of a call's events, in order. `parent_sid` is the call that dialled it."""

    def __init__(
        self, service: Service, live: LiveCall, callback: Callback | None, parent_sid: str = ""
    ) -> None:
        self._service = service
        self._live = live
        self._parent_sid = parent_sid
        self._sequence = 0
        self.callback = callback

    def tell(self, event: LegEvent, status: str, seconds: int | None = None) -> None:
        """`seconds` is how long the call has been answered, at its end."""
        call = self._live.call
        facts = LegFacts(
            call.sid,
            call.account_sid,
            call.parties.from_,
            call.parties.to,
            status,
            direction=call.parties.direction,
            parent_sid=self._parent_sid,
            seconds=seconds,
        )
        now = self._service.engine.now()
        report = leg_report(self.callback, event, self._sequence, now, facts)
        self._sequence += 1
        if report is not None:
            self._service.engine.sender.send(
                call, report.url, report.method, report.fields, order=f"{call.sid} progress"
            )
