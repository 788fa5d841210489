"""Where one tap comes in: a WebSocket or a UDP port. Either makes frames with times."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict
from functools import partial
from typing import Protocol

from bridge.audio import AudioError
from bridge.dialects.tap import DIRECTIONS, TapReader
from bridge.engine.idle import IdleWatch
from bridge.engine.pace import Paced
from bridge.engine.rtp import RtpPorts
from bridge.engine.sockets import Closed, Socket
from bridge.rtp import PCMA, JitterBuffer, Packet


class Owner(Protocol):
    """The leg that a tap belongs to."""

    def now(self) -> int:
        """Whole ms since the stream began."""
        ...

    def begin(self, tap: TapSource) -> None:
        """The first sign of a tap."""
        ...

    def audio(self, track: str, frame: bytes, at: int) -> None: ...

    def wake(self) -> None:
        """Have `tick` called while it has something to do."""
        ...

    def unreadable(self, tap: TapSource, error: AudioError) -> None:
        """A tap's audio cannot be used."""
        ...

    def leave(self, tap: TapSource, level: str = "info", /, **data: object) -> None:
        """A tap is over."""
        ...

    def tell(self, tap: TapSource, kind: str, level: str = "info", /, **data: object) -> None:
        """Put something on the call's timeline."""
        ...


class TapSource(ABC):
    """One tap of a leg: `begun` when it has shown a first sign, `done` when it is over.

    `throttled` counts how often it was read more slowly because it sent too quickly.
    """

    def __init__(self, owner: Owner, track: str) -> None:
        self.track = track
        self.direction = DIRECTIONS[track]
        self.begun = False
        self.done = False
        self.throttled = 0
        self._owner = owner
        self._idle: IdleWatch | None = None

    @property
    @abstractmethod
    def counters(self) -> dict[str, int]:
        """What came of what was received."""

    @abstractmethod
    def carrier_ended(self) -> None:
        """SignalWire says that it is finished."""

    @abstractmethod
    def customer_ended(self) -> None:
        """Nobody wants its audio any more."""

    @abstractmethod
    def close(self) -> None:
        """Give out what is left; let go of the socket or port."""

    @abstractmethod
    def tick(self, now: int) -> bool:
        """Whether something still waits for time to pass."""

    @abstractmethod
    def signs(self) -> int:
        """Grows with each sign of life."""

    def watch(self, limit: float) -> None:
        """Notice from now on when no audio comes: every `limit` seconds it is looked for."""
        self._idle = IdleWatch(
            limit,
            signs=self.signs,
            ask=self.ask,
            tell=partial(self._owner.tell, self),
            give_up=partial(self._owner.leave, self, "warning"),
        )

    def unwatch(self) -> None:
        if self._idle is not None:
            self._idle.end()

    def slowed(self, why: str) -> None:
        """It is read more slowly for a while."""
        self.throttled += 1
        if self.throttled == 1:
            self._owner.tell(self, "carrier.throttled", "warning", message=why)

    def ask(self) -> bool:
        """Ask for a sign of life; whether there is someone to ask."""
        return False

    def _frame(self, frame: bytes, at: int) -> None:
        self._owner.audio(self.track, frame, at)


class SocketTap(TapSource, Paced):
    """A tap over a WebSocket: the handler of that socket."""

    def __init__(self, owner: Owner, track: str, rate: int) -> None:
        TapSource.__init__(self, owner, track)
        Paced.__init__(self)
        self._rate = rate
        self._reader = TapReader(self._frame)
        self._socket: Socket | None = None
        self._blamed = False

    def opened(self, socket: Socket) -> None:
        self._socket = socket
        socket.watch_frames(self._frame_came)
        self._keep_pace(socket, self._rate, self.slowed)
        self._owner.begin(self)

    def text(self, data: bytes) -> None:
        self._left -= 1 + (len(data) >> 10)
        if self._left <= 0:
            self._look()
        if self.done:
            return
        try:
            form = self._reader.text(data)
        except AudioError as error:
            self._owner.unreadable(self, error)
            return
        if form is not None:
            self._owner.tell(self, "carrier.start", encoding=form.law, sample_rate=form.sample_rate)
        self._blame()

    def binary(self, data: bytes) -> None:
        self._left -= 1 + (len(data) >> 10)
        if self._left <= 0:
            self._look()
        if self.done:
            return
        self._reader.binary(data, self._owner.now())
        if self._reader.waiting:
            self._owner.wake()
        if not self._blamed:
            self._blame()

    def closed(self, how: Closed) -> None:
        self._owner.leave(
            self,
            "warning" if how.abrupt or how.violation else "info",
            close_code=how.code,
            message=how.violation or how.reason,
        )

    @property
    def counters(self) -> dict[str, int]:
        return asdict(self._reader.counters) | {"throttled": self.throttled}

    def carrier_ended(self) -> None:
        if self._socket is None:
            self._owner.leave(self)
        else:
            self._socket.close()  # what was sent before still comes, then `closed`

    def customer_ended(self) -> None:
        self._owner.leave(self)

    def close(self) -> None:
        self._reader.end()
        self._end_pace()
        if self._socket is not None:
            self._socket.close()

    def tick(self, now: int) -> bool:
        self._reader.tick(now)
        return self._reader.waiting

    def signs(self) -> int:
        return 0 if self._socket is None else self._socket.received

    def ask(self) -> bool:
        if self._socket is not None:
            self._socket.ping()
        return self._socket is not None

    def _blame(self) -> None:
        if self._reader.fault and not self._blamed:
            self._blamed = True
            self._owner.tell(self, "carrier.fault", "warning", message=self._reader.fault)


class RtpTap(TapSource):
    """A tap over RTP. It has no end of its own: its port is taken until `close`."""

    def __init__(self, owner: Owner, track: str, ports: RtpPorts, window_ms: int) -> None:
        """Raises NoPortError."""
        super().__init__(owner, track)
        self._buffer = JitterBuffer(self._frame, window_ms)
        self._receiver = ports.open(self)

    @property
    def port(self) -> int:
        return self._receiver.port

    def packet(self, packet: Packet) -> None:
        if not self.begun:
            self._owner.begin(self)
            encoding = "alaw" if packet.payload_type == PCMA else "mulaw"
            self._owner.tell(self, "carrier.start", encoding=encoding, sample_rate=8000)
        self._buffer.receive(packet, self._owner.now())
        if self._buffer.waiting:
            self._owner.wake()

    def trouble(self, message: str) -> None:
        self._owner.tell(self, "carrier.fault", "warning", message=message)

    @property
    def counters(self) -> dict[str, int]:
        return asdict(self._buffer.counters) | {
            "ignored": self._receiver.ignored,
            "foreign": self._receiver.foreign,
            "throttled": self.throttled,
        }

    def carrier_ended(self) -> None:
        self._owner.leave(self)

    def customer_ended(self) -> None:
        self._receiver.halt()

    def close(self) -> None:
        self._buffer.end()
        self._receiver.close()

    def tick(self, now: int) -> bool:
        self._buffer.tick(now)
        return self._buffer.waiting

    def signs(self) -> int:
        return self._buffer.counters.packets
