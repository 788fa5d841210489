"""Conferences: who is in them, when they start and end, what is told of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from app.calls.members import ConferenceRecording, Member
from app.calls.recordings import CURRENT
from app.calls.shell import Desk
from app.store.records import ConferenceRecord, ParticipantRecord, RecordingRecord
from bridge.engine.conference import ConferenceSound
from bridge.ids import mint
from bridge.sound.tones import enter_beep, exit_beep
from twiml.script import (
    Callback,
    ConferenceHeld,
    ConferenceJoined,
    ConferenceLeft,
    ConferenceStarted,
    JoinConference,
)
from twiml.script.commands import Fields
from twiml.script.reports import (
    ConferenceEvent,
    ConferenceFacts,
    conference_report,
)

if TYPE_CHECKING:
    from app.service import Service

MAX_MEMBERS = 250
"""Twilio's greatest number of participants, and what `maxParticipants` is without a value."""


class Conference:
    """One conference, from its first member to its last. `over` is called once."""

    def __init__(
        self, service: Service, account_sid: str, name: str, over: Callable[[Conference], None]
    ) -> None:
        self.sid = mint("CF", service.engine.random_bytes)
        self.name = name
        self.account_sid = account_sid
        self._service = service
        self._began = time.time()
        self.started = False
        self.ended = False
        self.members: dict[str, Member] = {}
        self._expected: dict[str, Expected] = {}
        self._over = over
        self._sound = ConferenceSound(service.engine.wheel)
        self._first: Desk | None = None
        self._callback: Callback | None = None
        self._sequence = 0
        self._recording: ConferenceRecording | None = None
        self._reason = self._ended_by = ""

    # Members

    def enter(self, desk: Desk, join: JoinConference) -> None:
        """A call comes in, or is told that it cannot."""
        noun = join.conference
        refusal = self._refusal(join)
        if refusal:
            desk.tell("conference.refused", "warning", conference=self.sid, message=refusal)
            desk.post(ConferenceLeft(join, failed=True))
            self.forget_if_empty()
            return
        member = Member.asked_by(desk, join)
        if self._first is None:
            self._first, self._callback = desk, join.callback
        self.members[member.sid] = member
        self._expected.pop(member.sid, None)
        self._save()
        self._save_member(member)
        desk.tell("conference.joined", conference=self.sid, name=self.name)
        started = self._starts_now()
        desk.post(ConferenceJoined(join, started=self.started or started))
        self._report("participant-join", member)
        if started:
            self._start()
        elif self.started:
            self._hear(member)
        if self.started and noun.beep in ("true", "onEnter"):
            self._sound.sound(enter_beep())

    def _refusal(self, join: JoinConference) -> str:
        noun = join.conference
        limit = noun.max_participants or MAX_MEMBERS
        if len(self.members) >= limit:
            return f"the conference is full: {limit} are in it"
        if noun.coach and noun.coach not in self.members:
            return f"there is nobody to coach: {noun.coach} is not in the conference"
        label = noun.participant_label
        if label and self.find(label) is not None:
            return f"the label {label!r} is in use"
        return ""

    def leave(self, sid: str, reason: str = "participant_hung_up") -> None:
        """A call goes out; it is told, and what follows for the others is done. Idempotent."""
        member = self.members.pop(sid, None)
        if member is None:
            return
        self._sound.leave(sid)
        self._service.store.remove(ParticipantRecord, self.sid, sid)
        member.desk.tell("conference.left", conference=self.sid)
        member.desk.post(ConferenceLeft(member.join))
        self._report("participant-leave", member, (("ReasonParticipantLeft", reason),))
        if self.ended:
            return
        if member.end_on_exit and self.started:
            self.end("participant-with-end-conference-on-exit-left", sid)
        elif not self.members and not self._expected:
            self.end("last-participant-left", sid)
        elif self.started and member.beeps_at_exit:
            self._sound.sound(exit_beep())

    def find(self, participant: str) -> Member | None:
        """By the sid of its call, or by its label."""
        labelled = (
            member
            for member in self.members.values()
            if participant and participant == member.label
        )
        return self.members.get(participant) or next(labelled, None)

    # Those who are to come

    def expect(self, record: ParticipantRecord, give_up: Callable[[], None]) -> None:
        """A call is made to join: the conference is there from now on, and so is the participant.

        `give_up` ends the call, should the conference be over before. `miss` tells that it ended.
        """
        self._expected[record.call_sid] = Expected(record, give_up)
        self._save()
        self._service.store.save(record)

    def rings(self, sid: str) -> None:
        """A call that is expected has begun to ring."""
        expected = self._expected.get(sid)
        if expected is not None:
            record = replace(expected.record, status="ringing", updated_at=time.time())
            expected.record = record
            self._service.store.save(record)

    def miss(self, sid: str) -> None:
        """A call is over: if it was still expected it will not come. Idempotent."""
        if self._expected.pop(sid, None) is None:
            return
        self._service.store.remove(ParticipantRecord, self.sid, sid)
        if not self.members and not self._expected:
            self.end("last-participant-left", sid)

    def give_up(self, sid: str) -> bool:
        """End a call that is expected; False when there is none of that sid."""
        expected = self._expected.get(sid)
        if expected is not None:
            expected.give_up()
        return expected is not None

    # Changes

    def mute(self, member: Member, muted: bool) -> None:
        if member.muted is not muted:
            member.muted = muted
            self._changed(member)
            self._report("participant-mute" if muted else "participant-unmute", member)

    def hold(self, member: Member, held: bool, url: str | None, method: str) -> None:
        """Out of the talk, with music at `url`, or back into it, or to what it waited with."""
        if member.held is held:
            return
        member.held = held
        self._changed(member)
        if held:
            member.desk.post(ConferenceHeld(member.join, url, method))
        elif self.started:
            member.desk.post(ConferenceStarted(member.join))
        else:
            member.desk.post(ConferenceHeld(member.join, *member.wait_music))
        self._report("participant-hold" if held else "participant-unhold", member)

    def change_hold_music(self, member: Member, url: str, method: str) -> None:
        """Other music for one who is held."""
        member.desk.post(ConferenceHeld(member.join, url, method))

    def change_wait_music(self, member: Member, url: str, method: str) -> None:
        """Other music until the conference starts."""
        member.wait_music = (url, method)
        if not member.held:
            member.desk.post(ConferenceHeld(member.join, url, method))

    def coach(self, member: Member, coached: str) -> None:
        """Be heard by that call alone; empty: by all."""
        member.coached = coached
        self._changed(member)
        self._report("participant-modify", member)

    def set_end_on_exit(self, member: Member, wanted: bool) -> None:
        """Whether the conference ends when this one leaves."""
        member.end_on_exit = wanted
        self._changed(member)
        self._report("participant-modify", member)

    def _changed(self, member: Member) -> None:
        self._sound.change(member.sid, member.part)
        self._save_member(member)

    def _save_member(self, member: Member) -> None:
        self._service.store.save(member.record_in(self.sid))

    # Beginning and end

    def _starts_now(self) -> bool:
        """With two in it, and one of them whose coming starts it."""
        wanted = any(member.start_on_enter for member in self.members.values())
        return not self.started and wanted and len(self.members) > 1

    def _start(self) -> None:
        self.started = True
        self._save()
        self._report("conference-start")
        for member in self.members.values():
            self._hear(member)
            if not member.held:
                member.desk.post(ConferenceStarted(member.join))
        recorded = next(
            (m for m in self.members.values() if m.join.conference.record == "record-from-start"),
            None,
        )
        if recorded is not None:
            self._recording = ConferenceRecording(self.sid, recorded)
            self._sound.taps.add(self._recording.tap)

    def _hear(self, member: Member) -> None:
        self._sound.join(member.sid, member.desk.line, member.part)

    def end(self, reason: str, by: str = "") -> None:
        """It is over for all."""
        if self.ended:
            return
        self.ended = True
        for sid in tuple(self._expected):
            self.give_up(sid)
        for sid in tuple(self.members):
            self.leave(sid, "conference_ended")
        self._finish(reason, by)

    def forget_if_empty(self) -> None:
        """The first could not come in: there was no conference."""
        if not self.members and not self._expected and not self.ended:
            self.ended = True
            self._over(self)

    def _finish(self, reason: str, by: str) -> None:
        self._stop_recording()
        if self.started:
            more = (("ReasonConferenceEnded", reason), ("CallSidEndingConference", by))
            self._report("conference-end", None, more)
        self._reason, self._ended_by = reason, by
        self._save()
        self._over(self)

    # Recording

    def change_recording(self, sid: str, status: str, pause: str) -> RecordingRecord | None:
        """As `Telephony.change_conference_recording`; None when no such recording runs."""
        recording = self._recording
        if recording is None or sid not in (recording.record.sid, CURRENT):
            return None
        if status == "stopped":
            self._stop_recording()
        elif status == "paused":
            recording.pause(silence=pause == "silence")
        else:
            recording.resume()
        return recording.record

    def _stop_recording(self) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            self._sound.taps.discard(recording.tap)
            recording.stop()
            self._service.background(recording.finish())

    # Telling

    @property
    def record(self) -> ConferenceRecord:
        """As the store keeps it."""
        status = "completed" if self.ended else "in-progress" if self.started else "init"
        return ConferenceRecord(
            self.sid,
            self.account_sid,
            self.name,
            status,
            self._began,
            time.time(),
            reason_ended=self._reason,
            ended_by=self._ended_by,
        )

    def _save(self) -> None:
        self._service.store.save(self.record)

    def _report(
        self, event: ConferenceEvent, member: Member | None = None, more: Fields = ()
    ) -> None:
        self._sequence += 1
        report = conference_report(
            self._callback,
            event,
            self._sequence,
            self._service.engine.now(),
            ConferenceFacts(self.account_sid, self.sid, self.name, more),
            member.participant if member else None,
        )
        if self._first is not None:
            self._first.send(report, order=self.sid)


@dataclass(slots=True)
class Expected:
    """A call that is made to join: how the store has it, and what ends it."""

    record: ParticipantRecord
    give_up: Callable[[], None]


@dataclass(slots=True)
class Conferences:
    """The conferences of a service that are not over, by account and name."""

    _named: dict[tuple[str, str], Conference] = field(default_factory=dict)

    def enter(self, desk: Desk, join: JoinConference) -> Conference:
        """The conference of that name, which is begun if there is none."""
        conference = self.made(desk.service, desk.live.call.account_sid, join.name)
        conference.enter(desk, join)
        return conference

    def made(self, service: Service, account_sid: str, name: str) -> Conference:
        """The conference of that name, with nobody in it yet if there was none."""
        key = account_sid, name
        if key not in self._named:
            self._named[key] = Conference(service, account_sid, name, self._ended)
        return self._named[key]

    @property
    def running(self) -> tuple[Conference, ...]:
        return tuple(self._named.values())

    def find(self, conference: str) -> Conference | None:
        """By its sid."""
        return next((known for known in self._named.values() if known.sid == conference), None)

    def _ended(self, conference: Conference) -> None:
        self._named.pop((conference.account_sid, conference.name), None)
