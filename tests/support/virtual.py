"""Time that costs nothing: an event loop whose clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Jumping(selectors.DefaultSelector):
    """Where nothing can be read or written, the clock moves on instead of the world.

    `grace` is how many real seconds a socket's peer in this process has to answer first.
    """

    def __init__(self, grace: float) -> None:
        super().__init__()
        self.now = 0.0
        self._grace = grace

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if ready or not timeout:
            return ready
        if self._grace and (ready := super().select(self._grace)):
            return ready
        self.now += max(timeout, 1e-9)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual seconds, which begin at 0. Sockets within this process work."""

    def __init__(self, grace: float = 0.0) -> None:
        self._jumping = _Jumping(grace)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def stall(self, seconds: float) -> None:
        """The process does nothing for so long, as under load or when suspended."""
        self._jumping.now += seconds


def run_virtually(main: Callable[[], Coroutine[Any, Any, Result]], *, grace: float = 0.0) -> Result:
    """Run a coroutine on a virtual loop of its own; no task may be left when it returns."""

    async def alone() -> Result:
        result = await main()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left running: {left}"
        return result

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(grace)) as runner:
        return runner.run(alone())
