"""The cursor itself: which verb runs now, and what an event does to it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Self

from twiml.actions import Action
from twiml.apology import APOLOGISING
from twiml.document import Document
from twiml.script import fields
from twiml.script.activity import Activity, Line, Row, always
from twiml.script.commands import AskQueue, Command, Fetch, HangUp, JoinQueue, PutThrough
from twiml.script.events import (
    CallEnded,
    Digits,
    DocumentReplaced,
    Event,
    FetchFailed,
    QueueState,
)
from twiml.script.playing import Pausing
from twiml.script.states import HangUpReason, Role, State, Why
from twiml.script.verbs import EVERY_VERB, begin_verb

_BREATH_SECONDS = 1
"""Between two requests for a wait document that takes no time."""


class Script:
    """Steps through a document, and through those that take its place. It does nothing itself.

    `url` is the document's own, the base of the relative ones in it. A call that is `answered` gets
    no `Answer`. Verbs that are not in `can` are skipped, for who carries commands out may not be
    able to do all of them.
    """

    def __init__(
        self,
        document: Document,
        url: str = "",
        *,
        role: Role = Role.CALL,
        answered: bool = False,
        can: frozenset[str] = EVERY_VERB,
    ) -> None:
        self.ending: HangUpReason | None = None
        self.left = False
        self._state = State.READY
        self._line = Line(role, self._nest, answered, url)
        self._can = can
        self._verbs: tuple[Action, ...] = ()
        self._document = document
        self._next = 0
        self._first: Fetch | None = None
        self._awaited: Fetch | None = None
        self._place: JoinQueue | None = None
        self._activity: Activity | None = None
        self._owed: list[Activity] = []
        self._took_time = False
        self._sorry = HangUpReason.FETCH_FAILED

    @classmethod
    def fetching(
        cls,
        fetch: Fetch,
        role: Role,
        *,
        place: JoinQueue | None = None,
        can: frozenset[str] = EVERY_VERB,
    ) -> Self:
        """A script that begins by asking for its document, on a leg that is answered."""
        script = cls(Document(()), fetch.url, role=role, answered=True, can=can)
        script._first, script._place = fetch, place
        return script

    def _nest(self, fetch: Fetch, role: Role, place: JoinQueue | None) -> Script:
        return Script.fetching(fetch, role, place=place, can=self._can)

    @property
    def state(self) -> State:
        """What is waited for; ENDED when nothing is, and nothing will come of any event."""
        return self._state if self._activity is None else self._activity.state

    def begin(self) -> list[Command]:
        """The first commands. To be called once; after `CallEnded` there are none."""
        if self._state is State.ENDED:
            return []
        if self.state is not State.READY:
            raise RuntimeError("begin() was called before; report what happens to receive()")
        if self._first is not None:
            return self._await(self._first)
        return self._play(self._document)

    def receive(self, event: Event) -> list[Command]:
        """What to do now that `event` has happened; often nothing."""
        if isinstance(event, Digits):
            return [command for key in event.keys for command in self._receive(Digits(key))]
        return self._receive(event)

    def silence(self) -> list[Command]:
        """Stop what is heard of a nested document, which ends it."""
        commands = self._cut(Why.REPLACED)
        self._state = State.ENDED
        return commands

    def _receive(self, event: Event) -> list[Command]:
        commands = self._settle(event)
        if self.state in (State.ENDED, State.CLOSING):
            return commands
        row = self.row_for(event)
        if row is not None:
            return commands + row.do(self, event)
        if self._activity is not None:
            commands += self._activity.receive(event)
            commands += self._proceed(self._activity)
        return commands

    def row_for(self, event: Event) -> Row | None:
        """The line of the table that holds now, if it is not one of the verb's own."""
        for row in self.ROWS:
            if row.holds(self, self.state, event):
                return row
        return None

    def _settle(self, event: Event) -> list[Command]:
        """Pass on the last reports of verbs that were cut short."""
        commands: list[Command] = []
        for activity in [*self._owed]:
            commands += activity.receive(event)
            if activity.over:
                self._owed.remove(activity)
        if self._state is State.CLOSING and not self._owed:
            self._state = State.ENDED
        return commands

    # What the rows do

    def _call_ended(self, _: CallEnded) -> list[Command]:
        commands = self._cut(Why.HUNG_UP)
        self._end()
        return commands

    def _is_update(self, event: DocumentReplaced) -> bool:
        return event.fetch is None

    def _is_reply(self, event: DocumentReplaced) -> bool:
        return event.fetch is self._awaited

    def _failed(self, event: FetchFailed) -> bool:
        return event.fetch is None or event.fetch is self._awaited

    def _is_answer(self, event: QueueState) -> bool:
        return event.place is self._place

    def _prepare(self, event: DocumentReplaced) -> list[Command]:
        self._document, self._line.url, self._first = event.document, event.url, None
        return []

    def _replace(self, event: DocumentReplaced) -> list[Command]:
        commands = self._cut(Why.REPLACED)
        self._line.url, self._sorry = event.url, HangUpReason.FETCH_FAILED
        return commands + self._play(event.document)

    def _failed_here(self, event: FetchFailed) -> bool:
        return self._failed(event) and self._line.role is Role.CALL

    def _no_document(self, _: FetchFailed) -> list[Command]:
        return self._give_up(HangUpReason.FETCH_FAILED)

    def _ask(self, event: QueueState) -> list[Command]:
        wanted = self._awaited
        assert wanted is not None
        return self._await(replace(wanted, parameters=wanted.parameters + fields.waiting(event)))

    ROWS: ClassVar[tuple[Row, ...]] = (
        Row(
            (),
            CallEnded,
            "",
            "hang up legs, leave conference or queue, stop recording; nothing more",
            (State.ENDED, State.CLOSING),
            always,
            _call_ended,
        ),
        Row(
            (State.READY,),
            DocumentReplaced,
            "an update",
            "begin with this one instead",
            (State.READY,),
            _is_update,
            _prepare,
        ),
        Row(
            (),
            DocumentReplaced,
            "an update",
            "cut the verb short, run the first verb of this one",
            (State.RUNNING,),
            _is_update,
            _replace,
        ),
        Row(
            (State.FETCHING,),
            DocumentReplaced,
            "the reply",
            "run its first verb",
            (State.RUNNING,),
            _is_reply,
            _replace,
        ),
        Row(
            (State.FETCHING,),
            FetchFailed,
            "on a call of its own",
            "answer, say an apology, hang up",
            (State.PLAYING,),
            _failed_here,
            _no_document,
        ),
        Row(
            (State.FETCHING,),
            FetchFailed,
            "",
            "hang up",
            (State.ENDED,),
            _failed,
            _no_document,
        ),
        Row(
            (State.ASKING,),
            QueueState,
            "",
            "ask for the document, with how the queue stands",
            (State.FETCHING,),
            _is_answer,
            _ask,
        ),
    )

    # Stepping

    def _play(self, document: Document) -> list[Command]:
        if not document.usable:
            return self._give_up(HangUpReason.UNUSABLE)
        self._document, self._next, self._took_time = document, 0, False
        waiting = self._line.role in (Role.QUEUE, Role.CONFERENCE)
        self._verbs = document.while_waiting if waiting else document.actions
        return self._run()

    def _give_up(self, reason: HangUpReason) -> list[Command]:
        """There is nothing to run. Who waits, or has only been rung, hears no apology."""
        if self._line.role is not Role.CALL:
            return self._hang_up(reason)
        self._sorry = reason
        return self._play(APOLOGISING)

    def _run(self) -> list[Command]:
        """Run verbs until one blocks or ends the call."""
        self._state, self._awaited = State.RUNNING, None
        commands: list[Command] = []
        while self._state is State.RUNNING and self._activity is None:
            if self._next == len(self._verbs):
                commands += self._finish()
            else:
                self._next += 1
                commands += self._step(self._verbs[self._next - 1])
        return commands

    def _step(self, action: Action) -> list[Command]:
        step = begin_verb(self._line, action, self._can)
        commands = step.commands
        if step.activity is not None:
            return commands + self._begin(step.activity)
        if step.fetch is not None:
            return commands + self._fetch(step.fetch)
        if step.end is not None:
            return commands + self._hang_up(step.end)
        if step.left:
            self.left = True
            self._end()
        return commands

    def _begin(self, activity: Activity) -> list[Command]:
        """Begin what blocks; some of it is over at once."""
        self._activity = activity
        commands = activity.begin()
        if activity.over:
            self._activity = None
            if activity.after is not None:
                commands += self._fetch(activity.after)
        return commands

    def _proceed(self, activity: Activity) -> list[Command]:
        """What follows once a verb is over."""
        if activity.hang_up is not None:
            return self._cut(Why.HUNG_UP) + self._hang_up(activity.hang_up)
        if not activity.over:
            return []
        self._activity = None
        self._took_time |= activity.took_time
        if activity.after is not None:
            return self._fetch(activity.after)
        return self._run()

    def _finish(self) -> list[Command]:
        """The end of the document. One for waiting is asked for again."""
        if self._line.role is Role.QUEUE and self._first is not None:
            again = replace(self._first, parameters=())
            if self._took_time:
                return self._fetch(again)
            return self._begin(Pausing(self._line, _BREATH_SECONDS, again))
        if self._line.role is Role.SCREENING:
            self.ending = HangUpReason.END_OF_DOCUMENT
            self._end()
            return [PutThrough()]
        sorry = self._document is APOLOGISING
        return self._hang_up(self._sorry if sorry else HangUpReason.END_OF_DOCUMENT)

    def _fetch(self, fetch: Fetch) -> list[Command]:
        if self._place is None:
            return self._await(fetch)
        self._state, self._awaited = State.ASKING, fetch
        return [AskQueue(self._place)]

    def _await(self, fetch: Fetch) -> list[Command]:
        self._state, self._awaited = State.FETCHING, fetch
        return [fetch]

    def _cut(self, why: Why) -> list[Command]:
        """Cut the verb short that blocks now."""
        activity, self._activity = self._activity, None
        if activity is None:
            return []
        commands = activity.abandon(why)
        if activity.state is State.CLOSING:
            self._owed.append(activity)
        return commands

    def _hang_up(self, reason: HangUpReason) -> list[Command]:
        self.ending = reason
        self._end()
        return [HangUp(reason)] if self._line.role in (Role.CALL, Role.SCREENING) else []

    def _end(self) -> None:
        self._awaited = None
        self._state = State.CLOSING if self._owed else State.ENDED
