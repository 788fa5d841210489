"""`<Record>`, and what other verbs record."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

from twiml.actions import Dial, Record, Recording
from twiml.script import fields
from twiml.script.activity import Activity, Line, Row
from twiml.script.commands import Command, Skip, StartRecording, StopRecording
from twiml.script.events import Digits, RecordingFinished
from twiml.script.states import State, Why

_Track = Literal["inbound", "outbound", "both"]
TRACKS: Mapping[str, _Track] = MappingProxyType(
    {"inbound": "inbound", "outbound": "outbound", "both": "both"}
)


class Recorder(Activity):
    """`<Record>`: a key of `finishOnKey`, silence or the maximum length ends it.

    Then `action`, or without one the document at hand, is asked; only if nothing is kept of the
    recording does the next verb run. A caller who hangs up ends it too: `Digits` is `hangup`.
    """

    VERB = "Record"

    def __init__(self, line: Line, record: Record) -> None:
        super().__init__(line)
        self.record = record
        self.recording = StartRecording(
            record,
            "RecordVerb",
            "inbound",
            1,
            beep=record.play_beep,
            trim=record.trim == "trim-silence",
            silence_seconds=record.timeout or None,
            max_seconds=record.max_length,
            callback=line.callback(
                record.recording_status_callback,
                record.recording_status_callback_method,
                record.recording_status_callback_event,
            ),
        )
        self._ended_by = ""

    def begin(self) -> list[Command]:
        self.state = State.RECORDING
        commands = self.line.answer()
        if self.record.transcribe:
            commands.append(Skip(self.record, "A local call does not transcribe recordings."))
        return [*commands, self.recording]

    def abandon(self, why: Why) -> list[Command]:
        stop: list[Command] = (
            [] if self.state is State.STOPPING else [StopRecording(self.recording)]
        )
        if why is Why.HUNG_UP:
            self.state, self._ended_by = State.CLOSING, self._ended_by or "hangup"
        return stop

    def _finishes(self, event: Digits) -> bool:
        return event.keys in self.record.finish_on_key

    def _mine(self, event: RecordingFinished) -> bool:
        return event.recording is self.recording

    def _kept(self, event: RecordingFinished) -> bool:
        return event.recording is self.recording and bool(event.url)

    def _stop(self, event: Digits) -> list[Command]:
        self.state, self._ended_by = State.STOPPING, event.keys
        return [StopRecording(self.recording)]

    def _ask(self, event: RecordingFinished) -> list[Command]:
        parameters = fields.recorded(event, self._ended_by)
        self.finish(self.line.fetch(self.record.action, self.record.method, parameters, self.VERB))
        return []

    def _go_on(self, _: RecordingFinished) -> list[Command]:
        self.finish()
        return []

    def _tell(self, event: RecordingFinished) -> list[Command]:
        parameters = fields.recorded(event, self._ended_by)
        return self.close(self.record.action, self.record.method, parameters)

    ROWS: ClassVar[tuple[Row, ...]] = (
        Row(
            (State.RECORDING,),
            Digits,
            "one of `finishOnKey`",
            "stop the recording",
            (State.STOPPING,),
            _finishes,
            _stop,
        ),
        Row(
            (State.RECORDING, State.STOPPING),
            RecordingFinished,
            "something is kept",
            "ask `action`, or the document at hand",
            (State.FETCHING,),
            _kept,
            _ask,
        ),
        Row(
            (State.RECORDING, State.STOPPING),
            RecordingFinished,
            "nothing is kept",
            "the next verb",
            (State.RUNNING,),
            _mine,
            _go_on,
        ),
        Row(
            (State.CLOSING,),
            RecordingFinished,
            "something is kept",
            "tell `action`, or the document at hand; `Digits` is `hangup`",
            (State.ENDED,),
            _kept,
            _tell,
        ),
        Row(
            (State.CLOSING,),
            RecordingFinished,
            "nothing is kept",
            "nothing",
            (State.ENDED,),
            _mine,
            _go_on,
        ),
    )


def background(line: Line, noun: Recording) -> StartRecording:
    """`<Start><Recording>`."""
    return StartRecording(
        noun,
        "StartCallRecordingTwiML",
        TRACKS[noun.track],
        1 if noun.channels == "mono" or noun.track != "both" else 2,
        beep=False,
        trim=noun.trim != "do-not-trim",
        callback=line.callback(
            noun.recording_status_callback,
            noun.recording_status_callback_method,
            noun.recording_status_callback_event,
        ),
    )


def of_dial(line: Line, dial: Dial) -> StartRecording | None:
    """What `record` asks for: the caller on the first channel, the other party on the second."""
    if dial.record == "do-not-record":
        return None
    dual = dial.record.endswith("-dual") and dial.recording_track == "both"
    return StartRecording(
        dial,
        "DialVerb",
        TRACKS[dial.recording_track],
        2 if dual else 1,
        beep=False,
        trim=dial.trim == "trim-silence",
        callback=line.callback(
            dial.recording_status_callback,
            dial.recording_status_callback_method,
            dial.recording_status_callback_event,
        ),
    )
