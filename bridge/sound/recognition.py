"""What turns a caller's speech into text: the interface that a recogniser has.

When speech has ended is not its business: `bridge.sound.level.SpeechMeter` tells that, and the
caller of `finish` decides (`speechTimeout`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Heard:
    """What was understood. `confidence` is from 0 to 1, as the recogniser sees it."""

    text: str
    confidence: float


class Recognition(Protocol):
    """One utterance. Audio may come before the recogniser is ready, and is kept."""

    def feed(self, frame: bytes) -> None:
        """The next 20 ms (160 bytes of mu-law). Never blocks, never fails."""

    async def finish(self) -> Heard:
        """Everything has been said: what it was; an empty text when nothing was understood.
        Raises BridgeError."""

    def cancel(self) -> None:
        """Nobody wants to know any more."""


class Recogniser(Protocol):
    """Starts recognitions. One per service; safe to use from many calls at once."""

    def begin(
        self,
        *,
        language: str = "en-US",
        hints: Sequence[str] = (),
        partial: Callable[[str], None] = lambda text: None,
    ) -> Recognition:
        """Begin to listen. `partial` is called, on the event loop, with the text so far whenever it
        has changed; `hints` are phrases that are likely. Raises BridgeError for a language that
        there is no model for."""
