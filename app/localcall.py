"""A call without a carrier, whose caller is made of audio in memory."""

from __future__ import annotations

from dataclasses import dataclass

from app.calls.call import OwnCall
from app.customer import Reply
from app.live import LiveCall
from app.service import Service
from bridge.call import CallStatus
from bridge.engine.line import Line
from bridge.errors import CustomerError
from bridge.phone import TapePhone


@dataclass(frozen=True, slots=True)
class Phone:
    """The caller's side: what is said (mu-law), how long silence is borne before hanging up, and
    the keys pressed, each with the seconds after the answer."""

    audio: bytes
    patience_ms: int = 2_000
    keys: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a local call. `error` is set when there was no document to run at all.

    `underruns` counts the frames of prompts that were not there in time.
    """

    heard: bytes
    spoken_frames: int
    played_frames: int
    hung_up_by: str
    error: CustomerError | None = None
    underruns: int = 0


class LocalCall:
    """Runs one call to its end. The caller hangs up when done, or the document does."""

    def __init__(self, service: Service, live: LiveCall, phone: Phone) -> None:
        self._tape = TapePhone(
            phone.audio,
            lambda: self.hang_up("caller"),
            patience_ms=phone.patience_ms,
            keys=phone.keys,
        )
        self._call = OwnCall(service, live, Line(service.engine, live.call, self._tape))
        self._tape.pressed = self._call.line.press

    @property
    def heard(self) -> bytes:
        """What the caller has heard so far."""
        return bytes(self._tape.heard)

    @property
    def answered(self) -> bool:
        """Whether the call has begun to run a document."""
        return self._call.live.call.status is not CallStatus.RINGING

    async def run(self, url: str, method: str = "POST") -> Outcome:
        """Ask the app at `url` for a document and run it."""
        return self._outcome(await self._call.run(url, method))

    async def run_document(self, reply: Reply) -> Outcome:
        """Run a document that is at hand; `reply.url` is the base of its relative URLs."""
        await self._call.run_document(reply)
        return self._outcome()

    def hang_up(self, by: str) -> None:
        """End the call; the first to do so counts."""
        self._call.hang_up(by)

    def _outcome(self, error: CustomerError | None = None) -> Outcome:
        tape = self._tape
        return Outcome(
            bytes(tape.heard),
            tape.spoken_frames,
            tape.played_frames,
            self._call.hung_up_by,
            error,
            self._call.runner.prompts.underruns,
        )
