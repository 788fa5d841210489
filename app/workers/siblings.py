"""A worker among its siblings: where they are, who has what, and what they answer.

In a service of one process there are none, and nothing here costs anything.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import structlog
from starlette.requests import Request

from app.workers.board import Board
from app.workers.place import HOME, Place, ranked

PATIENCE = 2.0
"""Seconds that a sibling has to answer a question."""
STALE = 5.0
"""Seconds without a sign of its event loop after which a worker is given no new calls."""
ASKED = "twiml_bridge.asked"
"""Set in the scope of a request that a sibling makes: it wants this worker's answer alone."""
GONE = "the worker that had its call has ended, and the call with it"

log = structlog.get_logger("workers")


@dataclass(frozen=True, slots=True)
class Seat:
    """What a worker is given by its parent: who it is, and what it shares with its siblings.

    `secret` signs the tokens of all. `directory` is private to the service; the Unix sockets of
    worker 0 in it are `0.http` and `0.sockets`.
    """

    place: Place
    secret: bytes
    board: Board
    directory: Path

    @classmethod
    def sole(cls) -> Seat:
        """Of a service that is one process."""
        return cls(Place(0, 0), secrets.token_bytes(32), Board(1), Path())

    @property
    def mark(self) -> bytes:
        """What its tokens begin with, so that any worker can tell whose they are."""
        return self.place.mark if self.board.count > 1 else b""

    def door(self, number: int) -> Path:
        """Where a worker takes its siblings' requests: HTTP."""
        return self.directory / f"{number}.http"

    def hatch(self, number: int) -> Path:
        """Where a worker takes sockets that came in at its siblings."""
        return self.directory / f"{number}.sockets"


@dataclass(slots=True)
class Moves:
    """What a worker has given to siblings, taken from them, and had to refuse: its call was lost
    with the worker that had it, or that worker did not respond."""

    sockets_given: int = 0
    sockets_taken: int = 0
    sockets_refused: int = 0
    requests_given: int = 0
    requests_taken: int = 0
    requests_refused: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sibling answered: HTTP status and decoded JSON; or why it did not, in `error`."""

    worker: int
    status: int = 0
    value: Any = None
    error: str = ""


class Siblings:
    """The other workers of the service, seen from the one in `seat`.

    `clock` gives seconds, the same in all processes.
    """

    def __init__(self, seat: Seat, clock: Callable[[], float] = time.monotonic) -> None:
        self.seat = seat
        self._clock = clock
        self.place = seat.place
        self.number = seat.place.number
        self.board = seat.board
        self.count = seat.board.count
        self.moves = Moves()
        self._others = [number for number in range(self.count) if number != self.number]
        self._clients = {number: self._client(number) for number in self._others}

    def _client(self, number: int) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(
            uds=str(self.seat.door(number)),
            # They drop idle connections later than we do: none closes while we send on it.
            limits=httpx.Limits(max_keepalive_connections=50, keepalive_expiry=10),
        )
        return httpx.AsyncClient(transport=transport, timeout=PATIENCE, trust_env=False)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self.count > 1

    # Who has what

    @property
    def home(self) -> Place:
        """Where phones and the service's own calls are, as it lives now."""
        return Place(HOME, self.board.life(HOME) % 256)

    def is_alive(self, place: Place) -> bool:
        """Whether that life of that worker has not ended."""
        return (
            place.number < self.count
            and Place(place.number, self.board.life(place.number) % 256) == place
        )

    def is_turning(self, number: int) -> bool:
        """Whether a worker's event loop has turned of late."""
        return self._clock() - self.board.beat(number) < STALE

    def ranked(self, call_sid: str) -> list[int]:
        """The workers in the order in which they are to have a call, this one among them."""
        return ranked(call_sid, self.count)

    async def holder(self, call_sid: str) -> int | None:
        """The sibling that has a call which may live elsewhere than it belongs; None: nobody."""
        if self.board.settled:
            return None
        for answer in await self.ask(f"/holds/{call_sid}"):
            if answer.status == 204:
                return answer.worker
        return None

    # The limit of calls

    @property
    def calls(self) -> int:
        """The siblings' calls that count towards the service's limit."""
        return sum(map(self.board.calls, self._others))

    def publish(self, calls: int) -> None:
        """Let the siblings know of this worker's calls."""
        if self:
            self.board.publish(self.number, calls, self._clock())

    # Questions

    async def ask(self, path: str) -> tuple[Answer, ...]:
        """What each sibling answers to GET `path`, speaking for itself alone; by their numbers.

        Takes `PATIENCE` at most. A sibling that does not answer in time is logged, and its answer
        has an `error`. On the answering side `asked(request)` tells such a question.
        """
        return tuple(await asyncio.gather(*(self._ask(number, path) for number in self._others)))

    async def ask_the_same(self, request: Request) -> tuple[Answer, ...]:
        """What each sibling answers to this request; nothing if it is a sibling that asks it."""
        return () if asked(request) else await self.ask(_target(request))

    async def _ask(self, number: int, path: str) -> Answer:
        why = f"worker {number} did not answer within {PATIENCE:g} s"
        try:
            async with asyncio.timeout(PATIENCE):
                response = await self._clients[number].get(f"http://worker-{number}{path}")
                return Answer(
                    number, response.status_code, response.json() if response.content else None
                )
        except TimeoutError:
            pass
        except (httpx.HTTPError, ValueError) as error:
            if not isinstance(error, httpx.TimeoutException):
                why = f"worker {number} cannot be asked: {str(error) or type(error).__name__}"
        log.warning("a worker did not answer", about=number, path=path, why=why)
        return Answer(number, error=why)

    def client(self, number: int) -> httpx.AsyncClient:
        """For requests to a sibling that are not questions; see `app.workers.relay`."""
        return self._clients[number]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()


def _target(request: Request) -> str:
    """Path and query as they came."""
    query: bytes = request.scope["query_string"]
    path: bytes = request.scope["raw_path"]
    return (path + b"?" + query if query else path).decode("latin-1")


def asked(request: Request) -> bool:
    """Whether a sibling asks, on behalf of somebody whom it has let in."""
    return ASKED in request.scope
