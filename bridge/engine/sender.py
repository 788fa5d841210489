"""Sends callbacks in the background: in order per stream or call, bounded, never in the way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakValueDictionary

import structlog

from bridge.call import Call
from bridge.callbacks import FormFields
from bridge.engine.webhook import Webhooks
from bridge.errors import CustomerError

log = structlog.get_logger("callbacks")


@dataclass(frozen=True, slots=True)
class Letter:
    """One callback to be delivered, as a journal keeps it."""

    call_sid: str
    account_sid: str
    url: str
    method: str
    form: FormFields
    order: str


class Journal(Protocol):
    """Keeps callbacks until they are delivered or given up, so that they outlive the process."""

    def keep(self, letter: Letter) -> asyncio.Future[int]:
        """Begin to keep one; the future has its number when it is kept. Called in order."""
        ...

    def forget(self, number: int) -> None: ...


class CallbackSender:
    """Delivers callbacks. Those with one `order` key go out one after another.

    `limit` bounds what may wait at once; more is dropped, counted and said on the timeline.
    `concurrency` and `per_host` bound the requests under way. With a `journal` a callback is kept
    before its first attempt; one that is still pending when the process ends stays there.
    """

    def __init__(
        self,
        webhooks: Webhooks,
        *,
        limit: int = 10_000,
        concurrency: int = 100,
        per_host: int = 20,
        journal: Journal | None = None,
    ) -> None:
        self._webhooks = webhooks
        self._journal = journal
        self._limit = limit
        self._slots = asyncio.Semaphore(concurrency)
        self._per_host = per_host
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._last: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self.delivered = 0
        self.failed = 0
        self.dropped = 0

    @property
    def pending(self) -> int:
        return len(self._tasks)

    @property
    def room(self) -> int:
        """How many more callbacks may wait now."""
        return self._limit - len(self._tasks)

    async def until_room(self, count: int) -> None:
        """Wait until so many more may wait, which must not be more than ever do."""
        while self.room < count:
            self._freed.clear()
            await self._freed.wait()

    def send(
        self,
        call: Call,
        url: str,
        method: str,
        form: FormFields,
        *,
        order: str,
        kept: int | None = None,
    ) -> None:
        """Deliver a callback after those before it; what comes of it is on the timeline.

        `kept` is the journal's number of one that it has already.
        """
        event = _event_of(form)
        if len(self._tasks) >= self._limit:
            self.dropped += 1
            call.timeline.add("callback.dropped", "error", event=event, limit=self._limit)
            return
        number: int | asyncio.Future[int] | None = kept
        if kept is None and self._journal is not None:
            letter = Letter(call.sid, call.account_sid, url, method, form, order)
            number = self._journal.keep(letter)
        task = asyncio.create_task(
            self._deliver(call, url, method, form, self._last.get(order), event, number)
        )
        self._last[order] = task
        self._tasks.add(task)

        def done(finished: asyncio.Task[None]) -> None:
            self._tasks.discard(finished)
            self._freed.set()
            if self._last.get(order) is finished:
                del self._last[order]

        task.add_done_callback(done)

    async def _deliver(
        self,
        call: Call,
        url: str,
        method: str,
        form: FormFields,
        before: asyncio.Task[None] | None,
        event: str,
        number: int | asyncio.Future[int] | None,
    ) -> None:
        if isinstance(number, asyncio.Future):
            number = await number
        if before is not None:
            await asyncio.wait([before])
        await self._attempt(call, url, method, form, event)
        if number is not None and self._journal is not None:
            self._journal.forget(number)

    async def _attempt(
        self, call: Call, url: str, method: str, form: FormFields, event: str
    ) -> None:
        try:
            async with self._host_slots(url), self._slots:
                answer = await self._webhooks.request(url, method, form, max_body=4096)
        except CustomerError as error:
            self.failed += 1
            call.timeline.add(
                "callback.failed", "warning", event=event, code=error.code, message=error.message
            )
        except Exception:
            self.failed += 1
            call.timeline.add("callback.failed", "error", event=event, message="internal error")
            log.exception("callback failed", call=call.sid, event_name=event)
        else:
            self.delivered += 1
            call.timeline.add(
                "callback.delivered",
                event=event,
                status=answer.status,
                attempts=answer.attempts,
                seconds=answer.seconds,
            )

    def _host_slots(self, url: str) -> asyncio.Semaphore:
        """A host's share of what goes out at once: one that hangs must not hold up the others."""
        host = url.partition("://")[2].partition("/")[0]
        slots = self._hosts.get(host)
        if slots is None:
            slots = self._hosts[host] = asyncio.Semaphore(self._per_host)
        return slots

    async def drain(self, seconds: float) -> int:
        """Wait for what is pending, at most that long; returns how many had to be given up."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        left = set(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
            self.dropped += len(left)
        return len(left)


def _event_of(form: FormFields) -> str:
    """What a callback tells, for the timeline: its event field, else its call status."""
    fields = dict(form)
    for name in ("StreamEvent", "RecordingStatus", "StatusCallbackEvent", "CallStatus"):
        if fields.get(name):
            return fields[name]
    return "callback"
