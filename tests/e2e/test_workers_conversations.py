"""Whole conversations again, in each of SignalWire's languages, with every request and socket of a
call landing where the kernel has it: at any of three workers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.e2e.landing import moves
from tests.e2e.processes import Bridge, Customer, bridge
from tests.e2e.test_conversations import (
    test_a_recording,
    test_a_stream_that_signalwire_cannot_open,
    test_a_whole_conversation,
    test_one_way_streams,
)
from tests.e2e.test_dialling import test_a_queue, test_several_parties_and_a_recording
from tests.e2e.told import Calls

__all__ = (
    "test_a_queue",
    "test_a_recording",
    "test_a_stream_that_signalwire_cannot_open",
    "test_a_whole_conversation",
    "test_one_way_streams",
    "test_several_parties_and_a_recording",
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(app: Customer) -> AsyncIterator[Bridge]:
    async with bridge(
        app.voice_url(),
        workers="3",
        status_callback=f"{app.http}/callback/call-status",
    ) as running:
        yield running
        await check_moves(running)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strict_service(app: Customer) -> AsyncIterator[Bridge]:
    async with bridge(app.voice_url(), workers="3", swml_dialect="strict") as running:
        yield running
        await check_moves(running)


async def check_moves(service: Bridge) -> None:
    """Requests, and sockets if they happened to, have changed hands, and none was refused."""
    assert sum(await moves(service, 0, "requests_given")) > 0
    for what in ("requests", "sockets"):
        given = sum(await moves(service, 0, f"{what}_given"))
        assert given == sum(await moves(service, 0, f"{what}_taken"))
        assert sum(await moves(service, 0, f"{what}_refused")) == 0


@pytest_asyncio.fixture(params=["cxml", "full", "strict"], loop_scope="module")
async def calls(
    request: pytest.FixtureRequest, service: Bridge, strict_service: Bridge
) -> AsyncIterator[Calls]:
    """Calls that use a new connection for each request."""
    used = strict_service if request.param == "strict" else service
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(trust_env=False, timeout=20, limits=limits) as client:
        yield Calls(request.param, used, client)
