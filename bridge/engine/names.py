"""Looking up customers' names in threads of our own, so that one slow name delays no other."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

AT_ONCE = 32
"""Names that are looked up at once; others wait. A thread each, for as long as it takes."""

KEPT_SECONDS = 5.0
"""How long an answer stands for the next who asks."""

_KEPT = 1_000  # names

LookUp = Callable[[str], list[str]]
"""A blocking look-up of one name; raises OSError or UnicodeError when it has no address."""


def system_look_up(name: str) -> list[str]:
    """The system's own answer, each address once, in its order."""
    infos = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


@dataclass(slots=True)
class _Asked:
    """A name that is being looked up, or waits for it."""

    task: asyncio.Task[list[str] | Exception]
    askers: int = 0


class SystemResolver:
    """The addresses of hosts; one look-up at a time for each name, whoever asks for it.

    The event loop's own look-ups would share a few threads (uvloop's two), and one that hangs keeps
    its thread though nobody waits for it any more. Here it keeps one of `AT_ONCE`, once for all who
    ask for its name, and it does not keep the process from ending. Answers are kept for
    `KEPT_SECONDS`, failures are not. For one event loop.
    """

    def __init__(self, look_up: LookUp = system_look_up) -> None:
        self._look_up = look_up
        self._room = asyncio.Semaphore(AT_ONCE)
        self._asked: dict[str, _Asked] = {}
        self._threads: set[str] = set()
        self._kept: dict[str, tuple[float, list[str]]] = {}  # the oldest first

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a host, the same for every port; raises OSError or UnicodeError.

        An address stands for itself, and takes no thread.
        """
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        name = host.lower()
        until, addresses = self._kept.get(name, (float("-inf"), []))
        if asyncio.get_running_loop().time() < until:
            return list(addresses)
        answer = await self._answer(name)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    async def _answer(self, name: str) -> list[str] | Exception:
        asked = self._asked.get(name)
        if asked is None:
            asked = self._asked[name] = _Asked(asyncio.create_task(self._ask(name)))
        asked.askers += 1
        try:
            return await asyncio.shield(asked.task)
        finally:
            asked.askers -= 1
            if not asked.askers and name not in self._threads:
                asked.task.cancel()  # nobody waits for what has not begun
                if self._asked.get(name) is asked:
                    del self._asked[name]

    async def _ask(self, name: str) -> list[str] | Exception:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[list[str] | Exception] = loop.create_future()

        def settle(answer: list[str] | Exception) -> None:
            if not answered.done():
                answered.set_result(answer)

        def work() -> None:
            answer: list[str] | Exception
            try:
                answer = self._look_up(name)
            except (OSError, UnicodeError) as error:
                answer = error
            with suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(settle, answer)

        async with self._room:
            self._threads.add(name)
            try:
                threading.Thread(target=work, name=f"look-up {name}", daemon=True).start()
                answer = await answered
            finally:
                self._threads.discard(name)
                self._asked.pop(name, None)
        if not isinstance(answer, Exception):
            self._keep(name, answer, loop.time() + KEPT_SECONDS)
        return answer

    def _keep(self, name: str, addresses: list[str], until: float) -> None:
        self._kept.pop(name, None)
        self._kept[name] = (until, addresses)
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
