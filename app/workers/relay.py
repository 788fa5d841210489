"""Requests that came in at the wrong worker go on to the one that has their call.

`Relay` stands before the app at the public port; `Door` behind the Unix socket of a worker, where
relayed requests arrive as they were: method, target, headers, body, and the client's address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, quote

import httpx
import orjson
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app import grants
from app.rest import rendering
from app.service import Service
from app.telephony.orders import Refusal
from app.webhooks.swmlcall import read_call
from app.webhooks.trust import FORM, JSON, MAX_BODY, content_type_of
from app.workers.place import HOME, Place
from app.workers.resources import REST, subject_of
from app.workers.siblings import ASKED, GONE
from bridge.ids import alias

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PREFIX = "/signalwire/"
_PURPOSES = {
    "cxml": grants.DOCUMENT,
    "swml": grants.DOCUMENT,
    "callback": grants.CALLBACK,
    "stream": grants.STREAM_STATUS,
    "event": grants.EVENT,
    "play": grants.PLAY,
    "placed": grants.PLACED,
    "placed-status": grants.PLACED_STATUS,
    "placed-callback": grants.PLACED_CALLBACK,
    "inline": grants.INLINE,
}
"""What the token is for that stands after these in a path."""
_NAMING = frozenset({"cxml", "swml", "status"})
"""Paths that stand alone: the body names the call."""
_CLIENT = b"x-twiml-bridge-client"
_KNOWS = "/knows/"
"""Where a sibling asks whether a worker has a call or a conference; nothing after it: only that the
worker writes down what it has to."""
_READING = ("GET", "HEAD")
_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
_TIMEOUT = httpx.Timeout(60.0, connect=2.0)
"""Longer than any request here may take to be answered."""

log = structlog.get_logger("workers")


class Relay:
    """The app, but for requests about calls of other workers."""

    def __init__(self, app: App, service: Service) -> None:
        self._app = app
        self._service = service
        self._siblings = service.siblings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(REST):
            await self._to_subject(scope, receive, send)
            return
        if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
            await self._app(scope, receive, send)
            return
        kind, slash, token = scope["path"].removeprefix(_PREFIX).partition("/")
        if slash and kind in _PURPOSES:
            place = self._service.issuer(token, _PURPOSES[kind])
            if place is not None and place != self._siblings.place:
                await self._to_issuer(place, kind, scope, receive, send)
                return
        elif kind in _NAMING and scope["method"] == "POST":
            await self._to_holder(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _to_issuer(
        self, place: Place, kind: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """On to the worker that has issued the token in the path; 404 when it is no more."""
        body = await _Body.read(receive)
        if body.whole is None:  # too large, as the app will say
            await self._app(scope, body.receive, send)
            return
        alive = self._siblings.is_alive(place)
        if not alive or not await self._relay(place.number, scope, body.whole, send):
            self._siblings.moves.requests_refused += 1
            log.warning("token refused", purpose=_PURPOSES[kind], why=GONE)
            detail = {"detail": f"No such {_PURPOSES[kind]}: {GONE}."}
            await JSONResponse(detail, 404)(scope, receive, send)

    async def _to_holder(self, scope: Scope, receive: Receive, send: Send) -> None:
        """On to the worker that has the call which the body names, or is to have it.

        When that one is away, or its event loop stands still, the next in the order has the call.
        """
        body = await _Body.read(receive)
        sid = _call_sid(Request(scope), body.whole) if body.whole is not None else ""
        if not sid or sid in self._service.calls:
            await self._app(scope, body.receive, send)
            return
        holder = await self._siblings.holder(sid)
        order = self._siblings.ranked(sid) if holder is None else [holder]
        assert body.whole is not None
        for number in order:
            if number == self._siblings.number:
                break
            sound = number == holder or self._siblings.is_turning(number)
            if sound and await self._relay(number, scope, body.whole, send):
                return
            self._siblings.board.stray(self._siblings.number)
        await self._app(scope, body.receive, send)

    async def _to_subject(self, scope: Scope, receive: Receive, send: Send) -> None:
        """On to the worker that has what a REST request is about, or the phone that is to ring.

        What nobody has is answered here, from what all have written down by now.
        """
        method = scope["method"]
        subject = subject_of(method, scope["path"])
        if subject.rings:
            # There are phones in local mode only. Which are connected, their own worker knows.
            number = HOME if self._service.settings.local else self._siblings.number
            silent = ""
        else:
            number, silent = await self._who_knows(subject.keys)
        if number == self._siblings.number and (not silent or method in _READING):
            await self._app(scope, receive, send)
            return
        body = await _Body.read(receive)
        if body.whole is None:  # too large, as the app will say
            await self._app(scope, body.receive, send)
        elif silent or not await self._relay(number, scope, body.whole, send):
            why = silent or f"worker {number} cannot be reached"
            await _refusal(scope, 503, f"Try again: {why}")(scope, _nothing, send)

    async def _who_knows(self, keys: tuple[str, ...]) -> tuple[int, str]:
        """The worker that has what one of these names, or this one; and why another which might
        have it does not say. All have then written down what they have to."""
        own = self._siblings.number
        if any(knows(self._service, key) for key in keys):
            return own, ""
        silent = ""
        for key in keys or ("",):
            for answer in await self._siblings.ask(f"{_KNOWS}{quote(key, safe='')}"):
                if answer.status == 204:
                    return answer.worker, ""
                silent = silent or (answer.error if key else "")
        return own, silent

    async def _relay(self, number: int, scope: Scope, body: bytes, send: Send) -> bool:
        """Have a request answered by a sibling; False when it has not been reached."""
        moves = self._siblings.moves
        target = scope["raw_path"] + (
            b"?" + scope["query_string"] if scope["query_string"] else b""
        )
        host, port = scope.get("client") or ("", 0)
        headers = [pair for pair in scope["headers"] if pair[0] not in _HOP_BY_HOP | {_CLIENT}]
        request = httpx.Request(
            scope["method"],
            f"http://worker-{number}/",
            headers=[*headers, (_CLIENT, f"{host} {port}".encode())],
            content=body,
            extensions={"target": target, "timeout": _TIMEOUT.as_dict()},
        )
        began = False
        try:
            answer = await self._siblings.client(number).send(request, stream=True)
            try:
                moves.requests_given += 1
                kept = [pair for pair in answer.headers.raw if pair[0].lower() not in _HOP_BY_HOP]
                start = {"type": "http.response.start", "status": answer.status_code}
                await send({**start, "headers": kept})
                began = True
                async for part in answer.aiter_raw():
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                await answer.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return False
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            log.error(  # noqa: TRY400 -- where in httpx it failed tells nothing
                "a worker failed while it answered", about=number, why=why
            )
            if not began:  # else uvicorn drops the connection, so that nobody takes it for whole
                answer_502 = _refusal(scope, 502, f"The call's worker failed: {why}.")
                await answer_502(scope, _nothing, send)
        return True


class Door:
    """The app behind the Unix socket of a worker."""

    def __init__(self, app: App, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        client = dict(scope["headers"]).get(_CLIENT)
        if client is not None:
            self._service.siblings.moves.requests_taken += 1
            host, _, port = client.decode("latin-1").partition(" ")
            headers = [pair for pair in scope["headers"] if pair[0] != _CLIENT]
            address = (host, int(port)) if host else None
            await self._app({**scope, "client": address, "headers": headers}, receive, send)
            return
        sid = scope["path"].removeprefix("/holds/")
        if sid != scope["path"]:
            await Response(status_code=204 if sid in self._service.calls else 404)(
                scope, receive, send
            )
            return
        key = scope["path"].removeprefix(_KNOWS)
        if key != scope["path"]:
            await self._service.store.flush()
            found = bool(key) and knows(self._service, key)
            await Response(status_code=204 if found else 404)(scope, receive, send)
            return
        await self._app({**scope, "client": None, ASKED: True}, receive, send)


def knows(service: Service, key: str) -> bool:
    """Whether a call or a conference of our own, by its sid, is in this worker; the call may have
    ended of late."""
    return (
        key in service.calls
        or key in service.ended
        or service.exchange.conferences.find(key) is not None
    )


def _refusal(scope: Scope, status: int, why: str) -> JSONResponse:
    """An error in the form of the door that a request came in by."""
    if scope["path"].startswith(REST):
        return JSONResponse(rendering.error(Refusal(status, 20503, why)), status)
    return JSONResponse({"detail": why}, status)


class _Body:
    """A request's body, read and still to be had by the app. `whole` is None if it is too large."""

    def __init__(self, messages: list[Message], receive: Receive, whole: bytes | None) -> None:
        self.whole = whole
        self._messages = messages
        self._receive = receive

    @classmethod
    async def read(cls, receive: Receive) -> _Body:
        messages: list[Message] = []
        size = 0
        while size <= MAX_BODY:
            message = await receive()
            messages.append(message)
            if message["type"] != "http.request":  # the client is gone
                return cls(messages, receive, None)
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                whole = b"".join(message.get("body", b"") for message in messages)
                return cls(messages, receive, whole if size <= MAX_BODY else None)
        return cls(messages, receive, None)

    async def receive(self) -> Message:
        return self._messages.pop(0) if self._messages else await self._receive()


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _call_sid(request: Request, body: bytes) -> str:
    """The call that a webhook is about; empty when it names none, as the app will say."""
    content_type = content_type_of(request)
    try:
        if content_type == FORM:
            form = dict(parse_qsl(body.decode("ascii"), max_num_fields=1000))
            return alias("CA", form["CallSid"]) if "CallSid" in form else ""
        if content_type == JSON and isinstance(value := orjson.loads(body), dict):
            call = read_call(value)
            return call.sid if call is not None else ""
    except ValueError:
        pass
    return ""
