"""What all verbs that block have in common: a small machine each, driven by rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from twiml.script.commands import Answer, Callback, Command, Fetch, Fields, JoinQueue, Notify
from twiml.script.events import Event
from twiml.script.states import HangUpReason, Role, State, Why
from twiml.urls import absolute_http


def always(_machine: Any, _event: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Row:
    """What an event does in a state, if `test` holds: a line of the table that the docs show.

    `when` is `test` and `then` is `do`, in words. `to` are the states that may come of it: RUNNING
    for the next verb, FETCHING for a request whose reply runs instead. No `states`: any live one.
    """

    states: tuple[State, ...]
    event: type[Event]
    when: str
    then: str
    to: tuple[State, ...]
    test: Callable[[Any, Any], bool]
    do: Callable[[Any, Any], list[Command]]

    def holds(self, machine: Any, state: State, event: Event) -> bool:
        if self.states and state not in self.states:
            return False
        return isinstance(event, self.event) and self.test(machine, event)


class Nested(Protocol):
    """A document that runs while a verb blocks."""

    ending: HangUpReason | None
    left: bool

    @property
    def state(self) -> State: ...
    def begin(self) -> list[Command]: ...
    def receive(self, event: Event) -> list[Command]: ...
    def silence(self) -> list[Command]: ...


Nest = Callable[[Fetch, Role, JoinQueue | None], Nested]


@dataclass(slots=True)
class Line:
    """What a call's verbs share: its script's role, whether it is answered, the document's URL."""

    role: Role
    nest: Nest
    answered: bool = False
    url: str = ""

    def answer(self) -> list[Command]:
        """Pick up, if that was not done."""
        if self.answered:
            return []
        self.answered = True
        return [Answer()]

    def resolve(self, written: str) -> str:
        """A URL of the document, absolute if that can be made of it."""
        return absolute_http(written, self.url) or written

    def fetch(self, url: str | None, method: str, parameters: Fields, verb: str) -> Fetch:
        return Fetch(self.resolve(url or ""), method, parameters, verb)

    def callback(
        self, url: str | None, method: str, events: tuple[str, ...] = ()
    ) -> Callback | None:
        return Callback(self.resolve(url), method, events) if url else None


class Activity:
    """A verb that blocks, from its beginning to its one end.

    `begin`, `receive` and `abandon` give commands. `over` is set once; `after` is then what to ask
    for the next document, None for the next verb, unless `hang_up` ends the call. An abandoned
    activity that is CLOSING is still owed a report, and passes it on.
    """

    VERB: ClassVar[str]
    ROWS: ClassVar[tuple[Row, ...]] = ()

    def __init__(self, line: Line) -> None:
        self.line = line
        self.base = line.url
        self.state = State.RUNNING
        self.over = False
        self.after: Fetch | None = None
        self.hang_up: HangUpReason | None = None
        self.took_time = True

    def begin(self) -> list[Command]:
        raise NotImplementedError

    def receive(self, event: Event) -> list[Command]:
        row = self.row_for(event)
        return [] if row is None else row.do(self, event)

    def row_for(self, event: Event) -> Row | None:
        """The line of the table that holds now."""
        for row in self.ROWS:
            if row.holds(self, self.state, event):
                return row
        return None

    def abandon(self, why: Why) -> list[Command]:
        """The verb is cut short. When the call is over what only the caller hears stops itself."""
        raise NotImplementedError

    def finish(self, after: Fetch | None = None) -> None:
        self.over, self.after = True, after

    def close(self, url: str | None, method: str, parameters: Fields) -> list[Command]:
        """The last report has come: pass it on, and that is all.

        The URL is read against the verb's own document, for another may run by now.
        """
        self.over = True
        url = absolute_http(url or "", self.base) or url or ""
        return [Notify(url, method, parameters, self.VERB)]
