"""What SignalWire's events tell of a call, kept for the parameters of its later webhooks. Pure.

SWML's variables lack what Twilio's parameters have: who answered a `<Dial>` and for how long, a
recording's id and length, a queue's name and times. SignalWire reports those in events of its own,
which may come late, twice or never (S section 1.8): whatever is kept here is used when it is there
and left out when it is not.

A time that ends in `_at` is SignalWire's, `heard` is when it reached us; both are in seconds since
the epoch. Two of one clock make a duration, never one of each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

MAX_KEPT = 50
"""Legs, recordings and conferences of one call that are remembered; older ones are forgotten."""
MAX_SEEN = 500
"""Events of one call that are known again when they come twice."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class Bounded(dict[Key, Value], Generic[Key, Value]):
    """A dictionary that forgets its oldest entry when it has more than `limit`."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: Key, value: Value) -> None:
        super().__setitem__(key, value)
        while len(self) > self._limit:
            del self[next(iter(self))]


@dataclass(slots=True)
class Span:
    """A time with two ends, each as SignalWire says it and the first also as it reached us."""

    began_at: float | None = None
    ended_at: float | None = None
    heard: float = 0.0

    def begin(self, at: float, heard: float) -> None:
        """Its begin is known now; what is known already stays."""
        if self.began_at is None:
            self.began_at, self.heard = at, heard

    def end(self, at: float) -> None:
        """Its end is known now; what is known already stays."""
        if self.ended_at is None:
            self.ended_at = at

    def seconds(self, now: float) -> int | None:
        """Whole seconds, up to `now` by our clock when its end is not known; None: never begun."""
        if self.began_at is None:
            return None
        length = now - self.heard if self.ended_at is None else self.ended_at - self.began_at
        return max(0, int(length))


@dataclass(slots=True)
class Leg:
    """A dialled leg: how far it has come (`rank` of its state), and how it ended.

    `told` counts what the customer was told of it.
    """

    rank: int = -1
    answered_at: float | None = None
    end_reason: str = ""
    told: int = 0


@dataclass(slots=True)
class Dialled:
    """The last attempt to put the caller through. `talk` is the time that both were connected."""

    latest_at: float
    heard: float
    peer_id: str = ""
    talk: Span = field(default_factory=Span)
    over: bool = False
    failed_reason: str = ""


@dataclass(slots=True)
class Recorded:
    """One recording. `seconds` is its length as reported."""

    heard: float
    recording_id: str = ""
    url: str = ""
    seconds: int | None = None
    span: Span = field(default_factory=Span)
    finished: bool = False


@dataclass(slots=True)
class Queued:
    """The last wait in a queue. `result` is how it ended, in the words of `queue_result`.

    `average` is the queue's average wait in seconds.
    """

    heard: float
    queue_id: str = ""
    result: str = ""
    position: int | None = None
    size: int | None = None
    average: int | None = None
    wait: Span = field(default_factory=Span)


@dataclass(slots=True)
class Facts:
    """All that events have told of one call, bounded."""

    transfers: int = 0
    """Documents that SignalWire has asked for by `transfer`."""
    dialled: Dialled | None = None
    queued: Queued | None = None
    legs: Bounded[str, Leg] = field(default_factory=lambda: Bounded(MAX_KEPT))
    recordings: Bounded[str, Recorded] = field(default_factory=lambda: Bounded(MAX_KEPT))
    conferences: Bounded[str, int] = field(default_factory=lambda: Bounded(MAX_KEPT))
    """How many events of each conference the customer was told."""
    _seen: Bounded[bytes, None] = field(default_factory=lambda: Bounded(MAX_SEEN))

    def is_new(self, fingerprint: bytes) -> bool:
        """Whether an event with this fingerprint comes for the first time."""
        if fingerprint in self._seen:
            return False
        self._seen[fingerprint] = None
        return True

    def recording(self, url: str, since: float) -> Recorded | None:
        """The recording at this URL; or the latest that has none, if heard of `since` then."""
        known = self.recordings.values()
        of_url = [one for one in known if one.url == url]
        without = [one for one in known if not one.url and one.heard >= since]
        return next(reversed(of_url or without), None)
