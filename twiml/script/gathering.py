"""`<Gather>`: digits, speech, or whichever comes first, while its prompts play and after them."""

from __future__ import annotations

from typing import ClassVar

from twiml.actions import Action, Gather, Pause, Play, Say
from twiml.script import fields
from twiml.script.activity import Activity, Line, Row
from twiml.script.commands import (
    Command,
    Listen,
    Notify,
    Prompt,
    Skip,
    StartTimer,
    StopListening,
    StopPlaying,
    StopTimer,
    Wait,
)
from twiml.script.events import (
    Digits,
    PartialSpeech,
    PauseOver,
    PlayEnded,
    SpeechRecognised,
    SpeechStarted,
    TimerOver,
)
from twiml.script.playing import prompts_of
from twiml.script.states import State, Why

MOST_SPEECH_SECONDS = 60
_SPEECH = (State.PROMPTING, State.LISTENING, State.SPEAKING)
_INPUT = (*_SPEECH, State.KEYING)


class Gathering(Activity):
    """Keys cut a prompt short, and so does a voice unless `bargeIn` is false: then nobody listens
    before the prompts are over. The first key rules out speech, the first word rules out keys."""

    VERB = "Gather"

    def __init__(self, line: Line, gather: Gather) -> None:
        super().__init__(line)
        self.gather = gather
        self.keys = ""
        self._prompts: list[Prompt | Wait | Skip] = []
        self._playing: Prompt | Wait | None = None
        self._timer: StartTimer | None = None
        self._listen: Listen | None = None
        self._words = False
        self._partials = 0

    def begin(self) -> list[Command]:
        self._prompts = [
            prompt
            for noun in self.gather.children
            if isinstance(noun, Say | Play | Pause)
            for prompt in _prompted(self.line, noun)
        ]
        commands = self.line.answer()
        if self.gather.barge_in:
            commands += self._begin_listening()
        return commands + self._prompt()

    def abandon(self, why: Why) -> list[Command]:
        return self._quiet() if why is Why.REPLACED else []

    # What is done

    def _prompt(self) -> list[Command]:
        """The next prompt; after the last one the time-out runs."""
        self._playing = None
        commands: list[Command] = []
        while self._prompts:
            prompt = self._prompts.pop(0)
            commands.append(prompt)
            if not isinstance(prompt, Skip):
                self.state, self._playing = State.PROMPTING, prompt
                return commands
        self.state = State.LISTENING
        if self._listen is None:
            commands += self._begin_listening()
        return commands + self._restart_timer()

    def _begin_listening(self) -> list[Command]:
        gather = self.gather
        if "speech" not in gather.input:
            return []
        timeout = gather.speech_timeout or str(gather.timeout)
        self._listen = Listen(
            language=gather.language or "en-US",
            hints=tuple(hint for part in (gather.hints or "").split(",") if (hint := part.strip())),
            pause_seconds=None if timeout == "auto" else int(timeout),
            max_seconds=gather.max_speech_time or MOST_SPEECH_SECONDS,
            profanity_filter=gather.profanity_filter,
            model=gather.speech_model,
            partial=bool(gather.partial_result_callback),
        )
        return [self._listen]

    def _restart_timer(self) -> list[Command]:
        commands = self._stop_timer()
        self._timer = StartTimer("gather", self.gather.timeout)
        return [*commands, self._timer]

    def _stop_timer(self) -> list[Command]:
        timer, self._timer = self._timer, None
        return [StopTimer(timer)] if timer else []

    def _stop_listening(self) -> list[Command]:
        listen, self._listen = self._listen, None
        return [StopListening(listen)] if listen else []

    def _stop_prompts(self) -> list[Command]:
        playing, self._playing = self._playing, None
        self._prompts = []
        return [StopPlaying(playing)] if playing and not isinstance(playing, Wait) else []

    def _quiet(self) -> list[Command]:
        return self._stop_prompts() + self._stop_timer() + self._stop_listening()

    def _end(self, parameters: tuple[tuple[str, str], ...]) -> list[Command]:
        """Over: the action is asked if anything was entered, or if it is wanted anyway."""
        gather = self.gather
        if parameters or gather.action_on_empty_result:
            self.finish(self.line.fetch(gather.action, gather.method, parameters, self.VERB))
        else:
            self.finish()
        return self._quiet()

    # Prompts and time

    def _played(self, event: PlayEnded) -> bool:
        return event.prompt is self._playing

    def _paused(self, event: PauseOver) -> bool:
        playing = self._playing
        return isinstance(playing, Wait) and (event.wait is None or event.wait is playing)

    def _timed_out(self, event: TimerOver) -> bool:
        return event.timer is self._timer

    def _next_prompt(self, _: PlayEnded | PauseOver) -> list[Command]:
        return self._prompt()

    def _give_up(self, _: TimerOver) -> list[Command]:
        self._timer = None
        return self._end(fields.gathered(digits=self.keys))

    # Keys

    def _counts(self, _: Digits) -> bool:
        return "dtmf" in self.gather.input and not self._words

    def _finishes(self, event: Digits) -> bool:
        return self._counts(event) and event.keys in self.gather.finish_on_key

    def _fills(self, event: Digits) -> bool:
        return self._counts(event) and len(self.keys) + 1 == self.gather.num_digits

    def _submit(self, _: Digits) -> list[Command]:
        return self._end(fields.gathered(digits=self.keys))

    def _submit_with(self, event: Digits) -> list[Command]:
        self.keys += event.keys
        return self._end(fields.gathered(digits=self.keys))

    def _take(self, event: Digits) -> list[Command]:
        self.keys += event.keys
        self.state = State.KEYING
        return self._stop_prompts() + self._stop_listening() + self._restart_timer()

    # Speech

    def _heard(self, event: SpeechStarted | PartialSpeech | SpeechRecognised) -> bool:
        return event.listen is self._listen

    def _heard_words(self, event: PartialSpeech | SpeechRecognised) -> bool:
        return event.listen is self._listen and bool(event.text.strip())

    def _yield(self, _: SpeechStarted) -> list[Command]:
        self.state = State.SPEAKING
        return self._stop_prompts() + self._stop_timer()

    def _pass_on(self, event: PartialSpeech) -> list[Command]:
        gather, commands = self.gather, self._stop_prompts() + self._stop_timer()
        self.state, self._words = State.SPEAKING, True
        if gather.partial_result_callback:
            url = self.line.resolve(gather.partial_result_callback)
            parameters = fields.partial(event.text, self._partials)
            self._partials += 1
            method = gather.partial_result_callback_method
            commands.append(Notify(url, method, parameters, self.VERB))
        return commands

    def _understood(self, event: SpeechRecognised) -> list[Command]:
        self._listen = None
        return self._end(fields.gathered(speech=event.text, confidence=event.confidence))

    def _listen_on(self, _: SpeechRecognised) -> list[Command]:
        return self._begin_listening()

    def _nothing_said(self, _: SpeechRecognised) -> list[Command]:
        self.state, self._words = State.LISTENING, False
        return self._begin_listening() + self._restart_timer()

    ROWS: ClassVar[tuple[Row, ...]] = (
        Row(
            (State.PROMPTING,),
            PlayEnded,
            "",
            "the next prompt; after the last one the `timeout` begins",
            (State.PROMPTING, State.LISTENING),
            _played,
            _next_prompt,
        ),
        Row(
            (State.PROMPTING,),
            PauseOver,
            "",
            "the same",
            (State.PROMPTING, State.LISTENING),
            _paused,
            _next_prompt,
        ),
        Row(
            (State.LISTENING,),
            TimerOver,
            "",
            "the next verb; `action` if `actionOnEmptyResult`",
            (State.FETCHING, State.RUNNING),
            _timed_out,
            _give_up,
        ),
        Row(
            (State.KEYING,),
            TimerOver,
            "",
            "ask `action` with the keys so far",
            (State.FETCHING,),
            _timed_out,
            _give_up,
        ),
        Row(
            _INPUT,
            Digits,
            "the `finishOnKey`",
            "ask `action` with the keys before it; without any, as if the time were over",
            (State.FETCHING, State.RUNNING),
            _finishes,
            _submit,
        ),
        Row(
            _INPUT,
            Digits,
            "the last of `numDigits`",
            "ask `action` with the keys",
            (State.FETCHING,),
            _fills,
            _submit_with,
        ),
        Row(
            _INPUT,
            Digits,
            "any other, if keys count",
            "be silent, listen no more, begin the `timeout` anew",
            (State.KEYING,),
            _counts,
            _take,
        ),
        Row(
            _SPEECH,
            SpeechStarted,
            "",
            "be silent; no `timeout` while the caller speaks",
            (State.SPEAKING,),
            _heard,
            _yield,
        ),
        Row(
            _SPEECH,
            PartialSpeech,
            "there are words",
            "be silent; keys count no more; tell `partialResultCallback`",
            (State.SPEAKING,),
            _heard_words,
            _pass_on,
        ),
        Row(
            _SPEECH,
            SpeechRecognised,
            "there are words",
            "ask `action` with them",
            (State.FETCHING,),
            _heard_words,
            _understood,
        ),
        Row(
            (State.PROMPTING,),
            SpeechRecognised,
            "no words",
            "listen again",
            (State.PROMPTING,),
            _heard,
            _listen_on,
        ),
        Row(
            (State.LISTENING, State.SPEAKING),
            SpeechRecognised,
            "no words",
            "listen again, and begin the `timeout` anew",
            (State.LISTENING,),
            _heard,
            _nothing_said,
        ),
    )


def _prompted(line: Line, action: Action) -> list[Prompt | Wait | Skip]:
    if isinstance(action, Pause):
        return [Wait(action.length)]
    return [*prompts_of(line, action)] if isinstance(action, Say | Play) else []
