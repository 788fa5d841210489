"""Time that costs nothing: an event loop whose clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.support.loopback import Loopback, Traffic

Result = TypeVar("Result")

_MOMENT = 0.001  # real seconds: the least that a selector waits
_PATIENCE = 5_000  # moments for bytes that the kernel has and does not hand over


class _Jumping(selectors.DefaultSelector):
    """Where nothing can be read or written, the clock moves on instead of the world.

    `grace` is how many real seconds a socket's peer in this process has to answer first; None asks
    the kernel whether anything is under way.
    """

    loopback: Loopback

    def __init__(self, grace: float | None) -> None:
        super().__init__()
        self.now = 0.0
        self._grace = grace

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if ready or not timeout:
            return ready
        if self._grace is None:
            ready = self._arriving()
        elif self._grace:
            ready = super().select(self._grace)
        if ready:
            return ready
        self.now += max(timeout, 1e-9)
        return []

    def _arriving(self) -> list[tuple[selectors.SelectorKey, int]]:
        """What comes of the bytes that are between two sockets, when there are any."""
        for _ in range(_PATIENCE):
            traffic = self.loopback.traffic()
            if traffic is Traffic.NOTHING:
                break
            if ready := super().select(_MOMENT):
                return ready
            if traffic is Traffic.UNKNOWN:
                break
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual seconds, which begin at 0. Sockets within this process work."""

    def __init__(self, grace: float | None = 0.0) -> None:
        self._jumping = _Jumping(grace)
        super().__init__(self._jumping)
        self._jumping.loopback = Loopback(self)

    def time(self) -> float:
        return self._jumping.now

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for its threads, which run in real time, without a limit of virtual seconds."""
        await super().shutdown_default_executor()

    def left(self) -> list[object]:
        """Timers that have yet to fire, and sockets that are open."""
        transports: dict[int, object] = dict(vars(self)["_transports"])
        timers: list[asyncio.TimerHandle] = vars(self)["_scheduled"]
        return [
            *(timer for timer in timers if not timer.cancelled()),
            *(each for each in transports.values() if getattr(each, "_sock", None)),
        ]

    def stall(self, seconds: float) -> None:
        """The process does nothing for so long, as under load or when suspended."""
        self._jumping.now += seconds


def run_virtually(
    main: Callable[[], Coroutine[Any, Any, Result]], *, grace: float | None = 0.0
) -> Result:
    """Run a coroutine on a virtual loop of its own; no task may be left when it returns.

    `grace`: real seconds that peers on sockets have to answer; None lets the kernel say how long.
    """

    async def alone() -> Result:
        result = await main()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left running: {left}"
        return result

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(grace)) as runner:
        return runner.run(alone())
