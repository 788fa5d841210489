"""Whatever happens when: random documents, random events, in any order."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.twiml.script.driving import URL, document
from twiml.script import (
    Answer,
    Bridge,
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
    HangUp,
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
    PlayRinging,
    PlayTones,
    QueueLeft,
    QueueRefused,
    QueueState,
    QueueTaken,
    RecordingFinished,
    RecordingStarted,
    Script,
    Speak,
    SpeechRecognised,
    SpeechStarted,
    StartEcho,
    StartRecording,
    StartTimer,
    State,
    StopEcho,
    StopListening,
    StopPlaying,
    StopTimer,
    StreamEnded,
    TakeFromQueue,
    TimerOver,
    Wait,
)
from twiml.script.activity import Activity
from twiml.script.states import Why

STREAM = '<Stream url="wss://c.example/"/>'
SCREENED = (
    '<Dial action="/a" hangupOnStar="true" record="record-from-ringing"><Number url="/s">1</Number>'
)
VERBS = (
    "<Say>x</Say>",
    "<Say/>",
    '<Play digits="1">a.wav</Play>',
    "<Pause/>",
    '<Gather input="dtmf speech" action="/a" numDigits="2"><Say>x</Say><Pause/></Gather>',
    '<Gather input="speech" partialResultCallback="/p" bargeIn="false"><Say>x</Say></Gather>',
    '<Record action="/a"/>',
    "<Record/>",
    "<Dial>1</Dial>",
    f"{SCREENED}<Client>2</Client></Dial>",
    '<Dial sequential="true" answerOnBridge="true"><Number>1</Number><Sip>sip:a@b</Sip></Dial>',
    '<Dial action="/a" hangupOnStar="true"><Conference waitUrl="/w">r</Conference></Dial>',
    "<Dial><Conference>r</Conference></Dial>",
    '<Dial action="/a" hangupOnStar="true"><Queue>q</Queue></Dial>',
    '<Enqueue action="/a" waitUrl="/w">q</Enqueue>',
    "<Enqueue>q</Enqueue>",
    "<Leave/>",
    "<Echo/>",
    "<Redirect>/r</Redirect>",
    "<Hangup/>",
    "<Reject/>",
    f"<Start>{STREAM}<Recording/></Start>",
    f'<Connect action="/a">{STREAM}</Connect>',
    f"<Connect>{STREAM}</Connect>",
    '<Stop><Stream name="a"/></Stop>',
    "<Pay/>",
)
DOCUMENTS = st.one_of(
    st.lists(st.sampled_from(VERBS), max_size=4).map("".join), st.just("&"), st.sampled_from(VERBS)
)
LEFT: WeakKeyDictionary[Activity, int] = WeakKeyDictionary()
"""How often each verb that blocked has been left."""
NAMED = {StopPlaying: "prompt", StopTimer: "timer", StopListening: "listen", StopEcho: "echo"}
HEARD = (Speak, PlayFile, PlayTones, PlayMusic, PlayRinging, StartTimer, Listen, StartEcho)
"""What has to be stopped, or to end, before another document runs."""


def events_about(command: Command) -> list[Event]:
    """Everything that could be reported about a command."""
    match command:
        case Speak() | PlayFile() | PlayTones() | PlayMusic() | PlayRinging():
            return [PlayEnded(command), PlayEnded(command, failed=True)]
        case Wait():
            return [PauseOver(command)]
        case StartTimer():
            return [TimerOver(command)]
        case Listen():
            return [
                SpeechStarted(command),
                PartialSpeech(command, "a"),
                SpeechRecognised(command, "a b", 0.5),
                SpeechRecognised(command, ""),
            ]
        case OpenStream(stream):
            return [StreamEnded(stream)]
        case StartRecording():
            return [
                RecordingStarted(command, "RE1", "https://r.example/"),
                RecordingFinished(command, "RE1", "https://r.example/", 3),
                RecordingFinished(command, "", "", 0),
            ]
        case DialLeg():
            ends = [LegEnded(command, status, "CA1", 4) for status in LegStatus]
            return [LegAnswered(command), LegReady(command), *ends]
        case JoinConference():
            return [
                ConferenceJoined(command, started=True),
                ConferenceJoined(command, started=False),
                ConferenceStarted(command),
                ConferenceHeld(command, "/h"),
                ConferenceLeft(command),
                ConferenceLeft(command, failed=True),
            ]
        case JoinQueue():
            return [
                QueueState(command, "QU1", 1, 1, 100),
                QueueRefused(command, full=True),
                QueueTaken(command, "QU1", 3, "CA2", "/g"),
                QueueTaken(command, "QU1", 3, "CA2"),
                QueueLeft(command, "QU1", 5),
            ]
        case TakeFromQueue():
            return [
                CallerTaken(command, "QU1", "CA3", 9),
                CallerReleased(command, 4),
                NoSuchQueue(command),
            ]
        case Fetch():
            return [FetchFailed(command)]
        case _:
            return []


class AnyOrder(RuleBasedStateMachine):
    """A call that anything happens to, and what must hold all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[Command] = []
        self.last: list[Command] = []
        self.ended = False

    @initialize(inner=DOCUMENTS, answered=st.booleans())
    def begin(self, inner: str, answered: bool) -> None:
        self.answered = answered
        self.activities: list[Activity] = []
        self.script = Script(document(inner), URL, answered=answered)
        self._note(self.script.begin())

    def _tell(self, event: Event) -> None:
        ended = self.script.state is State.ENDED
        said = self.script.receive(event)
        assert not (ended and said)
        self._note(said)

    def _note(self, said: list[Command]) -> None:
        self.last = said
        self.commands += said
        found = self.script._activity
        if found is not None and all(found is not each for each in self.activities):
            self.activities.append(found)

    @precondition(lambda self: any(map(events_about, self.commands)))
    @rule(data=st.data())
    def something_is_reported(self, data: Any) -> None:
        """Mostly about what was said last, sometimes about what is long over."""
        known = [command for command in self.commands if events_about(command)]
        recent = data.draw(st.booleans())
        command = data.draw(st.sampled_from(known[-4:] if recent else known))
        self._tell(data.draw(st.sampled_from(events_about(command))))

    @rule(keys=st.text("12*#", min_size=1, max_size=3))
    def keys(self, keys: str) -> None:
        self._tell(Digits(keys))

    @precondition(lambda self: any(isinstance(each, Fetch) for each in self.commands))
    @rule(inner=DOCUMENTS, data=st.data())
    def reply(self, inner: str, data: Any) -> None:
        fetches = [each for each in self.commands if isinstance(each, Fetch)]
        fetch = data.draw(st.sampled_from(fetches[-2:]))
        self._tell(DocumentReplaced(document(inner), fetch, URL))

    @rule(inner=DOCUMENTS, chance=st.integers(0, 3))
    def update(self, inner: str, chance: int) -> None:
        if chance:
            return
        live = self.script.state not in (State.ENDED, State.CLOSING)
        heard = self._heard()
        self._tell(DocumentReplaced(document(inner)))
        if live:
            stopped = {
                id(getattr(each, NAMED[type(each)])) for each in self.last if type(each) in NAMED
            }
            assert heard <= stopped

    @rule(chance=st.integers(0, 9))
    def the_call_ends(self, chance: int) -> None:
        if chance == 0:
            self._tell(CallEnded())
            assert self.script.state in (State.ENDED, State.CLOSING)

    def _heard(self) -> set[int]:
        """What of the verb that blocks now goes on and was not told over."""
        activity = self.script._activity
        begun = getattr(activity, "_playing", None), getattr(activity, "_timer", None)
        more = getattr(activity, "_listen", None), getattr(activity, "_ringing", None)
        return {id(each) for each in (*begun, *more) if isinstance(each, HEARD)}

    @invariant()
    def nothing_runs_outside(self) -> None:
        assert not hasattr(self, "script") or self.script.state is not State.RUNNING

    @invariant()
    def ended_stays_ended(self) -> None:
        over = hasattr(self, "script") and self.script.state in (State.ENDED, State.CLOSING)
        assert over or not self.ended
        self.ended = over
        if over and hasattr(self, "script"):
            assert self.script._activity is None

    @invariant()
    def hung_up_at_most_once_and_last(self) -> None:
        hung_up = [each for each in self.commands if isinstance(each, HangUp)]
        assert len(hung_up) <= 1
        if hung_up:
            rest = self.commands[self.commands.index(hung_up[0]) + 1 :]
            assert all(isinstance(each, Notify) for each in rest)

    @invariant()
    def answered_at_most_once_and_in_time(self) -> None:
        answers = [at for at, each in enumerate(self.commands) if isinstance(each, Answer)]
        assert len(answers) <= (0 if getattr(self, "answered", False) else 1)
        needs = (*HEARD[:4], Bridge, StartEcho, OpenStream, JoinConference, JoinQueue)
        before = self.commands[: answers[0]] if answers else self.commands
        if not getattr(self, "answered", False):
            assert not any(isinstance(each, needs) for each in before)

    @invariant()
    def every_verb_is_left_once(self) -> None:
        """All but the one that blocks now have been left, once."""
        if not hasattr(self, "script"):
            return
        for activity in self.activities:
            left = LEFT.get(activity, 0)
            assert left == (0 if activity is self.script._activity else 1), type(activity)


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


class TestAnyOrder(AnyOrder.TestCase):  # type: ignore[misc,valid-type]
    """Nothing is ever raised; ended stays ended; every blocking verb is left exactly once."""

    @pytest.fixture(autouse=True)
    def count_leaving(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A verb is left when it says so, or when it is cut short; a report owed comes after."""
        finish, cut = Activity.finish, Script._cut

        def finishing(activity: Activity, after: Fetch | None = None) -> None:
            if activity.state is not State.CLOSING:
                LEFT[activity] = LEFT.get(activity, 0) + 1
            finish(activity, after)

        def cutting(script: Script, why: Why) -> list[Command]:
            if (activity := script._activity) is not None:
                LEFT[activity] = LEFT.get(activity, 0) + 1
            return cut(script, why)

        monkeypatch.setattr(Activity, "finish", finishing)
        monkeypatch.setattr(Script, "_cut", cutting)
