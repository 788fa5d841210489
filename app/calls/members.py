"""Who is in a conference, and the recording of all of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Self

from app.calls.keeping import Kept
from app.calls.shell import Desk
from app.store.records import ParticipantRecord, RecordingRecord
from bridge.engine.line import Tap
from bridge.engine.recorder import Recorder, RecordingError
from bridge.sound.mixer import Part
from twiml.script import JoinConference
from twiml.script.reports import Participant, RecordingStatus, conference_recording_report


@dataclass(slots=True)
class Member:
    """One call in a conference, as its document asked for it and REST has changed it since."""

    desk: Desk
    join: JoinConference
    muted: bool = False
    held: bool = False
    coached: str = ""
    end_on_exit: bool = False
    start_on_enter: bool = True
    beep_on_exit: bool | None = None
    wait_music: tuple[str | None, str] = (None, "POST")
    since: float = field(default_factory=time.time)

    @classmethod
    def asked_by(cls, desk: Desk, join: JoinConference) -> Self:
        noun = join.conference
        return cls(
            desk,
            join,
            muted=noun.muted,
            coached=noun.coach or "",
            end_on_exit=noun.end_conference_on_exit,
            start_on_enter=noun.start_conference_on_enter,
            wait_music=(noun.wait_url, noun.wait_method),
        )

    @property
    def sid(self) -> str:
        return self.desk.live.call.sid

    @property
    def label(self) -> str:
        return self.join.conference.participant_label or ""

    @property
    def beeps_at_exit(self) -> bool:
        if self.beep_on_exit is not None:
            return self.beep_on_exit
        return self.join.conference.beep in ("true", "onExit")

    @property
    def part(self) -> Part[str]:
        return Part(muted=self.muted, hold=self.held, coaches=self.coached or None)

    @property
    def participant(self) -> Participant:
        return Participant(
            self.sid,
            self.muted,
            self.held,
            bool(self.coached),
            self.end_on_exit,
            self.start_on_enter,
            self.label,
        )

    def record_in(self, conference_sid: str) -> ParticipantRecord:
        """As the store keeps it."""
        return ParticipantRecord(
            conference_sid,
            self.sid,
            self.desk.live.call.account_sid,
            self.since,
            time.time(),
            label=self.label,
            muted=self.muted,
            hold=self.held,
            coaching=bool(self.coached),
            coached_sid=self.coached,
            start_on_enter=self.start_on_enter,
            end_on_exit=self.end_on_exit,
        )


class ConferenceRecording:
    """The recording of a conference: one channel, with all that are heard by all."""

    def __init__(self, conference_sid: str, asked_by: Member) -> None:
        self._desk = desk = asked_by.desk
        self._callback = asked_by.join.recording_callback
        account = desk.live.call.account_sid
        self._kept = Kept(desk.service, account, conference_sid=conference_sid, source="Conference")
        self._recorder = Recorder(
            self._kept.path,
            desk.service.sounds.threads,
            track="outbound",
            trim=asked_by.join.conference.trim != "do-not-trim",
        )
        self.tap: Tap = self._recorder
        self._kept.began()
        self._report("in-progress")

    @property
    def record(self) -> RecordingRecord:
        """As the store keeps it."""
        return self._kept.record

    def pause(self, *, silence: bool) -> None:
        """Leave out what follows, or put silence in its place."""
        self._recorder.pause(silence=silence)
        self._desk.tell("recording.paused", recording=self._kept.sid)
        self._kept.stands("paused")

    def resume(self) -> None:
        self._recorder.resume()
        self._desk.tell("recording.resumed", recording=self._kept.sid)
        self._kept.stands("in-progress")

    def stop(self) -> None:
        """Nothing more is fed; `finish` follows."""
        self._kept.stands("processing")

    async def finish(self) -> None:
        sid = self._kept.sid
        try:
            recorded = await self._recorder.finish()
            if recorded.ms:
                await self._recorder.compress(self._desk.service.sounds.encoders)
            else:
                await self._recorder.discard()
        except RecordingError as error:
            self._desk.tell("recording.failed", "error", recording=sid, message=str(error))
            self._kept.ended(0)
        else:
            self._kept.ended(recorded.ms)
        self._report("completed" if self._kept.seconds else "absent")

    def _report(self, status: RecordingStatus) -> None:
        report = conference_recording_report(self._callback, status, self._kept.facts)
        self._desk.send(report, order=self._kept.sid)
