"""What happens to a simulated call besides what its documents say: keys, words, answered phones."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.e2e.carrier import CarrierStream


@dataclass(frozen=True, slots=True)
class Entered:
    """The caller enters digits, the last one perhaps ending them; or says something; or nothing."""

    digits: str = ""
    terminator: str = ""
    speech: str = ""
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Leg:
    """A dialled party: talks for so many seconds, or does not answer for a reason of S section 1.8.

    `presses` is what it enters while it hears the whisper.
    """

    seconds: int = 0
    reason: str = ""
    presses: Entered = field(default_factory=Entered)
    call_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def twilio_sid(self) -> str:
        return "CA" + self.call_id.replace("-", "")


Talk = Callable[[CarrierStream], Awaitable[None]]


async def nothing() -> None:
    """Takes no time."""


@dataclass(slots=True)
class Script:
    """What will happen, in order: each prompt, dialled leg, recording and two-way stream takes one.

    `recordings` are lengths in seconds. `talk` runs while a two-way stream is open; when it is done
    the caller's side waits for the bridge to close. `voice` is what a `<Say>` sounds like and
    `caller` what the caller says meanwhile, for the one-way streams that run; it takes as long as
    `heard`.
    """

    entered: deque[Entered] = field(default_factory=deque)
    legs: deque[Leg] = field(default_factory=deque)
    recordings: deque[int] = field(default_factory=deque)
    talk: deque[Talk] = field(default_factory=deque)
    voice: bytes = b""
    caller: bytes = b""
    heard: Callable[[], Awaitable[None]] = nothing

    def enter(self) -> Entered:
        return self.entered.popleft() if self.entered else Entered()
