"""Whether bytes are on their way between two sockets of this process, as the kernel tells it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable
from enum import Enum

_TCP_INFO: int | None = getattr(socket, "TCP_INFO", None)
_SIZE = 216  # struct tcp_info of Linux up to `tcpi_bytes_retrans`
_ESTABLISHED, _FIN_WAIT_1, _FIN_WAIT_2 = 1, 4, 5
_OPEN = {_ESTABLISHED, _FIN_WAIT_1, _FIN_WAIT_2}

Address = tuple[str, int]


class Traffic(Enum):
    """What is between the sockets: `UNKNOWN` where the kernel cannot tell."""

    NOTHING = 0
    UNKNOWN = 1
    SOMETHING = 2


class _End:
    """One connected socket: TCP state, bytes sent, not sent and received; whether it is read."""

    def __init__(self, connection: socket.socket, info: bytes, reads: bool) -> None:
        self.reads = reads
        self._connection = connection
        self.state = info[0]
        (self.received,) = struct.unpack_from("Q", info, 128)
        (self.unsent,) = struct.unpack_from("I", info, 144)
        sent, again = struct.unpack_from("QQ", info, 200)
        self.sent = sent - again

    def acknowledge(self) -> None:
        """Let the kernel acknowledge what has come now, and not after 40 ms of real time."""
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class Loopback:
    """The TCP connections of an event loop both of whose ends are its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._transports = getattr(loop, "_transports", {})
        self._known: dict[int, tuple[socket.socket, Address, Address]] = {}

    def sockets(self) -> Iterable[tuple[socket.socket, Address, Address]]:
        """Each with its own address and its peer's."""
        for number, transport in list(self._transports.items()):
            connection = getattr(transport, "_sock", None)
            if connection is None or connection.family != socket.AF_INET:
                continue
            known = self._known.get(number)
            if known is None or known[0] is not connection:
                try:
                    known = (connection, connection.getsockname(), connection.getpeername())
                except OSError:  # reset before it was looked at
                    continue
                self._known[number] = known
            yield known

    def traffic(self) -> Traffic:
        """What has been sent and has not come yet, to those who read.

        A socket whose other end is not here may have an end of data coming that nobody can see.
        """
        if _TCP_INFO is None:
            return Traffic.UNKNOWN
        ends: dict[tuple[Address, Address], _End] = {}
        for connection, own, peer in self.sockets():
            info = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _SIZE)
            if len(info) < _SIZE:
                return Traffic.UNKNOWN
            ends[own, peer] = _End(
                connection, info, self._transports[connection.fileno()].is_reading()
            )
        found = Traffic.NOTHING
        for (own, peer), end in ends.items():
            other = ends.get((peer, own))
            if other is None:
                if end.unsent or end.state in _OPEN:
                    found = Traffic.UNKNOWN
            elif other.reads and (end.unsent or other.received < end.sent):
                other.acknowledge()
                return Traffic.SOMETHING
        return found
