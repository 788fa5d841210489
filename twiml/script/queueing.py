"""`<Enqueue>`: waiting in a queue until somebody takes the call, or it leaves."""

from __future__ import annotations

from typing import ClassVar

from twiml.actions import Enqueue
from twiml.script import fields
from twiml.script.activity import Activity, Line, Nested, Row
from twiml.script.commands import Command, Fields, JoinQueue, LeaveQueue, ReadyToBridge
from twiml.script.events import Event, QueueLeft, QueueRefused, QueueState, QueueTaken
from twiml.script.holding import Hold
from twiml.script.states import HangUpReason, Role, State, Why


class Queueing(Activity):
    """`<Enqueue>`. `QueueResult` is one of Twilio's words for how the stay ended."""

    VERB = "Enqueue"

    def __init__(self, line: Line, enqueue: Enqueue) -> None:
        super().__init__(line)
        self.enqueue = enqueue
        self.place = JoinQueue(enqueue.text.strip(), enqueue.max_queue_size)
        self._hold = Hold(line, Role.QUEUE, "Enqueue", self.place)
        self._greeting: Nested | None = None
        self._result = "system-error"

    def begin(self) -> list[Command]:
        self.state = State.JOINING
        return [*self.line.answer(), self.place]

    def receive(self, event: Event) -> list[Command]:
        if self.row_for(event) is not None:
            return super().receive(event)
        if self.state is State.GREETING and self._greeting is not None:
            return self._greet(self._greeting.receive(event))
        if self.state is State.HOLDING:
            return self._wait_on(self._hold.receive(event))
        return []

    def abandon(self, why: Why) -> list[Command]:
        bridged = self.state is State.BRIDGED
        commands: list[Command] = []
        if why is Why.REPLACED:
            commands = self._silence()
            result = "redirected-from-bridged" if bridged else "redirected"
        else:
            result = "bridged" if bridged else "hangup"
        if self.state is not State.STOPPING:
            self._result = result
            commands.append(LeaveQueue(self.place))
        if self.enqueue.action:
            self.state = State.CLOSING
        return commands

    def _silence(self) -> list[Command]:
        greeting, self._greeting = self._greeting, None
        return self._hold.silence() + (greeting.silence() if greeting else [])

    def _end(self, parameters: Fields) -> list[Command]:
        enqueue = self.enqueue
        if enqueue.action:
            self.finish(self.line.fetch(enqueue.action, enqueue.method, parameters, self.VERB))
        else:
            self.finish()
        return self._silence()

    # Waiting

    def _mine(self, event: QueueState | QueueLeft | QueueTaken) -> bool:
        return event.place is self.place

    def _wait(self, event: QueueState) -> list[Command]:
        self.state = State.HOLDING
        enqueue = self.enqueue
        waiting = fields.waiting(event)
        return self._wait_on(self._hold.begin(enqueue.wait_url, enqueue.wait_url_method, waiting))

    def _wait_on(self, commands: list[Command]) -> list[Command]:
        """What the wait document did to the wait."""
        nested = self._hold.nested
        if nested is None or nested.state is not State.ENDED:
            return commands
        if nested.ending is HangUpReason.HANGUP:
            self.hang_up = HangUpReason.HANGUP
            return commands
        self._result = "leave" if nested.left else "error"
        self.state = State.STOPPING
        return [*commands, LeaveQueue(self.place)]

    def _refused(self, event: QueueRefused) -> bool:
        return event.place is self.place

    def _refuse(self, event: QueueRefused) -> list[Command]:
        return self._end(fields.queued("queue-full" if event.full else "system-error"))

    # Taken

    def _has_greeting(self, event: QueueTaken) -> bool:
        return event.place is self.place and bool(event.url)

    def _begin_greeting(self, event: QueueTaken) -> list[Command]:
        self.state = State.GREETING
        self._result = "bridging-in-process"
        fetch = self.line.fetch(event.url, event.method, fields.taken(event), "Queue")
        silence = self._hold.silence()
        self._greeting = self.line.nest(fetch, Role.GREETING, None)
        return silence + self._greeting.begin()

    def _greet(self, commands: list[Command]) -> list[Command]:
        """When the document is over, or cannot be had, the two are connected."""
        if self._greeting is None or self._greeting.state is not State.ENDED:
            return commands
        return [*commands, *self._bridge()]

    def _bridge(self, _: QueueTaken | None = None) -> list[Command]:
        self.state, self._result = State.BRIDGED, "bridged"
        return [*self._silence(), ReadyToBridge(self.place)]

    def _over(self, event: QueueLeft) -> list[Command]:
        return self._end(fields.queued(self._result, event.sid, event.seconds))

    def _tell(self, event: QueueLeft) -> list[Command]:
        parameters = fields.queued(self._result, event.sid, event.seconds)
        return self.close(self.enqueue.action, self.enqueue.method, parameters)

    def _tell_refused(self, event: QueueRefused) -> list[Command]:
        parameters = fields.queued(self._result)
        return self.close(self.enqueue.action, self.enqueue.method, parameters)

    ROWS: ClassVar[tuple[Row, ...]] = (
        Row(
            (State.JOINING,),
            QueueState,
            "",
            "music, silence, or the document at `waitUrl`",
            (State.HOLDING,),
            _mine,
            _wait,
        ),
        Row(
            (State.JOINING,),
            QueueRefused,
            "",
            "ask `action` (`queue-full`, `system-error`), or the next verb",
            (State.FETCHING, State.RUNNING),
            _refused,
            _refuse,
        ),
        Row(
            (State.HOLDING,),
            QueueTaken,
            "with a `url`",
            "stop the music, run that document",
            (State.GREETING,),
            _has_greeting,
            _begin_greeting,
        ),
        Row(
            (State.HOLDING,),
            QueueTaken,
            "",
            "stop the music, be connected",
            (State.BRIDGED,),
            _mine,
            _bridge,
        ),
        Row(
            (State.JOINING, State.HOLDING),
            QueueLeft,
            "",
            "ask `action` (`system-error`), or the next verb",
            (State.FETCHING, State.RUNNING),
            _mine,
            _over,
        ),
        Row(
            (State.GREETING,),
            QueueLeft,
            "",
            "ask `action` (`bridging-in-process`), or the next verb",
            (State.FETCHING, State.RUNNING),
            _mine,
            _over,
        ),
        Row(
            (State.BRIDGED,),
            QueueLeft,
            "",
            "ask `action` (`bridged`), or the next verb",
            (State.FETCHING, State.RUNNING),
            _mine,
            _over,
        ),
        Row(
            (State.STOPPING,),
            QueueLeft,
            "",
            "ask `action` (`leave`, or `error` if `waitUrl` gave no document), or the next verb",
            (State.FETCHING, State.RUNNING),
            _mine,
            _over,
        ),
        Row(
            (State.CLOSING,),
            QueueLeft,
            "",
            "tell `action` (`hangup`, `bridged`, `redirected`, `redirected-from-bridged`)",
            (State.ENDED,),
            _mine,
            _tell,
        ),
        Row(
            (State.CLOSING,),
            QueueRefused,
            "",
            "tell `action`, without sid and time",
            (State.ENDED,),
            _refused,
            _tell_refused,
        ),
    )
