"""What the doors ask of a conference that SignalWire carries, asked of its compatibility REST."""

from __future__ import annotations

import time
from dataclasses import replace

from app.carrier.answers import CXML, flag, recording_of, text
from app.carrier.client import SignalWireRest, foreign_id, resource
from app.carrier.forms import participant_fields
from app.live import LiveCall
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
from app.webhooks.links import CallLinks


class CarriedConferences:
    """The part of `Telephony` that is about conferences."""

    def __init__(self, service: Service, rest: SignalWireRest) -> None:
        self._service = service
        self._rest = rest

    async def change_conference(self, sid: str, change: ConferenceChange) -> ConferenceRecord:
        if change.announce is not None:
            raise Refusal(400, 20001, "Announce to each participant: SignalWire has no other way")
        record = await self._service.store.find(ConferenceRecord, sid)
        path = resource("Conferences", foreign_id(sid, "CF"))
        answer = await self._rest.post(path, (("Status", "completed"),))
        now = time.time()
        record = record or ConferenceRecord(
            sid, "", text(answer, "friendly_name"), "in-progress", now, now, carrier=CXML
        )
        record = replace(record, status=text(answer, "status") or record.status, updated_at=now)
        self._service.store.save(record)
        return record

    async def change_conference_recording(
        self, conference: str, recording: str, status: str, pause: str
    ) -> RecordingRecord:
        known = await self._service.store.find(RecordingRecord, recording)
        theirs = (known.carrier_id if known else "") or foreign_id(recording, "RE")
        path = resource("Conferences", foreign_id(conference, "CF"), "Recordings", theirs)
        answer = await self._rest.post(path, (("Status", status), ("PauseBehavior", pause)))
        record = recording_of(
            self._rest,
            answer,
            known
            or RecordingRecord(
                "",
                self._service.settings.account_sid,
                "",
                "",
                time.time(),
                0.0,
                conference_sid=conference,
                source="Conference",
            ),
        )
        self._service.store.save(record)
        return record

    async def add_participant(self, conference: str, order: NewParticipant) -> ParticipantRecord:
        raise Refusal(
            400,
            20001,
            "A participant is not called by this service: create a call whose TwiML dials the"
            " conference",
        )

    async def change_participant(
        self, conference: str, participant: str, change: ParticipantChange
    ) -> ParticipantRecord:
        path = self._participant(conference, participant)
        if change.beep_on_exit is not None or change.end_on_exit is not None:
            raise Refusal(
                400,
                20001,
                "BeepOnExit and EndConferenceOnExit cannot be changed: SignalWire has no such"
                " parameter",
            )
        coached = change.coached_sid
        change = replace(
            change,
            hold_music=self._heard(participant, change.hold_music, "waitUrl"),
            announce=self._heard(participant, change.announce, "url"),
            wait_music=self._heard(participant, change.wait_music, "waitUrl"),
            coached_sid=change.coached_sid and self._call_id(change.coached_sid),
        )
        answer = await self._rest.post(path, participant_fields(change))
        known = await self._service.store.find(ParticipantRecord, conference, participant)
        now = time.time()
        record = replace(
            known or ParticipantRecord(conference, participant, "", now, now),
            updated_at=now,
            muted=flag(answer, "muted", known.muted if known else False),
            hold=flag(answer, "hold", known.hold if known else False),
        )
        if coached is not None:
            record = replace(record, coached_sid=coached, coaching=bool(coached))
        self._service.store.save(record)
        return record

    async def remove_participant(self, conference: str, participant: str) -> None:
        await self._rest.delete(self._participant(conference, participant))
        self._service.store.remove(ParticipantRecord, conference, participant)

    def _heard(self, participant: str, source: Source | None, attribute: str) -> Source | None:
        """Our URL of what a participant hears aside, which must be translated."""
        if source is None or not source.url:
            return source
        links = CallLinks(self._service, self._live(participant).context)
        return Source(links.document(source.url, source.method, "Conference", attribute))

    def _participant(self, conference: str, participant: str) -> str:
        """SignalWire knows a participant by its call alone, not by a label."""
        call_id = self._call_id(participant)
        return resource("Conferences", foreign_id(conference, "CF"), "Participants", call_id)

    def _call_id(self, sid: str) -> str:
        live = self._service.calls.get(sid)
        return live.carriage.call_id if live and live.carriage else foreign_id(sid, "CA")

    def _live(self, sid: str) -> LiveCall:
        live = self._service.calls.get(sid)
        if live is None:
            raise not_found(sid)
        return live
