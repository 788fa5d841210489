"""Streams beside everything else: what the app is sent is what the caller says and hears."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection

from bridge.sound.dtmf import digit_pieces
from bridge.sound.waves import silence
from tests.app.calls.house import House, at_home, sounding
from tests.support.peers import consumer
from tests.support.sound import keys_heard

SAID = bytes(range(1, 101)) * 80


async def to_the_end(socket: ServerConnection) -> list[Any]:
    return [json.loads(text) async for text in socket]


def track(messages: list[Any], name: str) -> bytes:
    media = [m["media"] for m in messages if m["event"] == "media"]
    return b"".join(base64.b64decode(m["payload"]) for m in media if m["track"] == name)


def test_the_outbound_track_is_what_the_caller_hears(tmp_path: Path) -> None:
    """A stream beside speech, tones, a pause and a two-way stream has, frame for frame, what the
    caller says and what the caller hears."""

    async def main(home: House) -> None:
        async with consumer() as listener, consumer() as talker:

            async def talk() -> None:
                socket = await talker.accept()
                start = json.loads(await anext(aiter(socket)))
                while start["event"] != "start":
                    start = json.loads(await anext(aiter(socket)))
                payload = base64.b64encode(b"\x33" * 1600).decode()
                media = {"event": "media", "streamSid": start["streamSid"]}
                await socket.send(json.dumps({**media, "media": {"payload": payload}}))
                mark = {"event": "mark", "streamSid": start["streamSid"], "mark": {"name": "m"}}
                await socket.send(json.dumps(mark))
                async for text in socket:
                    if json.loads(text)["event"] == "mark":
                        await socket.close()

            async def listen() -> list[Any]:
                return await to_the_end(await listener.accept())

            talking, listening = asyncio.create_task(talk()), asyncio.create_task(listen())
            call, outcome = await home.call(
                f'<Start><Stream track="both_tracks" url="{listener.url}"/></Start>'
                '<Pause length="1"/><Say>Hello.</Say><Play digits="12"/>'
                f'<Connect><Stream url="{talker.url}"/></Connect><Play digits="3"/>',
                SAID,
            )
            await talking
            messages = await listening
            heard = track(messages, "outbound")
            assert len(heard) == len(outcome.heard)
            assert heard == outcome.heard
            assert track(messages, "inbound").startswith(SAID)
            assert sounding(b"\x33" * 1600) in sounding(heard)
            assert keys_heard(heard).endswith("3")
            assert call.told("stream.error") == []

    at_home(main, tmp_path)


def test_dtmf_in_band(tmp_path: Path) -> None:
    """A key heard as tones in the caller's voice comes to a two-way stream as `dtmf`."""

    async def main(home: House) -> None:
        async with consumer() as talker:
            audio = silence(500) + b"".join(digit_pieces("5")) + silence(500)
            call = home.begin(f'<Connect><Stream url="{talker.url}"/></Connect>', audio)
            socket = await talker.accept()
            async for text in socket:
                message = json.loads(text)
                if message["event"] == "dtmf":
                    assert message["dtmf"]["digit"] == "5"
                    break
            call.hang_up()
            await call.over()

    at_home(main, tmp_path)
