"""One service in several processes: calls whose parts land apart."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import permutations

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.e2e.carrier import Carrier, CarrierStream, sign, streams_of
from tests.e2e.landing import LandingCarrier, client_at, health, landed, moves
from tests.e2e.processes import Bridge, Customer, bridge
from tests.e2e.test_streams import media_of, tone
from tests.support.tokens import forged

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORKERS = 3


@pytest.fixture(scope="module", params=["picows", "websockets"])
def media_engine(request: pytest.FixtureRequest) -> str:
    """With either engine."""
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(app: Customer, media_engine: str) -> AsyncIterator[Bridge]:
    async with bridge(
        app.voice_url(),
        workers=str(WORKERS),
        media_engine=media_engine,
        status_callback=f"{app.http}/callback/call-status",
        operator_token="op",
    ) as running:
        yield running


async def record_at(service: Bridge, worker: int, sid: str) -> httpx.Response:
    async with aclosing(await client_at(service, worker)) as client:
        headers = {"Authorization": "Bearer op"}
        return await client.get(f"{service.base_url}/calls/{sid}", headers=headers)


def grown(before: list[int], after: list[int]) -> list[int]:
    return [now - then for then, now in zip(before, after, strict=True)]


@pytest.mark.parametrize(("home", "near", "far"), list(permutations(range(WORKERS))))
async def test_a_call_whose_parts_land_apart(
    app: Customer, service: Bridge, home: int, near: int, far: int
) -> None:
    """Webhook, sockets, continuation, callbacks: each lands at another worker, and all is whole.

    That each landed where it should is in the workers' counters.
    """
    name = f"apart-{home}{near}{far}"
    await app.put(
        f'<Response><Start><Stream url="{app.ws}/ws/sink/{name}-one" track="both_tracks"/></Start>'
        f'<Start><Stream url="{app.ws}/ws/sink/{name}-own"/></Start>'
        f'<Dial><Number statusCallback="{app.http}/callback/{name}-leg">+15550009999</Number>'
        "</Dial>"
        f'<Connect action="/twiml/next"><Stream url="{app.ws}/ws/echo/{name}-two"'
        f' statusCallback="{app.http}/callback/{name}"/></Connect></Response>'
    )
    await app.put("<Response><Say>over</Say></Response>", "next")
    before = {what: await moves(service, home, what) for what in ("sockets_given",
        "sockets_taken", "requests_given", "requests_taken")}  # fmt: skip
    call = LandingCarrier(service, WORKERS, home)
    document = await (await call.at(near)).document()
    one_way, own = streams_of(document, "Start")
    (two_way,) = streams_of(document, "Connect")
    one = await call.open_at(far, one_way)
    here = await call.open_at(home, own)
    two = await call.open_at(near, two_way)
    inbound, outbound = tone(home * 16 + near, 40), tone(home * 16 + far + 8, 40)
    two.expected = len(inbound)
    for stream in (one, here, two):
        await stream.speak(inbound)
    await one.speak(outbound, "outbound")
    async with asyncio.timeout(20):
        await two.complete.wait()
    assert bytes(two.heard) == inbound
    await app.wait_message(f"/ws/sink/{name}-one", "media", 80)
    await app.wait_message(f"/ws/sink/{name}-own", "media", 40)
    assert media_of(app.messages(f"/ws/sink/{name}-one"), "inbound") == inbound
    assert media_of(app.messages(f"/ws/sink/{name}-one"), "outbound") == outbound
    assert media_of(app.messages(f"/ws/sink/{name}-own"), "inbound") == inbound
    assert media_of(app.messages(f"/ws/echo/{name}-two"), "inbound") == inbound
    for worker in range(WORKERS):
        answer = await record_at(service, worker, call.twilio_sid)
        assert (answer.status_code, answer.json()["worker"]) == (200, home)
        assert len(answer.json()["streams"]) == 3
    for stream in (one, here, two):
        await stream.stop()
    action = document.findtext("Redirect")
    said = await (await call.at(far)).document(action)
    assert said[0].text == "over"
    number = document.find("Dial/Number").attrib["statusCallback"]  # type: ignore[union-attr]
    assert (await call.post(number, CallStatus="completed", CallDuration="3")).status_code == 204
    await (await call.at(near)).document()  # the same webhook once more is the same call
    await (await call.at(far)).hang_up()
    await app.wait_callbacks(f"{name}-leg", 1)
    forms = await app.wait_callbacks(name, 2)
    assert [form["StreamEvent"] for form in forms] == ["stream-started", "stream-stopped"]
    ended = await record_at(service, near, call.twilio_sid)
    assert (ended.json()["status"], ended.json()["worker"]) == ("completed", home)
    order = (home, near, far)
    for what, expected in {
        "sockets_given": (0, 1, 1),
        "sockets_taken": (2, 0, 0),
        "requests_given": (0, 2, 3),
        "requests_taken": (5, 0, 0),
    }.items():
        difference = grown(before[what], await moves(service, near, what))
        assert tuple(difference[worker] for worker in order) == expected, what
    await call.client.aclose()


async def test_signatures_are_verified_where_a_request_ends_up(
    app: Customer, service: Bridge
) -> None:
    """A relayed request is held against its own URL, query and body; a wrong one is refused."""
    await app.put("<Response><Say>hello</Say></Response>")
    call = await LandingCarrier(service, WORKERS, 0).at(1)
    given = await moves(service, 0, "requests_given")
    form = call.form(SpeechResult="é & + %41", Empty="")
    for url in (
        f"{service.base_url}/signalwire/cxml?a=1&b=%C3%A9%2F",
        f"{service.base_url}/signalwire/cxml",
    ):
        for headers, status in (
            ({"X-SignalWire-Signature": sign(url, form)}, 200),
            ({"X-SignalWire-Signature": sign(url, form, "PSK_wrong")}, 403),
            ({}, 403),
        ):
            answer = await call.client.post(url, data=form, headers=headers)
            assert answer.status_code == status, answer.text
    assert grown(given, await moves(service, 0, "requests_given")) == [0, 6, 0]
    for content, kind in ((b"CallSid=x", "text/plain"), (b"{", "application/json")):
        answer = await call.client.post(
            f"{service.base_url}/signalwire/cxml", content=content, headers={"Content-Type": kind}
        )
        assert answer.status_code == 415
    big = b"CallSid=1&x=" + b"x" * 300_000
    answer = await call.client.post(
        f"{service.base_url}/signalwire/cxml",
        content=big,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 413
    await call.hang_up()
    await call.client.aclose()


async def test_tokens_that_are_none(app: Customer, service: Bridge) -> None:
    """A forged, altered, used or misplaced token is a 404 at every worker, and is not passed on."""
    await app.put(f'<Response><Connect><Stream url="{app.ws}/ws/sink/none"/></Connect></Response>')
    call = LandingCarrier(service, WORKERS, 0)
    (element,) = streams_of(await (await call.at(1)).document(), "Connect")
    url, bearer = element.attrib["url"], element.attrib["authBearerToken"]
    base, _, token = url.rpartition("/")
    given = await moves(service, 0, "sockets_given")
    for worker in range(WORKERS):
        for wrong in (forged(token), "AAAA", "A" * 43):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{base}/{wrong}", sock=await landed(service, worker), proxy=None)
            assert refused.value.response.status_code in (401, 404)
        async with aclosing(await client_at(service, worker)) as client:
            for kind in ("cxml", "callback", "play"):
                path = f"{service.base_url}/signalwire/{kind}/{token}"
                answer = await (client.get(path) if kind == "play" else call.post(path))
                assert answer.status_code == 404
    assert await moves(service, 0, "sockets_given") == given
    headers = {"Authorization": f"Bearer {bearer}"}
    stream = await call.open_at(2, element)
    await stream.stop()
    for worker in range(WORKERS):
        with pytest.raises(InvalidStatus) as refused:
            await connect(
                url, sock=await landed(service, worker), additional_headers=headers, proxy=None
            )
        assert refused.value.response.status_code == 404
        assert b"has been used" in (refused.value.response.body or b"")
    assert grown(given, await moves(service, 0, "sockets_given")) == [0, 1, 2]
    await call.hang_up()
    await call.client.aclose()


CALLS, FRAMES = 100, 50


async def test_a_hundred_calls_whose_sockets_change_hands(app: Customer, service: Bridge) -> None:
    """100 calls at once, two sockets each, wherever they land: nothing is lost or mixed up."""
    given = await moves(service, 0, "sockets_given")
    taken = await moves(service, 0, "sockets_taken")
    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:

        def audio(number: int) -> bytes:
            return bytes(byte ^ number for byte in tone(7, FRAMES))

        documents = []
        for number in range(CALLS):
            await app.put(
                f'<Response><Start><Stream url="{app.ws}/ws/checksum/one-way-{number}"/></Start>'
                f'<Connect><Stream url="{app.ws}/ws/checksum/two-way-{number}"/></Connect>'
                "</Response>"
            )
            call = Carrier(service, client)
            documents.append((call, await call.document()))

        async def place(call: Carrier, number: int) -> list[CarrierStream]:
            document = documents[number][1]
            elements = streams_of(document, "Start") + streams_of(document, "Connect")
            streams = await asyncio.gather(*map(call.open, elements))
            streams[1].expected = FRAMES * 160
            loop = asyncio.get_running_loop()
            begin = loop.time()
            for frame in range(FRAMES):
                for stream in streams:
                    await stream.speak(audio(number)[frame * 160 : frame * 160 + 160])
                await asyncio.sleep(max(0.0, begin + frame * 0.02 - loop.time()))
            async with asyncio.timeout(60):
                await streams[1].complete.wait()
            for stream in streams:
                await stream.stop()
            return streams

        streams = await asyncio.gather(
            *(place(call, number) for number, (call, _) in enumerate(documents))
        )
        for call, _ in documents:
            await call.hang_up()
    events = await app.out.wait(2 * CALLS, timeout=60, type="summary")
    summaries = {event["name"]: event for event in events}
    for number in range(CALLS):
        assert bytes(streams[number][1].heard) == audio(number)
        for way in ("one-way", "two-way"):
            summary = summaries[f"{way}-{number}"]
            assert summary["frames"] == {"inbound": FRAMES}
            assert summary["crcs"] == {"inbound": zlib.crc32(audio(number))}
            assert summary["stopped"]
    gave = sum(grown(given, await moves(service, 0, "sockets_given")))
    assert gave == sum(grown(taken, await moves(service, 0, "sockets_taken")))
    assert 0 < gave < 2 * CALLS  # some landed at home
    assert (await health(service, 0))["calls"] == 0
