"""Queues: who waits in them, and who takes them out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from app.calls.shell import Desk
from bridge.ids import mint
from twiml.script import (
    CallerReleased,
    CallerTaken,
    JoinQueue,
    NoSuchQueue,
    QueueLeft,
    QueueRefused,
    QueueState,
    QueueTaken,
    TakeFromQueue,
)

MAX_SIZE = 1000
"""Twilio's size of a queue that nobody has set otherwise (its page on the Queue resource)."""

MAX_QUEUES = 1000
"""Queues of a service; beyond it those that have been empty for longest are forgotten."""


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class Place:
    """One caller in a queue. `taker` is who takes it out; `bridged_at` is set once they talk."""

    desk: Desk
    join: JoinQueue
    since: float
    taker: Taker | None = None
    bridged_at: float = 0.0

    @property
    def seconds(self) -> int:
        """How long it has waited, until it was connected."""
        return int((self.bridged_at or _now()) - self.since)


@dataclass(slots=True)
class Taker:
    """One who takes callers out: waits for one, or has one."""

    desk: Desk
    take: TakeFromQueue
    place: Place | None = None


class Queue:
    """Callers in the order in which they came, and those who wait to take them."""

    def __init__(self, name: str, random_bytes: Callable[[int], bytes]) -> None:
        self.name = name
        self.sid = mint("QU", random_bytes)
        self._waiting: list[Place] = []
        self._takers: list[Taker] = []
        self._waits: list[int] = []

    @property
    def idle(self) -> bool:
        """Whether nobody waits in it, to be taken or to take."""
        return not self._waiting and not self._takers

    # Those who wait

    def enter(self, desk: Desk, join: JoinQueue) -> Place | None:
        limit = join.max_size or MAX_SIZE
        if len(self._waiting) >= limit:
            desk.post(QueueRefused(join, full=True))
            return None
        place = Place(desk, join, _now())
        self._waiting.append(place)
        self.describe(place)
        desk.tell("queue.joined", queue=self.sid, name=self.name)
        if self._takers:
            self._give(self._takers.pop(0))
        return place

    def describe(self, place: Place) -> None:
        """Tell a caller how the queue stands."""
        position = self._waiting.index(place) + 1 if place in self._waiting else 0
        average = sum(self._waits) // len(self._waits) if self._waits else 0
        limit = place.join.max_size or MAX_SIZE
        place.desk.post(
            QueueState(
                place.join, self.sid, position, len(self._waiting), limit, place.seconds, average
            )
        )

    def bridge(self, place: Place) -> None:
        """The caller is ready to talk to who takes it."""
        taker = place.taker
        if taker is None:
            return
        place.bridged_at = _now()
        self._waits = [*self._waits[-99:], place.seconds]
        place.desk.line.party, taker.desk.line.party = taker.desk.line, place.desk.line
        sid = place.desk.live.call.sid
        taker.desk.post(CallerTaken(taker.take, self.sid, sid, place.seconds))

    def leave(self, place: Place) -> None:
        """The caller goes: out of the queue, or from who took it."""
        if place in self._waiting:
            self._waiting.remove(place)
        taker, place.taker = place.taker, None
        place.desk.post(QueueLeft(place.join, self.sid, place.seconds))
        if taker is not None:
            taker.place = None
            self._part(place, taker)
            taker.desk.post(CallerReleased(taker.take, self._talked(place)))

    # Those who take

    def take(self, desk: Desk, take: TakeFromQueue) -> Taker:
        taker = Taker(desk, take)
        if self._waiting:
            self._give(taker)
        else:
            self._takers.append(taker)
        return taker

    def release(self, taker: Taker) -> None:
        """The taker waits no longer, or lets its caller go."""
        if taker in self._takers:
            self._takers.remove(taker)
        place, taker.place = taker.place, None
        seconds = 0
        if place is not None:
            place.taker = None
            seconds = self._talked(place)
            self._part(place, taker)
            place.desk.post(QueueLeft(place.join, self.sid, place.seconds))
        taker.desk.post(CallerReleased(taker.take, seconds))

    def _give(self, taker: Taker) -> None:
        place = self._waiting.pop(0)
        place.taker, taker.place = taker, place
        url, method = taker.take.url, taker.take.method
        sid = taker.desk.live.call.sid
        place.desk.post(QueueTaken(place.join, self.sid, place.seconds, sid, url, method))

    def _part(self, place: Place, taker: Taker) -> None:
        for line, other in ((place.desk.line, taker.desk.line), (taker.desk.line, place.desk.line)):
            if line.party is other:
                line.party = None

    def _talked(self, place: Place) -> int:
        return int(_now() - place.bridged_at) if place.bridged_at else 0


@dataclass(slots=True)
class Queues:
    """The queues of a service, by account and name, the one that was used last at the end.

    A queue stays when it is empty, as Twilio's do: who takes from it waits. Only when there are too
    many does one go.
    """

    max_queues: int = MAX_QUEUES
    _named: dict[tuple[str, str], Queue] = field(default_factory=dict)

    def made(self, desk: Desk, name: str) -> Queue:
        key = desk.live.call.account_sid, name
        queue = self._named.pop(key, None) or Queue(name, desk.service.engine.random_bytes)
        self._named[key] = queue
        if len(self._named) > self.max_queues:
            self._forget(queue)
        return queue

    def find(self, desk: Desk, take: TakeFromQueue) -> Queue | None:
        key = desk.live.call.account_sid, take.name
        queue = self._named.pop(key, None)
        if queue is None:
            desk.post(NoSuchQueue(take))
        else:
            self._named[key] = queue
        return queue

    def _forget(self, new: Queue) -> None:
        idle = (key for key, queue in self._named.items() if queue.idle and queue is not new)
        self._named.pop(next(idle, ("", "")), None)
