"""Taps through the whole service: its own port or UDP ports, and a customer's consumer."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app import grants
from app.grants import StreamGrant
from app.live import LiveCall
from app.service import Service
from app.settings import SettingsError, load
from app.taps import Tap, open_taps
from bridge.playout import SILENCE
from tests.app.running import local_service, new_call, serving, told
from tests.support.peers import Consumer, consumer, next_event
from tests.support.rtp import free_range, joined, sender, sent
from twiml.actions import Stream, Track

SID = "MZ" + "4" * 32
HEADER = '{"content-type":"audio/mulaw;rate=8000"}'


class Case:
    """A call of a running service, and a customer's consumer."""

    def __init__(self, service: Service, app: Consumer) -> None:
        self.service = service
        self.app = app
        self.live: LiveCall = service.calls[new_call(service).sid]

    def open(self, track: Track = Track.BOTH, sid: str = SID, **noun: Any) -> tuple[Tap, ...]:
        stream = Stream(**{"url": self.app.url, "connect_url": self.app.url, "track": track} | noun)
        return open_taps(self.service, self.live.context, stream, sid)

    async def customer(self) -> ServerConnection:
        """The customer's socket, once it has been told of the start."""
        customer = await self.app.accept()
        await next_event(customer, "start")
        return customer

    def hang_up(self) -> None:
        self.service.end_call(self.live.call.sid, "completed")

    @property
    def ports_in_use(self) -> int:
        assert self.service.engine.ports is not None
        return self.service.engine.ports.in_use


@asynccontextmanager
async def case(**given: object) -> AsyncIterator[Case]:
    """At the end nothing of the call is left."""
    async with consumer() as app, serving(**given) as server:
        running = Case(server.service, app)
        yield running
        running.hang_up()
        assert running.live.taps == {}
        assert not running.live.has_media
        assert len(running.service.tokens) == 0
        assert running.service.engine.ports is None or running.ports_in_use == 0


@asynccontextmanager
async def rtp_case(ports: int, **given: object) -> AsyncIterator[Case]:
    """The same with so many ports for RTP."""
    numbers = free_range(ports)
    bounds = f"{numbers.start}-{numbers.stop - 1}"
    async with case(
        rtp_host="127.0.0.1", rtp_bind="127.0.0.1", rtp_ports=bounds, **given
    ) as running:
        yield running


async def carrier(tap: Tap) -> ClientConnection:
    """SignalWire opens a tap's socket, as it can: without a bearer token."""
    return await connect(tap.uri, proxy=None, ping_interval=None, compression=None)


async def refusal(tap: Tap) -> int:
    with pytest.raises(InvalidStatus) as refused:
        await carrier(tap)
    return refused.value.response.status_code


async def tracks_of(customer: ServerConnection) -> dict[str, bytes]:
    """What a customer gets of each track, until stop; the last message is that."""
    heard: dict[str, bytes] = {}
    event = ""
    async for text in customer:
        message = json.loads(text)
        event = message["event"]
        if event == "media":
            media = message["media"]
            audio = base64.b64decode(media["payload"])
            heard[media["track"]] = heard.get(media["track"], b"") + audio
    assert event == "stop"
    return heard


# Over WebSockets


@pytest.mark.contract("S31")
async def test_where_taps_are_opened() -> None:
    """Each track has a tap of its own: ours, with the token in the path and no query string."""
    async with case() as call:
        taps = call.open()
        assert [tap.direction for tap in taps] == ["speak", "listen"]
        origin = f"ws{call.service.base_url.removeprefix('http')}"
        for tap in taps:
            assert re.fullmatch(re.escape(origin) + "/media/[A-Za-z0-9_-]{43}", tap.uri)
        assert len({tap.uri for tap in taps}) == 2
        (inbound,) = call.open(Track.INBOUND, "MZ" + "5" * 32)
        (outbound,) = call.open(Track.OUTBOUND, "MZ" + "6" * 32)
        assert (inbound.direction, outbound.direction) == ("speak", "listen")
        assert not call.live.has_media


async def test_taps_of_a_public_service() -> None:
    """Behind TLS the taps' URLs are wss, below the service's own path."""
    async with local_service(public_url="https://bridge.example.com/tb") as service:
        live = service.calls[new_call(service).sid]
        (tap,) = open_taps(service, live.context, Stream(), SID)
        assert tap.uri.startswith("wss://bridge.example.com/tb/media/")


async def test_two_taps_are_one_stream_of_the_customers() -> None:
    """What the party says and hears comes through two sockets, and goes out through one."""
    said, heard = joined(sent(50)), joined(sent(50, first=3))[::-1]
    async with case() as call:
        speak, listen = [await carrier(tap) for tap in call.open()]
        customer = await call.customer()
        assert call.live.has_media
        for socket in (listen, speak):
            await socket.send(HEADER)
        for at in range(0, 8_000, 160):
            await speak.send(said[at : at + 160])
            await listen.send(heard[at : at + 160])
        await speak.close()
        await listen.close()
        assert await tracks_of(customer) == {"inbound": said, "outbound": heard}
        assert call.app.connections.empty()
        (media,) = call.live.call.streams
        assert media.identity.stream_sid == SID
        assert media.counters.frames_sent == 100


async def test_a_token_opens_its_tap_once() -> None:
    """A tap's URL works once, also when its socket is closed again, and for nothing else."""
    async with case() as call:
        speak, _ = taps = call.open()
        first = await carrier(speak)
        assert await refusal(speak) == 404
        await first.close()
        assert await refusal(speak) == 404
        path, _, token = taps[1].uri.rpartition("/")
        forged = Tap("listen", f"{path}/{token[::-1]}")
        assert await refusal(forged) == 401  # all but a tap's token needs a bearer
        assert not call.service.tokens.made_for(grants.MEDIA, token)
        assert call.service.tokens.made_for(grants.TAP, token)


async def test_a_media_token_still_needs_its_bearer() -> None:
    """Without a bearer token only a tap's token is let in."""
    async with case() as call:
        grant = StreamGrant(call.live.context, SID, Stream(), False)
        token = call.service.tokens.issue(grants.MEDIA, call.live.call.sid, grant)
        origin = f"ws{call.service.base_url.removeprefix('http')}"
        assert await refusal(Tap("speak", f"{origin}/media/{token}")) == 401


async def test_taps_of_a_stream_that_is_over() -> None:
    """When the stream has ended there is nothing left to open."""
    async with case() as call:
        speak, listen = call.open()
        socket = await carrier(speak)
        customer = await call.customer()
        await customer.close()
        await socket.wait_closed()
        assert await refusal(listen) == 404
        assert call.live.taps == {}


@pytest.mark.parametrize("end", ["hang up", "drain"])
async def test_the_calls_end(end: str) -> None:
    """The end of the call, or of the service, gives the customer stop and closes the taps."""
    async with case() as call:
        speak, listen = call.open()
        socket = await carrier(speak)
        await socket.send(HEADER)
        await socket.send(b"\x01" * 200)
        customer = await call.customer()
        await next_event(customer, "media")
        if end == "drain":
            await call.service.drain()
        else:
            call.hang_up()
        assert await tracks_of(customer) == {"inbound": b"\x01" * 40 + SILENCE[:120]}
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert await refusal(listen) == 404


async def test_a_call_that_is_over_has_no_taps() -> None:
    """Asked for after the call's end there are none, and none are kept."""
    async with case() as call:
        call.hang_up()
        assert call.open() == ()


async def test_calls_with_media_count() -> None:
    """A tap that runs makes its call one that counts, however long nothing else is heard of it."""
    async with case() as call:
        (speak,) = call.open(Track.INBOUND)
        call.live.last_seen -= 61
        assert call.service.active == 0
        socket = await carrier(speak)
        customer = await call.customer()
        assert call.service.active == 1
        await socket.close()
        await tracks_of(customer)
        assert call.service.active == 0


# Over RTP


async def test_taps_over_rtp() -> None:
    """Each track has a port; a webhook that knows the stream's sid ends the taps one by one."""
    async with rtp_case(2) as call:
        taps = call.open()
        assert [tap.direction for tap in taps] == ["speak", "listen"]
        ports = []
        for tap in taps:
            match = re.fullmatch(r"rtp://127\.0\.0\.1:(\d+)", tap.uri)
            assert match is not None
            ports.append(int(match[1]))
        assert call.ports_in_use == 2
        said, played = sent(50), sent(50, ssrc=9, timestamp=5, first=7)[::-1]
        heard = {"inbound": b"", "outbound": b""}
        with sender(ports[0]) as speak, sender(ports[1]) as listen:
            speak.send(*said)
            listen.send(*played)
            customer = await call.customer()
            while min(map(len, heard.values())) < 8_000:
                media = (await next_event(customer, "media"))["media"]
                heard[media["track"]] += base64.b64decode(media["payload"])
        assert heard == {"inbound": joined(said), "outbound": joined(played[::-1])}
        leg = call.live.taps[SID]
        leg.ended("speak")
        assert call.ports_in_use == 1
        leg.ended("listen")
        assert call.ports_in_use == 0
        assert call.live.taps == {}
        assert await tracks_of(customer) == {}
        assert call.app.connections.empty()


async def test_the_calls_end_over_rtp() -> None:
    """The call's end stops a stream whose packets do not, and its ports are given back."""
    async with rtp_case(2) as call:
        taps = call.open()
        with sender(int(taps[0].uri.rpartition(":")[2])) as speak:
            speak.send(*sent(10))
            customer = await call.customer()
            call.hang_up()
            speak.send(*sent(10))
        await tracks_of(customer)
        assert call.ports_in_use == 0


async def test_when_no_port_is_left() -> None:
    """A stream that finds too few ports fails with a clear error and takes none."""
    async with rtp_case(3) as call:
        assert len(call.open()) == 2
        second = "MZ" + "5" * 32
        assert call.open(sid=second) == ()
        assert call.ports_in_use == 2
        (refused,) = told(call.live.call, "tap.refused")
        assert refused.level == "error"
        assert refused.data["stream"] == second
        assert "all 3 RTP ports" in refused.data["message"]
        assert "TWIML_BRIDGE_RTP_PORTS" in refused.data["advice"]
        (error,) = told(call.live.call, "stream.error")
        assert (error.data["stream"], error.data["code"]) == (second, 31900)
        assert list(call.live.taps) == [SID]


async def test_an_address_that_is_not_this_machines() -> None:
    """A service that could not receive RTP does not start, and says which setting is wrong."""
    settings = load(local=True, rtp_host="127.0.0.1", rtp_bind="192.0.2.1")
    with pytest.raises(SettingsError, match=r"^TWIML_BRIDGE_RTP_BIND: 192\.0\.2\.1: .*0\.0\.0\.0"):
        Service(settings)
