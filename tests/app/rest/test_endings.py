"""Calls that the service itself ends: the record and the callback say the same of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.calls.handsets import Nobody
from app.service import Service
from app.store.records import CallRecord
from tests.app.calls.house import Handset
from tests.app.rest.test_own_calls import BOB, at, has
from tests.app.running import CALLER, until_told


async def shut_down(service: Service) -> None:
    await service.drain()


async def expire(service: Service) -> None:
    service.lifetime = 0.0
    service.sweep()
    await service.engine.sender.drain(10)


@pytest.mark.parametrize("end", [shut_down, expire])
@pytest.mark.parametrize("answers", [False, True])
async def test_what_becomes_of_a_call(
    tmp_path: Path, end: Callable[[Service], Awaitable[None]], answers: bool
) -> None:
    """One that rings is canceled, one that was answered completed: in the store, in REST's answer
    and in what the callback is told, be it at shutdown or at the longest time."""
    async with at(tmp_path) as (twilio, app):
        has(twilio, BOB, Handset() if answers else Nobody())
        call = await twilio.do(
            lambda client: client.calls.create(
                to=BOB,
                from_=CALLER,
                twiml="<Response><Pause length='60'/></Response>",
                status_callback=app.url("/told"),
            )
        )
        service = twilio.server.service
        live = service.calls[call.sid]
        if answers:
            await until_told(live.call, "call.answered")
        await end(service)
        expected = "completed" if answers else "canceled"
        assert (await app.until("/told"))["CallStatus"] == expected
        record = await service.store.find(CallRecord, call.sid)
        assert record is not None
        assert record.status == expected
        assert record.over
        assert (await twilio.do(lambda client: client.calls(call.sid).fetch())).status == expected
        (ended,) = [entry for entry in live.call.timeline.entries if entry.kind == "call.ended"]
        assert ended.data["reason"] in ("shutdown", "time limit")
