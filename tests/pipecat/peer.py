"""A consumer made of Pipecat's own parts, run by the Python that has them.

    python tests/pipecat/peer.py BASE_URL ACCOUNT_SID AUTH_TOKEN

Says its port, as JSON on a line of its own. Of each stream it reads whose it is by Pipecat's
runner, sends back the first half second of what it hears by Pipecat's serializer, and, when that
has been heard, hangs up by it, over REST, and once more when the call is over. Another line says
what Pipecat made of it, a last one what came beside media until the socket's end.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from loguru import logger
from pipecat.frames.frames import EndFrame, InputAudioRawFrame, OutputAudioRawFrame
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from websockets.asyncio.server import ServerConnection, serve

RATE = 16_000
"""Samples a second in the pipeline; the serializer converts."""
HEARD_FRAMES = 25


def say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


class Socket:
    """What Pipecat asks of a web framework's socket."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    async def iter_text(self) -> AsyncIterator[str | bytes]:
        async for message in self._connection:
            yield message


async def converse(
    connection: ServerConnection, logs: list[str], base_url: str, account: str, token: str
) -> None:
    kind, call = await parse_telephony_websocket(Socket(connection))

    async def serializer() -> TwilioFrameSerializer:
        made = TwilioFrameSerializer(
            call["stream_id"],
            call_sid=call["call_id"],
            account_sid=account,
            auth_token=token,
            base_url=base_url,
        )
        await made.setup(SimpleNamespace(audio_in_sample_rate=RATE))
        return made

    first = await serializer()
    heard = bytearray()
    frames = 0
    async for message in connection:
        frame = await first.deserialize(message)
        if isinstance(frame, InputAudioRawFrame):
            heard += frame.audio
            frames += 1
        if frames == HEARD_FRAMES:
            break
    answer = await first.serialize(OutputAudioRawFrame(bytes(heard), RATE, 1))
    assert answer is not None
    await connection.send(answer)
    mark = {"event": "mark", "streamSid": call["stream_id"], "mark": {"name": "heard"}}
    await connection.send(json.dumps(mark))
    events: list[str] = []
    async for message in connection:
        event = json.loads(message)["event"]
        if event != "media":
            events.append(event)
        if event == "mark":
            logs.clear()
            await first.serialize(EndFrame())
            await (await serializer()).serialize(EndFrame())
            say(kind=kind, call=call["call_id"], body=call["body"], logs=logs)
    say(events=events)


async def main(base_url: str, account: str, token: str) -> None:
    logs: list[str] = []
    logger.remove()
    logger.add(lambda line: logs.append(str(line)), level="DEBUG", format="{message}")

    async def handle(connection: ServerConnection) -> None:
        await converse(connection, logs, base_url, account, token)

    async with serve(handle, "127.0.0.1", 0) as server:
        say(port=next(iter(server.sockets)).getsockname()[1])
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main(*sys.argv[1:]))
