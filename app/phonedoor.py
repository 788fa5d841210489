"""The door for phones, in local mode: a WebSocket at `/phone/{name}`. docs/phone.md."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from typing import Any

import structlog
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from app.calls.call import OwnCall
from app.calls.handsets import Talk
from app.calls.softphone import Order, SoftPhone
from app.customer import Reply, record_findings
from app.logs import masked
from app.service import Service
from app.settings import Settings
from app.webhooks.trust import is_local
from bridge.call import Parties
from bridge.engine.line import Line
from bridge.ids import alias, mint
from twiml.parser import parse

CONTROL_UNSENT = 1_000
"""Messages and frames (20 s) that wait for a phone that does not read; then it is given up."""

_NAME = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
_NOT_ALLOWED, _FAILED, _REPLACED, _SLOW = 1008, 1011, 4000, 4001

log = structlog.get_logger("phones")


def create_router(service: Service) -> APIRouter:
    router = APIRouter()
    sockets: dict[str, WebSocket] = {}

    @router.websocket("/phone/{name}")
    async def phone(socket: WebSocket, name: str) -> None:
        """One phone, until its socket closes. The latest of a name is the phone of that name."""
        if not _is_let_in(service.settings, socket):
            log.warning(
                "phone refused: it is not of this machine, and gives no token",
                advice="Set TWIML_BRIDGE_OPERATOR_TOKEN, and have the phone give it.",
            )
            await socket.close(_NOT_ALLOWED)
            return
        if _NAME.fullmatch(name) is None or service.draining:
            await socket.close(_NOT_ALLOWED)
            return
        await socket.accept()
        outgoing: asyncio.Queue[dict[str, Any] | bytes] = asyncio.Queue(CONTROL_UNSENT)

        def send(message: dict[str, Any] | bytes) -> None:
            if outgoing.full():
                sending.cancel()
            else:
                outgoing.put_nowait(message)

        softphone = SoftPhone(send, lambda its, order: _dial(service, name, its, order))
        connected = service.exchange.directory.connected
        sending = asyncio.create_task(_send(socket, outgoing))
        older, sockets[name] = sockets.get(name), socket
        connected[name] = softphone
        log.info("phone connected", phone=masked(name))
        send({"event": "ready", "name": name})
        reading = asyncio.create_task(_read(socket, softphone))
        try:
            if older is not None:
                await older.close(_REPLACED)
            await asyncio.wait({sending, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if connected.get(name) is softphone:
                del connected[name], sockets[name]
            softphone.closed()
            slow = sending.cancelled()
            for task in (sending, reading):
                task.cancel()
            ends = await asyncio.gather(sending, reading, return_exceptions=True)
            faults = [end for end in ends if isinstance(end, Exception)]
            for fault in faults:
                log.error("phone failed", exc_info=fault)
            if slow or faults:
                await socket.close(_SLOW if slow else _FAILED)
            log.info("phone gone", phone=masked(name), frames_lost=softphone.lost)

    return router


def _is_let_in(settings: Settings, socket: WebSocket) -> bool:
    """Programs and pages of this machine are; others with the operator's token, which a page can
    give as `token` in the query only."""
    token = settings.operator_token.get_secret_value()
    scheme, _, given = socket.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        given = socket.query_params.get("token", "")
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return True
    return is_local(settings, socket)


async def _send(socket: WebSocket, outgoing: asyncio.Queue[dict[str, Any] | bytes]) -> None:
    while True:
        message = await outgoing.get()
        try:
            if isinstance(message, bytes):
                await socket.send_bytes(message)
            else:
                await socket.send_text(json.dumps(message))
        except (WebSocketDisconnect, RuntimeError):
            return


async def _read(socket: WebSocket, phone: SoftPhone) -> None:
    while True:
        try:
            message = await socket.receive()
        except (WebSocketDisconnect, RuntimeError):
            return
        if message["type"] == "websocket.disconnect":
            return
        if message.get("bytes") is not None:
            phone.audio(message["bytes"])
            continue
        try:
            phone.message(json.loads(message["text"]))
        except ValueError:
            phone.complain("a message is a JSON object with an event")


def _dial(service: Service, name: str, phone: SoftPhone, order: Order) -> tuple[str, Talk]:
    """A call that a phone makes; raises ValueError when there is nothing to run."""
    route = service.routes.find(order.to)
    url = order.url or ("" if order.twiml else route.voice_url)
    if not (url or order.twiml):
        raise ValueError("give a url, twiml, or a number with an app in the settings")
    if any(_is_broken(text) for text in (order.to, url, order.twiml)):
        raise ValueError("url, twiml and to are texts of whole characters")
    if service.full:
        raise ValueError("the service is full")
    call_sid = mint("CA", service.engine.random_bytes)
    account = service.settings.account_sid or alias("AC", "local")
    live = service.begin_call(call_sid, account, Parties(f"client:{name}", order.to))
    own = OwnCall(service, live, Line(service.engine, live.call, phone))
    if order.twiml:
        document = parse(order.twiml, allow_plain_ws=True)
        record_findings(live.call.timeline, document, "")
        service.background(own.run_document(Reply(document, "")))
    else:
        method = "POST" if order.url else route.voice_method
        service.background(own.run(url, method))
    return call_sid, Talk(own.line.press, lambda: own.hang_up("caller"))


def _is_broken(text: str) -> bool:
    """Whether it has half of a character, which JSON can write and nothing else can hold."""
    return any("\ud800" <= character <= "\udfff" for character in text)
