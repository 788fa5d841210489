"""The watch for a carrier who falls silent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from bridge.engine.sockets import Socket


class Tell(Protocol):
    """Puts something on a call's timeline."""

    def __call__(self, kind: str, level: str = "info", /, **data: object) -> None: ...


class IdleWatch:
    """Looks every `limit` seconds whether a carrier has given a sign of life, until `end`.

    `signs` grows with each. A carrier without any is warned of once (31953), since it may rightly
    be silent, and asked each time: `ask` says whether it can be. One that could be, and is silent
    for as long again, is dead: `give_up` is called, and the watch is over.
    """

    def __init__(
        self,
        limit: float,
        *,
        signs: Callable[[], int],
        ask: Callable[[], bool],
        tell: Tell,
        give_up: Callable[[], None],
    ) -> None:
        self._limit = limit
        self._signs = signs
        self._ask = ask
        self._tell = tell
        self._give_up = give_up
        self._heard = 0
        self._asked = self._warned = False
        self._timer = asyncio.get_running_loop().call_later(limit, self._look)

    @classmethod
    def of(
        cls, socket: Socket, limit: float, *, tell: Tell, give_up: Callable[[], None]
    ) -> IdleWatch:
        """A watch over a socket, which is asked by a ping."""

        def ask() -> bool:
            socket.ping()
            return True

        return cls(limit, signs=lambda: socket.received, ask=ask, tell=tell, give_up=give_up)

    def end(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        signs = self._signs()
        silent = signs == self._heard
        self._heard = signs
        if silent and self._asked:
            self._warn("the carrier's socket is dead", 2 * self._limit)
            self._give_up()
            return
        self._asked = silent and self._ask()
        if silent and not self._warned:
            self._warned = True
            self._warn("no audio comes from the carrier", self._limit)
        self._timer = asyncio.get_running_loop().call_later(self._limit, self._look)

    def _warn(self, message: str, seconds: float) -> None:
        self._tell("carrier.idle", "warning", code=31953, message=message, seconds=seconds)
