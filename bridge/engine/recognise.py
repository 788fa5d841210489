"""The offline recogniser as a service of the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence

from bridge.engine.workers import Worker, WorkError, Workers
from bridge.errors import BridgeError
from bridge.sound.recognition import Heard
from bridge.sound.sphinx import request

_BATCH_BYTES = 1600
"""200 ms are recognised at a time, or whatever has come meanwhile."""

_MAX_WAITING = 60 * 8000
"""So much audio waits for a recogniser; what follows is lost and counted."""


class SphinxRecogniser:
    """Recognises American English in up to `processes` utterances at once, some 110 MB each; an
    utterance beyond that waits for its turn, after its end no longer than `patience` seconds. Close
    it when the service ends."""

    def __init__(self, *, processes: int = 2, patience: float = 10.0) -> None:
        self._workers = Workers("bridge.sound.sphinx", count=processes, time_limit=60.0)
        self._patience = patience
        self._running: set[asyncio.Task[Heard | None]] = set()

    def begin(
        self,
        *,
        language: str = "en-US",
        hints: Sequence[str] = (),
        partial: Callable[[str], None] = lambda text: None,
    ) -> SphinxRecognition:
        """Begin to listen. Raises BridgeError for a language other than English."""
        if language.lower().partition("-")[0] != "en":
            raise BridgeError(
                f"the offline recogniser has no model for {language}, only for English; "
                "plug in another recogniser"
            )
        recognition = SphinxRecognition(self._workers, hints, partial, self._patience)
        self._running.add(recognition.task)
        recognition.task.add_done_callback(self._running.discard)
        return recognition

    async def close(self) -> None:
        """End the processes; recognitions under way are cancelled."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._workers.close()


class SphinxRecognition:
    """One utterance; see `bridge.sound.recognition.Recognition`. `lost_bytes` counts audio that
    came too long before the recogniser had time for it."""

    def __init__(
        self,
        workers: Workers,
        hints: Sequence[str],
        partial: Callable[[str], None],
        patience: float,
    ) -> None:
        self._patience = patience
        self._taken = asyncio.Event()
        self._workers = workers
        self._hints = hints
        self._partial = partial
        self._waiting = bytearray()
        self._more = asyncio.Event()
        self._ended = False
        self._cancelled = False
        self.lost_bytes = 0
        self.task = asyncio.create_task(self._run())
        self.task.add_done_callback(_seen)

    def feed(self, frame: bytes) -> None:
        if self._ended or self.task.done():
            return
        if len(self._waiting) + len(frame) > _MAX_WAITING:
            self.lost_bytes += len(frame)
            return
        self._waiting += frame
        if len(self._waiting) >= _BATCH_BYTES:
            self._more.set()

    async def finish(self) -> Heard:
        self._ended = True
        self._more.set()
        await self._turn()
        if self._cancelled:
            await asyncio.wait({self.task})
            return Heard("", 0.0)
        try:
            heard = await asyncio.shield(self.task)
        except WorkError as error:
            raise BridgeError(f"speech could not be recognised: {error}") from error
        return heard or Heard("", 0.0)

    async def _turn(self) -> None:
        """Wait for a process, but not for ever: the caller hears nothing meanwhile."""
        taken = asyncio.create_task(self._taken.wait())
        done, _ = await asyncio.wait(
            {self.task, taken}, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED
        )
        taken.cancel()
        if not done:
            self.cancel()
            raise BridgeError(
                f"speech was not recognised: no recogniser was free for {self._patience:g} s"
            )

    def cancel(self) -> None:
        self._ended = self._cancelled = True
        self._waiting.clear()
        self._more.set()
        if not self._taken.is_set():
            self.task.cancel()

    async def _run(self) -> Heard | None:
        async with self._workers.take() as worker:
            self._taken.set()
            await worker.ask(request("begin", hints=self._hints))
            said = ""
            while not (self._ended and not self._waiting):
                await self._more.wait()
                audio = bytes(self._waiting)
                self._waiting.clear()
                if not self._ended:
                    self._more.clear()
                if audio:
                    said = await self._hear(worker, audio, said)
            if self._cancelled:
                return None
            told = json.loads(await worker.ask(request("end")))
            return Heard(told["text"], told["confidence"])

    async def _hear(self, worker: Worker, audio: bytes, said: str) -> str:
        text: str = json.loads(await worker.ask(request("hear", audio)))["text"]
        if text != said and not self._cancelled:
            self._partial(text)
        return text


def _seen(task: asyncio.Task[Heard | None]) -> None:
    """A failure is told by `finish`; who does not ask need not know."""
    with contextlib.suppress(asyncio.CancelledError):
        task.exception()
