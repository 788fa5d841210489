"""Calls: create, list, fetch, update, delete."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response

from app.rest import rendering
from app.rest.forms import Form, read, read_query
from app.rest.listing import Listing, equals, page, times
from app.rest.unsupported import NEW_CALL, NEW_RECORDING, refuse
from app.service import Service
from app.store.records import CallRecord
from app.store.store import Where
from app.telephony.orders import (
    CallChange,
    MachineDetection,
    NewCall,
    NewRecording,
    Refusal,
    Source,
    Telephony,
    Told,
    not_found,
)
from twiml.document import INLINE

EVENTS = ("initiated", "ringing", "answered", "completed")
RECORDING_EVENTS = ("in-progress", "completed", "absent")
_DIGITS = re.compile(r"[0-9*#wWA-D]{1,32}")
_MAX_TIMEOUT = 600
_MAX_HOURS = 24


def create_router(service: Service, telephony: Telephony) -> APIRouter:
    router = APIRouter()

    @router.post("/Calls", status_code=201)
    @router.post("/Calls.json", status_code=201)
    async def create(request: Request, account: str) -> dict[str, Any]:
        order = new_call(account, await read(request))
        return rendering.call(account, await telephony.place(order))

    @router.get("/Calls")
    @router.get("/Calls.json")
    async def index(request: Request, account: str) -> dict[str, Any]:
        query = read_query(request)
        wheres = equals(
            query,
            {
                "To": "to",
                "From": "from_",
                "Status": "status",
                "ParentCallSid": "parent_sid",
            },
        )
        if began := times(query, "StartTime", "started_at", "created_at"):
            wheres += [*began, Where("status", "queued", "not")]  # nothing has begun yet
        wheres += times(query, "EndTime", "ended_at")
        listing = Listing("calls", f"{rendering.base(account)}/Calls", query)
        return await page(
            service.store,
            CallRecord,
            listing,
            wheres,
            lambda record: rendering.call(account, record),
        )

    @router.get("/Calls/{sid}")
    async def fetch(account: str, sid: str) -> dict[str, Any]:
        return rendering.call(account, await find(service, sid))

    @router.post("/Calls/{sid}")
    async def update(request: Request, account: str, sid: str) -> dict[str, Any]:
        change = call_change(await read(request))
        return rendering.call(account, await telephony.change(_bare(sid), change))

    @router.delete("/Calls/{sid}", status_code=204)
    async def delete(sid: str) -> Response:
        record = await find(service, sid)
        if not record.over:
            raise Refusal(409, 20009, "Cannot delete this resource before it is complete")
        service.ended.pop(record.sid, None)
        service.store.remove(CallRecord, record.sid)
        return Response(status_code=204)

    return router


async def find(service: Service, sid: str) -> CallRecord:
    """A call that runs or has ended; raises Refusal (20404)."""
    sid = _bare(sid)
    live = service.calls.get(sid)
    record = live.record if live else await service.store.find(CallRecord, sid)
    if record is None:
        raise not_found(f"Calls/{sid}")
    return record


def _bare(sid: str) -> str:
    return sid.removesuffix(".json")


def new_call(account: str, form: Form) -> NewCall:
    """The call that a form asks for."""
    refuse(form, NEW_CALL)
    source = read_source(form)
    call = basic_call(account, form)
    if "ApplicationSid" in form:
        raise Refusal(400, 21218, "ApplicationSid is not valid: there are no applications here")
    if source is None:
        raise Refusal(400, 21205, "Url parameter is required")
    return replace(call, source=source, machine=machine(form, "AsyncAmdStatusCallback"))


def basic_call(
    account: str, form: Form, recording_events: tuple[str, ...] = RECORDING_EVENTS
) -> NewCall:
    """The call of a form, whatever it is for; its document and machine detection left aside."""
    if "To" not in form:
        raise Refusal(400, 21201, "No 'To' number is specified")
    if "From" not in form:
        raise Refusal(400, 21213, "'From' phone number is required")
    digits = form.text("SendDigits")
    if digits and _DIGITS.fullmatch(digits) is None:
        raise Refusal(400, 21206, "SendDigits may have 0-9, *, #, w and W, 32 of them at most")
    return NewCall(
        account_sid=account,
        to=form.text("To"),
        from_=form.text("From"),
        source=Source(),
        fallback=Source(form.url("FallbackUrl"), form.method("FallbackMethod")),
        told=told(form, "StatusCallback", EVENTS),
        timeout=form.number("Timeout", 1, _MAX_TIMEOUT, 21208) or 60,
        time_limit=form.number("TimeLimit", 1, _MAX_HOURS * 3600),
        send_digits=digits,
        caller_id=form.text("CallerId"),
        recording=new_recording(form, recording_events) if form.flag("Record") else None,
        sip_username=form.text("SipAuthUsername"),
        sip_password=form.text("SipAuthPassword"),
    )


def call_change(form: Form) -> CallChange:
    """What a form changes about a call."""
    return CallChange(
        source=read_source(form),
        fallback=Source(form.url("FallbackUrl"), form.method("FallbackMethod"))
        if "FallbackUrl" in form
        else None,
        told=told(form, "StatusCallback", EVENTS) if "StatusCallback" in form else None,
        status=form.word("Status", ("completed", "canceled")),
        time_limit=form.number("TimeLimit", 1, _MAX_HOURS * 3600),
    )


def read_source(form: Form) -> Source | None:
    """`Url` or `Twiml`; of both, the URL counts, as on Twilio (32019)."""
    url = form.url("Url")
    if url:
        return Source(url, form.method("Method"))
    twiml = form.text("Twiml")
    if not twiml:
        return None
    if INLINE.max_characters is not None and len(twiml) > INLINE.max_characters:
        raise Refusal(400, 32018, f"Twiml may have {INLINE.max_characters} characters")
    return Source(twiml=twiml)


def told(form: Form, name: str, events: tuple[str, ...]) -> Told:
    """A callback's parameters, which begin with `name`."""
    return Told(form.url(name), form.method(f"{name}Method"), form.words(f"{name}Event", events))


def recording_told(form: Form, name: str, events: tuple[str, ...]) -> Told:
    """As `told`; a recording that failed is `absent` here."""
    wanted = told(form, name, events)
    names = ("absent" if event == "failed" else event for event in wanted.events)
    return replace(wanted, events=tuple(dict.fromkeys(names)))


def new_recording(form: Form, events: tuple[str, ...] = RECORDING_EVENTS) -> NewRecording:
    refuse(form, NEW_RECORDING)
    return NewRecording(
        told=recording_told(form, "RecordingStatusCallback", events),
        channels=form.word("RecordingChannels", ("mono", "dual")) or "mono",
        trim=form.word("Trim", ("trim-silence", "do-not-trim")),
        track=form.word("RecordingTrack", ("inbound", "outbound", "both")) or "both",
    )


def machine(form: Form, callback: str) -> MachineDetection:
    """Whether to look for a machine; `callback` begins the names of who is told."""

    def number(name: str, low: int, high: int) -> str:
        form.number(f"MachineDetection{name}", low, high)
        return form.text(f"MachineDetection{name}")

    return MachineDetection(
        mode=form.word("MachineDetection", ("Enable", "DetectMessageEnd"), 21207),
        timeout=number("Timeout", 3, 59),
        speech_threshold=number("SpeechThreshold", 1000, 6000),
        speech_end_threshold=number("SpeechEndThreshold", 500, 5000),
        silence_timeout=number("SilenceTimeout", 2000, 10_000),
        background=form.word("AsyncAmd", ("true", "false")),
        told=told(form, callback, ()),
    )
