"""The door for requests: uvicorn's HTTP, and a time for a request to come in."""

from __future__ import annotations

import asyncio

import h11
import structlog
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from app.service import Service

log = structlog.get_logger("intake")


def http_protocol(service: Service) -> type[asyncio.Protocol]:
    """A class for uvicorn's `http` setting.

    uvicorn bounds how long a connection may rest after an answer, and h11 how large a head may be.
    Neither bounds how long a client may take over its head or its body, nor how long it may say
    nothing at all. Whatever becomes of an upgrade has limits of its own.
    """
    limit = service.settings.request_seconds

    class Intake(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _spoken = False  # something has come
        _handed_over = False

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)  # type: ignore[arg-type]
            self._wait()

        def data_received(self, data: bytes) -> None:
            self._spoken = True
            super().data_received(data)
            self._mind(h11.IDLE, h11.SEND_BODY)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            # A body may have begun to come already; a rest between requests is uvicorn's.
            self._mind(h11.SEND_BODY)

        def handle_websocket_upgrade(self, event: h11.Request) -> None:
            self._handed_over = True
            super().handle_websocket_upgrade(event)

        def connection_lost(self, exc: Exception | None) -> None:
            self._rest()
            super().connection_lost(exc)

        def _mind(self, *unfinished: object) -> None:
            if self._handed_over or self.conn.their_state not in unfinished:
                self._rest()
            elif self._deadline is None:
                self._wait()

        def _wait(self) -> None:
            self._deadline = self.loop.call_later(limit, self._give_up)

        def _rest(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _give_up(self) -> None:
            if self.flow.read_paused:  # the app has yet to take what has come
                self._wait()
                return
            if self._spoken and not self.transport.is_closing():
                self._refuse()
            self.transport.close()

        def _refuse(self) -> None:
            service.requests_late += 1
            part = "body" if self.conn.their_state is h11.SEND_BODY else "head"
            log.info("a request did not come in time", part=part, seconds=limit)
            if part == "body":  # the app waits for it
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                self._answer(408, f"The {part} of the request did not come in {limit:g} s.\n")

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            headers = [
                ("content-type", "text/plain; charset=utf-8"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            for event in (
                h11.Response(status_code=status, headers=headers, reason=STATUS_PHRASES[status]),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")

    return Intake
