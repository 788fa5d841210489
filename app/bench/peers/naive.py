"""A relay as one writes it in an afternoon: FastAPI, the `websockets` client, json per frame.

A carrier's socket at /r/PORT/COUNT/CALL is relayed to COUNT apps' sockets at 127.0.0.1:PORT,
/c/CALL/0 and on, and what app 0 says back to the carrier. All is at its default but for three
things: asyncio's event loop instead of uvloop, which uvicorn would take where it is installed; a
log from warnings on; and no look for a proxy. Every ratio rests on this.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, suppress
from typing import Any

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

app = FastAPI()


@app.websocket("/r/{port}/{count}/{call}")
async def relay(carrier: WebSocket, port: int, count: int, call: int) -> None:
    await carrier.accept()
    async with AsyncExitStack() as stack:
        customers = [
            await stack.enter_async_context(
                connect(f"ws://127.0.0.1:{port}/c/{call}/{index}", proxy=None)
            )
            for index in range(count)
        ]
        with suppress(WebSocketDisconnect, ConnectionClosed):
            await forward(carrier, customers, f"MZ{call:032d}")


async def forward(carrier: WebSocket, customers: list[ClientConnection], sid: str) -> None:
    """From the carrier to the apps, until it says `stop`."""
    sequence = 0
    answering = None
    while True:
        message = json.loads(await carrier.receive_text())
        sequence += message["event"] != "connected"
        answer = {**message, "sequenceNumber": str(sequence), "streamSid": sid}
        if message["event"] == "connected":
            answer = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        elif message["event"] == "start":
            answering = asyncio.create_task(
                forward_back(customers[0], carrier, message["start"]["streamSid"])
            )
            answer["start"] = {**message["start"], "streamSid": sid, "customParameters": {}}
        text = json.dumps(answer)
        for customer in customers:
            await customer.send(text)
        if message["event"] == "stop":
            if answering is not None:
                answering.cancel()
            return


async def forward_back(customer: ClientConnection, carrier: WebSocket, carrier_sid: str) -> None:
    """From the app of the two-way stream to the carrier."""
    with suppress(ConnectionClosed, WebSocketDisconnect):
        async for text in customer:
            message: dict[str, Any] = json.loads(text)
            await carrier.send_text(json.dumps({**message, "streamSid": carrier_sid}))


class Server(uvicorn.Server):
    """uvicorn, which says what port it took."""

    async def startup(self, *arguments: Any, **more: Any) -> None:
        await super().startup(*arguments, **more)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(json.dumps({"type": "listening", "port": port}), flush=True)


if __name__ == "__main__":
    Server(uvicorn.Config(app, port=0, loop="asyncio", log_level="warning")).run()
