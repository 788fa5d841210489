from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twiml.actions import Say, Stream
from twiml.apology import APOLOGY
from twiml.document import Document
from twiml.parser import parse
from twiml.script import (
    Answer,
    Callback,
    CallEnded,
    CloseStream,
    Command,
    DocumentReplaced,
    Event,
    Fetch,
    FetchFailed,
    HangUp,
    HangUpReason,
    OpenStream,
    PauseOver,
    PlayEnded,
    RecordingFinished,
    Script,
    Skip,
    Speak,
    StartRecording,
    State,
    StopPlaying,
    StopStream,
    StreamEnded,
    Wait,
)

STREAM = '<Stream url="wss://c.example/" name="{}"/>'
START = f"<Start>{STREAM.format('listener')}</Start>"
CONNECT = f"<Connect>{STREAM.format('agent')}</Connect>"
WITH_ACTION = f'<Connect action="/after" method="GET">{STREAM.format("agent")}</Connect>'
END = HangUp(HangUpReason.END_OF_DOCUMENT)


def document(inner: str) -> Document:
    return parse(f"<Response>{inner}</Response>")


def begun(inner: str) -> tuple[Script, list[Command]]:
    """A script that has begun, and what it says but for `Answer`."""
    script = Script(document(inner))
    return script, [command for command in script.begin() if command != Answer()]


def opened(command: Command) -> Stream:
    assert isinstance(command, OpenStream)
    return command.stream


def names(commands: list[Command]) -> list[str]:
    return [type(command).__name__ for command in commands]


def test_an_empty_document_hangs_up() -> None:
    """Reaching the end hangs up, at once if there is nothing before it."""
    script, commands = begun("")
    assert commands == [END]
    assert script.state is State.ENDED


@pytest.mark.contract("T33")
def test_start_does_not_block() -> None:
    """The verb after Start begins while the stream is still being opened."""
    script, commands = begun(START + '<Pause length="5"/>')
    assert names(commands) == ["OpenStream", "Wait"]
    assert commands[1] == Wait(5)
    assert commands[0] == OpenStream(opened(commands[0]), bidirectional=False)
    assert script.state is State.PAUSING


@pytest.mark.contract("T34")
def test_a_start_at_the_end_ends_the_call() -> None:
    """With nothing after it the call ends although the stream has only begun."""
    _, commands = begun(START)
    assert names(commands) == ["OpenStream", "HangUp"]
    assert commands[1] == END


@pytest.mark.contract("T35")
def test_connect_blocks() -> None:
    """Nothing after Connect is done until its stream has ended, or the call has."""
    script, commands = begun(CONNECT + "<Pause/>")
    assert names(commands) == ["OpenStream"]
    assert commands[0] == OpenStream(opened(commands[0]), bidirectional=True)
    assert script.state is State.CONNECTED
    for event in (PauseOver(), FetchFailed(), StreamEnded(Stream(name="agent"))):
        assert script.receive(event) == []
    assert script.receive(CallEnded()) == []
    assert script.receive(StreamEnded(opened(commands[0]))) == []


@pytest.mark.contract("T36")
def test_the_next_verb_runs_when_the_connect_stream_has_ended() -> None:
    """Without an action the document goes on, and hangs up at its end."""
    script, commands = begun(CONNECT + CONNECT)
    first = opened(commands[0])
    (second,) = script.receive(StreamEnded(first))
    assert opened(second) is not first
    assert script.receive(StreamEnded(first)) == []
    assert script.receive(StreamEnded(opened(second))) == [END]


@pytest.mark.contract("T37")
def test_the_action_replaces_the_rest() -> None:
    """Connect's action is asked with its method, and its reply runs instead of the rest."""
    script, commands = begun(WITH_ACTION + "<Pause/>")
    (fetch,) = script.receive(StreamEnded(opened(commands[0])))
    assert fetch == Fetch("/after", "GET", (), "Connect")
    assert isinstance(fetch, Fetch)
    assert script.state is State.FETCHING
    reply = DocumentReplaced(document('<Pause length="3"/>'), fetch)
    assert script.receive(reply) == [Wait(3)]
    assert script.receive(PauseOver()) == [END]


def test_an_empty_action_is_none() -> None:
    """action="" goes on with the next verb."""
    script, commands = begun(WITH_ACTION.replace("/after", ""))
    assert script.receive(StreamEnded(opened(commands[0]))) == [END]


@pytest.mark.parametrize("after", ["<Pause/>", ""])
def test_a_refused_connect_stream_is_opened_and_ends(after: str) -> None:
    """The runner is given it to report; once it has ended the next verb runs, or the call ends."""
    script, commands = begun('<Connect><Stream url="http://c.example/"/></Connect>' + after)
    assert names(commands) == ["OpenStream"]
    stream = opened(commands[0])
    assert stream.refusal == 31922
    assert script.receive(StreamEnded(stream)) == ([Wait(1)] if after else [END])


def test_of_two_connect_streams_the_first_is_awaited() -> None:
    """The second is refused; its end does not end the verb."""
    script, commands = begun(f"<Connect>{STREAM * 2}</Connect>")
    first, second = map(opened, commands)
    assert script.receive(StreamEnded(second)) == []
    assert script.receive(StreamEnded(first)) == [END]


@pytest.mark.contract("T38")
def test_stop_ends_the_named_streams_alone() -> None:
    """One command for each name in Stop, and none for any other stream."""
    start = f"<Start>{STREAM.format('a')}{STREAM.format('b')}{STREAM.format('c')}</Start>"
    _, commands = begun(start + '<Stop><Stream name="b"/></Stop><Pause/>')
    assert commands[3:] == [StopStream("b"), Wait(1)]


def test_a_stop_without_a_name_is_skipped() -> None:
    """It is told as a notice, and the next verb runs."""
    _, commands = begun("<Stop><Stream/></Stop>")
    assert names(commands) == ["Skip", "HangUp"]


def test_pauses_wait() -> None:
    """Pauses follow one another; each waits for its own end."""
    script, (first,) = begun('<Pause length="1"/><Pause length="1"/>')
    assert isinstance(first, Wait)
    (second,) = script.receive(PauseOver(first))
    assert script.receive(PauseOver(first)) == []
    assert isinstance(second, Wait)
    assert script.receive(PauseOver(second)) == [END]


def test_redirect_fetches() -> None:
    """The URL goes out as written, the rest of the document is forgotten."""
    script, (fetch,) = begun('<Redirect method="GET">next?a=1</Redirect><Pause/>')
    assert fetch == Fetch("next?a=1", "GET", (), "Redirect")
    assert script.receive(DocumentReplaced(document("<Redirect/>"))) == [
        Fetch("", "POST", (), "Redirect")
    ]


def apologised(script: Script, commands: list[Command], reason: HangUpReason) -> None:
    """The call is picked up if need be, the apology said, the call ended."""
    *before, speak = commands
    assert isinstance(speak, Speak)
    assert speak == Speak(Say(content=(APOLOGY,)), 1)
    assert before in ([], [Answer()])
    assert script.state is State.PLAYING
    assert script.receive(PlayEnded(speak)) == [HangUp(reason)]
    assert (script.state, script.ending) == (State.ENDED, reason)


@pytest.mark.parametrize("before", ["", "<Play digits='1'/>"])
def test_a_failed_fetch_ends_the_call(before: str) -> None:
    """When no document comes there is nothing left to run but an apology; the rest of the document
    at hand is forgotten."""
    script, commands = begun(f"{before}<Redirect/><Pause/>")
    if before:
        script.receive(PlayEnded(commands[-1]))  # type: ignore[arg-type]
    said = script.receive(FetchFailed())
    assert (Answer() in said) is not bool(before)
    apologised(script, said, HangUpReason.FETCH_FAILED)


def test_an_update_during_the_apology() -> None:
    """The apology is cut short, and what ends the call then is the new document."""
    script, _ = begun("<Redirect/>")
    *_, speak = script.receive(FetchFailed())
    assert isinstance(speak, Speak)
    commands = script.receive(DocumentReplaced(document("<Hangup/>")))
    assert commands == [StopPlaying(speak), HangUp(HangUpReason.HANGUP)]
    script, _ = begun("<Redirect/>")
    script.receive(FetchFailed())
    assert script.receive(DocumentReplaced(document("")))[-1] == END


def test_hangup_ends() -> None:
    """Nothing after Hangup runs."""
    assert begun("<Hangup/><Pause/>")[1] == [HangUp(HangUpReason.HANGUP)]


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        ("<Reject/>", HangUpReason.REJECTED),
        ('<Reject reason="busy"/>', HangUpReason.BUSY),
        (f'{START}<Reject reason="busy"/>', HangUpReason.HANGUP),
        ("<Pay/><Reject/>", HangUpReason.HANGUP),
    ],
)
def test_reject(inner: str, reason: HangUpReason) -> None:
    """First in a document it turns the call away; after an answer it can only hang up."""
    assert begun(inner)[1][-1] == HangUp(reason)


def test_other_verbs_and_nouns_are_skipped_visibly() -> None:
    """Each gives a notice that names it; a Connect without a stream does not block."""
    _, commands = begun(
        "<Pay/><Sms>x</Sms><Refer><Sip>sip:a@b.example</Sip></Refer><Prompt/><Queue>q</Queue>"
        "<Start><Siprec/><Transcription/></Start>"
        '<Connect action="/x"><Room>r</Room><ConversationRelay/><VirtualAgent/></Connect>'
        "<Stop><Siprec/></Stop>"
    )
    *skipped, last = commands
    assert last == END
    reasons = [skip.reason for skip in skipped if isinstance(skip, Skip)]
    named = "Pay Sms Refer Prompt Queue Siprec Transcription Room ConversationRelay VirtualAgent"
    for name, reason in zip([*named.split(), "Siprec"], reasons, strict=True):
        assert f"<{name}>" in reason
    assert len(reasons) == len(skipped)


def test_verbs_that_the_runner_cannot_do_are_skipped() -> None:
    """A runner says what it can; the rest is skipped like what no call of ours can."""
    script = Script(document("<Say>x</Say><Pause/>"), can=frozenset({"Pause"}))
    answer, skip, wait = script.begin()
    assert (answer, wait) == (Answer(), Wait(1))
    assert isinstance(skip, Skip)
    assert (skip.action.tag, "<Say>" in skip.reason) == ("Say", True)


@pytest.mark.parametrize(
    ("inner", "answered_before"),
    [
        ("<Say>x</Say>", "Speak"),
        ("<Pause/><Say>x</Say>", ""),
        ("<Redirect/>", ""),
        ("<Hangup/>", ""),
        ("<Pay/><Hangup/>", "Skip"),
        ("<Gather/>", "StartTimer"),
        ("<Record/>", "StartRecording"),
        ("<Echo/>", "StartEcho"),
        ("<Enqueue>q</Enqueue>", "JoinQueue"),
        (START, "OpenStream"),
        ("<Dial>1</Dial>", "PlayRinging"),
        ('<Dial answerOnBridge="true">1</Dial>', ""),
    ],
)
def test_the_call_is_answered_when_it_has_to_be(inner: str, answered_before: str) -> None:
    """A pause at first, a redirect, a hang-up, and answerOnBridge leave it ringing."""
    commands = names(Script(document(inner)).begin())
    after = commands[commands.index("Answer") + 1] if "Answer" in commands else ""
    assert after == answered_before
    assert "Answer" not in names(Script(document(inner), answered=True).begin())


def test_a_call_is_answered_once() -> None:
    """Not by every verb, nor by every document."""
    script = Script(document("<Echo/>"))
    assert names(script.begin()) == ["Answer", "StartEcho"]
    assert names(script.receive(DocumentReplaced(document("<Echo/>")))) == ["StopEcho", "StartEcho"]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("/next?a=1", "https://app.example/next?a=1"),
        ("next", "https://app.example/voice/next"),
        ("https://other.example/", "https://other.example/"),
        ("", "https://app.example/voice/start?lang=en"),
        ("mailto:x", "mailto:x"),
    ],
)
def test_urls_are_read_against_the_document_s(written: str, asked: str) -> None:
    """An empty one is the document itself, its query included; one of no use is left as it is."""
    url = "https://app.example/voice/start?lang=en"
    (fetch,) = Script(document(f"<Redirect>{written}</Redirect>"), url).begin()
    assert fetch == Fetch(asked, "POST", (), "Redirect")


def test_the_reply_s_own_url_is_the_base_from_then_on() -> None:
    """Of an update that has none, nothing is: its URLs go out as written."""
    script = Script(document("<Redirect>a</Redirect>"), "https://one.example/x/")
    (fetch,) = script.begin()
    assert isinstance(fetch, Fetch)
    reply = DocumentReplaced(document("<Redirect>b</Redirect>"), fetch, "https://two.example/y/")
    assert script.receive(reply) == [Fetch("https://two.example/y/b", "POST", (), "Redirect")]
    assert script.receive(DocumentReplaced(document("<Redirect>c</Redirect>"))) == [
        Fetch("c", "POST", (), "Redirect")
    ]


@pytest.mark.parametrize("event", [FetchFailed(Fetch("", "POST", (), "")), PauseOver(Wait(1))])
def test_reports_about_something_else_change_nothing(event: Event) -> None:
    """They are about a request, or a pause, that was given up."""
    for inner in ("<Redirect/>", "<Pause/>"):
        script, _ = begun(inner)
        state = script.state
        assert script.receive(event) == []
        assert script.state is state


def test_recordings_in_the_background() -> None:
    """They do not block; the attributes come as values, the callback's URL absolute."""
    inner = (
        '<Start><Recording channels="mono" track="inbound" trim="do-not-trim" '
        'recordingStatusCallback="/r" recordingStatusCallbackEvent="in-progress"/></Start>'
        "<Start><Recording/></Start><Pause/>"
    )
    script = Script(document(inner), "https://app.example/voice")
    _, first, second, wait = script.begin()
    assert isinstance(first, StartRecording)
    assert isinstance(second, StartRecording)
    assert wait == Wait(1)
    assert (first.source, first.track, first.channels) == ("StartCallRecordingTwiML", "inbound", 1)
    assert (first.trim, first.beep, first.silence_seconds, first.max_seconds) == (
        (False, False, None, None)
    )
    assert first.callback == Callback("https://app.example/r", "POST", ("in-progress",))
    assert (second.track, second.channels, second.trim) == ("both", 2, True)
    assert second.callback is None
    assert script.receive(RecordingFinished(second, "RE1", "", 1)) == []


@pytest.mark.parametrize("when", ["running", "replaced"])
def test_an_unusable_document_ends_the_call(when: str) -> None:
    """There is nothing in it to run, so there is an apology."""
    broken = parse("<Response>&</Response>")
    if when == "running":
        script = Script(broken)
        commands = script.begin()
    else:
        script, _ = begun("<Redirect/>")
        commands = script.receive(DocumentReplaced(broken))
    apologised(script, commands, HangUpReason.UNUSABLE)


def test_an_update_closes_a_connected_stream() -> None:
    """New TwiML replaces a running Connect stream, ending it; its late end changes nothing."""
    script, commands = begun(WITH_ACTION)
    stream = opened(commands[0])
    update = DocumentReplaced(document('<Pause length="2"/>'))
    assert script.receive(update) == [CloseStream(stream), Wait(2)]
    assert script.receive(StreamEnded(stream)) == []
    assert script.state is State.PAUSING


def test_an_update_in_a_pause_forgets_the_pause() -> None:
    """The old pause's end, on its way, does not cut the new one short."""
    script, (old,) = begun("<Pause/>")
    assert isinstance(old, Wait)
    (new,) = script.receive(DocumentReplaced(document("<Pause/>")))
    assert script.receive(PauseOver(old)) == []
    assert isinstance(new, Wait)
    assert script.receive(PauseOver(new)) == [END]


def test_a_late_reply_does_not_undo_an_update() -> None:
    """The answer to a fetch counts only while that fetch is awaited."""
    script, (fetch,) = begun("<Redirect/>")
    assert isinstance(fetch, Fetch)
    script.receive(DocumentReplaced(document('<Pause length="9"/>')))
    assert script.receive(DocumentReplaced(document("<Hangup/>"), fetch)) == []
    assert script.receive(FetchFailed()) == []
    assert script.state is State.PAUSING


def test_a_document_may_be_replaced_before_it_begins() -> None:
    """Then the new one is what begins."""
    script = Script(document("<Pause/>"))
    assert script.receive(DocumentReplaced(document("<Hangup/>"))) == []
    assert script.begin() == [HangUp(HangUpReason.HANGUP)]


def test_begin_is_called_once() -> None:
    """A second time is the caller's mistake; after the call's end it is merely late."""
    script, _ = begun("<Pause/>")
    with pytest.raises(RuntimeError, match="before"):
        script.begin()
    script.receive(CallEnded())
    assert script.begin() == []


def test_the_end_of_a_start_stream_changes_nothing() -> None:
    """Only a Connect's stream is waited for."""
    script, commands = begun(START + CONNECT)
    assert script.receive(StreamEnded(opened(commands[0]))) == []
    assert script.state is State.CONNECTED


verbs = st.lists(
    st.sampled_from([START, CONNECT, WITH_ACTION, "<Pause/>", "<Say>x</Say>", "<Redirect/>"]),
    max_size=5,
).map("".join)


@given(verbs, verbs, st.lists(st.integers(0, 5), max_size=12))
def test_any_order_of_events(inner: str, other: str, order: list[int]) -> None:
    """Whatever happens when, a script ends once, and after its end nothing comes out."""
    script, commands = begun(inner)
    streams = [Stream()]
    hung_up = 0
    for choice in order:
        streams += [command.stream for command in commands if isinstance(command, OpenStream)]
        hung_up += sum(isinstance(command, HangUp) for command in commands)
        ended = script.state is State.ENDED
        events: list[Event] = [
            StreamEnded(streams[-1]),
            PauseOver(),
            DocumentReplaced(document(other)),
            FetchFailed(),
            StreamEnded(streams[0]),
            CallEnded(),
        ]
        commands = script.receive(events[choice])
        assert script.state is not State.RUNNING
        assert not (ended and commands)
        assert all(isinstance(command, HangUp) is False for command in commands[:-1])
    assert hung_up <= 1
