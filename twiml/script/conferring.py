"""`<Dial><Conference>`: entering a conference, waiting for it, and being in it."""

from __future__ import annotations

from typing import ClassVar

from twiml.actions import Conference, Dial
from twiml.script import fields
from twiml.script.activity import Line, Row
from twiml.script.commands import Command, Fields, JoinConference, LeaveConference, Skip
from twiml.script.dialling import Dialling, recording_row
from twiml.script.events import (
    ConferenceHeld,
    ConferenceJoined,
    ConferenceLeft,
    ConferenceStarted,
    Digits,
    Event,
    TimerOver,
)
from twiml.script.holding import Hold
from twiml.script.states import HangUpReason, Role, State, Why

_FAILURES = (HangUpReason.FETCH_FAILED, HangUpReason.UNUSABLE)


class Conferring(Dialling):
    """The status is `answered`, or `failed` if the call never got in or its music could not be had.

    `DialCallSid` and `DialCallDuration` are not sent after a conference.
    """

    def __init__(
        self, line: Line, dial: Dial, noun: Conference, skipped: list[Skip] | None = None
    ) -> None:
        super().__init__(line, dial)
        self.noun = noun
        self._skipped = skipped or []
        self.join = JoinConference(
            noun,
            noun.text.strip(),
            line.callback(
                noun.status_callback, noun.status_callback_method, noun.status_callback_event
            ),
            line.callback(
                noun.recording_status_callback,
                noun.recording_status_callback_method,
                noun.recording_status_callback_event,
            ),
        )
        self._hold = self._new_hold()
        self._failed = False
        self._heard = False

    def _new_hold(self) -> Hold:
        return Hold(self.line, Role.CONFERENCE, "Conference")

    def begin(self) -> list[Command]:
        if not self.join.name:
            self._skipped.append(Skip(self.dial, "The <Conference> has no name."))
            return [*self._skipped, *self._finish("failed")]
        self.state = State.JOINING
        return [*self._skipped, *self.line.answer(), self.join]

    def receive(self, event: Event) -> list[Command]:
        if self.row_for(event) is not None or self.state is not State.HOLDING:
            return super().receive(event)
        commands = self._hold.receive(event)
        nested = self._hold.nested
        if nested is not None and nested.ending in _FAILURES:
            self._failed = True
            commands += self._hold.silence() + self._leave(event)
        return commands

    def abandon(self, why: Why) -> list[Command]:
        leave: list[Command] = []
        if self.state is not State.STOPPING:
            leave.append(LeaveConference(self.join))
        silence = self._hold.silence() if why is Why.REPLACED else []
        return silence + leave + self.give_up(why)

    def _fields(self, status: str) -> Fields:
        return fields.dialled(status, bridged=self._heard, recording_url=self.recording_url)

    def _finish(self, status: str) -> list[Command]:
        return self.end(self._fields(status))

    def _mine(self, event: ConferenceJoined | ConferenceStarted | ConferenceHeld) -> bool:
        return event.join is self.join

    def _waits(self, event: ConferenceJoined) -> bool:
        return event.join is self.join and not event.started

    def _left(self, event: ConferenceLeft) -> bool:
        return event.join is self.join

    def _begin_time(self) -> list[Command]:
        commands = self.time("dial time limit", self.dial.time_limit)
        return commands + self.record("ringing") + self.record("answer")

    def _wait(self, _: ConferenceJoined) -> list[Command]:
        self.state = State.HOLDING
        noun = self.noun
        return self._begin_time() + self._hold.begin(noun.wait_url, noun.wait_method)

    def _enter(self, _: ConferenceJoined) -> list[Command]:
        self.state, self._heard = State.CONFERRING, True
        return self._begin_time()

    def _hear(self, _: ConferenceStarted) -> list[Command]:
        self.state, self._heard = State.CONFERRING, True
        return self._hold.silence()

    def _put_on_hold(self, event: ConferenceHeld) -> list[Command]:
        self.state = State.HOLDING
        silence, self._hold = self._hold.silence(), self._new_hold()
        return silence + self._hold.begin(event.url, event.method)

    def _leave(self, event: Event) -> list[Command]:
        self.part(event)
        return [*self._hold.silence(), LeaveConference(self.join)]

    def _over(self, event: ConferenceLeft) -> list[Command]:
        silence = self._hold.silence()
        return silence + self._finish(self._status(event))

    def _tell(self, event: ConferenceLeft) -> list[Command]:
        return self.tell(self._fields(self._status(event)))

    def _status(self, event: ConferenceLeft) -> str:
        return "failed" if self._failed or event.failed else "answered"

    ROWS: ClassVar[tuple[Row, ...]] = (
        Row(
            (State.JOINING,),
            ConferenceJoined,
            "it has not started",
            "`timeLimit` begins; music, silence, or the document at `waitUrl`",
            (State.HOLDING,),
            _waits,
            _wait,
        ),
        Row(
            (State.JOINING,),
            ConferenceJoined,
            "it has started",
            "`timeLimit` begins",
            (State.CONFERRING,),
            _mine,
            _enter,
        ),
        Row(
            (State.HOLDING,),
            ConferenceStarted,
            "",
            "stop the music",
            (State.CONFERRING,),
            _mine,
            _hear,
        ),
        Row(
            (
                State.CONFERRING,
                State.HOLDING,
            ),
            ConferenceHeld,
            "",
            "music, silence, or the document at its URL",
            (State.HOLDING,),
            _mine,
            _put_on_hold,
        ),
        Row(
            (State.HOLDING, State.CONFERRING),
            Digits,
            "`*`, with `hangupOnStar`",
            "leave the conference",
            (State.STOPPING,),
            Dialling.is_star,
            _leave,
        ),
        Row(
            (State.HOLDING, State.CONFERRING),
            TimerOver,
            "of `timeLimit`",
            "leave the conference",
            (State.STOPPING,),
            Dialling.timed_out,
            _leave,
        ),
        Row(
            (
                State.JOINING,
                State.HOLDING,
                State.CONFERRING,
                State.STOPPING,
            ),
            ConferenceLeft,
            "",
            "ask `action`, or the next verb",
            (State.FETCHING, State.RUNNING),
            _left,
            _over,
        ),
        Row(
            (State.CLOSING,),
            ConferenceLeft,
            "",
            "tell `action`",
            (State.ENDED,),
            _left,
            _tell,
        ),
        recording_row(State.HOLDING, State.CONFERRING, State.STOPPING),
    )
