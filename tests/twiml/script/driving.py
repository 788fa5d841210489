"""Runs scripts in tests: events by short names, and which rows of the table hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from twiml.document import Document
from twiml.parser import parse
from twiml.script import (
    CallEnded,
    CallerReleased,
    CallerTaken,
    Command,
    ConferenceHeld,
    ConferenceJoined,
    ConferenceLeft,
    ConferenceStarted,
    DialLeg,
    Digits,
    DocumentReplaced,
    Event,
    Fetch,
    FetchFailed,
    JoinConference,
    JoinQueue,
    LegAnswered,
    LegEnded,
    LegReady,
    LegStatus,
    Listen,
    NoSuchQueue,
    Notify,
    OpenStream,
    PartialSpeech,
    PauseOver,
    PlayEnded,
    PlayFile,
    PlayMusic,
    PlayTones,
    QueueLeft,
    QueueRefused,
    QueueState,
    QueueTaken,
    RecordingFinished,
    RecordingStarted,
    Role,
    Script,
    Speak,
    SpeechRecognised,
    SpeechStarted,
    StartRecording,
    StartTimer,
    State,
    StreamEnded,
    TakeFromQueue,
    TimerOver,
)
from twiml.script.activity import Activity, Row

URL = "https://app.example/voice/start?lang=en"
Kind = TypeVar("Kind")


def document(inner: str) -> Document:
    return parse(f"<Response>{inner}</Response>", base_url=URL)


def names(commands: list[Command]) -> list[str]:
    return [type(command).__name__ for command in commands]


class Drive:
    """A script that has begun. `said` is what its last event, or its beginning, made it say.

    `fired` are the rows of the table that held, with the states that they held in; after each the
    state has to be one that the row names.
    """

    def __init__(self, inner: str, **options: Any) -> None:
        self._begin(Script(document(inner), URL, **options))

    @classmethod
    def on_leg(cls, fetch: Fetch) -> Drive:
        """A called leg that hears a document first."""
        drive = cls.__new__(cls)
        drive._begin(Script.fetching(fetch, Role.SCREENING))
        return drive

    def _begin(self, script: Script) -> None:
        self.script = script
        self.fired: set[tuple[Row, State]] = set()
        self.said = script.begin()
        self.all = [*self.said]

    @property
    def state(self) -> State:
        return self.script.state

    def at(self, state: State) -> bool:
        return self.state is state

    def tell(self, event: Event) -> list[Command]:
        several = isinstance(event, Digits) and len(event.keys) != 1  # looked at one by one
        found = None if several else next(_found(self.script, event), None)
        self.said = self.script.receive(event)
        self.all += self.said
        if found is not None:
            machine, row, state = found
            self.fired.add((row, state))
            assert _outcome(machine, state) & set(row.to), (row.then, machine.state)
        return self.said

    def find(self, kind: type[Kind], which: int = -1) -> Kind:
        """The latest command of a kind, or the one so many from the first."""
        return [command for command in self.all if isinstance(command, kind)][which]

    def fields(self) -> dict[str, str]:
        """What the request just made carries beside the standard parameters."""
        (request,) = (each for each in self.said if isinstance(each, Fetch | Notify))
        return dict(request.parameters)

    # Events, each about the latest command that it can be about

    def keys(self, keys: str) -> list[Command]:
        return self.tell(Digits(keys))

    def hang_up(self) -> list[Command]:
        return self.tell(CallEnded())

    def update(self, inner: str, url: str = "") -> list[Command]:
        return self.tell(DocumentReplaced(document(inner), None, url))

    def reply(self, inner: str, url: str = "https://app.example/other/next") -> list[Command]:
        return self.tell(DocumentReplaced(document(inner), self.find(Fetch), url))

    def no_reply(self) -> list[Command]:
        return self.tell(FetchFailed(self.find(Fetch)))

    def paused(self) -> list[Command]:
        return self.tell(PauseOver())

    def played(self, *, failed: bool = False) -> list[Command]:
        prompts = Speak | PlayFile | PlayTones | PlayMusic
        prompt = [command for command in self.all if isinstance(command, prompts)][-1]
        return self.tell(PlayEnded(prompt, failed))

    def timer(self) -> list[Command]:
        return self.tell(TimerOver(self.find(StartTimer)))

    def voice(self) -> list[Command]:
        return self.tell(SpeechStarted(self.find(Listen)))

    def partial(self, text: str) -> list[Command]:
        return self.tell(PartialSpeech(self.find(Listen), text))

    def words(self, text: str, confidence: float | None = None) -> list[Command]:
        return self.tell(SpeechRecognised(self.find(Listen), text, confidence))

    def stream_ended(self) -> list[Command]:
        return self.tell(StreamEnded(self.find(OpenStream).stream))

    def recording(self) -> list[Command]:
        recording = self.find(StartRecording)
        return self.tell(RecordingStarted(recording, "RE1", "https://r.example/RE1"))

    def recorded(self, seconds: int = 7, *, kept: bool = True) -> list[Command]:
        sid, url = ("RE1", "https://r.example/RE1") if kept else ("", "")
        return self.tell(RecordingFinished(self.find(StartRecording), sid, url, seconds))

    def answered(self, leg: int = -1) -> list[Command]:
        return self.tell(LegAnswered(self.find(DialLeg, leg)))

    def ready(self, leg: int = -1) -> list[Command]:
        return self.tell(LegReady(self.find(DialLeg, leg)))

    def ended(self, status: str = "completed", leg: int = -1, seconds: int = 0) -> list[Command]:
        found = self.find(DialLeg, leg)
        sid = f"CA{self.all.index(found)}"
        return self.tell(LegEnded(found, LegStatus(status), sid, seconds))

    def joined(self, *, started: bool = True) -> list[Command]:
        return self.tell(ConferenceJoined(self.find(JoinConference), started))

    def started(self) -> list[Command]:
        return self.tell(ConferenceStarted(self.find(JoinConference)))

    def held(self, url: str | None = None) -> list[Command]:
        return self.tell(ConferenceHeld(self.find(JoinConference), url))

    def left_conference(self, *, failed: bool = False) -> list[Command]:
        return self.tell(ConferenceLeft(self.find(JoinConference), failed))

    def queue(self, position: int = 2, seconds: int = 0) -> list[Command]:
        place = self.find(JoinQueue)
        return self.tell(QueueState(place, "QU1", position, 3, 100, seconds, 40))

    def refused(self, *, full: bool) -> list[Command]:
        return self.tell(QueueRefused(self.find(JoinQueue), full))

    def taken(self, url: str = "") -> list[Command]:
        return self.tell(QueueTaken(self.find(JoinQueue), "QU1", 30, "CAagent", url))

    def left_queue(self, seconds: int = 30) -> list[Command]:
        return self.tell(QueueLeft(self.find(JoinQueue), "QU1", seconds))

    def met(self) -> list[Command]:
        return self.tell(CallerTaken(self.find(TakeFromQueue), "QU1", "CAcaller", 30))

    def released(self, seconds: int = 0) -> list[Command]:
        return self.tell(CallerReleased(self.find(TakeFromQueue), seconds))

    def no_queue(self) -> list[Command]:
        return self.tell(NoSuchQueue(self.find(TakeFromQueue)))


def _found(script: Script, event: Event) -> Iterator[tuple[Any, Row, State]]:
    """The row that holds for an event, and whose."""
    for machine in _machines(script):
        row = machine.row_for(event)
        if row is not None:
            yield machine, row, machine.state


def _machines(script: Script) -> Iterator[Script | Activity]:
    yield from script._owed
    if script.state in (State.ENDED, State.CLOSING):
        return
    yield script
    activity = script._activity
    if activity is not None:
        yield activity
        hold = getattr(activity, "_hold", None)
        for nested in (hold.nested if hold else None, getattr(activity, "_greeting", None)):
            if isinstance(nested, Script):
                yield from _machines(nested)


def _outcome(machine: Script | Activity, before: State) -> set[State]:
    """The states that came of it, in the table's words."""
    if isinstance(machine, Script):
        return {machine.state, State.RUNNING}
    if not machine.over:
        return {machine.state}
    if machine.after is not None:
        return {State.FETCHING, State.ASKING}
    return {State.ENDED if before is State.CLOSING else State.RUNNING}
