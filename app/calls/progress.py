"""What becomes of a call that was made, as told to who wants to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twiml.script import Callback
from twiml.script.reports import LegEvent, LegFacts, leg_report

if TYPE_CHECKING:
    from app.live import LiveCall
    from app.service import Service


class Progress:
    """Tells a callback of a call's events, in order. `parent_sid` is the call that dialled it.

    The callback is `asked`, of who made the call, unless the call's route has one: its number's, or
    what REST has put in its place since. Where nobody asked, it is told of the end alone.
    """

    def __init__(
        self, service: Service, live: LiveCall, asked: Callback | None, parent_sid: str = ""
    ) -> None:
        self._service = service
        self._live = live
        self._parent_sid = parent_sid
        self._sequence = 0
        self._asked = asked

    @property
    def _callback(self) -> Callback | None:
        route = self._live.context.route
        if not route.status_callback:
            return self._asked
        events = self._asked.events if self._asked else ("completed",)
        return Callback(route.status_callback, route.status_callback_method, events)

    def tell(
        self,
        event: LegEvent,
        status: str,
        seconds: int | None = None,
        recording: tuple[str, str, int] | None = None,
    ) -> None:
        """`seconds` is how long the call has been answered, at its end; `recording` as in
        `LegFacts`."""
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
            recording=recording,
        )
        now = self._service.engine.now()
        report = leg_report(self._callback, event, self._sequence, now, facts)
        self._sequence += 1
        if report is not None:
            self._service.engine.sender.send(
                call, report.url, report.method, report.fields, order=f"{call.sid} progress"
            )
