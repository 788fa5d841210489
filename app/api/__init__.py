"""Health for machines, and what happened on a call for people."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from app.service import Service
from app.webhooks.trust import is_loopback
from bridge.call import Call


def create_router(service: Service) -> APIRouter:
    """`/healthz`, `/readyz` and `/calls`."""
    router = APIRouter()

    @router.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """The process lives and its event loop turns."""
        return {"status": "ok"}

    @router.get("/readyz", tags=["health"])
    async def readyz(response: Response) -> dict[str, Any]:
        """Whether new calls are taken; 503 when the service is full or going down."""
        ready = not service.full
        response.status_code = 200 if ready else 503
        return {
            "status": "ready" if ready else "draining" if service.draining else "full",
            "calls": len(service.calls),
            "callbacks_pending": service.engine.sender.pending,
            "tasks": len(asyncio.all_tasks()),
        }

    @router.get("/calls", tags=["calls"])
    async def calls(request: Request) -> list[dict[str, Any]]:
        """Calls that run, and the last that ended."""
        _require_operator(service, request)
        known = [*service.calls.values(), *service.ended.values()]
        return [_summary(live.call) for live in known]

    @router.get("/calls/{sid}", tags=["calls"])
    async def call(sid: str, request: Request) -> dict[str, Any]:
        """One call with its streams and its timeline."""
        _require_operator(service, request)
        found = service.find(sid)
        if found is None:
            raise HTTPException(404, f"No call {sid} runs here or has ended of late.")
        return describe(found)

    return router


def _require_operator(service: Service, request: Request) -> None:
    token = service.settings.operator_token.get_secret_value()
    if not token:
        if service.settings.local and is_loopback(request):
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
