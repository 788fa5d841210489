"""Streams of a call: create and stop, one-way only; there is no other request (T section 11)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from app.rest import rendering
from app.rest.calls import told
from app.rest.forms import Form, read
from app.service import Service
from app.telephony.orders import NewStream, Refusal, Telephony

_MAX_PARAMETERS = 99


def create_router(_service: Service, telephony: Telephony) -> APIRouter:
    router = APIRouter()

    @router.post("/Calls/{call}/Streams")
    @router.post("/Calls/{call}/Streams.json")
    async def create(request: Request, account: str, call: str) -> dict[str, Any]:
        order = new_stream(await read(request))
        return rendering.stream(account, await telephony.start_stream(call, order))

    @router.post("/Calls/{call}/Streams/{stream}")
    async def update(request: Request, account: str, call: str, stream: str) -> dict[str, Any]:
        form = await read(request)
        if form.word("Status", ("stopped",)) != "stopped":
            raise Refusal(400, 20001, "Status must be stopped")
        stream = stream.removesuffix(".json")
        return rendering.stream(account, await telephony.stop_stream(call, stream))

    return router


def new_stream(form: Form) -> NewStream:
    if "Url" not in form:
        raise Refusal(400, 21205, "Url parameter is required")
    parameters = []
    for number in range(1, _MAX_PARAMETERS + 1):
        name, value = (form.text(f"Parameter{number}.{part}") for part in ("Name", "Value"))
        if name:
            parameters.append((name, value))
    return NewStream(
        url=form.text("Url"),
        name=form.text("Name") or None,
        track=form.text("Track") or None,
        told=told(form, "StatusCallback", ()),
        parameters=tuple(parameters),
    )
