"""One prompt on its way to a caller: made ahead by a task, taken frame by frame by a clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import structlog

from bridge.audio import FRAME_BYTES
from bridge.errors import BridgeError
from bridge.playout import SILENCE

log = structlog.get_logger("prompt")

AHEAD_BYTES = 16_000
"""Two seconds wait to be played, at most one piece more."""


class Prompt:
    """Plays the pieces of `Synthesiser.speak`, `Player.play` or any other source of mu-law.

    Begins at once. Call `take()` every 20 ms. `finished` is called from `take`, once, when the
    last frame has been heard or there is none: with None, or with the error that ended the source.
    A prompt that is cancelled does not finish. `underruns` counts frames that were not there in
    time, from the first frame on; `played` those that were.
    """

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        finished: Callable[[BridgeError | None], None],
        *,
        ahead_bytes: int = AHEAD_BYTES,
    ) -> None:
        self._pieces: deque[bytes] = deque()
        self._offset = 0  # into the first piece
        self._finished: Callable[[BridgeError | None], None] | None = finished
        self._ahead = ahead_bytes
        self._buffered = 0
        self._wanted = asyncio.Event()
        self._complete = False
        self._error: BridgeError | None = None
        self.played = 0
        self.underruns = 0
        self._task = asyncio.create_task(self._read(pieces))

    @property
    def over(self) -> bool:
        """Whether it has finished or been cancelled."""
        return self._finished is None

    def take(self) -> bytes | None:
        """The next 20 ms to play; None when there is nothing to play yet, or any more."""
        if self._buffered >= FRAME_BYTES:
            frame = self._cut(FRAME_BYTES)
        elif not self._complete:
            self.underruns += self.played > 0 and not self.over
            return None
        elif self._buffered:
            tail = self._cut(self._buffered)
            frame = tail + SILENCE[len(tail) :]
        else:
            finished, self._finished = self._finished, None
            if finished is not None:
                finished(self._error)
            return None
        if self._buffered < self._ahead:
            self._wanted.set()
        self.played += 1
        return frame

    def cancel(self) -> None:
        """Stop making and playing; `take` gives nothing more and `finished` is not called."""
        self._finished = None
        self._complete = True
        self._pieces.clear()
        self._offset = self._buffered = 0
        self._task.cancel()

    async def closed(self) -> None:
        """Wait until the source has been closed, after `cancel` or the end."""
        await asyncio.wait([self._task])

    def _cut(self, size: int) -> bytes:
        first = self._pieces[0]
        end = self._offset + size
        self._buffered -= size
        if end < len(first):
            part = first[self._offset : end]
            self._offset = end
            return part
        part = first[self._offset :]
        self._pieces.popleft()
        self._offset = 0
        while len(part) < size:
            first = self._pieces[0]
            need = size - len(part)
            part += first[:need]
            if need < len(first):
                self._offset = need
            else:
                self._pieces.popleft()
        return part

    async def _read(self, pieces: AsyncIterator[bytes]) -> None:
        try:
            async for piece in pieces:
                if piece:
                    self._pieces.append(piece)
                    self._buffered += len(piece)
                while self._buffered >= self._ahead:
                    self._wanted.clear()
                    await self._wanted.wait()
        except BridgeError as error:
            self._error = error
        except Exception:
            # One prompt's fault must not end its call.
            log.exception("prompt failed")
            self._error = BridgeError("the prompt failed for a reason of ours; see the log")
        finally:
            self._complete = True
            if isinstance(pieces, AsyncGenerator):
                with contextlib.suppress(BridgeError):
                    await pieces.aclose()


async def pieces_of(*audio: bytes) -> AsyncGenerator[bytes, None]:
    """Audio that is at hand, as a prompt: a beep, digits."""
    for piece in audio:
        yield piece
