"""A double of `Telephony` behind the real REST door: what a request asks for, or why it may not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from app import rest
from app.service import Service
from app.settings import LOCAL_AUTH_TOKEN, load
from app.store.records import (
    CallRecord,
    ConferenceRecord,
    ParticipantRecord,
    RecordingRecord,
    StreamRecord,
)
from app.telephony import orders
from tests.app.rest.twilio_client import ACCOUNT

CALL, ROOM, RECORDING = "CA" + "1" * 32, "CF" + "1" * 32, f"RE{1:032x}"
AUTH = (ACCOUNT, LOCAL_AUTH_TOKEN)
_RECORDING = RecordingRecord(RECORDING, ACCOUNT, CALL, "in-progress", 1.0, 1.0)


class Noting:
    """It notes what is asked of it and does nothing."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    async def place(self, order: orders.NewCall) -> CallRecord:
        self.asked.append(order)
        return CallRecord(CALL, ACCOUNT, order.from_, order.to, "queued", "outbound-api", 1.0, 1.0)

    async def change(self, sid: str, change: orders.CallChange) -> CallRecord:
        self.asked.append((sid, change))
        return CallRecord(CALL, ACCOUNT, "+1", "+2", "in-progress", "inbound", 1.0, 1.0)

    async def start_stream(self, sid: str, order: orders.NewStream) -> StreamRecord:
        self.asked.append((sid, order))
        return StreamRecord(
            "MZ" + "1" * 32, ACCOUNT, sid, order.name or "", "in-progress", 1.0, 1.0
        )

    async def stop_stream(self, sid: str, stream: str) -> StreamRecord:
        self.asked.append((sid, stream))
        return StreamRecord(stream, ACCOUNT, sid, "", "stopped", 1.0, 1.0)

    async def start_recording(self, sid: str, order: orders.NewRecording) -> RecordingRecord:
        self.asked.append((sid, order))
        return _RECORDING

    async def change_recording(self, *asked: str) -> RecordingRecord:
        self.asked.append(asked)
        return _RECORDING

    async def change_conference(
        self, sid: str, change: orders.ConferenceChange
    ) -> ConferenceRecord:
        self.asked.append((sid, change))
        return ConferenceRecord(ROOM, ACCOUNT, "Room 1", "completed", 10.0, 20.0)

    async def change_conference_recording(self, *asked: str) -> RecordingRecord:
        self.asked.append(asked)
        return _RECORDING

    async def add_participant(
        self, conference: str, order: orders.NewParticipant
    ) -> ParticipantRecord:
        self.asked.append((conference, order))
        return ParticipantRecord(ROOM, CALL, ACCOUNT, 1.0, 1.0, status="queued")

    async def change_participant(
        self, conference: str, participant: str, change: orders.ParticipantChange
    ) -> ParticipantRecord:
        self.asked.append((conference, participant, change))
        return ParticipantRecord(ROOM, CALL, ACCOUNT, 1.0, 1.0, muted=True)

    async def remove_participant(self, conference: str, participant: str) -> None:
        self.asked.append((conference, participant))


Ask = Callable[[str, str, dict[str, Any]], Awaitable[tuple[httpx.Response, object]]]


@asynccontextmanager
async def door() -> AsyncIterator[Ask]:
    """Asks by method, path below the account and form: the answer, and what it asked of Telephony,
    None for nothing."""
    service, noting, app = Service(load(local=True)), Noting(), FastAPI()
    app.include_router(rest.create_router(service, noting))
    rest.answer_refusals(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", auth=AUTH
    ) as client:

        async def ask(
            method: str, path: str, data: dict[str, Any]
        ) -> tuple[httpx.Response, object]:
            noting.asked.clear()
            url = f"/2010-04-01/Accounts/{ACCOUNT}{path}"
            answer = await client.request(method, url, data=data)
            (asked,) = noting.asked or (None,)
            return answer, asked

        yield ask
    await service.close()
