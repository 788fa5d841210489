"""SignalWire's side of a call, played by the test over real HTTP and WebSockets (S section 2).

SignalWire itself cannot run here: this is the one part that is simulated.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import uuid
from typing import Any
from xml.etree import ElementTree

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.processes import SIGNING_KEY, Bridge

FROM, TO = "+15550006789", "+15550001234"


def sign(url: str, form: dict[str, str], key: str = SIGNING_KEY) -> str:
    """SignalWire's signature of a form webhook."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha1).digest()).decode()


class CarrierStream:
    """One media socket, in SignalWire's dialect. What it hears from the bridge is kept.

    `complete` is set when `expected` bytes have been heard.
    """

    def __init__(self, socket: ClientConnection, track: str, call_sid: str) -> None:
        self.socket = socket
        self.track = track
        self.sid = str(uuid.uuid4())
        self.call_sid = call_sid
        self.heard = bytearray()
        self.media_sizes: list[int] = []
        self.messages: list[dict[str, Any]] = []
        self.marks: list[str] = []
        self.clears = 0
        self.expected = 0
        self.complete = asyncio.Event()
        self._sequence = 1
        self._chunks: dict[str, int] = {}
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                message = json.loads(text)
                self.messages.append(message)
                match message["event"]:
                    case "media":
                        audio = base64.b64decode(message["media"]["payload"])
                        self.media_sizes.append(len(audio))
                        self.heard += audio
                        if self.expected and len(self.heard) >= self.expected:
                            self.complete.set()
                    case "mark":
                        # What came before has been paced by the bridge, so it has been played.
                        self.marks.append(message["mark"]["name"])
                        await self.send(event="mark", streamSid=self.sid, mark=message["mark"])
                    case "clear":
                        self.clears += 1
        except ConnectionClosed:
            pass

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def begin(self, **media_format: Any) -> None:
        tracks = {"both_tracks": ["inbound", "outbound"], "outbound_track": ["outbound"]}
        await self.send(event="connected", protocol="Call", version="0.2.0")
        await self.send(
            event="start",
            sequenceNumber="1",
            start={
                "streamSid": self.sid,
                "accountSid": "b08dacad-1111-2222-3333-444455556666",
                "callSid": self.call_sid,
                "tracks": tracks.get(self.track, ["inbound"]),
                "mediaFormat": media_format
                or {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            },
        )

    async def speak(self, audio: bytes, track: str = "inbound", frame: int = 160) -> None:
        """Send audio in frames of 20 ms, as fast as the bridge takes it."""
        for at in range(0, len(audio), frame):
            chunk = self._chunks.get(track, 0)
            self._chunks[track] = chunk + 1
            self._sequence += 1
            await self.send(
                event="media",
                sequenceNumber=str(self._sequence),
                media={
                    "track": track,
                    "chunk": str(chunk + 1),
                    "timestamp": str(chunk * 20),
                    "payload": base64.b64encode(audio[at : at + frame]).decode(),
                },
            )

    async def press(self, digit: str) -> None:
        self._sequence += 1
        await self.send(
            event="dtmf",
            sequenceNumber=str(self._sequence),
            streamSid=self.sid,
            dtmf={"digit": digit, "duration": 200},
        )

    async def stop(self) -> None:
        """End the stream as SignalWire does when a call ends."""
        try:
            await self.send(event="stop", sequenceNumber=str(self._sequence + 1))
        except ConnectionClosed:
            return
        await self.ended()

    def drop(self) -> None:
        """Lose the connection without a word."""
        self.socket.transport.abort()

    async def ended(self) -> None:
        """The bridge has closed the socket."""
        async with asyncio.timeout(20):
            await self.socket.wait_closed()
            await self._reader


async def open_stream(
    url: str, bearer: str | None, track: str, call_sid: str, begin: bool = True
) -> CarrierStream:
    """Connect to a media socket of ours, with the bearer token if there is one."""
    socket = await connect(
        url,
        additional_headers={"Authorization": f"Bearer {bearer}"} if bearer else None,
        compression=None,
        max_size=None,
        proxy=None,
        ping_interval=None,
    )
    stream = CarrierStream(socket, track, call_sid)
    if begin:
        # The bridge may have closed already, if the customer cannot be reached.
        with contextlib.suppress(ConnectionClosed):
            await stream.begin()
    return stream


class Carrier:
    """One SignalWire call: asks for documents, runs the stream verbs, signs what it posts."""

    def __init__(self, bridge: Bridge, client: httpx.AsyncClient) -> None:
        self.bridge = bridge
        self.client = client
        self.call_sid = str(uuid.uuid4())
        self.status = "ringing"

    @property
    def twilio_sid(self) -> str:
        return "CA" + self.call_sid.replace("-", "")

    def form(self, **more: str) -> dict[str, str]:
        return {
            "CallSid": self.call_sid,
            "AccountSid": "b08dacad-1111-2222-3333-444455556666",
            "From": FROM,
            "To": TO,
            "Direction": "inbound",
            "CallStatus": self.status,
            "ApiVersion": "2010-04-01",
            **more,
        }

    async def post(self, url: str, **more: str) -> httpx.Response:
        form = self.form(**more)
        url = url.partition("#")[0]
        return await self.client.post(
            url, data=form, headers={"X-SignalWire-Signature": sign(url, form)}
        )

    async def document(self, url: str | None = None, **more: str) -> ElementTree.Element:
        """Ask for a document; its root."""
        answer = await self.post(url or f"{self.bridge.base_url}/signalwire/cxml", **more)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/xml")
        self.status = "in-progress"
        return ElementTree.fromstring(answer.content)

    async def open(self, element: ElementTree.Element, begin: bool = True) -> CarrierStream:
        """Connect to a `<Stream>` of our answer, showing its bearer token."""
        return await open_stream(
            element.attrib["url"],
            element.attrib["authBearerToken"],
            element.get("track", "inbound_track"),
            self.call_sid,
            begin=begin,
        )

    async def hang_up(self) -> None:
        """Post the number's status callback for the end of the call."""
        self.status = "completed"
        answer = await self.post(f"{self.bridge.base_url}/signalwire/status", CallDuration="7")
        assert answer.status_code == 204


def streams_of(document: ElementTree.Element, verb: str) -> list[ElementTree.Element]:
    return document.findall(f"{verb}/Stream")
