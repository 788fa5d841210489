"""Many calls at once: none loses a frame, none hears another."""

from __future__ import annotations

import asyncio
import zlib

import httpx
import pytest

from tests.e2e.carrier import Carrier, CarrierStream, streams_of
from tests.e2e.processes import Bridge, Customer
from tests.e2e.test_streams import tone

pytestmark = pytest.mark.asyncio(loop_scope="module")


CALLS = 200
FRAMES = 100


async def place(service: Bridge, client: httpx.AsyncClient, number: int) -> list[CarrierStream]:
    call = Carrier(service, client)
    document = await call.document(Index=str(number))
    elements = streams_of(document, "Start") + streams_of(document, "Connect")
    return [await call.open(element) for element in elements]


def audio_of(call: int, track: str) -> bytes:
    """Two seconds that no other call or track has."""
    salt = call * 2 + (track == "outbound")
    return bytes(byte ^ (salt & 0xFF) for byte in tone(salt >> 8, FRAMES))


@pytest.mark.timeout(300)
async def test_two_hundred_calls(app: Customer, service: Bridge) -> None:
    """200 calls, each with a one-way and a two-way stream: every frame arrives, at its own call."""
    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        calls: list[list[CarrierStream]] = []
        for number in range(CALLS):
            await app.put(
                '<Response><Start><Stream track="both_tracks"'
                f' url="{app.ws}/ws/checksum/one-way-{number}"/></Start>'
                f'<Connect><Stream url="{app.ws}/ws/checksum/two-way-{number}"/></Connect>'
                "</Response>"
            )
            calls.append(await place(service, client, number))
            calls[-1][1].expected = FRAMES * 160
        await app.out.wait(2 * CALLS, timeout=60, type="started")

        async def talk(number: int) -> None:
            one_way, two_way = calls[number]
            inbound, outbound = audio_of(number, "inbound"), audio_of(number, "outbound")
            loop = asyncio.get_running_loop()
            begin = loop.time()
            for frame in range(FRAMES):
                at = slice(frame * 160, frame * 160 + 160)
                await one_way.speak(inbound[at], "inbound")
                await one_way.speak(outbound[at], "outbound")
                await two_way.speak(inbound[at], "inbound")
                await asyncio.sleep(max(0.0, begin + frame * 0.02 - loop.time()))

        await asyncio.gather(*(talk(number) for number in range(CALLS)))
        async with asyncio.timeout(60):
            for _, two_way in calls:
                await two_way.complete.wait()
        for streams in calls:
            for stream in streams:
                await stream.stop()
        summaries = {
            event["name"]: event
            for event in await app.out.wait(2 * CALLS, timeout=60, type="summary")
        }
    for number in range(CALLS):
        inbound, outbound = audio_of(number, "inbound"), audio_of(number, "outbound")
        heard_two_way = summaries[f"two-way-{number}"]
        assert heard_two_way["frames"] == {"inbound": FRAMES}
        assert heard_two_way["crcs"] == {"inbound": zlib.crc32(inbound)}
        heard_one_way = summaries[f"one-way-{number}"]
        assert heard_one_way["frames"] == {"inbound": FRAMES, "outbound": FRAMES}
        assert heard_one_way["crcs"] == {
            "inbound": zlib.crc32(inbound),
            "outbound": zlib.crc32(outbound),
        }
        assert heard_two_way["stopped"]
        assert heard_one_way["stopped"]
        assert bytes(calls[number][1].heard) == inbound
