"""Conferences and who is in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response

from app.rest import rendering
from app.rest.calls import basic_call, machine, recording_told, told
from app.rest.forms import Form, read, read_query
from app.rest.listing import Listing, equals, page, times
from app.rest.unsupported import NEW_PARTICIPANT, refuse
from app.service import Service
from app.store.records import ConferenceRecord, ParticipantRecord
from app.store.store import Where
from app.telephony.orders import (
    ConferenceChange,
    NewParticipant,
    NewRecording,
    ParticipantChange,
    Refusal,
    Source,
    Telephony,
    not_found,
)

_EVENTS = ("start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement")
_RECORDING_EVENTS = ("in-progress", "completed", "failed", "absent")
_RECORDED = {"true": True, "record-from-start": True, "false": False, "do-not-record": False}
_BEEPS = ("true", "false", "onEnter", "onExit")


def create_router(service: Service, telephony: Telephony) -> APIRouter:
    router = APIRouter()

    @router.get("/Conferences")
    @router.get("/Conferences.json")
    async def index(request: Request, account: str) -> dict[str, Any]:
        query = read_query(request)
        wheres = equals(query, {"FriendlyName": "friendly_name", "Status": "status"})
        wheres += times(query, "DateCreated", "created_at")
        wheres += times(query, "DateUpdated", "updated_at")
        listing = Listing("conferences", f"{rendering.base(account)}/Conferences", query)
        return await page(
            service.store,
            ConferenceRecord,
            listing,
            wheres,
            lambda record: rendering.conference(account, record),
        )

    @router.get("/Conferences/{sid}")
    async def fetch(account: str, sid: str) -> dict[str, Any]:
        return rendering.conference(account, await find_conference(service, sid))

    @router.post("/Conferences/{sid}")
    async def update(request: Request, account: str, sid: str) -> dict[str, Any]:
        form = await read(request)
        change = ConferenceChange(
            end=form.word("Status", ("completed",)) == "completed",
            announce=_source(form, "Announce"),
        )
        if not change.end and change.announce is None:
            raise Refusal(400, 20001, "Status or AnnounceUrl is required")
        record = await telephony.change_conference(sid.removesuffix(".json"), change)
        return rendering.conference(account, record)

    @router.get("/Conferences/{sid}/Participants")
    @router.get("/Conferences/{sid}/Participants.json")
    async def participants(request: Request, account: str, sid: str) -> dict[str, Any]:
        await find_conference(service, sid)
        query = read_query(request)
        wheres: list[Where] = [Where("conference_sid", sid)]
        for name, field in (("Muted", "muted"), ("Hold", "hold"), ("Coaching", "coaching")):
            flag = query.flag(name)
            wheres += [] if flag is None else [Where(field, flag)]
        path = f"{rendering.base(account)}/Conferences/{sid}/Participants"
        return await page(
            service.store,
            ParticipantRecord,
            Listing("participants", path, query),
            wheres,
            lambda record: rendering.participant(account, record),
        )

    @router.post("/Conferences/{sid}/Participants", status_code=201)
    @router.post("/Conferences/{sid}/Participants.json", status_code=201)
    async def add(request: Request, account: str, sid: str) -> dict[str, Any]:
        order = new_participant(account, await read(request))
        return rendering.participant(account, await telephony.add_participant(sid, order))

    @router.get("/Conferences/{sid}/Participants/{participant}")
    async def fetch_participant(account: str, sid: str, participant: str) -> dict[str, Any]:
        record = await _find_participant(service, sid, participant.removesuffix(".json"))
        return rendering.participant(account, record)

    @router.post("/Conferences/{sid}/Participants/{participant}")
    async def change(request: Request, account: str, sid: str, participant: str) -> dict[str, Any]:
        wanted = participant_change(await read(request))
        record = await telephony.change_participant(sid, participant.removesuffix(".json"), wanted)
        return rendering.participant(account, record)

    @router.delete("/Conferences/{sid}/Participants/{participant}", status_code=204)
    async def remove(sid: str, participant: str) -> Response:
        await telephony.remove_participant(sid, participant.removesuffix(".json"))
        return Response(status_code=204)

    return router


async def find_conference(service: Service, sid: str) -> ConferenceRecord:
    """A conference that runs or is over; raises Refusal (20404)."""
    sid = sid.removesuffix(".json")
    record = await service.store.find(ConferenceRecord, sid)
    if record is None:
        raise not_found(f"Conferences/{sid}")
    return record


async def _find_participant(
    service: Service, conference: str, participant: str
) -> ParticipantRecord:
    """By the sid of its call, or by its label."""
    record = await service.store.find(ParticipantRecord, conference, participant)
    if record is None:
        wheres = [Where("conference_sid", conference), Where("label", participant)]
        named = await service.store.select(ParticipantRecord, wheres, limit=1)
        record = named.records[0] if named.records and participant else None
    if record is None:
        raise not_found(f"Conferences/{conference}/Participants/{participant}")
    return record


def _source(form: Form, name: str, method: str = "POST") -> Source | None:
    """A URL of TwiML or music whose parameters begin with `name`, asked by `method` by default."""
    url = form.url(f"{name}Url")
    return Source(url, form.method(f"{name}Method", method)) if url else None


def _wait(form: Form) -> Source | None:
    """As `_source`; an empty URL is silence."""
    if form.has("WaitUrl") and not form.text("WaitUrl"):
        return Source("")
    return _source(form, "Wait")


def _coached(form: Form) -> str | None:
    """The sid of the call to be coached; empty: none any more, None: as it was."""
    coaching, sid = form.flag("Coaching"), form.text("CallSidToCoach")
    if coaching and not sid:
        raise Refusal(400, 20001, "CallSidToCoach is required when Coaching is true")
    return "" if coaching is False else sid or None


def _conference_recording(form: Form) -> NewRecording | None:
    if not _RECORDED.get(form.word("ConferenceRecord", tuple(_RECORDED))):
        return None
    return NewRecording(
        told=recording_told(form, "ConferenceRecordingStatusCallback", _RECORDING_EVENTS),
        trim=form.word("ConferenceTrim", ("trim-silence", "do-not-trim")),
    )


def participant_change(form: Form) -> ParticipantChange:
    return ParticipantChange(
        muted=form.flag("Muted"),
        hold=form.flag("Hold"),
        hold_music=_source(form, "Hold", "GET"),
        announce=_source(form, "Announce"),
        wait_music=_wait(form),
        beep_on_exit=form.flag("BeepOnExit"),
        end_on_exit=form.flag("EndConferenceOnExit"),
        coached_sid=_coached(form),
    )


def new_participant(account: str, form: Form) -> NewParticipant:
    refuse(form, NEW_PARTICIPANT)
    form.flag("EarlyMedia")  # there is nothing to hear of a phone that rings
    call = basic_call(account, form, _RECORDING_EVENTS)
    return NewParticipant(
        call=replace(call, machine=machine(form, "AmdStatusCallback")),
        label=form.text("Label"),
        muted=form.flag("Muted") or False,
        beep=form.word("Beep", _BEEPS) or "true",
        start_on_enter=form.flag("StartConferenceOnEnter") is not False,
        end_on_exit=form.flag("EndConferenceOnExit") or False,
        wait_music=_wait(form),
        coached_sid=_coached(form) or "",
        max_participants=form.number("MaxParticipants", 2, 250),
        told=told(form, "ConferenceStatusCallback", _EVENTS),
        recording=_conference_recording(form),
    )
