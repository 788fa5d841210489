"""`<Dial><Queue>`: somebody is taken out of a queue."""

from __future__ import annotations

from typing import ClassVar

from twiml.actions import Dial, Queue
from twiml.script import fields
from twiml.script.activity import Line, Row
from twiml.script.commands import Command, Fields, Skip, StopTaking, TakeFromQueue
from twiml.script.dialling import Dialling, recording_row
from twiml.script.events import CallerReleased, CallerTaken, Digits, NoSuchQueue, TimerOver
from twiml.script.states import State, Why


class Taking(Dialling):
    """`<Dial><Queue>`: waits for somebody no longer than `timeout`."""

    def __init__(
        self, line: Line, dial: Dial, noun: Queue, skipped: list[Skip] | None = None
    ) -> None:
        super().__init__(line, dial)
        self._skipped = skipped or []
        url = line.resolve(noun.url) if noun.url else ""
        self.take = TakeFromQueue(noun.text.strip(), url, noun.method)
        self._taken: CallerTaken | None = None

    def begin(self) -> list[Command]:
        if not self.take.name:
            self._skipped.append(Skip(self.dial, "The <Queue> has no name."))
            return [*self._skipped, *self._finish("failed")]
        self.state = State.SEEKING
        return [
            *self._skipped,
            *self.line.answer(),
            *self.ring(),
            *self.record("ringing"),
            self.take,
            *self.time("dial timeout", self.dial.timeout),
        ]

    def abandon(self, why: Why) -> list[Command]:
        stop: list[Command] = [] if self.state is State.STOPPING else [StopTaking(self.take)]
        return stop + self.give_up(why)

    def _fields(self, status: str, seconds: int | None = None) -> Fields:
        taken = self._taken
        return fields.dialled(
            status,
            bridged=taken is not None,
            call_sid=taken.call_sid if taken else "",
            seconds=seconds if taken else None,
            recording_url=self.recording_url,
            queue=fields.waited(taken.queue_sid, taken.waited_seconds) if taken else (),
        )

    def _finish(self, status: str, seconds: int | None = None) -> list[Command]:
        return self.end(self._fields(status, seconds))

    def _mine(self, event: CallerTaken | CallerReleased | NoSuchQueue) -> bool:
        return event.take is self.take

    def _meet(self, event: CallerTaken) -> list[Command]:
        self._taken = event
        return self.talk() + self.record("answer")

    def _note(self, event: CallerTaken) -> list[Command]:
        self._taken = event
        return []

    def _fail(self, _: NoSuchQueue) -> list[Command]:
        return self._finish("failed")

    def _part(self, event: Digits | TimerOver) -> list[Command]:
        self.part(event)
        return [StopTaking(self.take)]

    def _over(self, event: CallerReleased) -> list[Command]:
        return self._finish("completed" if self._taken else "no-answer", event.seconds)

    def _tell(self, event: CallerReleased) -> list[Command]:
        return self.tell(self._fields("completed" if self._taken else "canceled", event.seconds))

    def _tell_failure(self, _: NoSuchQueue) -> list[Command]:
        return self.tell(self._fields("failed"))

    ROWS: ClassVar[tuple[Row, ...]] = (
        Row(
            (State.SEEKING,),
            CallerTaken,
            "",
            "`timeLimit` begins",
            (State.BRIDGED,),
            _mine,
            _meet,
        ),
        Row(
            (State.SEEKING,),
            TimerOver,
            "of `timeout`",
            "stop waiting",
            (State.STOPPING,),
            Dialling.timed_out,
            _part,
        ),
        Row(
            (State.SEEKING, State.STOPPING),
            NoSuchQueue,
            "",
            "ask `action` (`failed`), or the next verb",
            (State.FETCHING, State.RUNNING),
            _mine,
            _fail,
        ),
        Row(
            (State.BRIDGED,),
            Digits,
            "`*`, with `hangupOnStar`",
            "let the other go",
            (State.STOPPING,),
            Dialling.is_star,
            _part,
        ),
        Row(
            (State.BRIDGED,),
            TimerOver,
            "of `timeLimit`",
            "let the other go",
            (State.STOPPING,),
            Dialling.timed_out,
            _part,
        ),
        Row(
            (State.STOPPING,),
            CallerTaken,
            "both at once",
            "remember whom; the other is let go",
            (State.STOPPING,),
            _mine,
            _note,
        ),
        Row(
            (State.SEEKING, State.BRIDGED, State.STOPPING),
            CallerReleased,
            "",
            "ask `action` (`completed`, or `no-answer` if nobody came), or the next verb",
            (State.FETCHING, State.RUNNING),
            _mine,
            _over,
        ),
        Row(
            (State.CLOSING,),
            CallerReleased,
            "",
            "tell `action`",
            (State.ENDED,),
            _mine,
            _tell,
        ),
        Row(
            (State.CLOSING,),
            NoSuchQueue,
            "",
            "tell `action` (`failed`)",
            (State.ENDED,),
            _mine,
            _tell_failure,
        ),
        recording_row(State.SEEKING, State.BRIDGED, State.STOPPING),
    )
