"""What REST does to conferences that this service runs itself."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from lxml import etree

from app.calls.conferences import Conference
from app.calls.members import Member
from app.calls.placing import PlacedCall
from app.service import Service
from app.store.records import ConferenceRecord, ParticipantRecord, RecordingRecord
from app.telephony.orders import (
    ConferenceChange,
    NewParticipant,
    ParticipantChange,
    Refusal,
    Source,
    not_found,
)
from twiml.document import INLINE


class OwnConferences:
    """Methods are those of `Telephony`; a conference is known here while it runs."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def runs(self, conference: str) -> bool:
        return self._service.exchange.conferences.find(conference) is not None

    def change(self, sid: str, change: ConferenceChange) -> ConferenceRecord:
        conference = self._conference(sid)
        if change.announce is not None:
            raise _no_announcement()
        if change.end:
            conference.end("conference-ended-via-api")
        return conference.record

    def change_participant(
        self, sid: str, participant: str, change: ParticipantChange
    ) -> ParticipantRecord:
        conference, member = self._member(sid, participant)
        if change.announce is not None:
            raise _no_announcement()
        _check(conference, member, change)
        if change.muted is not None:
            conference.mute(member, change.muted)
        music = change.hold_music
        if change.hold is not None and change.hold is not member.held:
            url, method = (music.url, music.method) if music else (None, "GET")
            conference.hold(member, change.hold, url, method)
        elif music is not None:
            conference.change_hold_music(member, music.url, music.method)
        if change.wait_music is not None:
            conference.change_wait_music(member, change.wait_music.url, change.wait_music.method)
        if change.coached_sid is not None:
            conference.coach(member, change.coached_sid)
        if change.beep_on_exit is not None:
            member.beep_on_exit = change.beep_on_exit
        if change.end_on_exit is not None:
            conference.set_end_on_exit(member, change.end_on_exit)
        return member.record_in(conference.sid)

    def change_recording(
        self, sid: str, recording: str, status: str, pause: str
    ) -> RecordingRecord:
        record = self._conference(sid).change_recording(recording, status, pause)
        if record is None:
            raise not_found(f"Conferences/{sid}/Recordings/{recording}")
        return record

    def remove(self, sid: str, participant: str) -> None:
        if self._conference(sid).give_up(participant):
            return
        conference, member = self._member(sid, participant)
        conference.leave(member.sid, "participant_removed")

    def add(self, name: str, order: NewParticipant) -> ParticipantRecord:
        """Ring a phone of this service; once it answers it is in the conference."""
        handset = self._service.exchange.directory.look_up(order.call.to)
        if handset is None:
            raise Refusal(400, 21214, f"No phone {order.call.to} is here")
        conferences = self._service.exchange.conferences
        conference = conferences.find(name)
        if conference is None:
            conference = conferences.made(self._service, order.call.account_sid, name)
        account = conference.account_sid
        try:
            twiml = self._joining(conference, order)
        except Refusal:
            conference.forget_if_empty()
            raise
        call = replace(order.call, account_sid=account, source=Source(twiml=twiml))
        placed = PlacedCall(
            self._service, call, handset, over=lambda: conference.miss(placed.live.call.sid)
        )
        joining, now = placed.live.call.sid, time.time()
        record = ParticipantRecord(
            conference.sid,
            joining,
            account,
            now,
            now,
            label=order.label,
            status="queued",
            muted=order.muted,
            coaching=bool(order.coached_sid),
            coached_sid=order.coached_sid,
            start_on_enter=order.start_on_enter,
            end_on_exit=order.end_on_exit,
        )
        conference.expect(record, placed.end)

        def ring() -> None:
            conference.rings(joining)
            placed.ring()

        asyncio.get_running_loop().call_soon(ring)
        return record

    def _joining(self, conference: Conference, order: NewParticipant) -> str:
        """The document that a new participant runs; raises Refusal for what cannot be."""
        coached = order.coached_sid
        if coached and coached not in self._service.calls:  # it may be on its way to join
            _check_coached(conference, coached)
        if order.recording is not None and conference.started:
            raise Refusal(400, 20001, "ConferenceRecord comes too late: the conference has started")
        twiml = _joining(conference.name, order)
        if INLINE.max_characters is not None and len(twiml) > INLINE.max_characters:
            raise Refusal(400, 32018, "The URLs of a participant are too long together")
        return twiml

    def _conference(self, sid: str) -> Conference:
        conference = self._service.exchange.conferences.find(sid)
        if conference is None:
            raise not_found(f"Conferences/{sid}")
        return conference

    def _member(self, sid: str, participant: str) -> tuple[Conference, Member]:
        conference = self._conference(sid)
        member = conference.find(participant)
        if member is None:
            raise not_found(f"Conferences/{sid}/Participants/{participant}")
        return conference, member


def _check(conference: Conference, member: Member, change: ParticipantChange) -> None:
    """Refuse what cannot be done before any of it is."""
    if change.coached_sid:
        _check_coached(conference, change.coached_sid)
    if change.coached_sid == member.sid:
        raise Refusal(400, 20001, "CallSidToCoach is the participant itself")
    held = member.held if change.hold is None else change.hold
    if change.hold_music is not None and not held:
        raise Refusal(400, 20001, "HoldUrl is for one who is on hold: send Hold=true with it")
    if change.wait_music is not None and conference.started:
        raise Refusal(400, 20001, "WaitUrl comes too late: the conference has started")


def _check_coached(conference: Conference, sid: str) -> None:
    if sid not in conference.members:
        raise Refusal(400, 20001, f"CallSidToCoach {sid} is not in the conference")


def _no_announcement() -> Refusal:
    return Refusal(400, 20001, "A conference of this service itself makes no announcements")


def _joining(name: str, order: NewParticipant) -> str:
    """The document that a new participant runs."""
    told, wait, recording = order.told, order.wait_music, order.recording
    attributes: dict[str, str] = {
        "muted": _truth(order.muted),
        "beep": order.beep,
        "startConferenceOnEnter": _truth(order.start_on_enter),
        "endConferenceOnExit": _truth(order.end_on_exit),
        "participantLabel": order.label,
        "coach": order.coached_sid,
        "maxParticipants": str(order.max_participants or ""),
        "statusCallback": told.url,
        "statusCallbackMethod": told.method if told.url else "",
        "statusCallbackEvent": " ".join(told.events),
    }
    response = etree.Element("Response")
    dial = etree.SubElement(response, "Dial")
    if recording is not None:
        attributes |= {
            "record": "record-from-start",
            "trim": recording.trim,
            "recordingStatusCallback": recording.told.url,
            "recordingStatusCallbackMethod": recording.told.method if recording.told.url else "",
            "recordingStatusCallbackEvent": " ".join(recording.told.events),
        }
    given = {name: value for name, value in attributes.items() if value}
    if wait is not None:
        given |= {"waitUrl": wait.url, "waitMethod": wait.method}
    try:
        noun = etree.SubElement(dial, "Conference", given)
        noun.text = name
    except ValueError as error:
        raise Refusal(400, 20001, "A value has characters that XML has not") from error
    return etree.tostring(response, encoding="unicode")


def _truth(value: bool) -> str:
    return "true" if value else "false"
