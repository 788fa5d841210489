"""Runs a script on a line: carries out what it commands and reports what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from app.calls.conferring import Conferring
from app.calls.dialling import Dialling
from app.calls.hearing import Hearing
from app.calls.leg import GoOn, Leg
from app.calls.prompts import Prompts
from app.calls.queueing import Queueing
from app.calls.recordings import Recordings
from app.calls.shell import Desk, Does
from app.calls.streams import Streams
from app.calls.timers import Timers
from bridge.engine.line import Line
from bridge.errors import CustomerError
from twiml.script import (
    Answer,
    CallEnded,
    Command,
    Digits,
    DocumentReplaced,
    Event,
    Fetch,
    FetchFailed,
    HangUp,
    HangUpReason,
    LegReady,
    Notify,
    PutThrough,
    Role,
    Script,
    Skip,
    State,
    StreamEnded,
)

if TYPE_CHECKING:
    from app.live import LiveCall
    from app.service import Service

log = structlog.get_logger("calls")

_EXPECTING = frozenset({State.CONNECTED, State.BRIDGED, State.CONFERRING, State.ECHOING})
"""States in which the call does nothing of itself: a phone on tape may lose its patience."""


class Runner:
    """One script on one line. `hang_up` ends the call for the document, with its reason; `answer`
    picks it up; `put_through` is for a document on a called leg."""

    def __init__(
        self,
        service: Service,
        live: LiveCall,
        line: Line,
        *,
        go_on: GoOn,
        hang_up: Callable[[HangUpReason], None],
        answer: Callable[[], None] = lambda: None,
        put_through: Callable[[], None] = lambda: None,
    ) -> None:
        self._go_on = go_on
        self._hang_up = hang_up
        self._answer = answer
        self._put_through = put_through
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._caller_gone = False
        self.desk = Desk(service, live, line, self._events.put_nowait)
        self.prompts = Prompts(self.desk)
        self.recordings = Recordings(self.desk)
        self._timers = Timers(self.desk)
        self._hearing = Hearing(self.desk)
        self._dialling = Dialling(self.desk, self._screen, go_on)
        self._conferring = Conferring(self.desk)
        self._queueing = Queueing(self.desk)
        self._does: Does = {
            Answer: lambda _: self._answer(),
            HangUp: self._end,
            PutThrough: lambda _: self._put_through(),
            Skip: lambda command: self.desk.skipped(command.action, command.reason),
            Fetch: self._ask,
            Notify: lambda command: self.desk.notify(
                command.url, command.method, command.parameters
            ),
            **self.prompts.does,
            **self.recordings.does,
            **self._timers.does,
            **self._hearing.does,
            **self._dialling.does,
            **self._conferring.does,
            **self._queueing.does,
            **Streams(self.desk).does,
        }
        line.pressed = lambda key: self.post(Digits(key))
        line.stream_ended = lambda session: self.post(StreamEnded(session.source))

    def post(self, event: Event) -> None:
        """Report something that has happened."""
        self._events.put_nowait(event)

    async def run(self, script: Script) -> None:
        """Until the script waits for nothing any more; what it began is over then."""
        try:
            self._carry_out(script.begin())
            while script.state is not State.ENDED:
                self.desk.line.expecting = script.state in _EXPECTING
                event = await self._events.get()
                if self._caller_gone:
                    # What was on its way must not begin anything more.
                    self._carry_out(script.receive(CallEnded()))
                self._carry_out(script.receive(event))
        finally:
            await self.close()

    async def close(self) -> None:
        """Give up all that runs; recordings are finished first. Idempotent."""
        self._timers.close()
        self._hearing.close()
        self.prompts.close()
        self._dialling.close()
        self._conferring.close()
        self._queueing.close()
        self.desk.line.expecting = True
        await self.recordings.close()
        for task in tuple(self.desk.work):
            task.cancel()

    def end(self) -> None:
        """The caller is gone."""
        self._caller_gone = True
        self.post(CallEnded())

    def _carry_out(self, commands: list[Command]) -> None:
        for command in commands:
            self._does[type(command)](command)

    def _end(self, command: HangUp) -> None:
        self.desk.tell("script.ended", reason=command.reason.value)
        self._hang_up(command.reason)

    def _screen(self, leg: Leg, fetch: Fetch) -> None:
        """Run a document on a leg before it is connected; it is the leg's own call that asks."""
        if leg.line is None:
            return
        runner = Runner(
            self.desk.service,
            leg.live,
            leg.line,
            go_on=self._go_on,
            hang_up=lambda _: leg.hang_up(),
            put_through=lambda: self.post(LegReady(leg.command)),
        )
        leg.on_end = runner.end
        self.desk.later(runner.run(Script.fetching(fetch, Role.SCREENING)))

    def _ask(self, command: Fetch) -> None:
        self.desk.later(self._fetch(command))

    async def _fetch(self, command: Fetch) -> None:
        desk = self.desk
        try:
            reply = await desk.service.customer.ask(
                desk.context, command.url, command.method, command.parameters
            )
        except CustomerError:
            self.post(FetchFailed(command))  # the reasons are on the timeline
        else:
            self.post(DocumentReplaced(reply.document, command, reply.url))
