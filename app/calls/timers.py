"""The waits of a script, on the event loop's clock."""

from __future__ import annotations

import asyncio

from app.calls.shell import Desk, Does
from twiml.script import PauseOver, StartTimer, StopTimer, TimerOver, Wait


class Timers:
    """Begins and ends them; each is told over once, or not at all once it is stopped."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._running: dict[int, asyncio.TimerHandle] = {}
        self.does: Does = {Wait: self._wait, StartTimer: self._start, StopTimer: self._stop}

    def close(self) -> None:
        for timer in self._running.values():
            timer.cancel()
        self._running.clear()

    def _wait(self, command: Wait) -> None:
        self._after(command.seconds, command, PauseOver(command))

    def _start(self, command: StartTimer) -> None:
        self._after(command.seconds, command, TimerOver(command))

    def _after(self, seconds: float, command: object, event: PauseOver | TimerOver) -> None:
        key = id(command)

        def over() -> None:
            del self._running[key]
            self._desk.post(event)

        self._running[key] = asyncio.get_running_loop().call_later(seconds, over)

    def _stop(self, command: StopTimer) -> None:
        timer = self._running.pop(id(command.timer), None)
        if timer is not None:
            timer.cancel()
