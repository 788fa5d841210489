"""A stream at work: moves messages between a call's leg and one customer socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Protocol

import structlog
from websockets.frames import CloseCode

from bridge.call import Call
from bridge.callbacks import stream_form
from bridge.engine.core import Engine
from bridge.engine.pace import Paced
from bridge.engine.sockets import Closed, Socket
from bridge.errors import CustomerError
from bridge.stream import Cleared, MarkSet, MediaStream, Request, State
from twiml.actions import Stream

_FAULT = "internal error"
_SHOWN = 100  # characters of a mark's name that a timeline keeps

log = structlog.get_logger("streams")


class Playback(Protocol):
    """Where a two-way stream's audio goes: the leg. It answers marks by `mark_played`."""

    def play(self, audio: bytes) -> int:
        """Queue audio; returns the bytes that did not fit."""
        ...

    def play_payload(self, payload: bytes) -> int:
        """The same for one frame of 160 bytes in base64."""
        ...

    def mark(self, name: str) -> None: ...

    def clear(self) -> list[str]:
        """Fall silent at once; returns the marks that were waiting, in order."""
        ...


class StreamSession(Paced):
    """One stream from its begin to its end. `ended` is called exactly once, also when the stream
    never starts; everything the customer must be told has then been handed to the sender."""

    def __init__(
        self,
        engine: Engine,
        call: Call,
        source: Stream,
        media: MediaStream,
        *,
        playback: Playback | None,
        ended: Callable[[StreamSession], None],
    ) -> None:
        super().__init__()
        self.media = media
        self.source = source
        self._engine = engine
        self._call = call
        self._playback = playback
        self._ended = ended
        self._socket: Socket | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._finished = False
        self._unread = False  # when it ended, the customer had yet to read what was sent

    @property
    def sid(self) -> str:
        return self.media.identity.stream_sid

    def begin(self) -> None:
        """Start to connect; at once finished when the stream was refused."""
        self._tell(
            "stream.connecting",
            url=self.source.connect_url,
            name=self.media.identity.name,
            tracks=list(self.media.identity.tracks),
            bidirectional=self.media.identity.bidirectional,
        )
        if self.media.state is State.STOPPED:
            self._finish()
            return
        self._connecting = asyncio.create_task(self._connect())

    def fail(self, code: int, detail: str) -> None:
        """The stream cannot begin; one that was refused says why itself.

        One that has begun is left to its socket's end.
        """
        if self.media.state is not State.OPEN:
            self.media.failed(code, detail)
            self._finish()

    async def _connect(self) -> None:
        try:
            await self._engine.connector.open(self.source.connect_url or "", self)
        except CustomerError as error:
            self.fail(error.code, error.message)
        except Exception:
            # Whatever it is, the customer is told of one error and the call goes on.
            log.exception("stream could not be opened", stream=self.sid)
            self.fail(31900, _FAULT)

    # From the call

    def audio(self, track: str, payload: bytes, timestamp: int) -> None:
        """Audio of one track for the customer: base64 mu-law, ms since the stream began."""
        for message in self.media.audio(track, payload, timestamp):
            self._send(message)
        if self.media.held:
            self._kept_waiting()

    def frame(self, track: str, payload: bytes, timestamp: int) -> None:
        """As `audio`, for one frame of 160 bytes whose payload has been checked."""
        media, socket = self.media, self._socket
        message = media.frame(track, payload, timestamp)
        if message is not None and socket is not None:
            socket.send_text(message)
        elif media.held:
            self._kept_waiting()

    def dtmf(self, digit: str) -> None:
        self._send(self.media.dtmf(digit))
        if self.media.held:
            self._kept_waiting()

    def mark_played(self, name: str) -> None:
        message = self.media.mark(name)
        if message is not None:
            self._tell_echo(name)
            self._send(message)
        elif self.media.held:
            self._kept_waiting()

    def stop(self) -> None:
        """The call or the carrier's side has ended: say so, then close."""
        if self._connecting is not None and self._socket is None:
            self._connecting.cancel()
        if not self._finished:
            self._unread = self.media.held and self._socket is not None
        self._drained()
        self._send(self.media.stop())
        if self._socket is not None:
            self._socket.close()
        self._finish()

    def collapse(self) -> None:
        """The call's side has failed, by a fault of ours: an error ends the stream."""
        if self._connecting is not None and self._socket is None:
            self._connecting.cancel()
        self.media.closed(31900, _FAULT)
        if self._socket is not None:
            self._socket.close(CloseCode.INTERNAL_ERROR)
        self._finish()

    def _send(self, message: bytes | None) -> None:
        if message is not None and self._socket is not None:
            self._socket.send_text(message)

    # When the customer does not read

    def _blocked(self) -> None:
        self.media.hold()

    def _drained(self) -> None:
        for waited in self.media.release():
            if waited.mark is not None:
                self._tell_echo(waited.mark)
            self._send(waited.message)

    def _kept_waiting(self) -> None:
        if self.media.warned:
            self._notice()
        if self.media.overrun and self._socket is not None:
            self._unread = True
            self.media.give_up()
            self._socket.close(CloseCode.POLICY_VIOLATION, "the application does not read")
            self._finish()

    # From the customer's socket

    def opened(self, socket: Socket) -> None:
        if self.media.state is not State.CONNECTING:
            socket.close()
            return
        self._socket = socket
        socket.watch_unsent(self._engine.limits.unsent_size, self._blocked, self._drained)
        socket.watch_frames(self._frame_came)
        self._keep_pace(socket, self._engine.limits.message_rate, self._slowed)
        for message in self.media.opened():
            socket.send_text(message)
        self._tell("stream.started")
        if (self.source.connect_url or "").startswith("wss:") and not socket.secure:
            self._tell(
                "stream.downgraded",
                "warning",
                message="the server on this machine speaks no TLS: reached as ws (local mode)",
            )
        self._report()

    def text(self, data: bytes) -> None:
        media = self.media
        payload = media.received_frame(data)
        if payload is not None and self._playback is not None:
            self._discarded(self._playback.play_payload(payload))
        else:
            self._asked(media.received(data))
            self._left -= len(data) >> 10
        self._left -= 1
        if self._left <= 0:
            self._look()

    def _asked(self, request: Request | None) -> None:
        if self.media.warned:
            self._notice()
        if self._playback is None:
            return
        match request:
            case bytes():
                self._discarded(self._playback.play(request))
            case MarkSet(name=name):
                self._tell("mark.received", name=name[:_SHOWN])
                self._playback.mark(name)
            case Cleared():
                names = self._playback.clear()
                self._tell("clear", marks=len(names))
                for name in names:
                    self.mark_played(name)

    def _discarded(self, size: int) -> None:
        if size:
            self.media.overflowed(size)
            self._notice()

    def binary(self, data: bytes) -> None:
        self.media.received_binary(data)
        self._notice()
        self._left -= 1 + (len(data) >> 10)
        if self._left <= 0:
            self._look()

    def _slowed(self, why: str) -> None:
        self.media.counters.throttled += 1
        if self.media.counters.throttled == 1:
            self._tell("stream.throttled", "warning", message=why)

    def closed(self, how: Closed) -> None:
        if self._unread and self._socket is not None:
            self._unread = False
            self.media.undelivered(self._socket.lost)
            self._sum_up()
        if self._finished:
            return
        if how.violation:
            self.media.closed(31924, how.violation)
        elif how.by_peer:
            # Twilio logs 31921 even for the close that ends a <Connect> as intended.
            self._tell("stream.closed_by_app", code=31921, close_code=how.code, reason=how.reason)
            self.media.closed()
        else:
            self.media.closed(31903, "the connection was lost")
        self._finish()

    # Out

    def _finish(self) -> None:
        if self._finished:
            return
        self._finished = True
        self._end_pace()
        self._notice()
        self._report()
        if not self._unread:
            self._sum_up()
        self._ended(self)

    def _sum_up(self) -> None:
        """Tell what passed, once it is known: what a customer has not read may be delivered until
        its socket has closed."""
        self._notice()
        self._tell("stream.stopped", **asdict(self.media.counters))

    def _notice(self) -> None:
        for warning in self.media.warnings():
            self._tell(
                "stream.warning",
                "warning",
                code=warning.code,
                message=warning.message,
                quote=warning.quote,
            )

    def _report(self) -> None:
        for report in self.media.reports():
            if report.error:
                code, _, message = report.error.partition(" ")
                self._tell("stream.error", "error", code=int(code), message=message)
            if self.source.status_callback:
                self._engine.sender.send(
                    self._call,
                    self.source.status_callback,
                    self.source.status_callback_method,
                    stream_form(self.media.identity, report, self._engine.now()),
                    order=self.sid,
                )

    def _tell_echo(self, mark: str) -> None:
        self._tell("mark.echoed", name=mark[:_SHOWN])

    def _tell(self, kind: str, level: str = "info", /, **data: object) -> None:
        self._call.timeline.add(kind, level, stream=self.sid, **data)
