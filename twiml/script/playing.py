"""The verbs that play, wait or connect: `<Pause>`, `<Say>`, `<Play>`, `<Echo>`, `<Connect>`."""

from __future__ import annotations

from typing import ClassVar

from twiml.actions import Action, Connect, Play, Say, Stream
from twiml.script.activity import Activity, Line, Row
from twiml.script.commands import (
    CloseStream,
    Command,
    Fetch,
    OpenStream,
    PlayFile,
    PlayTones,
    Prompt,
    Skip,
    Speak,
    StartEcho,
    StopEcho,
    StopPlaying,
    Wait,
)
from twiml.script.events import PauseOver, PlayEnded, StreamEnded
from twiml.script.states import State, Why


def prompts_of(line: Line, action: Say | Play) -> list[Prompt | Skip]:
    """What `<Say>` or `<Play>` has the caller hear; tones come before a file."""
    if isinstance(action, Say):
        if action.text.strip() or action.children:
            return [Speak(action, action.loop)]
        return [Skip(action, "The <Say> has no words; it is skipped.")]
    prompts: list[Prompt | Skip] = []
    if action.digits:
        prompts.append(PlayTones(action, action.digits, action.loop))
    if url := action.text.strip():
        prompts.append(PlayFile(action, line.resolve(url), action.loop))
    return prompts or [Skip(action, "The <Play> has neither a URL nor digits; it is skipped.")]


class Pausing(Activity):
    """`<Pause>`; also the rest of a wait document that takes no time."""

    VERB = "Pause"

    def __init__(self, line: Line, seconds: int, after: Fetch | None = None) -> None:
        super().__init__(line)
        self.wait = Wait(seconds)
        self._then = after

    def begin(self) -> list[Command]:
        self.state = State.PAUSING
        return [self.wait]

    def abandon(self, why: Why) -> list[Command]:
        return []

    def _mine(self, event: PauseOver) -> bool:
        return event.wait is None or event.wait is self.wait

    def _go_on(self, _: PauseOver) -> list[Command]:
        self.finish(self._then)
        return []

    ROWS: ClassVar[tuple[Row, ...]] = (
        Row(
            (State.PAUSING,),
            PauseOver,
            "",
            "the next verb; a wait document that took no time is asked for again",
            (State.RUNNING, State.ASKING),
            _mine,
            _go_on,
        ),
    )


class Playing(Activity):
    """`<Say>` and `<Play>`: one prompt, or two when a `<Play>` has digits and a file."""

    VERB = "Say, Play"

    def __init__(self, line: Line, prompts: list[Prompt]) -> None:
        super().__init__(line)
        self._prompts = prompts
        self.took_time = False

    @property
    def prompt(self) -> Prompt:
        return self._prompts[0]

    def begin(self) -> list[Command]:
        self.state = State.PLAYING
        return [*self.line.answer(), self.prompt]

    def abandon(self, why: Why) -> list[Command]:
        return [StopPlaying(self.prompt)] if why is Why.REPLACED else []

    def _more(self, event: PlayEnded) -> bool:
        return event.prompt is self.prompt and len(self._prompts) > 1

    def _last(self, event: PlayEnded) -> bool:
        return event.prompt is self.prompt

    def _play_next(self, event: PlayEnded) -> list[Command]:
        self.took_time |= not event.failed
        del self._prompts[0]
        return [self.prompt]

    def _go_on(self, event: PlayEnded) -> list[Command]:
        self.took_time |= not event.failed
        self.finish()
        return []

    ROWS: ClassVar[tuple[Row, ...]] = (
        Row(
            (State.PLAYING,),
            PlayEnded,
            "the tones of a `<Play>` that has a file too",
            "play the file",
            (State.PLAYING,),
            _more,
            _play_next,
        ),
        Row((State.PLAYING,), PlayEnded, "", "the next verb", (State.RUNNING,), _last, _go_on),
    )


class Echoing(Activity):
    """`<Echo>`: only the end of the call, or another document, ends it."""

    VERB = "Echo"

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self.echo = StartEcho()

    def begin(self) -> list[Command]:
        self.state = State.ECHOING
        return [*self.line.answer(), self.echo]

    def abandon(self, why: Why) -> list[Command]:
        return [StopEcho(self.echo)] if why is Why.REPLACED else []


class Connecting(Activity):
    """`<Connect><Stream>`. Of several streams only the first can open: it is the one waited for."""

    VERB = "Connect"

    def __init__(self, line: Line, connect: Connect) -> None:
        super().__init__(line)
        self.connect = connect
        self.stream = connect.streams[0]

    def begin(self) -> list[Command]:
        self.state = State.CONNECTED
        commands = self.line.answer()
        for noun in self.connect.children:
            if isinstance(noun, Stream):
                commands.append(OpenStream(noun, bidirectional=True))
            else:
                commands.append(cannot(self.connect, noun.tag))
        return commands

    def abandon(self, why: Why) -> list[Command]:
        return [CloseStream(self.stream)] if why is Why.REPLACED else []

    def _mine(self, event: StreamEnded) -> bool:
        return event.stream is self.stream

    def _go_on(self, _: StreamEnded) -> list[Command]:
        connect = self.connect
        if connect.action:
            self.finish(self.line.fetch(connect.action, connect.method, (), self.VERB))
        else:
            self.finish()
        return []

    ROWS: ClassVar[tuple[Row, ...]] = (
        Row(
            (State.CONNECTED,),
            StreamEnded,
            "of the first stream",
            "ask `action`, or the next verb",
            (State.FETCHING, State.RUNNING),
            _mine,
            _go_on,
        ),
    )


def cannot(action: Action, name: str) -> Skip:
    return Skip(action, f"A local call cannot run <{name}>; it is skipped.")
