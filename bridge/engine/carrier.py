"""What the handlers of a carrier's media sockets have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

from bridge.engine.idle import IdleWatch, Tell
from bridge.engine.pace import Paced
from bridge.engine.sockets import Socket
from bridge.limits import StreamLimits


class CarrierSocket(Paced, ABC):
    """A socket on which a carrier speaks, from `_attend` to `_let_go`.

    A silent carrier is given up, one that sends too much is read more slowly, and `_blocked` says
    whether one does not read. Faults are counted, and the first of them is told to `tell`.
    """

    def __init__(self, limits: StreamLimits, tell: Tell) -> None:
        super().__init__()
        self._limits = limits
        self._tell = tell
        self._socket: Socket | None = None
        self._idle: IdleWatch | None = None
        self._blocked = self._over = False
        self._faults = self._throttled = 0
        self.left_by_carrier = False
        """Whether the carrier has ended the stream of itself: as a rule its call is over."""

    def binary(self, data: bytes) -> None:
        self._left -= 1 + (len(data) >> 10)
        if self._left <= 0:
            self._look()
        self._fault(f"a binary frame of {len(data)} bytes")

    def _attend(self, socket: Socket) -> None:
        self._socket = socket
        socket.watch_unsent(self._limits.unsent_size, self._hold, self._resume)
        socket.watch_frames(self._frame_came)
        self._keep_pace(socket, self._limits.carrier_rate, self._slowed)
        self._idle = IdleWatch.of(
            socket, self._limits.carrier_idle, tell=self._tell, give_up=self._give_up
        )

    def _let_go(self) -> None:
        self._over = True
        if self._idle is not None:
            self._idle.end()
        self._end_pace()
        if self._socket is not None:
            self._socket.close()

    @abstractmethod
    def _give_up(self) -> None:
        """The carrier is dead."""

    def _fault(self, fault: str) -> None:
        self._faults += 1
        if self._faults == 1:
            self._tell("carrier.fault", "warning", message=fault)

    def _slowed(self, why: str) -> None:
        self._throttled += 1
        if self._throttled == 1:
            self._tell("carrier.throttled", "warning", message=why)

    def _hold(self) -> None:
        self._blocked = True

    def _resume(self) -> None:
        self._blocked = False
