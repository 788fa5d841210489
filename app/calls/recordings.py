"""Recordings of a call: `<Record>`, `record` of `<Dial>`, `<Start><Recording>`, and REST's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.calls.keeping import Kept
from app.calls.shell import Desk, Does
from app.store.records import whole_seconds
from bridge.engine.prompt import Prompt, pieces_of
from bridge.engine.recorder import Recorder, RecordingError
from bridge.sound.level import SpeechMeter
from bridge.sound.tones import record_beep
from twiml.script import RecordingFinished, RecordingStarted, StartRecording, StopRecording
from twiml.script.reports import RecordingStatus, recording_report

CURRENT = "Twilio.CURRENT"
"""The name of the recording that runs, of whatever sid."""


class Recordings:
    """Begins and ends them. Those that run when the call ends end with it. `ordered` is the one
    that the order of the call itself asked for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.ordered: RunningRecording | None = None
        self._running: dict[str, RunningRecording] = {}
        self._finishing: set[asyncio.Task[object]] = set()
        self.does: Does = {StartRecording: self._start, StopRecording: self._stop}

    async def close(self) -> None:
        """The call is over: finish what runs; the customer is told."""
        for recording in tuple(self._running.values()):
            recording.stop()
        if self._finishing:
            await asyncio.wait(self._finishing)

    def _start(self, command: StartRecording) -> None:
        self.start(command)

    def start(self, command: StartRecording) -> RunningRecording:
        recording = RunningRecording(self._desk, command, self._finish)
        self._running[recording.sid] = recording
        if command.source == "OutboundAPI":
            self.ordered = recording
        recording.begin()
        return recording

    def find(self, sid: str) -> RunningRecording | None:
        """The one of that sid that runs; `Twilio.CURRENT` is the latest."""
        if sid == CURRENT:
            return next(reversed(self._running.values()), None)
        return self._running.get(sid)

    def _stop(self, command: StopRecording) -> None:
        for recording in tuple(self._running.values()):
            if recording.command is command.recording:
                recording.stop()

    def _finish(self, recording: RunningRecording) -> None:
        """Its file is written whatever becomes of the call meanwhile."""
        self._running.pop(recording.sid, None)
        task = self._desk.service.background(recording.finish())
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)


class RunningRecording:
    """One recording. It listens to the line from the beep's end to its own; `stopped` is called
    then, once, and has to have it finished. `written` is told its seconds when its file is whole,
    0 when there is none."""

    def __init__(
        self, desk: Desk, command: StartRecording, stopped: Callable[[RunningRecording], None]
    ) -> None:
        self.command = command
        self._desk = desk
        self._stopped = stopped
        self._over = False
        self._meter = SpeechMeter()
        call = desk.live.call
        self.kept = Kept(
            desk.service,
            call.account_sid,
            call_sid=call.sid,
            channels=command.channels,
            source=command.source,
            track=command.track,
        )
        self.sid = self.kept.sid
        self.written: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        seconds = command.max_seconds
        self._recorder = Recorder(
            self.kept.path,
            desk.service.sounds.threads,
            track=command.track,
            dual=command.channels == 2,
            trim=command.trim,
            max_ms=None if seconds is None else seconds * 1000,
        )

    def begin(self) -> None:
        if not self.command.beep:
            self._listen()
            return
        line = self._desk.line

        def beeped(_: object) -> None:
            if line.prompt is beep:
                line.prompt = None
            if not self._over:
                self._listen()

        beep = Prompt(pieces_of(record_beep()), beeped)
        line.prompt = beep

    def _listen(self) -> None:
        self._desk.line.taps.add(self)
        self._desk.tell("recording.began", recording=self.sid, source=self.command.source)
        self.kept.began()
        self._desk.post(RecordingStarted(self.command, self.sid, self.kept.url))
        self._report("in-progress")

    def feed(self, inbound: bytes, outbound: bytes) -> None:
        self._recorder.feed(inbound, outbound)
        self._meter.feed(inbound)
        silence = self.command.silence_seconds
        quiet = silence is not None and self._meter.silent_ms >= silence * 1000
        if quiet or self._recorder.full:
            self.stop()

    def pause(self, *, silence: bool) -> None:
        """Leave out what follows, or put silence in its place."""
        self._recorder.pause(silence=silence)
        self._desk.tell("recording.paused", recording=self.sid)
        self.kept.stands("paused")

    def resume(self) -> None:
        self._recorder.resume()
        self._desk.tell("recording.resumed", recording=self.sid)
        self.kept.stands("in-progress")

    def stop(self) -> None:
        """Listen no more. Idempotent."""
        if self._over:
            return
        self._over = True
        self._desk.line.taps.discard(self)
        self.kept.stands("processing")
        self._stopped(self)

    async def finish(self) -> None:
        """Write the file and tell the script; then make an MP3 of it and tell the customer."""
        ms = await self._write()
        self._desk.tell("recording.ended", recording=self.sid, milliseconds=ms, kept=bool(ms))
        self.kept.lasts(ms)
        url, seconds = self.kept.url if ms else "", whole_seconds(ms)
        self.written.set_result(seconds)
        self._desk.post(RecordingFinished(self.command, self.sid, url, seconds))
        if ms:
            await self._recorder.compress(self._desk.service.sounds.encoders)
        self.kept.ended(ms)
        self._report("completed" if ms else "absent")

    async def _write(self) -> int:
        """The milliseconds of it that there are."""
        try:
            recorded = await self._recorder.finish()
            if not recorded.ms:
                await self._recorder.discard()
        except RecordingError as error:
            self._desk.tell("recording.failed", "error", recording=self.sid, message=str(error))
            return 0
        if recorded.lost_ms:
            self._desk.tell(
                "recording.lost", "warning", recording=self.sid, milliseconds=recorded.lost_ms
            )
        return recorded.ms

    def _report(self, status: RecordingStatus) -> None:
        self._desk.send(recording_report(self.command, status, self.kept.facts), order=self.sid)
