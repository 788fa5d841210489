"""The agent's endpoints, as Twilio calls them."""

from __future__ import annotations

import html
import json
from contextlib import suppress

from fastapi import (
    FastAPI,
    HTTPException,
    Request,
    Response,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
)

from app.agent.calls import Call, Calls
from app.agent.echo import Echo, Message
from app.agent.signature import is_signed, site

VOICE = """<?xml version="1.0" encoding="UTF-8"?>
<Response>
  <Start>
    <Stream name="listener" url="{ws}/listen" track="both_tracks" statusCallback="{http}/status"/>
  </Start>
  <Connect>
    <Stream url="{ws}/stream" statusCallback="{http}/status">
      <Parameter name="greeting" value="Say something; I repeat it. # now, * ends."/>
    </Stream>
  </Connect>
  <Stop><Stream name="listener"/></Stop>
  <Hangup/>
</Response>
"""


def create_agent(auth_token: str | None = None) -> FastAPI:
    """The agent as an app of its own; its records are in `state.calls`, a `Calls`.

    With `auth_token`, everything Twilio sends must carry a valid X-Twilio-Signature.
    """
    agent = FastAPI(title="Echo agent", openapi_url=None)
    calls = agent.state.calls = Calls()

    @agent.api_route("/voice", methods=["GET", "POST"])
    async def voice(request: Request) -> Response:
        await read_form(request, auth_token)
        path = request.scope.get("root_path", "")
        urls = {scheme: html.escape(site(request, scheme) + path) for scheme in ("http", "ws")}
        return Response(VOICE.format_map(urls), media_type="text/xml")

    @agent.api_route("/status", methods=["GET", "POST"], status_code=204)
    async def status(request: Request) -> None:
        form = dict(await read_form(request, auth_token) or request.query_params.multi_items())
        if call_sid := form.get("CallSid"):
            calls.record(call_sid).statuses.append(form)

    @agent.websocket("/stream")
    async def stream(websocket: WebSocket) -> None:
        with suppress(WebSocketDisconnect):
            await accept(websocket, auth_token)
            call, stream_sid = await started(websocket, calls)
            await converse(websocket, Echo(call, stream_sid))
            await websocket.close()

    @agent.websocket("/listen")
    async def listen(websocket: WebSocket) -> None:
        with suppress(WebSocketDisconnect):
            await accept(websocket, auth_token)
            call, _ = await started(websocket, calls)
            await count_frames(websocket, call)
            await websocket.close()

    @agent.get("/calls")
    async def list_calls() -> list[dict[str, object]]:
        return [call.as_json() for call in calls.all()]

    @agent.get("/calls/{call_sid}")
    async def show_call(call_sid: str) -> dict[str, object]:
        if call := calls.get(call_sid):
            return call.as_json()
        raise HTTPException(404, "no such call among the latest")

    return agent


async def accept(websocket: WebSocket, auth_token: str | None) -> None:
    if not is_signed(websocket, auth_token):
        raise WebSocketException(1008, "X-Twilio-Signature is missing or wrong")
    await websocket.accept()


async def started(websocket: WebSocket, calls: Calls) -> tuple[Call, str]:
    """Wait for `start`, which tells whose audio follows."""
    while True:
        match await receive(websocket):
            case {"event": "start", "streamSid": str(stream_sid), "start": dict(start)}:
                call = calls.record(str(start.get("callSid")))
                call.parameters = start.get("customParameters") or call.parameters
                return call, stream_sid


async def converse(websocket: WebSocket, echo: Echo) -> None:
    try:
        while not echo.finished:
            message = await receive(websocket)
            try:
                replies = echo.receive(message)
            except ValueError:
                echo.call.ignored += 1
                continue
            for reply in replies:
                await websocket.send_text(json.dumps(reply))
    except WebSocketDisconnect:
        echo.end("disconnected")
        raise


async def count_frames(websocket: WebSocket, call: Call) -> None:
    while True:
        match await receive(websocket):
            case {"event": "media", "media": {"track": str(track), "chunk": str(chunk)}}:
                try:
                    call.listened[track].count(chunk)
                except (KeyError, ValueError):
                    call.ignored += 1
            case {"event": "stop"}:
                return
            case _:
                call.ignored += 1


async def receive(websocket: WebSocket) -> Message:
    """The next message; an empty one for anything that is not a JSON object in a text frame."""
    try:
        message = json.loads(await websocket.receive_text())
    except (KeyError, TypeError, ValueError, RecursionError):  # KeyError: a binary frame
        return {}
    return message if isinstance(message, dict) else {}


async def read_form(request: Request, auth_token: str | None) -> list[tuple[str, str]]:
    """The posted parameters; 403 if they should be signed and are not."""
    async with request.form() as form:
        items = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    if not is_signed(request, auth_token, items):
        raise HTTPException(403, "X-Twilio-Signature is missing or wrong")
    return items
