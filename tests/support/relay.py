"""A relay of TCP connections that can be told to do what networks do, on a virtual clock too.

    bridge <--near--> Relay <--far--> peer

Every connection through it is a `Link` of two `Way`s, `out` from the bridge to its peer and `back`.
A way has conditions (latency, jitter, bandwidth, pieces), and may be held at a place in its bytes
until somebody lets it go on. Faults of a whole connection are methods of the link.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import cast

from tests.support.peers import HOST

_ROOM = 64 * 1024  # bytes of a way on their way; more is left with the sender
_LINGER_RESETS = struct.pack("ii", 1, 0)
HEAD_END = b"\r\n\r\n"


class End(asyncio.Protocol):
    """One socket of a link."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.port = 0
        self.gives: Way
        self.takes: Way
        self.made: Callable[[End], None] = lambda _: None
        self._ends = 0  # of the two directions
        self._said_all = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(0)
        self.port = transport.get_extra_info("sockname")[1]
        self.made(self)

    def data_received(self, data: bytes) -> None:
        self.gives.put(data)

    def eof_received(self) -> bool:
        self.gives.put(None)
        self._one_over()
        return True  # what the other has to say still goes out here

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.gives.lost(reset=exc is not None)

    def pause_writing(self) -> None:
        self.takes.blocked = True

    def resume_writing(self) -> None:
        self.takes.blocked = False
        self.takes.go_on()

    def write(self, data: bytes | None) -> None:
        if self.transport is None or self.transport.is_closing() or self._said_all:
            return
        if data is not None:
            self.transport.write(data)
        else:
            self._said_all = True
            with suppress(OSError):  # it has been reset, and its transport is about to learn that
                self.transport.write_eof()
            self._one_over()

    def _one_over(self) -> None:
        self._ends += 1
        if self._ends == 2:
            self.close()

    def reset(self) -> None:
        """Send RST: what is unsent, here and at the other end, is lost."""
        if self.transport is not None:
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESETS)
            self.transport.abort()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def read(self, reading: bool) -> None:
        transport = self.transport
        if transport is not None and not transport.is_closing():
            if reading and not transport.is_reading():
                transport.resume_reading()
            elif not reading and transport.is_reading():
                transport.pause_reading()


class Way:
    """One direction. Bytes keep their order, whatever the conditions say; None is the sender's end.

    `latency`: seconds. `jitter` gives seconds to add for each piece. `bandwidth`: bytes a second.
    `pieces` gives the sizes in which bytes are handed over, each in a write and a turn of its own.
    `swallows`: what comes is gone, the sender's end included.
    """

    def __init__(self, source: End, sink: End) -> None:
        self.latency = 0.0
        self.jitter: Callable[[], float] = lambda: 0.0
        self.bandwidth: float | None = None
        self.pieces: Iterator[int] | None = None
        self.swallows = False
        self.deaf = False
        self.blocked = False
        self.held = asyncio.Event()
        self._place: int | bytes | None = None
        self._passed = b""
        self._source = source
        self._sink = sink
        self._queue: deque[tuple[float, bytes | None]] = deque()
        self._size = 0
        self._due = 0.0
        self._timer: asyncio.Handle | None = None

    def hold(self, place: int | bytes) -> None:
        """Let so many bytes pass, or all up to and with these; `held` says that they have."""
        self._place = place
        if place == 0:
            self.held.set()

    def go_on(self, *, let_go: bool = False) -> None:
        """Hand over what is due; with `let_go` also what was held."""
        if let_go:
            self._place = None
        if self._timer is None:
            self._step()

    def put(self, data: bytes | None) -> None:
        if self.swallows:
            return
        now = asyncio.get_running_loop().time()
        for piece in self._cut(data):
            begins = max(self._due, now + self.latency + self.jitter())
            self._due = begins + (len(piece or b"") / self.bandwidth if self.bandwidth else 0.0)
            self._queue.append((self._due, piece))
            self._size += len(piece or b"")
        self.mind_room()
        self.go_on()

    def lost(self, *, reset: bool) -> None:
        """The sender's socket is gone; its end has been seen unless it was reset."""
        if self.swallows:
            return
        if reset:
            self.clear()
            self._sink.reset()
        elif not self._queue:
            self._sink.close()
        else:
            self.put(None)

    def clear(self) -> None:
        self._queue.clear()
        self._size = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def mind_room(self) -> None:
        self._source.read(not self.deaf and self._size < _ROOM)

    def _cut(self, data: bytes | None) -> Iterator[bytes | None]:
        if data is None or self.pieces is None:
            yield data
            return
        while data:
            size = next(self.pieces)
            yield data[:size]
            data = data[size:]

    def _step(self) -> None:
        """Hand over one piece, and arrange for the next."""
        self._timer = None
        if not self._queue or self.blocked or self._place == 0:
            return
        loop = asyncio.get_running_loop()
        due, data = self._queue[0]
        if due > loop.time():
            self._timer = loop.call_at(due, self._step)
            return
        self._queue.popleft()
        data = self._up_to_place(due, data)
        self._size -= len(data or b"")
        self._sink.write(data)
        self.mind_room()
        if self._queue and self._timer is None:
            # A turn between two pieces lets the reader have them one by one.
            self._timer = loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._timer = asyncio.get_running_loop().call_soon(self._step)

    def _up_to_place(self, due: float, data: bytes | None) -> bytes | None:
        if data is None or self._place is None:
            return data
        if isinstance(self._place, bytes):
            end = (self._passed + data).find(self._place)
            self._passed += data
            if end < 0:
                return data
            size = end + len(self._place) - (len(self._passed) - len(data))
        else:
            size = min(self._place, len(data))
            self._place -= size
            if self._place:
                return data
        self._place = 0
        self.held.set()
        if data[size:]:
            self._queue.appendleft((due, data[size:]))
        return data[:size]


class Link:
    """One connection through the relay. `out` leads from the bridge to its peer."""

    def __init__(self, near: End, far: End) -> None:
        self.near, self.far = near, far
        self.out, self.back = Way(near, far), Way(far, near)
        near.gives, near.takes = self.out, self.back
        far.gives, far.takes = self.back, self.out

    @property
    def ways(self) -> tuple[Way, Way]:
        return self.out, self.back

    def reset(self) -> None:
        """Break the connection off with RST, to both sides."""
        for end in (self.near, self.far):
            end.reset()

    def half_close(self) -> None:
        """Tell the bridge that its peer says no more, and go on hearing the bridge."""
        self.near.write(None)

    def stop_reading(self, stopped: bool = True) -> None:
        """Read nothing of what the bridge sends, or again."""
        self.out.deaf = stopped
        self.out.mind_room()

    def black_hole(self) -> None:
        """Lose all that is said from now on, ends included, and say nothing about it."""
        for way in self.ways:
            way.clear()
            way.swallows = True

    def end(self) -> None:
        for way in self.ways:
            way.swallows = True
            way.clear()
        for end in (self.near, self.far):
            end.reset()


class Relay:
    """Listens at `port`. `links` has every connection, the newest last; `prepare` gets each first.

    `bridge_connects`: whether it is the bridge that connects to the relay, or its peer.
    """

    def __init__(self, target: int, *, bridge_connects: bool) -> None:
        self.links: list[Link] = []
        self.prepare: Callable[[Link], None] = lambda _: None
        self.port = 0
        self._target = target
        self._bridge_connects = bridge_connects
        self._connecting: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()

    @property
    def link(self) -> Link:
        return self.links[-1]

    async def linked(self) -> Link:
        """The first connection, when it has come."""
        while not self.links:
            await self._news.wait()
        return self.links[0]

    def _accepted(self) -> asyncio.Protocol:
        accepted, connecting = End(), End()
        near, far = (accepted, connecting) if self._bridge_connects else (connecting, accepted)
        link = Link(near, far)

        def made(_: End) -> None:
            task = asyncio.create_task(self._connect(link, connecting))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

        accepted.made = made
        return accepted

    async def _connect(self, link: Link, end: End) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        # What is said before the other side is there waits in the queue.
        for way in link.ways:
            way.blocked = True
        self.prepare(link)
        await loop.sock_connect(connection, (HOST, self._target))
        await loop.create_connection(lambda: end, sock=connection)
        for way in link.ways:
            way.blocked = False
            way.go_on()
        self.links.append(link)
        self._news.set()


@asynccontextmanager
async def relay(target: int, *, bridge_connects: bool) -> AsyncIterator[Relay]:
    """A relay to a port of this machine."""
    made = Relay(target, bridge_connects=bridge_connects)
    server = await asyncio.get_running_loop().create_server(made._accepted, HOST, 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
        for link in made.links:
            link.end()
        await asyncio.gather(*made._connecting)
