"""A relay for tests that does things wrong: `python relay.py FAULT...`, a call's number says which.

The faults: none; drop, double, disorder, spoil, swap one in ten of a stream's frames, each also
with -back for what an app says; delay all by 50 ms; pipe (nothing is rewritten); hang-up.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

FAULTS = sys.argv[1:]
DELAY = 0.05
EVERY = 10
LONGEST = 10  # frames after which `hang-up` hangs up

Message = dict[str, Any]
Pass = Callable[[Message], list[Message]]
swapped: defaultdict[str, list[str]] = defaultdict(list)


def faulty(fault: str, way: str) -> Pass:
    """What becomes of one stream's media messages, on their way to the app or, "-back", from it."""
    count = 0
    held: list[Message] = []
    name, back, _ = fault.partition("-back")
    wrong = name if way == back else "none"

    def handle(message: Message) -> list[Message]:
        nonlocal count
        count += 1
        if count % EVERY:
            return [message, *(held.pop() for _ in held[:])]
        payload = message["media"]["payload"]
        if wrong == "drop":
            return []
        if wrong == "double":
            return [message, message]
        if wrong == "disorder":
            held.append(message)
            return []
        if wrong == "spoil":
            message["media"]["payload"] = payload[:100] + "////" + payload[104:]
        if wrong == "swap":
            others = swapped[fault]
            others.append(payload)
            message["media"]["payload"] = others[len(others) - 2]
        return [message]

    return handle


async def relay(carrier: ServerConnection) -> None:
    assert carrier.request is not None
    _, _, port, count, call = carrier.request.path.split("/")
    sid, fault = f"MZ{int(call):032d}", FAULTS[int(call) % len(FAULTS)]
    async with AsyncExitStack() as stack:
        apps = [
            await stack.enter_async_context(
                connect(f"ws://127.0.0.1:{port}/c/{call}/{index}", proxy=None)
            )
            for index in range(int(count))
        ]
        passes = [faulty(fault, "") for _ in apps]
        frames = 0
        answering: asyncio.Task[None] | None = None
        async for text in carrier:
            message = json.loads(text)
            if message["event"] == "start":
                start = message["start"]
                answering = asyncio.create_task(answer(fault, apps[0], carrier, start["streamSid"]))
                message["start"] = {**start, "streamSid": sid}
            if fault != "pipe":
                message["streamSid"] = sid
            for app, handle in zip(apps, passes, strict=True):
                media = message["event"] == "media"
                for out in handle(json.loads(json.dumps(message))) if media else [message]:
                    await send(fault, app, out)
            frames += message["event"] == "media"
            if message["event"] == "stop" or (fault == "hang-up" and frames == LONGEST):
                break
        if answering is not None:
            answering.cancel()


async def answer(fault: str, app: ClientConnection, carrier: ServerConnection, sid: str) -> None:
    handle = faulty(fault, "-back")
    with suppress(ConnectionClosed):
        async for text in app:
            for out in handle(json.loads(text)):
                await send(fault, carrier, {**out, "streamSid": sid})


async def send(fault: str, socket: ClientConnection | ServerConnection, message: Message) -> None:
    if fault == "delay":
        loop = asyncio.get_running_loop()
        loop.call_later(DELAY, lambda: loop.create_task(deliver(socket, json.dumps(message))))
    else:
        await socket.send(json.dumps(message))


async def deliver(socket: ClientConnection | ServerConnection, text: str) -> None:
    with suppress(ConnectionClosed):
        await socket.send(text)


async def main() -> None:
    async with serve(relay, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        print(json.dumps({"type": "listening", "port": port}), flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main())
