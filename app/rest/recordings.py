"""Recordings: of a call, of a conference, of the account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from app.rest import rendering
from app.rest.calls import find, new_recording
from app.rest.conferences import find_conference
from app.rest.forms import Form, read, read_query
from app.rest.listing import Listing, equals, page, times
from app.restoring import files_of
from app.service import Service
from app.store.records import RecordingRecord
from app.store.store import Where
from app.telephony.orders import Refusal, Telephony, not_found


def create_router(service: Service, telephony: Telephony) -> APIRouter:
    router = APIRouter()

    def shown(account: str, record: RecordingRecord) -> dict[str, Any]:
        return rendering.recording(account, record, service.base_url)

    async def listed(
        account: str, query: Form, path: str, wheres: Sequence[Where]
    ) -> dict[str, Any]:
        listing = Listing("recordings", f"{rendering.base(account)}{path}", query)
        return await page(
            service.store,
            RecordingRecord,
            listing,
            [*wheres, *times(query, "DateCreated", "created_at")],
            lambda record: shown(account, record),
        )

    @router.get("/Recordings")
    @router.get("/Recordings.json")
    async def index(request: Request, account: str) -> dict[str, Any]:
        query = read_query(request)
        query.flag("IncludeSoftDeleted")  # what is deleted here is gone
        fields = {"CallSid": "call_sid", "ConferenceSid": "conference_sid"}
        return await listed(account, query, "/Recordings", equals(query, fields))

    @router.get("/Calls/{call}/Recordings")
    @router.get("/Calls/{call}/Recordings.json")
    async def of_call(request: Request, account: str, call: str) -> dict[str, Any]:
        await find(service, call)
        path = f"/Calls/{call}/Recordings"
        return await listed(account, read_query(request), path, [Where("call_sid", call)])

    @router.get("/Conferences/{conference}/Recordings")
    @router.get("/Conferences/{conference}/Recordings.json")
    async def of_conference(request: Request, account: str, conference: str) -> dict[str, Any]:
        await find_conference(service, conference)
        path = f"/Conferences/{conference}/Recordings"
        wheres = [Where("conference_sid", conference)]
        return await listed(account, read_query(request), path, wheres)

    @router.post("/Calls/{call}/Recordings", status_code=201)
    @router.post("/Calls/{call}/Recordings.json", status_code=201)
    async def create(request: Request, account: str, call: str) -> dict[str, Any]:
        order = new_recording(await read(request))
        return shown(account, await telephony.start_recording(call, order))

    @router.get("/Calls/{call}/Recordings/{sid}")
    async def fetch_of_call(account: str, call: str, sid: str) -> dict[str, Any]:
        return shown(account, await find_recording(service, sid, call))

    @router.post("/Calls/{call}/Recordings/{sid}")
    async def update(request: Request, account: str, call: str, sid: str) -> dict[str, Any]:
        status, pause = _change(await read(request))
        sid = sid.removesuffix(".json")
        return shown(account, await telephony.change_recording(call, sid, status, pause))

    @router.get("/Conferences/{conference}/Recordings/{sid}")
    async def fetch_of_conference(account: str, conference: str, sid: str) -> dict[str, Any]:
        return shown(account, await find_recording(service, sid, conference=conference))

    @router.post("/Conferences/{conference}/Recordings/{sid}")
    async def update_of_conference(
        request: Request, account: str, conference: str, sid: str
    ) -> dict[str, Any]:
        status, pause = _change(await read(request))
        sid = sid.removesuffix(".json")
        record = await telephony.change_conference_recording(conference, sid, status, pause)
        return shown(account, record)

    @router.delete("/Recordings/{sid}", status_code=204)
    async def delete(sid: str) -> Response:
        return await _deleted(service, await find_recording(service, sid))

    @router.delete("/Calls/{call}/Recordings/{sid}", status_code=204)
    async def delete_of_call(call: str, sid: str) -> Response:
        return await _deleted(service, await find_recording(service, sid, call))

    @router.delete("/Conferences/{conference}/Recordings/{sid}", status_code=204)
    async def delete_of_conference(conference: str, sid: str) -> Response:
        return await _deleted(service, await find_recording(service, sid, conference=conference))

    return router


def _change(form: Form) -> tuple[str, str]:
    """What a recording is to be, and what a pause leaves in it."""
    status = form.word("Status", ("paused", "in-progress", "stopped"))
    if not status:
        raise Refusal(400, 20001, "Status must be paused, in-progress or stopped")
    return status, form.word("PauseBehavior", ("skip", "silence")) or "silence"


async def find_recording(
    service: Service, sid: str, call: str = "", *, conference: str = ""
) -> RecordingRecord:
    """A recording, of that call or conference if one is named; raises Refusal (20404)."""
    sid = sid.removesuffix(".json")
    record = await service.store.find(RecordingRecord, sid)
    if (
        record is None
        or (call and record.call_sid != call)
        or (conference and record.conference_sid != conference)
    ):
        raise not_found(f"Recordings/{sid}")
    return record


async def _deleted(service: Service, record: RecordingRecord) -> Response:
    if record.status in ("in-progress", "paused", "processing"):
        raise Refusal(409, 20009, "Cannot delete this resource before it is complete")
    for path in files_of(service.settings.data_dir / "recordings", record):
        await asyncio.to_thread(path.unlink, missing_ok=True)
    service.store.remove(RecordingRecord, record.sid)
    return Response(status_code=204)
