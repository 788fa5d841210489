"""`<Enqueue>` and `<Dial><Queue>`: one call's place in a queue, or its turn at one."""

from __future__ import annotations

from app.calls.queues import Place, Queue, Taker
from app.calls.shell import Desk, Does
from twiml.script import (
    AskQueue,
    CallerReleased,
    JoinQueue,
    LeaveQueue,
    QueueLeft,
    ReadyToBridge,
    StopTaking,
    TakeFromQueue,
)


class Queueing:
    """Waits in one queue at a time, or takes from one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._queue: Queue | None = None
        self._place: Place | None = None
        self._source: Queue | None = None
        self._taker: Taker | None = None
        self.does: Does = {
            JoinQueue: self._join,
            AskQueue: self._ask,
            ReadyToBridge: self._bridge,
            LeaveQueue: self._leave,
            TakeFromQueue: self._take,
            StopTaking: self._stop,
        }

    def close(self) -> None:
        """The call is over."""
        if self._queue is not None and self._place is not None:
            self._queue.leave(self._place)
        if self._source is not None and self._taker is not None:
            self._source.release(self._taker)
        self._place = self._taker = None

    def _join(self, command: JoinQueue) -> None:
        queue = self._desk.service.exchange.queues.made(self._desk, command.name)
        self._queue, self._place = queue, queue.enter(self._desk, command)

    def _ask(self, _: AskQueue) -> None:
        if self._queue is not None and self._place is not None:
            self._queue.describe(self._place)

    def _bridge(self, _: ReadyToBridge) -> None:
        if self._queue is not None and self._place is not None:
            self._queue.bridge(self._place)

    def _leave(self, command: LeaveQueue) -> None:
        if self._queue is not None and self._place is not None:
            self._queue.leave(self._place)
        else:
            self._desk.post(QueueLeft(command.place, "", 0))
        self._place = None

    def _take(self, command: TakeFromQueue) -> None:
        self._source = self._desk.service.exchange.queues.find(self._desk, command)
        if self._source is not None:
            self._taker = self._source.take(self._desk, command)

    def _stop(self, command: StopTaking) -> None:
        if self._source is not None and self._taker is not None:
            self._source.release(self._taker)
        else:
            self._desk.post(CallerReleased(command.take))
        self._taker = None
