"""A customer's app, run as a process: serves TwiML and WebSocket consumers, prints what it sees.

`python -m tests.e2e.customer PORT [CERT KEY]`. Each line of its output is one JSON object with a
`type`: listening, http, open, text, close. Documents are set with `PUT /documents/NAME` and
served at `/twiml/NAME`; the consumers at `/ws/BEHAVIOUR/…` each behave in one way.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import sys
import zlib
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect

app = FastAPI()
documents: dict[str, dict[str, Any]] = {}


def say(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


async def note(request: Request) -> None:
    form = await request.form()
    say(
        type="http",
        method=request.method,
        path=request.url.path,
        query=request.query_params.multi_items(),
        url=str(request.url),
        headers=dict(request.headers),
        form=[[name, str(value)] for name, value in form.multi_items()],
    )


@app.put("/documents/{name}")
async def put_document(name: str, request: Request) -> None:
    documents[name] = await request.json()


@app.api_route("/twiml/{name}", methods=["GET", "POST"])
async def twiml(name: str, request: Request) -> Response:
    await note(request)
    document = documents.get(name, {"status": 404, "body": "no such document"})
    return Response(
        document["body"],
        status_code=document.get("status", 200),
        headers={"Content-Type": document.get("type", "text/xml")} | document.get("headers", {}),
    )


@app.api_route("/callback/{name}", methods=["GET", "POST"], status_code=204)
async def callback(name: str, request: Request) -> None:
    await note(request)


@app.websocket("/ws/{behaviour}/{name}")
async def consumer(websocket: WebSocket, behaviour: str, name: str) -> None:
    say(
        type="open",
        path=websocket.url.path,
        query=websocket.url.query,
        headers=[[key.decode(), value.decode()] for key, value in websocket.scope["headers"]],
    )
    if behaviour == "refuse":
        await websocket.close()  # before accept: HTTP 403
        return
    await websocket.accept()
    if behaviour == "checksum":
        await checksum(websocket, name)
        return
    code: int | None = None
    try:
        await BEHAVIOURS[behaviour](websocket, name)
    except WebSocketDisconnect as error:
        code = error.code
    else:
        with contextlib.suppress(RuntimeError):
            await websocket.close()
    say(type="close", path=websocket.url.path, code=code)


async def read(websocket: WebSocket) -> dict[str, Any]:
    text = await websocket.receive_text()
    say(type="text", path=websocket.url.path, text=text)
    message: dict[str, Any] = json.loads(text)
    return message


async def started(websocket: WebSocket) -> str:
    while True:
        message = await read(websocket)
        if message["event"] == "start":
            return str(message["streamSid"])


async def sink(websocket: WebSocket, name: str) -> None:
    while True:
        await read(websocket)


async def echo(websocket: WebSocket, name: str) -> None:
    """Send each frame back, and after every tenth a mark."""
    sid = await started(websocket)
    frames = 0
    while True:
        message = await read(websocket)
        if message["event"] != "media":
            continue
        payload = message["media"]["payload"]
        await websocket.send_json(
            {"event": "media", "streamSid": sid, "media": {"payload": payload}}
        )
        frames += 1
        if frames % 10 == 0:
            mark = {"event": "mark", "streamSid": sid, "mark": {"name": f"m{frames}"}}
            await websocket.send_json(mark)


async def close_after(websocket: WebSocket, name: str) -> None:
    """Close the socket after NAME frames."""
    left = int(name)
    while left:
        left -= (await read(websocket))["event"] == "media"


async def rude(websocket: WebSocket, name: str) -> None:
    """Break the protocol in every way that is only warned of, then behave."""
    sid = await started(websocket)
    await websocket.send_bytes(b"\x00\x01")
    for text in (
        "not json",
        '{"event":"mark","streamSid":"%s"}' % sid,
        '{"event":"dtmf","streamSid":"%s","dtmf":{"digit":"1"}}' % sid,
        '{"event":"media","streamSid":"MZ00000000000000000000000000000000","media":{"payload":""}}',
        '{"event":"media","streamSid":"%s","media":{"payload":"***"}}' % sid,
        '{"event":"media","streamSid":"%s"}' % sid,
    ):
        await websocket.send_text(text)
    payload = base64.b64encode(b"\x55" * 160).decode()
    await websocket.send_json({"event": "media", "streamSid": sid, "media": {"payload": payload}})
    await websocket.send_json({"event": "mark", "streamSid": sid, "mark": {"name": "still here"}})
    await sink(websocket, name)


async def interrupt(websocket: WebSocket, name: str) -> None:
    """Send ten seconds of audio with marks, clear when the first media of the caller comes."""
    sid = await started(websocket)
    payload = base64.b64encode(bytes([0x11]) * 40_000).decode()
    for mark in ("a", "b"):
        await websocket.send_json(
            {"event": "media", "streamSid": sid, "media": {"payload": payload}}
        )
        await websocket.send_json({"event": "mark", "streamSid": sid, "mark": {"name": mark}})
    while (await read(websocket))["event"] != "media":
        pass
    await websocket.send_json({"event": "clear", "streamSid": sid})
    payload = base64.b64encode(bytes([0x22]) * 333).decode()
    await websocket.send_json({"event": "media", "streamSid": sid, "media": {"payload": payload}})
    await websocket.send_json({"event": "mark", "streamSid": sid, "mark": {"name": "c"}})
    await sink(websocket, name)


async def checksum(websocket: WebSocket, name: str) -> None:
    """For many calls at once: echo every frame, and say only a summary at the end."""
    frames: dict[str, int] = {}
    crcs: dict[str, int] = {}
    sequence = 0
    stopped = False
    sid = ""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            message = json.loads(await websocket.receive_text())
            if "sequenceNumber" in message:
                sequence += 1
                assert int(message["sequenceNumber"]) == sequence
            if message["event"] == "start":
                sid = message["streamSid"]
                say(type="started", name=name)
            elif message["event"] == "stop":
                stopped = True
            elif message["event"] == "media":
                media = message["media"]
                track = media["track"]
                audio = base64.b64decode(media["payload"])
                frames[track] = frames.get(track, 0) + 1
                crcs[track] = zlib.crc32(audio, crcs.get(track, 0))
                if "two-way" in name:
                    await websocket.send_text(
                        '{"event":"media","streamSid":"%s","media":{"payload":"%s"}}'
                        % (sid, media["payload"])
                    )
    say(type="summary", name=name, frames=frames, crcs=crcs, stopped=stopped)


BEHAVIOURS = {
    "sink": sink,
    "echo": echo,
    "close-after": close_after,
    "rude": rude,
    "interrupt": interrupt,
}


async def main(port: int, cert: str | None = None, key: str | None = None) -> None:
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        log_level="error",
        ssl_certfile=cert,
        ssl_keyfile=key,
        ws_max_size=64 * 1024 * 1024,
    )
    say(type="listening", port=listener.getsockname()[1])
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:4]))
