"""A service that listens, and Twilio's library pointed at it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.app.rest.carried import Carried, carried_calls
from tests.app.rest.twilio_client import Twilio
from tests.app.running import serving


@pytest_asyncio.fixture
async def twilio() -> AsyncIterator[Twilio]:
    async with serving() as server:
        client = Twilio(server)
        yield client
        client.close()


@pytest_asyncio.fixture
async def carried() -> AsyncIterator[Carried]:
    async with carried_calls() as client:
        yield client
