"""A leg: another party of a call, rung, answered, connected, hung up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from app.calls.attachments import Attachments
from app.calls.handsets import Handset, Invitation, Talk
from app.calls.progress import Progress
from app.calls.recordings import Recordings
from app.calls.shell import Desk
from app.customer import Reply
from app.routes import Route
from bridge.call import CallStatus, Parties
from bridge.engine.line import Line
from bridge.engine.prompt import Prompt, pieces_of
from bridge.ids import mint
from bridge.phone import Phone
from bridge.sound.dtmf import digit_pieces
from twiml.document import Document
from twiml.script import DialLeg, LegAnswered, LegEnded, LegStatus

if TYPE_CHECKING:
    from app.live import LiveCall

_STATUSES = {
    LegStatus.COMPLETED: CallStatus.COMPLETED,
    LegStatus.BUSY: CallStatus.BUSY,
    LegStatus.NO_ANSWER: CallStatus.NO_ANSWER,
    LegStatus.FAILED: CallStatus.FAILED,
    LegStatus.CANCELED: CallStatus.CANCELED,
}


class Alone(Protocol):
    """A call that goes on without the one that dialled it."""

    async def run(self, url: str, method: str = "POST") -> object: ...

    async def run_document(self, reply: Reply) -> None: ...

    def hang_up(self, by: str) -> None: ...


GoOn = Callable[["LiveCall", Line, Progress], Alone]
"""Makes one of a leg that has been answered."""


def _nothing() -> None:
    """No document runs on the leg."""


class Leg:
    """One party that a call dials: a call of its own, with a line once it is answered.

    `ended` is called once, when it is over, whatever became of it; `on_end` ends a document on it.
    """

    def __init__(
        self, desk: Desk, command: DialLeg, ended: Callable[[Leg], None], go_on: GoOn
    ) -> None:
        self.command = command
        self.line: Line | None = None
        self._desk = desk
        self._ended = ended
        self._go_on = go_on
        self._handset: Handset | None = None
        self._invitation: Invitation | None = None
        self._answered_at: float | None = None
        self._over = False
        self._alone: Alone | None = None
        self._control: _Answered | None = None
        self.on_end: Callable[[], None] = _nothing
        service, parent = desk.service, desk.live.call
        caller = command.caller_id or parent.parties.from_
        self.live: LiveCall = service.begin_call(
            mint("CA", service.engine.random_bytes),
            parent.account_sid,
            Parties(caller, command.address, "outbound-dial"),
            extra=(("ParentCallSid", parent.sid),),
            status=CallStatus.QUEUED,
            route=Route(),
        )
        self._progress = Progress(service, self.live, command.callback, parent.sid)
        self.live.legs.add(self.hang_up)

    def ring(self) -> None:
        """Begin; what comes of it is posted."""
        desk, call = self._desk, self.live.call
        desk.tell("leg.began", leg=call.sid, party=self.command.kind)
        self._progress.tell("initiated", "initiated")
        directory = desk.service.exchange.directory
        self._handset = directory.find(self.command.kind, self.command.address)
        if self._handset is None:
            desk.tell(
                "leg.unknown",
                "warning",
                leg=call.sid,
                message="nobody of that name is here: connect a phone, or set TWIML_BRIDGE_PHONES",
            )
            self._end(LegStatus.FAILED)
            return
        desk.service.stand(self.live, CallStatus.RINGING)
        self._progress.tell("ringing", "ringing")
        self._invitation = Invitation(
            call.sid,
            call.parties.from_,
            call.parties.to,
            self._answer,
            self._decline,
            self.command.parameters,
            self.command.headers,
        )
        self._handset.ring(self._invitation)

    def _answer(self, phone: Phone) -> Talk:
        self._answered_at = asyncio.get_running_loop().time()
        call, service = self.live.call, self._desk.service
        service.stand(self.live, CallStatus.IN_PROGRESS)
        call.timeline.add("call.answered")
        self._desk.tell("leg.answered", leg=call.sid)
        self.line = line = Line(service.engine, call, phone)
        line.broken = self._put_down
        own = Desk(service, self.live, line, lambda event: None)
        self.live.control = self._control = _Answered(self, line, own)
        line.pick_up()
        self._progress.tell("answered", "in-progress")
        if digits := self._tones():
            line.prompt = Prompt(pieces_of(*digits), lambda _: self._ready())
        else:
            self._ready()
        return Talk(line.press, self._put_down)

    def _tones(self) -> tuple[bytes, ...]:
        """`sendDigits` as sound; what is no digit of a telephone is told, and nothing is sent."""
        try:
            return tuple(digit_pieces(self.command.send_digits))
        except ValueError as error:
            reason = f"sendDigits has {error}; nothing is sent."
            self._desk.skipped(self.command.noun, reason)
            return ()

    def _ready(self) -> None:
        if self.line is not None:
            self.line.prompt = None
        if not self._over:
            self._desk.post(LegAnswered(self.command))

    def _decline(self, status: LegStatus) -> None:
        self._invitation = None
        self._end(status)

    def _put_down(self) -> None:
        """The phone has hung up."""
        if self._alone is not None:
            self._alone.hang_up("callee")
        else:
            self.hang_up()

    def hang_up(self, *, unanswered: bool = False) -> None:
        """It is over, whoever says so; `unanswered`: because it has rung for too long."""
        if self.line is not None:
            self._end(LegStatus.COMPLETED)
            return
        if self._handset is not None and self._invitation is not None:
            self._handset.stop_ringing(self._invitation)
        self._end(LegStatus.NO_ANSWER if unanswered else LegStatus.CANCELED)

    def part(self) -> Alone | None:
        """Have the party go on without the caller, for whom the leg has ended; its call then."""
        if self.line is None or self._over:
            return None
        live = self.live
        live.legs.discard(self.hang_up)
        self._close(LegStatus.COMPLETED)
        self._alone = self._go_on(live, self.line, self._progress)
        return self._alone

    def _end(self, status: LegStatus) -> None:
        if self._over:
            return
        self._over = True
        self.live.legs.discard(self.hang_up)
        if self.line is not None:
            self.line.hang_up()
        seconds = self._seconds
        service, sid = self._desk.service, self.live.call.sid
        self.live.control = None
        service.end_call(sid, status.value, _STATUSES[status])
        self._progress.tell("completed", status.value, seconds)
        self._close(status)

    @property
    def _seconds(self) -> int:
        if self._answered_at is None:
            return 0
        return int(asyncio.get_running_loop().time() - self._answered_at)

    def _close(self, status: LegStatus) -> None:
        """Tell the caller's script, once."""
        self._over = True
        self.live.legs.discard(self.hang_up)
        if self._control is not None:
            self._control.close()
        sid = self.live.call.sid
        self._desk.tell("leg.ended", leg=sid, status=status.value)
        self._desk.post(LegEnded(self.command, status, sid, self._seconds))
        self.on_end()
        self._ended(self)


class _Answered(Attachments):
    """What REST can do to a leg that has been answered, as `CallControl`."""

    def __init__(self, leg: Leg, line: Line, desk: Desk) -> None:
        self.recordings = Recordings(desk)
        super().__init__(leg.live, line, self.recordings)
        self._leg = leg
        self._service = desk.service
        self._limit: asyncio.TimerHandle | None = None
        if leg.live.time_limit is not None:
            self.limit(leg.live.time_limit)

    def close(self) -> None:
        """The leg is over; its recordings are finished."""
        if self._limit is not None:
            self._limit.cancel()
        self._service.background(self.recordings.close())

    def limit(self, seconds: float) -> None:
        if self._limit is not None:
            self._limit.cancel()
        left = max(0.0, seconds - self._on.up_seconds)
        loop = asyncio.get_running_loop()
        self._limit = loop.call_later(left, lambda: self.hang_up("time-limit"))

    def hang_up(self, by: str) -> None:
        self._leg.live.call.timeline.add("call.hung_up", by=by)
        self._leg.hang_up()

    def redirect(self, url: str, method: str) -> None:
        alone = self._leg.part()
        if alone is not None:
            self._service.background(alone.run(url, method))

    def replace(self, document: Document, url: str = "") -> None:
        alone = self._leg.part()
        if alone is not None:
            self._service.background(alone.run_document(Reply(document, url)))
