"""Sockets change hands between workers: the file descriptor goes over a Unix socket.

The giving side sends the length of what it has read already (4 bytes, big endian), that, and with
the first byte the descriptor. The taking side answers with one byte when the socket is its own.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import structlog

PATIENCE = 10.0
"""Seconds that a sibling has to take a socket: a busy one is waited for, or the socket is lost."""

Take = Callable[[socket.socket, bytes], Awaitable[None]]
"""Makes a socket and what was read from it one's own."""

_LENGTH = struct.Struct(">I")
_MAX_READ = 1024 * 1024
_TAKEN = b"+"
_RETRY = 0.005

log = structlog.get_logger("workers")


async def give(hatch: Path, descriptor: int, read: bytes) -> None:
    """Give a socket, and what was read from it, to the worker that listens at `hatch`.

    Afterwards ours is to be closed and neither read nor written. OSError: the other has not taken
    it. TimeoutError: that is not known, so nobody but the other may write to it.
    """
    message = _LENGTH.pack(len(read)) + read
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.setblocking(False)
        async with asyncio.timeout(PATIENCE):
            await _connect(line, hatch)
            sent = socket.send_fds(line, [message], [descriptor])
            await loop.sock_sendall(line, message[sent:])
            if await loop.sock_recv(line, 1) != _TAKEN:
                raise ConnectionResetError("it ended before it took the socket")


async def _connect(line: socket.socket, hatch: Path) -> None:
    while True:
        try:
            line.connect(str(hatch))
        except BlockingIOError:  # many are waiting there
            await asyncio.sleep(_RETRY)
        else:
            return


class Hatch:
    """Takes the sockets that siblings give, each on its own, in any number at once."""

    def __init__(self, path: Path, take: Take) -> None:
        self._take = take
        self._tasks: set[asyncio.Task[None]] = set()
        path.unlink(missing_ok=True)  # of a worker that died here
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(str(path))
        self._listener.listen(1024)
        self._spawn(self._accept())

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            line, _ = await loop.sock_accept(self._listener)
            self._spawn(self._receive(line))

    async def _receive(self, line: socket.socket) -> None:
        with line:
            try:
                async with asyncio.timeout(PATIENCE):
                    given, read = await _read(line)
                    try:
                        await self._take(given, read)
                    except BaseException:
                        given.close()
                        raise
                    await asyncio.get_running_loop().sock_sendall(line, _TAKEN)
            except (OSError, TimeoutError, ValueError) as error:
                why = str(error) or type(error).__name__
                log.error("a socket was not taken over", why=why)  # noqa: TRY400

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()


async def _read(line: socket.socket) -> tuple[socket.socket, bytes]:
    """One message; raises OSError, ValueError when it is none."""
    await _readable(line)
    data, descriptors, _, _ = socket.recv_fds(line, _MAX_READ, 1)
    if len(descriptors) != 1:
        for descriptor in descriptors:
            os.close(descriptor)
        raise ValueError("no file descriptor came with it")
    os.set_inheritable(descriptors[0], False)
    given = socket.socket(fileno=descriptors[0])
    given.setblocking(False)
    try:
        return given, await _rest(line, data)
    except BaseException:
        given.close()
        raise


async def _rest(line: socket.socket, data: bytes) -> bytes:
    """The whole of a message that begins with `data`, without its length."""
    loop = asyncio.get_running_loop()
    while len(data) < _LENGTH.size or len(data) < _LENGTH.size + _length(data):
        more = await loop.sock_recv(line, _MAX_READ)
        if not more:
            raise ValueError("the message ends early")
        data += more
    return data[_LENGTH.size :]


def _length(data: bytes) -> int:
    (length,) = _LENGTH.unpack_from(data)
    if length > _MAX_READ:
        raise ValueError(f"a message of {length} bytes")
    return int(length)


async def _readable(line: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(line, ready.set)
    try:
        await ready.wait()
    finally:
        with suppress(OSError):
            loop.remove_reader(line)
