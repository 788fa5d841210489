"""Health for machines, and what happened on a call for people."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from app.service import Service
from app.webhooks.trust import is_local
from app.workers.siblings import Answer, Siblings, asked
from bridge.call import Call

INCOMPLETE = "Twiml-Bridge-Incomplete"
"""The header of an answer that lacks what a worker would not say; the value says which, and why."""


def create_router(service: Service) -> APIRouter:
    """`/healthz`, `/readyz` and `/calls`."""
    router = APIRouter()

    siblings = service.siblings

    @router.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, Any]:
        """The process lives and its event loop turns."""
        return {"status": "ok"} | ({"worker": siblings.number} if siblings else {})

    @router.get("/readyz", tags=["health"])
    async def readyz(request: Request, response: Response) -> dict[str, Any]:
        """Whether new calls are taken; 503 when the service is full or going down.

        Of several workers each is listed, with what it has given to others and taken from them.
        """
        ready = not service.full
        own = {
            "status": "ready" if ready else "draining" if service.draining else "full",
            "calls": len(service.calls),
            "callbacks_pending": service.engine.sender.pending,
            "store_waiting": service.store.waiting,
            "store_lost": service.store.lost,
            "requests_late": service.requests_late,
            "clock_skipped_ms": service.engine.wheel.skipped_ms,
            "tasks": len(asyncio.all_tasks()),
        }
        if asked(request):
            return {"worker": siblings.number, **own, **asdict(siblings.moves)}
        response.status_code = 200 if ready else 503
        return _together(siblings, own, await siblings.ask("/readyz")) if siblings else own

    @router.get("/calls", tags=["calls"])
    async def calls(request: Request, response: Response) -> list[dict[str, Any]]:
        """Calls that run, and the last that ended.

        If a worker does not say which it has, the header `Twiml-Bridge-Incomplete` says so.
        """
        _require_operator(service, request)
        known = [*service.calls.values(), *service.ended.values()]
        listed = [_summary(live.call) | _where(siblings) for live in known]
        for answer in await siblings.ask_the_same(request):
            if answer.status == 200:
                listed += answer.value
            else:
                response.headers.append(INCOMPLETE, answer.error or f"worker {answer.worker}")
        return sorted(listed, key=lambda call: bool(call["status"] == "completed"))

    @router.get("/calls/{sid}", tags=["calls"])
    async def call(sid: str, request: Request) -> dict[str, Any]:
        """One call with its streams and its timeline."""
        _require_operator(service, request)
        found = service.find(sid)
        if found is not None:
            return describe(found) | _where(siblings)
        answers = await siblings.ask_the_same(request)
        for answer in answers:
            if answer.status == 200:
                record: dict[str, Any] = answer.value
                return record
        for answer in answers:
            if answer.error:
                raise HTTPException(503, f"The call {sid} is not found, but {answer.error}.")
        raise HTTPException(404, f"No call {sid} runs here or has ended of late.")

    return router


def _where(siblings: Siblings) -> dict[str, Any]:
    """Which worker has a call, if there are several."""
    return {"worker": siblings.number} if siblings else {}


def _together(siblings: Siblings, own: dict[str, Any], answers: Iterable[Answer]) -> dict[str, Any]:
    """The health of all workers as one, seen from this one."""
    rows = {siblings.number: {"worker": siblings.number, **own, **asdict(siblings.moves)}}
    for answer in answers:
        rows[answer.worker] = (
            answer.value
            if answer.status == 200
            else {"worker": answer.worker, "status": "no answer", "message": answer.error}
        )
    return {
        "status": own["status"],
        **{
            name: sum(row.get(name, 0) for row in rows.values()) for name in own if name != "status"
        },
        "worker": siblings.number,
        "workers": [rows[number] for number in sorted(rows)],
        "workers_died": siblings.board.deaths,
        "calls_lost": siblings.board.calls_lost,
    }


def _require_operator(service: Service, request: Request) -> None:
    if asked(request):
        return
    token = service.settings.operator_token.get_secret_value()
    if not token:
        if service.settings.local and is_local(service.settings, request):
            return
        raise HTTPException(403, "Set TWIML_BRIDGE_OPERATOR_TOKEN to see calls.")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), token.encode()):
        raise HTTPException(401, "A bearer token is needed.", {"WWW-Authenticate": "Bearer"})


def _summary(call: Call) -> dict[str, Any]:
    return {
        "sid": call.sid,
        "status": call.status.value,
        "direction": call.parties.direction,
        "streams": len(call.streams),
    }


def describe(call: Call) -> dict[str, Any]:
    """A call as JSON: who, which streams with which counters, and what happened when."""
    return {
        **_summary(call),
        "account_sid": call.account_sid,
        "from": call.parties.from_,
        "to": call.parties.to,
        "streams": [
            {
                "sid": media.identity.stream_sid,
                "name": media.identity.name,
                "verb": "connect" if media.identity.bidirectional else "start",
                "tracks": list(media.identity.tracks),
                "state": media.state.value,
                **asdict(media.counters),
            }
            for media in call.streams
        ],
        "timeline": [asdict(entry) for entry in call.timeline.entries],
        "timeline_dropped": call.timeline.dropped,
    }
