"""Audio cut anyhow over real sockets, on both engines: every byte is compared, both ways.

Both peers are raw: messages are cut into fragments, fragments into segments, pings come between.
Time is virtual.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from bridge.engine.signalwire import SignalWireLeg
from tests.support.calls import Story, running_engine
from tests.support.chunks import SID, carrier_media, chunks, customer_media
from tests.support.peers import HOST, tcp_server, upgrade
from tests.support.raw import CLOSE, CONT, PING, PONG, REQUEST, TEXT, Raw, serving
from tests.support.virtual import run_virtually
from twiml.actions import Stream

WAYS = 40
GRACE = 0.002
CARRIER_SID = "7d56a1b2-0000-4000-8000-000000000001"


class Peer:
    """One end: `messages` are what it has got, apart from pongs."""

    def __init__(self, raw: Raw, rng: Random) -> None:
        self.raw = raw
        self.messages: list[Any] = []
        self.pongs = 0
        self.pings = 0
        self.raw_texts: list[bytes] = []
        self._rng = rng
        self._came = asyncio.Event()

    async def listen(self) -> None:
        while True:
            frame = await self.raw.receive()
            if frame.opcode == CLOSE:
                return
            if frame.opcode == PONG:
                assert frame.data == b"%d" % self.pongs
                self.pongs += 1
                continue
            assert frame.opcode == TEXT
            self.raw_texts.append(frame.data)
            self.messages.append(json.loads(frame.data))
            self._came.set()

    async def until(self, event: str, count: int) -> None:
        while sum(message["event"] == event for message in self.messages) < count:
            self._came.clear()
            await self._came.wait()

    async def say(self, *texts: bytes) -> None:
        """Messages in fragments in segments."""
        rng = self._rng
        stream = b""
        for text in texts:
            cuts = sorted(rng.randrange(len(text) + 1) for _ in range(rng.choice([0, 0, 1, 4])))
            for number, (a, b) in enumerate(zip([0, *cuts], [*cuts, len(text)], strict=True)):
                fin = number == len(cuts)
                stream += self.raw.frame(CONT if number else TEXT, text[a:b], fin=fin)
                if rng.random() < 0.1:
                    stream += self.raw.frame(PING, b"%d" % self.pings)
                    self.pings += 1
        while stream:
            size = rng.choice([1, 2, 5, 13, 100, 1_000, 10_000])
            await self.raw.send(stream[:size])
            stream = stream[size:]

    def media(self) -> bytes:
        """The audio that has come."""
        media = [message["media"] for message in self.messages if message["event"] == "media"]
        frames = [base64.b64decode(body["payload"], validate=True) for body in media]
        assert {len(frame) for frame in frames} <= {160}
        return b"".join(frames)


@asynccontextmanager
async def a_call(rng: Random, *, fast: bool) -> AsyncIterator[tuple[Peer, Peer]]:
    """A two-way stream: the carrier's end and the customer's."""
    customers: asyncio.Queue[Raw] = asyncio.Queue()
    ended, done = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        customers.put_nowait(Raw(reader, writer, masks=False))
        await done.wait()

    async with running_engine() as engine, tcp_server(serve) as customer_port:
        story = Story()
        leg = SignalWireLeg(
            engine,
            story.call,
            Stream(connect_url=f"ws://{HOST}:{customer_port}/"),
            stream_sid=SID,
            bidirectional=True,
            ended=lambda _: ended.set(),
        )
        async with serving(lambda *_: leg, fast=fast, max_size=1_000_000) as port:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(REQUEST)
            await reader.readuntil(b"\r\n\r\n")
            carrier = Peer(Raw(reader, writer, masks=True), rng)
            customer = Peer(await customers.get(), rng)
            listening = [asyncio.create_task(peer.listen()) for peer in (carrier, customer)]
            await carrier.say(json.dumps({"event": "start", "start": START}).encode())
            yield carrier, customer
            leg.stop()
            for peer, task in zip((carrier, customer), listening, strict=True):
                await task
                await peer.raw.send(peer.raw.frame(CLOSE, b"\x03\xe8"))
            await ended.wait()
            writer.close()
            done.set()
            (stopped,) = story.told("stream.stopped")
            assert stopped.data["faults"] == stopped.data["frames_dropped"] == 0
            assert story.codes() == []


START = {
    "streamSid": CARRIER_SID,
    "tracks": ["inbound"],
    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
}


def loud(rng: Random, size: int) -> bytes:
    """Any bytes but that of silence, which may fill a frame up where the customer is late."""
    return bytes(rng.randrange(255) for _ in range(size))


@pytest.mark.contract("T61", "T66", "T68", "T73", "T82")
def test_both_ways(fast: bool) -> None:
    """T61, T66, T68, T73, T82: Forty ways to cut audio, over one call's sockets, lose no byte.

    Each way ends in a mark, which comes back in its turn. What the customer gets is one compact
    object of JSON in each text frame; every ping is answered.
    """

    async def main() -> None:
        rng = Random(4)
        async with a_call(rng, fast=fast) as (carrier, customer):
            spoken = played = b""
            for way in range(WAYS):
                up, down = (loud(rng, rng.randrange(3_000)) for _ in range(2))
                at = len(spoken)
                for piece in chunks(rng, up):
                    await carrier.say(carrier_media(rng, piece, at // 8))
                    at += len(piece)
                texts = [customer_media(rng, piece) for piece in chunks(rng, down)]
                mark = {"event": "mark", "streamSid": SID, "mark": {"name": f"way {way}"}}
                await customer.say(*texts, json.dumps(mark).encode())
                spoken += up
                played += down
                await carrier.until("mark", way + 1)
                await carrier.say(json.dumps(carrier.messages[-1]).encode())
                assert carrier.media().replace(b"\xff", b"") == played, f"way {way}"
            await customer.until("mark", WAYS)
            await customer.until("media", len(spoken) // 160)
            assert customer.media() == spoken[: len(spoken) // 160 * 160]
            names = [m["mark"]["name"] for m in customer.messages if m["event"] == "mark"]
            assert names == [f"way {way}" for way in range(WAYS)]
        for text, message in zip(customer.raw_texts, customer.messages, strict=True):
            assert text.decode() == json.dumps(message, separators=(",", ":"))
        numbered = customer.messages[1:]
        assert [m["sequenceNumber"] for m in numbered] == [str(n + 1) for n in range(len(numbered))]
        assert (carrier.pongs, customer.pongs) == (carrier.pings, customer.pings)

    run_virtually(main, grace=GRACE)
