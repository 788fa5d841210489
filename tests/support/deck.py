"""A leg cut down to its play-out, advanced by hand: one `step()` is 20 ms."""

from __future__ import annotations

from bridge.engine.session import StreamSession
from bridge.playout import TEN_MINUTES, Playout


class Deck:
    """Plays what a two-way stream sends; a mark is echoed when its audio has been played."""

    def __init__(self, limit: int = TEN_MINUTES) -> None:
        self.playout = Playout(limit)
        self.session: StreamSession | None = None
        self.heard = b""

    def play(self, audio: bytes) -> int:
        return self.playout.play(audio)

    def play_payload(self, payload: bytes) -> int:
        return self.playout.play_payload(payload)

    def mark(self, name: str) -> None:
        self.playout.mark(name)
        self._echo()

    def clear(self) -> list[str]:
        return self.playout.clear()

    def step(self) -> bool:
        """Play 20 ms; whether there was something to play."""
        frame = self.playout.take()
        self.heard += frame or b""
        self._echo()
        return frame is not None

    def _echo(self) -> None:
        assert self.session is not None
        for name in self.playout.due():
            self.session.mark_played(name)
