"""What a WebSocket looks like to its owner, and the owner to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from websockets.frames import CloseCode


@dataclass(frozen=True, slots=True)
class Closed:
    """How a socket ended. `code` is the RFC 6455 code, 1006 when the peer vanished.

    `by_peer`: the peer sent the first close frame. `violation`: the peer broke the protocol; it
    says how.
    """

    code: int
    reason: str
    by_peer: bool
    violation: str = ""

    @property
    def abrupt(self) -> bool:
        return self.code == CloseCode.ABNORMAL_CLOSURE and not self.violation


class Socket(Protocol):
    """What a socket's owner can do with it, whichever engine moves its frames."""

    @property
    def is_open(self) -> bool: ...

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        ...

    @property
    def received(self) -> int:
        """Bytes from the peer so far: any of them is a sign of life."""
        ...

    @property
    def unsent(self) -> int:
        """Bytes written but not yet taken by the network: how far the peer is behind."""
        ...

    @property
    def lost(self) -> int:
        """Bytes that were written and thrown away when the connection was dropped."""
        ...

    def watch_unsent(
        self, limit: int, blocked: Callable[[], None], drained: Callable[[], None]
    ) -> None:
        """Have `blocked` called when more than `limit` bytes are unsent, and `drained` when less
        than a quarter of that is left."""
        ...

    def watch_frames(self, came: Callable[[], None]) -> None:
        """Have `came` called for each frame that ends no message: control frames, fragments."""
        ...

    def pause_reading(self) -> None:
        """Leave to the network what the peer sends, until `resume_reading`."""
        ...

    def resume_reading(self) -> None: ...

    def send_text(self, data: bytes) -> bool:
        """Send one text message; False, without error, when the socket is no longer open."""
        ...

    def ping(self) -> None:
        """Ask for a sign of life; its answer counts in `received`."""
        ...

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Begin the closing handshake; what was sent before is delivered first."""
        ...

    def abort(self) -> None:
        """Drop the connection at once."""
        ...


class Handler(Protocol):
    """What a socket's owner is told. `closed` comes exactly once after `opened`."""

    def opened(self, socket: Socket) -> None: ...
    def text(self, data: bytes) -> None: ...
    def binary(self, data: bytes) -> None: ...
    def closed(self, how: Closed) -> None: ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """A handshake that is not accepted: HTTP status and one sentence."""

    status: int
    text: str


class Acceptor(Protocol):
    """Decides on a handshake: the handler of the new socket, or why there is none."""

    def __call__(self, path: str, headers: dict[str, str]) -> Handler | Refusal: ...
