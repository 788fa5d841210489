"""Health for machines; calls for operators only."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from app.main import Server
from bridge.call import CallStatus
from tests.app.running import CALLED, CALLER, client_of, new_call, serving
from twiml.actions import Stream, Track

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIVE = {"local": False, "public_url": "https://bridge.example.com", "auth_token": "token"}


async def test_health() -> None:
    """A service that lives says so to anyone, and how many calls it has."""
    async with serving(max_calls=1) as server, client_of(server) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        answer = await client.get("/readyz")
        assert answer.status_code == 200
        told = answer.json()
        assert told.pop("tasks") > 0
        assert told == {
            "status": "ready",
            "calls": 0,
            "callbacks_pending": 0,
            "store_waiting": 0,
            "store_lost": 0,
            "requests_late": 0,
            "clock_skipped_ms": 0,
        }
        new_call(server.service)
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "full")
        await server.service.drain()
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "draining")
        assert (await client.get("/healthz")).status_code == 200


async def test_what_the_store_lacks() -> None:
    """What waits for the database, and what it will never take, is told."""
    async with serving() as server, client_of(server) as client:
        store = server.service.store
        live = server.service.calls[new_call(server.service).sid]
        assert store.waiting  # the call's first record
        await store.flush()
        told = (await client.get("/readyz")).json()
        assert (told["store_waiting"], told["store_lost"]) == (0, 0)
        store.save(replace(live.record, to="\ud800"))
        await store.flush()
        told = (await client.get("/readyz")).json()
        assert (told["store_waiting"], told["store_lost"]) == (0, 1)
        store.save(live.record)


async def test_a_clock_that_stood_still() -> None:
    """Time that calls lack because the service did nothing for too long is told."""
    async with serving() as server, client_of(server) as client:
        ticked = asyncio.Event()
        cancel = server.service.engine.wheel.subscribe(ticked.set, lambda: None)
        time.sleep(1.2)  # noqa: ASYNC251 -- the stall itself
        await ticked.wait()
        cancel()
        told = (await client.get("/readyz")).json()
        assert told["clock_skipped_ms"] == 5 * server.service.engine.wheel.skipped >= 1_000


async def test_a_call_and_its_streams() -> None:
    """A call is shown while it runs and when it has ended, with its streams and timeline."""
    async with serving() as server, client_of(server) as client:
        service = server.service
        call = new_call(service)
        call.begin_stream(
            Stream(url="wss://x/y", connect_url="wss://x/y", name="n", track=Track.BOTH),
            bidirectional=False,
            random_bytes=service.engine.random_bytes,
        )
        (listed,) = (await client.get("/calls")).json()
        assert listed == {
            "sid": call.sid,
            "status": "ringing",
            "direction": "inbound",
            "streams": 1,
        }
        service.end_call(call.sid, "test")
        assert call.status is CallStatus.COMPLETED
        record = (await client.get(f"/calls/{call.sid}")).json()
        assert (record["from"], record["to"]) == (CALLER, CALLED)
        (stream,) = record["streams"]
        assert re.fullmatch("MZ[0-9a-f]{32}", stream["sid"])
        assert (stream["name"], stream["verb"]) == ("n", "start")
        assert stream["tracks"] == ["inbound", "outbound"]
        assert stream["frames_sent"] == 0
        assert [entry["kind"] for entry in record["timeline"]] == ["call.began", "call.ended"]
        assert record["timeline_dropped"] == 0
        (listed,) = (await client.get("/calls")).json()
        assert listed["status"] == "completed"
        assert (await client.get("/calls/CA0")).status_code == 404


async def test_the_last_calls_are_kept() -> None:
    """Of calls that have ended the last 200 are shown."""
    async with serving() as server, client_of(server) as client:
        for number in range(201):
            server.service.end_call(new_call(server.service, number).sid, "test")
        shown = [each["sid"] for each in (await client.get("/calls")).json()]
        assert shown == [f"CA{number:032x}" for number in range(1, 201)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded() -> AsyncIterator[Server]:
    async with serving(operator_token="op-secret") as running:
        yield running


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer op-secret", 200),
        ("bearer op-secret", 200),
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("Bearer op-secret2", 401),
        ("Bearer op-secre", 401),
        ("Basic op-secret", 401),
        ("op-secret", 401),
        ("Bearer é", 401),
    ],
)
async def test_the_operators_token(guarded: Server, authorization: str | None, status: int) -> None:
    """With a token set, it and nothing else opens calls, to this machine too."""
    async with client_of(guarded) as client:
        headers = [] if authorization is None else [(b"Authorization", authorization.encode())]
        for path, found in (("/calls", 200), ("/calls/CA0", 404)):
            answer = await client.get(path, headers=headers)
            assert answer.status_code == (found if status == 200 else 401)
            if status == 401:
                assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_without_a_token_calls_are_this_machines() -> None:
    """In local mode only this machine sees calls, and not a request that was passed on."""
    async with serving() as server, client_of(server) as client:
        assert (await client.get("/calls")).status_code == 200
        answer = await client.get("/calls", headers={"X-Forwarded-For": "127.0.0.1"})
        assert answer.status_code == 403


async def test_a_live_service_shows_nothing_that_was_not_asked_for() -> None:
    """Outside local mode: no calls without a token, no example agent, no pages about the API."""
    async with serving(**LIVE) as server, client_of(server) as client:
        assert (await client.get("/calls")).status_code == 403
        for path in ("/docs", "/redoc", "/openapi.json", "/agent/voice", "/agent/calls"):
            assert (await client.get(path)).status_code == 404
        assert "server" not in (await client.get("/healthz")).headers
