"""A transport, and what the `websockets` library wants written to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from websockets.client import ClientProtocol
from websockets.protocol import SEND_EOF
from websockets.server import ServerProtocol

_NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)
_KERNEL_SHARE = 16 * 1024  # bytes not sent that the kernel may hold: about a second of frames


class Wire(asyncio.Protocol):
    """One end of a connection, and one time limit after which it is dropped."""

    def __init__(self, protocol: ClientProtocol | ServerProtocol) -> None:
        self._protocol = protocol
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.lost = 0
        """Bytes that were written and thrown away when the connection was dropped."""
        self._blocked: Callable[[], None] = nothing
        self._drained: Callable[[], None] = nothing

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self._transport is not None and bool(self._transport.get_extra_info("ssl_object"))

    @property
    def unsent(self) -> int:
        """Bytes written but not yet taken by the network: how far the peer is behind."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def watch_unsent(
        self, limit: int, blocked: Callable[[], None], drained: Callable[[], None]
    ) -> None:
        """Have `blocked` and `drained` called when the peer falls behind and has caught up."""
        if self._transport is not None:
            self._blocked, self._drained = blocked, drained
            if _NOTSENT_LOWAT is not None:
                # What the kernel takes nobody can count or take back: megabytes, left to itself.
                connection = self._transport.get_extra_info("socket")
                connection.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, _KERNEL_SHARE)
            self._transport.set_write_buffer_limits(high=limit, low=limit // 4)

    def pause_reading(self) -> None:
        """Leave to the network what the peer sends, until `resume_reading`."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self.lost = self.lost or self.unsent
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        self._blocked()

    def resume_writing(self) -> None:
        self._drained()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._take_time()

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            self._protocol.data_to_send()  # there is nowhere left to send it
            return
        for data in self._protocol.data_to_send():
            if data is not SEND_EOF:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()

    def _hurry(self, seconds: float) -> None:
        """Drop the connection after so long, unless that is to happen sooner already."""
        loop = asyncio.get_running_loop()
        if self._timer is None or self._timer.when() > loop.time() + seconds:
            self._take_time()
            self._timer = loop.call_later(seconds, self.abort)

    def _take_time(self) -> None:
        """There is no hurry any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def nothing() -> None:
    """Nobody wants to know."""
