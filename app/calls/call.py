"""One call that this service runs itself: from its answer to its end, and what REST does to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.calls.attachments import Attachments
from app.calls.progress import Progress
from app.calls.recordings import RunningRecording
from app.calls.runner import Runner
from app.customer import Reply
from bridge.call import CallStatus
from bridge.engine.line import Line
from bridge.engine.prompt import Prompt, pieces_of
from bridge.errors import CustomerError
from bridge.sound.dtmf import digit_pieces
from twiml.apology import APOLOGISING
from twiml.document import Document
from twiml.script import DocumentReplaced, HangUpReason, Script

if TYPE_CHECKING:
    from app.live import LiveCall
    from app.service import Service

_REFUSED = {
    HangUpReason.BUSY: CallStatus.BUSY,
    HangUpReason.REJECTED: CallStatus.NO_ANSWER,
}
"""What a rejected call is, by its reason. Twilio's page on `<Reject>` names the two, SignalWire's
says which is which."""


class OwnCall(Attachments):
    """Runs documents on a phone's line. The first to hang up ends the call; `hung_up_by` says who.

    `answered`: whether the line is up already. `progress` is told of the answer and the end.
    """

    def __init__(
        self,
        service: Service,
        live: LiveCall,
        line: Line,
        *,
        answered: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.live = live
        self.hung_up_by = ""
        self.line = line
        self.runner = Runner(
            service,
            live,
            line,
            go_on=lambda leg, its, progress: OwnCall(
                service, leg, its, answered=True, progress=progress
            ),
            hang_up=self._ended,
            answer=self.answer,
        )
        super().__init__(live, line, self.runner.recordings)
        self._service = service
        self._answered = answered
        self._progress = progress or Progress(service, live, None)
        self._over = asyncio.Event()
        self._coming: asyncio.Future[Reply] | None = None
        self._runs = False
        self._limit = asyncio.get_running_loop().call_later(service.lifetime, self._time_out)
        if answered and live.time_limit is not None:
            self.limit(live.time_limit)
        live.legs.add(self._shut_down)
        live.control = self
        self.line.broken = self._break

    def _break(self) -> None:
        self.hang_up("service", self._status(CallStatus.FAILED))

    def _time_out(self) -> None:
        self.hang_up("time-limit")

    async def run(self, url: str, method: str = "POST") -> CustomerError | None:
        """Ask the app at `url` for a document and run it. When there is none the caller hears an
        apology; returned is why."""
        if self._coming is None:
            self._coming = self._ask(url, method)
        return await self._run()

    async def run_document(self, reply: Reply) -> None:
        """Run a document that is at hand; `reply.url` is the base of its relative URLs."""
        if self._coming is None:
            self._coming = _at_hand(reply)
        await self._run()

    async def _run(self) -> CustomerError | None:
        missing = None
        try:
            try:
                reply = await self._first()
            except CustomerError as error:
                reply, missing = Reply(APOLOGISING, ""), error
            if reply is not None:
                self._runs = True
                self.live.context.document_url = reply.url
                await self.runner.run(Script(reply.document, reply.url, answered=self._answered))
        except Exception:
            self.hang_up("service", self._status(CallStatus.FAILED))
            raise
        finally:
            self.hang_up("document")
            await self.runner.close()
        return missing

    async def _first(self) -> Reply | None:
        """What is to run first; None when the call is over before that is there."""
        coming = None
        try:
            while coming is not self._coming and not self._over.is_set():
                coming = self._coming
                if coming is not None:
                    await asyncio.wait({coming})
        finally:
            if coming is not None:
                coming.cancel()  # of no use to anybody if this task was cancelled
        return None if coming is None or self._over.is_set() else coming.result()

    async def press(self, digits: str) -> None:
        """Let the phone hear keys, before a document runs."""
        pressed = asyncio.Event()
        prompt = Prompt(pieces_of(*digit_pieces(digits)), lambda _: pressed.set())
        self.line.prompt = prompt
        waits = [asyncio.create_task(event.wait()) for event in (pressed, self._over)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        prompt.cancel()
        if self.line.prompt is prompt:
            self.line.prompt = None

    def answer(self) -> None:
        """The phone is picked up, by the document or by who was rung."""
        self._answered = True
        self._service.stand(self.live, CallStatus.IN_PROGRESS)
        self.live.call.timeline.add("call.answered")
        self._progress.tell("answered", "in-progress")
        self.line.pick_up()
        if self.live.time_limit is not None:
            self.limit(self.live.time_limit)

    def _ended(self, reason: HangUpReason) -> None:
        self.hang_up("document", self._status(_REFUSED.get(reason, CallStatus.COMPLETED)))

    def _status(self, unanswered: CallStatus) -> CallStatus:
        """What the call is at its end."""
        return CallStatus.COMPLETED if self._answered else unanswered

    def _shut_down(self) -> None:
        self.hang_up("service", CallStatus.COMPLETED if self._answered else CallStatus.CANCELED)

    # As CallControl

    def hang_up(self, by: str, status: CallStatus = CallStatus.COMPLETED) -> None:
        """End the call; the first to do so counts. What its document is owed yet is still done."""
        if self._over.is_set():
            return
        self._over.set()
        self._limit.cancel()
        if self._coming is not None:
            self._coming.cancel()
        self.hung_up_by = by
        live = self.live
        live.legs.discard(self._shut_down)
        live.control = None
        self.line.hang_up()
        self.runner.end()
        live.call.timeline.add("call.hung_up", by=by)
        self._service.end_call(live.call.sid, by, status)
        recording = self._recordings.ordered
        if recording is None:
            self._progress.tell("completed", status.value, live.record.duration)
        else:
            recording.stop()
            self._service.background(self._tell_recorded(status, recording))

    async def _tell_recorded(self, status: CallStatus, recording: RunningRecording) -> None:
        """The last event of a call that was to be recorded has its recording."""
        seconds = await recording.written
        kept = (recording.sid, recording.kept.url, seconds) if seconds else None
        self._progress.tell("completed", status.value, self.live.record.duration, kept)

    def limit(self, seconds: float) -> None:
        """End the call so long after its answer; of several limits the latest counts."""
        if not self._answered:
            return  # `answer` does it
        self._limit.cancel()
        left = max(0.0, min(seconds, self._service.lifetime) - self.line.up_seconds)
        self._limit = asyncio.get_running_loop().call_later(left, self._time_out)

    def redirect(self, url: str, method: str) -> None:
        """Ask the app at `url` and go on with its answer, or end the call with an apology."""
        asking = self._ask(url, method)
        self._expect(asking)
        if self._runs:
            self._service.background(self._follow(asking))

    def replace(self, document: Document, url: str = "") -> None:
        """Go on with this document, which came from `url`; what runs is cut short."""
        reply = Reply(document, url)
        self._expect(_at_hand(reply))
        if self._runs:
            self._go_on(reply)

    def _ask(self, url: str, method: str) -> asyncio.Future[Reply]:
        return asyncio.create_task(self._service.customer.ask(self.live.context, url, method))

    def _expect(self, coming: asyncio.Future[Reply]) -> None:
        """This is to run next, and nothing that was asked for before."""
        if self._coming is not None:
            self._coming.cancel()
        self._coming = coming

    async def _follow(self, asking: asyncio.Future[Reply]) -> None:
        await asyncio.wait({asking})
        if asking is not self._coming or asking.cancelled():
            return
        try:
            reply = asking.result()
        except Exception as error:
            self.runner.post(DocumentReplaced(APOLOGISING))
            if not isinstance(error, CustomerError):  # the reasons for that are on the timeline
                raise
        else:
            self._go_on(reply)

    def _go_on(self, reply: Reply) -> None:
        self.live.call.timeline.add("call.redirected")
        self.runner.post(DocumentReplaced(reply.document, url=reply.url))


def _at_hand(reply: Reply) -> asyncio.Future[Reply]:
    coming: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    coming.set_result(reply)
    return coming
