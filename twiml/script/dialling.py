"""`<Dial>`: what all its nouns have in common, and the parties that it rings."""

from __future__ import annotations

from typing import ClassVar

from twiml.actions import Dial, Party
from twiml.script import fields
from twiml.script.activity import Activity, Line, Row
from twiml.script.commands import (
    Bridge,
    Command,
    DialLeg,
    Fields,
    HangUpLeg,
    PlayRinging,
    Screen,
    Skip,
    StartTimer,
    StopPlaying,
    StopRecording,
    StopTimer,
)
from twiml.script.events import (
    Digits,
    Event,
    LegAnswered,
    LegEnded,
    LegReady,
    LegStatus,
    RecordingStarted,
    TimerOver,
)
from twiml.script.recording import of_dial
from twiml.script.states import State, Why

_TELLING = (LegStatus.NO_ANSWER, LegStatus.BUSY, LegStatus.FAILED, LegStatus.CANCELED)
"""Of several legs that came to nothing, which one's status is told."""


class Dialling(Activity):
    """What holds for every noun: ringing, recording, `timeLimit`, `hangupOnStar`, `action`."""

    VERB = "Dial"

    def __init__(self, line: Line, dial: Dial) -> None:
        super().__init__(line)
        self.dial = dial
        self.recording = of_dial(line, dial)
        self.recording_url = ""
        self._recording_began = False
        self._ringing: PlayRinging | None = None
        self._timer: StartTimer | None = None

    def ring(self) -> list[Command]:
        """What the caller hears while nobody is there yet."""
        self._ringing = PlayRinging(self.dial.ring_tone)
        return [self._ringing]

    def record(self, moment: str) -> list[Command]:
        """Begin to record if that is wanted from this moment: `ringing` or `answer`."""
        if self.recording is None or self._recording_began:
            return []
        if not self.dial.record.startswith(f"record-from-{moment}"):
            return []
        self._recording_began = True
        return [self.recording]

    def time(self, purpose: str, seconds: int) -> list[Command]:
        """One timer at a time: first for the ringing, then for the talk."""
        commands = self._stop_timer()
        self._timer = StartTimer(purpose, seconds)
        return [*commands, self._timer]

    def talk(self) -> list[Command]:
        """Somebody is there."""
        self.state = State.BRIDGED
        return self._stop_ringing() + self.time("dial time limit", self.dial.time_limit)

    def end(self, parameters: Fields) -> list[Command]:
        """Over: ask the action, or go on."""
        dial = self.dial
        if dial.action:
            self.finish(self.line.fetch(dial.action, dial.method, parameters, self.VERB))
        else:
            self.finish()
        return self.quiet()

    def quiet(self) -> list[Command]:
        return self._stop_ringing() + self._stop_timer() + self._stop_recording()

    def tell(self, parameters: Fields) -> list[Command]:
        """The call is over, and now the verb is."""
        return self.close(self.dial.action, self.dial.method, parameters)

    def give_up(self, why: Why) -> list[Command]:
        """What the verb leaves running, and whether it is still owed a report."""
        if why is Why.REPLACED:
            return self.quiet()
        if self.dial.action:
            self.state = State.CLOSING
        return self._stop_recording()

    def _stop_ringing(self) -> list[Command]:
        ringing, self._ringing = self._ringing, None
        return [StopPlaying(ringing)] if ringing else []

    def _stop_timer(self) -> list[Command]:
        timer, self._timer = self._timer, None
        return [StopTimer(timer)] if timer else []

    def _stop_recording(self) -> list[Command]:
        began, self._recording_began = self._recording_began, False
        return [StopRecording(self.recording)] if began and self.recording else []

    def timed_out(self, event: TimerOver) -> bool:
        return event.timer is self._timer

    def part(self, event: Event) -> None:
        """The two are parted, for whatever reason; the end is reported yet."""
        self.state = State.STOPPING
        if isinstance(event, TimerOver):
            self._timer = None

    def is_star(self, event: Digits) -> bool:
        return event.keys == "*" and self.dial.hangup_on_star

    def is_recorded(self, event: RecordingStarted) -> bool:
        return event.recording is self.recording

    def note_recording(self, event: RecordingStarted) -> list[Command]:
        self.recording_url = event.url
        return []


def recording_row(*states: State) -> Row:
    """The recording's URL is known before the recording is over."""
    return Row(
        states,
        RecordingStarted,
        "of `record`",
        "note its URL for `action`",
        states,
        Dialling.is_recorded,
        Dialling.note_recording,
    )


class Ringing(Dialling):
    """`<Number>`, `<Client>`, `<Sip>` or a number in the text: all at once, or one by one.

    The first that answers, and has heard the document at its `url`, is connected; the others are
    hung up. A leg that was answered and not connected is no answer.
    """

    def __init__(
        self, line: Line, dial: Dial, legs: list[DialLeg], skipped: list[Skip] | None = None
    ) -> None:
        super().__init__(line, dial)
        self._waiting = legs
        self._skipped = skipped or []
        self._live: list[DialLeg] = []
        self._answered: list[DialLeg] = []
        self._ended: list[tuple[LegStatus, LegEnded]] = []
        self._winner: DialLeg | None = None

    def begin(self) -> list[Command]:
        self.state = State.DIALLING
        commands: list[Command] = [*self._skipped]
        if not self._waiting:
            return commands + self.end(fields.dialled(LegStatus.FAILED, bridged=False))
        if not self.dial.answer_on_bridge:
            commands += self.line.answer()
        if self.line.answered:
            commands += self.ring()
        return commands + self.record("ringing") + self._dial()

    def abandon(self, why: Why) -> list[Command]:
        bridged = self.state in (State.BRIDGED, State.STOPPING)
        legs = [self._winner] if bridged and self._winner else self._live
        stopped = self.state is State.STOPPING
        commands: list[Command] = [] if stopped else [HangUpLeg(leg) for leg in legs]
        return commands + self.give_up(why)

    def _dial(self) -> list[Command]:
        """Ring the next, or all, and give them the time to answer."""
        count = 1 if self.dial.sequential else len(self._waiting)
        self._live, self._waiting = self._waiting[:count], self._waiting[count:]
        return [*self._live, *self.time("dial timeout", self.dial.timeout)]

    def _fields(self, status: LegStatus, ended: LegEnded | None) -> Fields:
        answered = ended is not None and any(ended.leg is leg for leg in self._answered)
        return fields.dialled(
            status,
            bridged=self._winner is not None,
            call_sid=ended.call_sid if ended else "",
            seconds=ended.seconds if ended and answered else None,
            recording_url=self.recording_url,
        )

    # Before anybody is connected

    def _rings(self, event: LegAnswered) -> bool:
        return any(leg is event.leg for leg in self._live)

    def _is_screened(self, event: LegAnswered) -> bool:
        noun = event.leg.noun
        return self._rings(event) and isinstance(noun, Party) and bool(noun.url)

    def _was_screened(self, event: LegReady) -> bool:
        return any(leg is event.leg for leg in self._answered)

    def _screen(self, event: LegAnswered) -> list[Command]:
        noun = event.leg.noun
        self._answered.append(event.leg)
        assert isinstance(noun, Party)
        return [Screen(event.leg, self.line.fetch(noun.url, noun.method, (), noun.tag))]

    def _connect_answered(self, event: LegAnswered) -> list[Command]:
        self._answered.append(event.leg)
        return self._connect(event.leg)

    def _connect_ready(self, event: LegReady) -> list[Command]:
        return self._connect(event.leg)

    def _connect(self, winner: DialLeg) -> list[Command]:
        self._winner = winner
        others: list[Command] = [HangUpLeg(leg) for leg in self._live if leg is not winner]
        self._live = [winner]
        return [
            *others,
            *self.line.answer(),
            *self.talk(),
            Bridge(winner),
            *self.record("answer"),
        ]

    def _no_answer(self, _: TimerOver) -> list[Command]:
        self._timer = None
        silent = [leg for leg in self._live if all(leg is not each for each in self._answered)]
        return [HangUpLeg(leg, unanswered=True) for leg in silent]

    def _is_last(self, event: LegEnded) -> bool:
        return len(self._live) == 1 and self._live[0] is event.leg and not self._waiting

    def _is_last_now(self, event: LegEnded) -> bool:
        return len(self._live) == 1 and self._live[0] is event.leg

    def _is_live(self, event: LegEnded) -> bool:
        return any(leg is event.leg for leg in self._live)

    def _count(self, event: LegEnded) -> list[Command]:
        self._ended.append((self._status(event), event))
        self._live = [leg for leg in self._live if leg is not event.leg]
        return []

    def _try_next(self, event: LegEnded) -> list[Command]:
        return self._count(event) + self._dial()

    def _fail(self, event: LegEnded) -> list[Command]:
        self._count(event)
        status, told = min(self._ended, key=lambda each: _TELLING.index(each[0]))
        return self.end(self._fields(status, told))

    def _status(self, ended: LegEnded) -> LegStatus:
        """Not connected: one that was answered is no answer."""
        answered = ended.status is LegStatus.COMPLETED
        return LegStatus.NO_ANSWER if answered else ended.status

    # Connected

    def _is_winner(self, event: LegEnded) -> bool:
        return event.leg is self._winner

    def _part(self, event: Digits | TimerOver) -> list[Command]:
        self.part(event)
        return [HangUpLeg(self._winner)] if self._winner else []

    def _over(self, event: LegEnded) -> list[Command]:
        return self.end(self._fields(LegStatus.COMPLETED, event))

    def _tell_last(self, event: LegEnded) -> list[Command]:
        status = LegStatus.COMPLETED if self._winner else LegStatus.CANCELED
        return self.tell(self._fields(status, event))

    ROWS: ClassVar[tuple[Row, ...]] = (
        Row(
            (State.DIALLING,),
            LegAnswered,
            "its noun has a `url`",
            "run that document on the leg",
            (State.DIALLING,),
            _is_screened,
            _screen,
        ),
        Row(
            (State.DIALLING,),
            LegAnswered,
            "",
            "hang up the others, answer, connect; `timeLimit` begins",
            (State.BRIDGED,),
            _rings,
            _connect_answered,
        ),
        Row(
            (State.DIALLING,),
            LegReady,
            "",
            "the same",
            (State.BRIDGED,),
            _was_screened,
            _connect_ready,
        ),
        Row(
            (State.DIALLING,),
            TimerOver,
            "",
            "hang up the legs that nobody has answered",
            (State.DIALLING,),
            Dialling.timed_out,
            _no_answer,
        ),
        Row(
            (State.DIALLING,),
            LegEnded,
            "the last leg",
            "ask `action`, or the next verb",
            (State.FETCHING, State.RUNNING),
            _is_last,
            _fail,
        ),
        Row(
            (State.DIALLING,),
            LegEnded,
            "`sequential`, more to try",
            "ring the next",
            (State.DIALLING,),
            _is_last_now,
            _try_next,
        ),
        Row(
            (State.DIALLING,),
            LegEnded,
            "others still ring",
            "nothing",
            (State.DIALLING,),
            _is_live,
            _count,
        ),
        Row(
            (State.BRIDGED,),
            Digits,
            "`*`, with `hangupOnStar`",
            "hang up the leg",
            (State.STOPPING,),
            Dialling.is_star,
            _part,
        ),
        Row(
            (State.BRIDGED,),
            TimerOver,
            "of `timeLimit`",
            "hang up the leg",
            (State.STOPPING,),
            Dialling.timed_out,
            _part,
        ),
        Row(
            (
                State.BRIDGED,
                State.STOPPING,
            ),
            LegEnded,
            "the connected one",
            "ask `action`, or the next verb",
            (State.FETCHING, State.RUNNING),
            _is_winner,
            _over,
        ),
        Row(
            (State.CLOSING,),
            LegEnded,
            "the last leg",
            "tell `action`",
            (State.ENDED,),
            _is_last_now,
            _tell_last,
        ),
        Row(
            (State.CLOSING,),
            LegEnded,
            "others still ring",
            "nothing",
            (State.CLOSING,),
            _is_live,
            _count,
        ),
        recording_row(State.DIALLING, State.BRIDGED, State.STOPPING),
    )
