"""The cursor over a document, for a call that we run ourselves. It does nothing itself.

Events go in, commands come out; whoever runs the call carries the commands out and reports back.
"Verbs run top to bottom; reaching the end hangs up." `<Start>` does not block; `<Connect>` blocks
until its stream has ended, then its `action` is asked for the next document, or else the next
verb runs.

    state      event                        then
    READY      begin()                      run the first verb
    CONNECTED  StreamEnded, the awaited     fetch the action, or run the next verb
    PAUSING    PauseOver, the awaited       run the next verb
    FETCHING   DocumentReplaced, awaited    run the reply's first verb
    FETCHING   FetchFailed                  hang up
    any live   DocumentReplaced, unasked    close a connected stream, run the new first verb
    any        CallEnded                    nothing more
    ENDED      anything                     nothing

RUNNING lasts only while a call to the script does; from outside it is never seen.

Whatever is not in the table changes nothing: events cross one another on their way.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from twiml.actions import (
    Action,
    Connect,
    Element,
    Hangup,
    Pause,
    Redirect,
    Reject,
    Start,
    Stop,
    Stream,
)
from twiml.document import Document


class State(StrEnum):
    """What the script waits for; see the table above."""

    READY = "ready"
    RUNNING = "running"
    CONNECTED = "connected"
    PAUSING = "pausing"
    FETCHING = "fetching"
    ENDED = "ended"


class HangUpReason(StrEnum):
    """Why the document ends the call."""

    END_OF_DOCUMENT = "end-of-document"
    HANGUP = "hangup"
    REJECTED = "rejected"
    BUSY = "busy"
    FETCH_FAILED = "fetch-failed"
    UNUSABLE = "unusable-document"


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Fork the call to a stream; report `StreamEnded` with this very `Stream` when it is over.

    A stream with a `refusal` is given as well: it is not dialled, its stream-error is reported
    to the customer, and it has ended at once.
    """

    stream: Stream
    bidirectional: bool


@dataclass(frozen=True, slots=True)
class CloseStream:
    """End a bidirectional stream: the call was given another document while it was open."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class StopStream:
    """End the one-way stream of this name; harmless when there is none."""

    name: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Let `seconds` pass in silence, then report `PauseOver`."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask for the next document; answer with `DocumentReplaced` or `FetchFailed`.

    `url` is as written: relative to the current document, empty for the current document itself.
    `parameters` go beside the standard voice parameters. `reason` is the verb that asks.
    """

    url: str
    method: str
    parameters: tuple[tuple[str, str], ...]
    reason: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call; the script has ended too."""

    reason: HangUpReason


@dataclass(frozen=True, slots=True)
class Skip:
    """A verb, or a noun in it, that such a call cannot run: say so, and go on."""

    action: Action
    reason: str


Command = OpenStream | CloseStream | StopStream | Wait | Fetch | HangUp | Skip


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """A stream is over, for whatever reason; `stream` is the object that `OpenStream` gave."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class PauseOver:
    """The time has passed. With `wait` given, of that very command; without, of the current."""

    wait: Wait | None = None


@dataclass(frozen=True, slots=True)
class DocumentReplaced:
    """A document to run instead of the rest: the reply to `fetch`, or, without one, an update."""

    document: Document
    fetch: Fetch | None = None


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """No usable document came, from the fallback URL neither."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over; nobody is left to do anything to."""


Event = StreamEnded | PauseOver | DocumentReplaced | FetchFailed | CallEnded


class Script:
    """Steps through a document, and through those that take its place."""

    def __init__(self, document: Document) -> None:
        self.state = State.READY
        self._document = document
        self._next = 0
        self._answered = False
        self._connect: Connect | None = None
        self._awaited: Stream | Wait | Fetch | None = None

    def begin(self) -> list[Command]:
        """The first commands. To be called once; after `CallEnded` there are none."""
        if self.state is State.ENDED:
            return []
        if self.state is not State.READY:
            raise RuntimeError("begin() was called before; report what happens to receive()")
        return self._play(self._document)

    def receive(self, event: Event) -> list[Command]:
        """What to do now that `event` has happened; often nothing."""
        if self.state is State.ENDED:
            return []
        if isinstance(event, CallEnded):
            self._end()
            return []
        if isinstance(event, DocumentReplaced) and event.fetch is None:
            return self._replace(event.document)
        match self.state, event:
            case State.CONNECTED, StreamEnded(stream) if stream is self._awaited:
                return self._after_connect()
            case State.PAUSING, PauseOver(wait) if wait is None or wait is self._awaited:
                return self._run()
            case State.FETCHING, DocumentReplaced(document, fetch) if fetch is self._awaited:
                return self._play(document)
            case State.FETCHING, FetchFailed():
                return [self._hang_up(HangUpReason.FETCH_FAILED)]
            case _:
                return []

    def _replace(self, document: Document) -> list[Command]:
        if self.state is State.READY:
            self._document = document
            return []
        closing: list[Command] = []
        if isinstance(self._awaited, Stream):
            closing.append(CloseStream(self._awaited))
        return closing + self._play(document)

    def _play(self, document: Document) -> list[Command]:
        self._document, self._next = document, 0
        if not document.usable:
            return [self._hang_up(HangUpReason.UNUSABLE)]
        return self._run()

    def _run(self) -> list[Command]:
        """Run verbs until one blocks or ends the call."""
        self._block(State.RUNNING, None)
        commands: list[Command] = []
        while self.state is State.RUNNING:
            if self._next == len(self._document.actions):
                commands.append(self._hang_up(HangUpReason.END_OF_DOCUMENT))
            else:
                action = self._document.actions[self._next]
                self._next += 1
                commands += self._step(action)
        return commands

    def _step(self, action: Action) -> list[Command]:
        match action:
            case Pause():
                wait = Wait(action.length)
                self._block(State.PAUSING, wait)
                return [wait]
            case Redirect():
                return [self._fetch(Fetch(action.url, action.method, (), "Redirect"))]
            case Hangup():
                return [self._hang_up(HangUpReason.HANGUP)]
            case Reject():
                return [self._reject(action)]
            case Start():
                self._answered = True
                return [
                    OpenStream(noun, bidirectional=False)
                    if isinstance(noun, Stream)
                    else _cannot(action, noun.tag)
                    for noun in action.children
                ]
            case Connect():
                self._answered = True
                return self._connected(action)
            case Stop():
                self._answered = True
                return [_stop(action, noun) for noun in action.children]
            case _:
                self._answered = True
                return [_cannot(action, action.tag)]

    def _connected(self, action: Connect) -> list[Command]:
        """Open the stream and block. A `<Connect>` without one is skipped, its action too."""
        commands: list[Command] = [
            OpenStream(noun, bidirectional=True)
            if isinstance(noun, Stream)
            else _cannot(action, noun.tag)
            for noun in action.children
        ]
        if action.streams:
            self._connect = action
            # Of several only the first can open: a call has one bidirectional stream.
            self._block(State.CONNECTED, action.streams[0])
        return commands

    def _after_connect(self) -> list[Command]:
        connect = self._connect
        if connect is None or not connect.action:
            return self._run()
        return [self._fetch(Fetch(connect.action, connect.method, (), "Connect"))]

    def _reject(self, verb: Reject) -> HangUp:
        """As the first verb it turns the call away unanswered; later it can only hang up."""
        if self._answered:
            return self._hang_up(HangUpReason.HANGUP)
        busy = verb.reason == "busy"
        return self._hang_up(HangUpReason.BUSY if busy else HangUpReason.REJECTED)

    def _fetch(self, fetch: Fetch) -> Fetch:
        self._block(State.FETCHING, fetch)
        return fetch

    def _block(self, state: State, on: Stream | Wait | Fetch | None) -> None:
        self.state, self._awaited = state, on

    def _end(self) -> None:
        self._block(State.ENDED, None)

    def _hang_up(self, reason: HangUpReason) -> HangUp:
        self._end()
        return HangUp(reason)


def _stop(action: Stop, noun: Element) -> Command:
    if not isinstance(noun, Stream):
        return _cannot(action, noun.tag)
    if not noun.name:
        return Skip(action, "A <Stream> in <Stop> has no name; it stops nothing.")
    return StopStream(noun.name)


def _cannot(action: Action, name: str) -> Skip:
    return Skip(action, f"A local call cannot run <{name}>; it is skipped.")
