"""UDP ports that RTP comes in at: one for each tap, from one range."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.engine.pace import Paced
from bridge.errors import BridgeError, PeerError
from bridge.limits import StreamLimits
from bridge.rtp import PCMA, PCMU, Packet, parse

REST = 5.0
"""Seconds of silence that a port must have had before it serves another tap: a carrier that goes on
after the end of a tap must not be heard on another call."""

_LIMITS = StreamLimits()
_MAX_DATAGRAM = 4096
_BATCH = 64  # datagrams read in a row; then the others have their turn


class NoPortError(BridgeError):
    """No port can be had for RTP; the text says why."""


class Listener(Protocol):
    """The tap that a port serves."""

    def packet(self, packet: Packet) -> None: ...

    def trouble(self, message: str) -> None:
        """Something was ignored; told once for each kind of thing."""
        ...

    def slowed(self, why: str) -> None:
        """Too much comes: for a while nothing is read, and what does not fit is lost."""
        ...


@dataclass(slots=True)
class _Place:
    """A port of the range. It stays bound after use, so that it can be heard to be silent."""

    port: int
    socket: socket.socket | None = None
    heard: float = 0.0


class RtpPorts:
    """The even ports of a range, at the local IPv4 address `bind`.

    RFC 3550 (section 11) leaves the odd ports to RTCP, which is not read. `rest`: see REST.
    `rate`: packets a second that are taken from one port, in the mean.
    """

    def __init__(
        self, bind: str, ports: range, *, rest: float = REST, rate: int = _LIMITS.carrier_rate
    ) -> None:
        self.rate = rate
        self._bind = bind
        self._rest = rest
        self._name = f"{ports.start} to {ports.stop - 1}"
        self._free = deque(_Place(port) for port in ports if port % 2 == 0)
        self._size = len(self._free)
        self._closed = False

    @property
    def in_use(self) -> int:
        return self._size - len(self._free)

    def check(self) -> None:
        """Raises OSError when this machine has no such address."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((self._bind, 0))

    def settle(self) -> None:
        """Take every port now, and none into use before it has been silent: carriers may still send
        to whoever had them before. Raises NoPortError."""
        now = asyncio.get_running_loop().time()
        for place in self._free:
            if place.socket is None:
                place.socket, place.heard = self._bound(place.port), now

    def open(self, listener: Listener) -> RtpReceiver:
        """Receive at a free and silent port; raises NoPortError."""
        now = asyncio.get_running_loop().time()
        for _ in range(len(self._free)):
            place = self._free[0]
            self._free.rotate(-1)
            bound = self._silent(place, now)
            if bound is not None:
                self._free.pop()
                return RtpReceiver(self, place, bound, listener)
        raise NoPortError(
            f"all {self._size} RTP ports, the even ones of {self._name}, are in use"
            f" or have been in the last {self._rest:g} s"
        )

    def close(self) -> None:
        """Unbind every port, now or when it is given back."""
        self._closed = True
        for place in self._free:
            if place.socket is not None:
                place.socket.close()
                place.socket = None

    def give_back(self, place: _Place) -> None:
        place.heard = asyncio.get_running_loop().time()
        self._free.append(place)
        if self._closed:
            self.close()

    def _silent(self, place: _Place, now: float) -> socket.socket | None:
        """The socket of a port that can be used now."""
        if place.socket is None:
            place.socket = self._bound(place.port)
            return place.socket
        for _ in range(_BATCH):  # more than that is told by the next look
            if _read(place.socket) is None:
                break
            place.heard = now
        return place.socket if now - place.heard >= self._rest else None

    def _bound(self, port: int) -> socket.socket | None:
        """A new socket; None when another program has the port."""
        created = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            created.setblocking(False)
            created.bind((self._bind, port))
        except OSError as error:
            created.close()
            if error.errno == errno.EADDRINUSE:
                return None
            raise NoPortError(
                f"UDP port {port} of {self._bind} cannot be had: {error.strerror or error}"
            ) from error
        return created


class RtpReceiver(Paced):
    """A port in use. It takes the packets of the first source that sends a valid one.

    `source` is that address and port; `ignored` counts datagrams that are no RTP, `foreign` those
    of other sources.
    """

    def __init__(
        self, ports: RtpPorts, place: _Place, bound: socket.socket, listener: Listener
    ) -> None:
        super().__init__()
        self.port = place.port
        self.source: tuple[str, int] | None = None
        self.ignored = 0
        self.foreign = 0
        self._ports: RtpPorts | None = ports
        self._place = place
        self._socket = bound
        self._listener = listener
        self._reading = False
        self._keep_pace(self, ports.rate, listener.slowed, what="packets")
        self.resume_reading()

    def halt(self) -> None:
        """Read no more. The port stays taken: the carrier may go on sending to it."""
        self._end_pace()
        self.pause_reading()

    def pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            asyncio.get_running_loop().remove_reader(self._socket)

    def resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def close(self) -> None:
        """The carrier has ended: the port is for others."""
        self.halt()
        if self._ports is not None:
            self._ports.give_back(self._place)
            self._ports = None

    def _readable(self) -> None:
        for _ in range(_BATCH):
            datagram = _read(self._socket) if self._reading else None
            if datagram is None:
                return
            self._received(*datagram)

    def _received(self, data: bytes, source: tuple[str, int]) -> None:
        self._left -= 1
        if self._left <= 0:
            self._look()
        if source != self.source and self.source is not None:
            self.foreign += 1
            if self.foreign == 1:
                self._listener.trouble(
                    f"packets of a second source, {source[0]}:{source[1]}, are ignored"
                )
            return
        try:
            packet = parse(data)
        except PeerError as error:
            self._ignore(str(error))
            return
        if self.source is None:
            if packet.payload_type not in (PCMU, PCMA):
                self._ignore(f"payload type {packet.payload_type} is neither PCMU nor PCMA")
                return
            self.source = source
        self._listener.packet(packet)

    def _ignore(self, why: str) -> None:
        self.ignored += 1
        if self.ignored == 1:
            self._listener.trouble(f"a datagram is ignored: {why}")


def _read(bound: socket.socket) -> tuple[bytes, Any] | None:
    """The next datagram and its source; None when there is none."""
    try:
        return bound.recvfrom(_MAX_DATAGRAM)
    except (BlockingIOError, InterruptedError):
        return None
