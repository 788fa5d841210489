"""A call without a carrier: steps through the customer's document and runs it on a local leg."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from app.customer import CallContext, Reply
from app.service import LiveCall, Service
from bridge.call import CallStatus
from bridge.engine.local import LocalLeg
from bridge.engine.session import StreamSession
from bridge.errors import CustomerError
from bridge.stream import MediaStream
from twiml.actions import Element, Stream
from twiml.document import Document
from twiml.script import (
    CallEnded,
    CloseStream,
    Command,
    DocumentReplaced,
    Event,
    Fetch,
    FetchFailed,
    HangUp,
    OpenStream,
    PauseOver,
    Script,
    Skip,
    StartRecording,
    StopStream,
    StreamEnded,
    Wait,
)

_CAN = frozenset({"Pause", "Redirect", "Hangup", "Reject", "Start", "Connect", "Stop"})
"""The verbs that run here; a script skips the others."""


@dataclass(frozen=True, slots=True)
class Phone:
    """The caller's side: what is said (mu-law), how long silence is borne before hanging up, and
    the keys pressed, each with the seconds after the answer."""

    audio: bytes
    patience_ms: int = 2_000
    keys: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a local call. `error` is set when there was no document to run at all."""

    heard: bytes
    spoken_frames: int
    played_frames: int
    hung_up_by: str
    error: CustomerError | None = None


class LocalCall:
    """Runs one call to its end. The caller hangs up when done, or the document does."""

    def __init__(self, service: Service, live: LiveCall, phone: Phone) -> None:
        self._service = service
        self._context: CallContext = live.context
        self._live = live
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._background: set[asyncio.Task[None]] = set()
        self._hung_up_by = ""
        self._keys = phone.keys
        self._leg = LocalLeg(
            service.engine,
            live.call,
            phone.audio,
            finished=lambda: self.hang_up("caller"),
            stream_ended=self._stream_ended,
            patience_ms=phone.patience_ms,
        )

    @property
    def answered(self) -> bool:
        """Whether the call has begun to run a document."""
        return self._live.call.status is not CallStatus.RINGING

    async def run(self, url: str, method: str = "POST") -> Outcome:
        """Ask the app at `url` for a document and run it."""
        try:
            reply = await self._service.customer.ask(self._context, url, method)
        except CustomerError as error:
            return self._outcome(error)
        return await self.run_document(reply)

    async def run_document(self, reply: Reply) -> Outcome:
        """Run a document that is at hand; `reply.url` is the base of its relative URLs."""
        self._context.document_url = reply.url
        call = self._live.call
        self._service.stand(self._live, CallStatus.IN_PROGRESS)
        call.timeline.add("call.answered")
        script = Script(reply.document, reply.url, can=_CAN)
        self._live.legs.add(self._shut_down)
        self._live.control = self
        self._leg.pick_up()
        loop = asyncio.get_running_loop()
        presses = [loop.call_later(at, self._leg.press, digit) for at, digit in self._keys]
        self._carry_out(script.begin())
        limit = loop.time() + self._service.lifetime
        try:
            async with asyncio.timeout_at(limit):
                while not self._hung_up_by:
                    self._carry_out(script.receive(await self._events.get()))
        except TimeoutError:
            self.hang_up("time-limit")
        self._leg.hang_up()
        for press in presses:
            press.cancel()
        self._live.legs.discard(self._shut_down)
        self._live.control = None
        for task in self._background:
            task.cancel()
        call.timeline.add("call.hung_up", by=self._hung_up_by)
        return self._outcome()

    def _outcome(self, error: CustomerError | None = None) -> Outcome:
        leg = self._leg
        return Outcome(
            bytes(leg.heard), leg.spoken_frames, leg.played_frames, self._hung_up_by, error
        )

    def hang_up(self, by: str) -> None:
        """End the call; the first to do so counts."""
        self._hung_up_by = self._hung_up_by or by
        self._events.put_nowait(CallEnded())

    # As CallControl

    def redirect(self, url: str, method: str) -> None:
        """Ask the app at `url` and go on with its answer; the call ends when there is none."""
        self._later(self._redirect(url, method))

    async def _redirect(self, url: str, method: str) -> None:
        try:
            reply = await self._service.customer.ask(self._context, url, method)
        except CustomerError:
            self.hang_up("document")  # the reasons are on the timeline
        else:
            self.replace(reply.document, reply.url)

    def replace(self, document: Document, url: str = "") -> None:
        """Go on with this document, which came from `url`; a connected stream ends."""
        self._live.call.timeline.add("call.redirected")
        self._events.put_nowait(DocumentReplaced(document, url=url))

    def begin_stream(self, stream: Stream) -> MediaStream:
        return self._leg.begin_stream(stream, bidirectional=False).media

    def stop_stream(self, name: str) -> bool:
        return self._leg.stop_stream(name)

    def _shut_down(self) -> None:
        self.hang_up("service")
        self._leg.hang_up()

    def _stream_ended(self, session: StreamSession) -> None:
        self._events.put_nowait(StreamEnded(session.source))

    def _carry_out(self, commands: list[Command]) -> None:
        """Nothing but `Answer` comes beside these, and the phone is picked up from the start."""
        timeline = self._live.call.timeline
        for command in commands:
            match command:
                case OpenStream(stream, bidirectional):
                    self._leg.begin_stream(stream, bidirectional=bidirectional)
                case CloseStream(stream):
                    for session in self._leg.streams:
                        if session.source is stream:
                            session.stop()
                case StopStream(name):
                    if not self._leg.stop_stream(name):
                        timeline.add("stream.unknown", "warning", name=name)
                case Wait(seconds):
                    self._later(self._wait(command, seconds))
                case Fetch():
                    self._later(self._fetch(command))
                case HangUp(reason):
                    timeline.add("script.ended", reason=reason.value)
                    self.hang_up("document")
                case Skip(action, reason):
                    self._skipped(action, reason)
                case StartRecording(noun):
                    self._skipped(noun, "A local call cannot record yet; it is skipped.")

    def _skipped(self, element: Element, reason: str) -> None:
        self._live.call.timeline.add(
            "verb.skipped", "warning", verb=element.tag, line=element.line, message=reason
        )

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _wait(self, command: Wait, seconds: int) -> None:
        await asyncio.sleep(seconds)
        self._events.put_nowait(PauseOver(command))

    async def _fetch(self, command: Fetch) -> None:
        try:
            reply = await self._service.customer.ask(
                self._context, command.url, command.method, command.parameters
            )
        except CustomerError:
            self._events.put_nowait(FetchFailed(command))  # the reasons are on the timeline
        else:
            self._events.put_nowait(DocumentReplaced(reply.document, command, reply.url))
