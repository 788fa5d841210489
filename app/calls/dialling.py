"""`<Dial>` of numbers, clients and SIP addresses: legs, and the connection with one of them."""

from __future__ import annotations

from collections.abc import Callable

from app.calls.leg import GoOn, Leg
from app.calls.shell import Desk, Does
from twiml.script import Bridge, DialLeg, Fetch, HangUpLeg, Screen


class Dialling:
    """The legs of one call. `screen` runs a document on one of them, `go_on` makes one a call."""

    def __init__(self, desk: Desk, screen: Callable[[Leg, Fetch], None], go_on: GoOn) -> None:
        self._desk = desk
        self._go_on = go_on
        self._run_on = screen
        self._legs: dict[int, Leg] = {}
        self.does: Does = {
            DialLeg: self._dial,
            HangUpLeg: self._hang_up,
            Screen: self._screen,
            Bridge: self._bridge,
        }

    def close(self) -> None:
        """The call is over, and so are its legs."""
        for leg in tuple(self._legs.values()):
            leg.hang_up()

    def _dial(self, command: DialLeg) -> None:
        leg = Leg(self._desk, command, self._ended, self._go_on)
        self._legs[id(command)] = leg
        leg.ring()

    def _ended(self, leg: Leg) -> None:
        """Neither hears the other any more, for the leg may go on as a call of its own."""
        self._legs.pop(id(leg.command), None)
        line, its = self._desk.line, leg.line
        if its is None:
            return
        if line.party is its:
            line.party = None
        if its.party is line:
            its.party = None

    def _hang_up(self, command: HangUpLeg) -> None:
        leg = self._legs.get(id(command.leg))
        if leg is not None:
            leg.hang_up(unanswered=command.unanswered)

    def _bridge(self, command: Bridge) -> None:
        leg = self._legs.get(id(command.leg))
        if leg is not None and leg.line is not None:
            self._desk.line.party = leg.line
            leg.line.party = self._desk.line
            self._desk.tell("call.connected", leg=leg.live.call.sid)

    def _screen(self, command: Screen) -> None:
        leg = self._legs.get(id(command.leg))
        if leg is not None:
            self._run_on(leg, command.fetch)
