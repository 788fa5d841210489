"""One timer for all calls: a wheel that calls each subscriber every 20 ms.

Deadlines are absolute, so lateness does not add up. Calls are spread over four slots 5 ms apart
so that they do not all send at once. What a stall has delayed is made up for at twice the pace, not
in one burst.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

PERIOD = 0.020
SLOTS = 4
_STEP = PERIOD / SLOTS
_EARLY = 0.001  # uvloop's timers count in milliseconds and may fire so much too soon
_HASTE = 2  # steps in the time of one, at most
_MAX_CATCH_UP = 1.0  # seconds; a longer stall is skipped over and counted

log = structlog.get_logger("clock")

Tick = Callable[[], None]
Failed = Callable[[], None]


class Wheel:
    """Calls subscribers every 20 ms on the running event loop, while it has any."""

    def __init__(self) -> None:
        self._slots: list[dict[Tick, Failed]] = [{} for _ in range(SLOTS)]
        self._timer: asyncio.TimerHandle | None = None
        self._origin = 0.0
        self._count = 0
        self.skipped = 0
        """Steps of 5 ms that were left out after stalls too long to make up for."""

    @property
    def skipped_ms(self) -> int:
        return round(self.skipped * _STEP * 1000)

    def subscribe(self, tick: Tick, failed: Failed, *, soon: bool = False) -> Callable[[], None]:
        """Call `tick` every 20 ms from now on, the first time within 20 ms, or within 5 ms when
        that is to be `soon`. Returns a function that ends it.

        A tick that raises is called no more; `failed` is called once, to end what it was for.
        """
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._origin = loop.time()
            self._count = 0
            self._schedule(loop)
        slot = self._slots[(self._count + 1) % SLOTS] if soon else min(self._slots, key=len)
        slot[tick] = failed

        def cancel() -> None:
            slot.pop(tick, None)

        return cancel

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_at(self._origin + (self._count + 1) * _STEP, self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        began = loop.time()
        behind = began + _EARLY - (self._origin + self._count * _STEP)
        if behind > _MAX_CATCH_UP:
            lost = int(behind / _STEP) - 1
            self.skipped += lost
            self._count += lost
            behind -= lost * _STEP
            log.warning(
                "the clock stood still; calls lack that time", ms=round(lost * _STEP * 1000)
            )
        for _ in range(min(int(behind / _STEP), _HASTE)):
            self._count += 1
            slot = self._slots[self._count % SLOTS]
            for tick in tuple(slot):
                try:
                    tick()
                except Exception:
                    # One call's fault must not stop the clock of the others.
                    log.exception("tick failed; what it was for is ended")
                    self._drop(slot, tick)
        if any(self._slots):
            due = self._origin + (self._count + 1) * _STEP
            self._timer = loop.call_at(due if due > began else began + _STEP, self._turn, loop)
        else:
            self._timer = None

    def _drop(self, slot: dict[Tick, Failed], tick: Tick) -> None:
        failed = slot.pop(tick, None)
        if failed is None:  # it has cancelled itself
            return
        try:
            failed()
        except Exception:
            log.exception("what a failed tick was for could not be ended")
