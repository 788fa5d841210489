"""`<Say>`: the default synthesiser as a service of the event loop, and the verb's loop."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator

from bridge.audio import SILENCE
from bridge.engine.workers import Workers
from bridge.sound import tones, waves
from bridge.sound.espeak import request_for
from bridge.sound.speech import Bleep, Silence, Speech, Synthesiser, Words

_SILENT_SECOND = bytes([SILENCE]) * waves.samples_of(1000)


class EspeakSynthesiser:
    """Speaks with eSpeak NG in processes of its own. Close it when the service ends.

    What was spoken lately is kept, up to `cache_bytes`: calls hear the same prompts.
    """

    def __init__(self, *, processes: int = 2, cache_bytes: int = 16 * 1024 * 1024) -> None:
        self._workers = Workers("bridge.sound.espeak", count=processes)
        self._cache: OrderedDict[bytes, bytes] = OrderedDict()
        self._room = cache_bytes
        self.made = 0
        """Pieces that were not at hand and had to be made."""

    async def speak(self, speech: Speech) -> AsyncGenerator[bytes, None]:
        """8 kHz mu-law piece by piece, each made when the one before has been taken. Raises
        WorkError when there is no voice, or the engine fails."""
        for piece in speech.pieces:
            match piece:
                case Silence(ms):
                    for start in range(0, ms, 1000):
                        yield _SILENT_SECOND[: waves.samples_of(min(1000, ms - start))]
                case Bleep(ms):
                    yield tones.bleep(ms)
                case Words():
                    audio = await self._say(request_for(piece, speech.voice))
                    if audio:
                        yield audio

    async def _say(self, request: bytes) -> bytes:
        known = self._cache.pop(request, None)
        if known is None:
            self.made += 1
            known = await self._workers.ask(request)
            if request in self._cache:  # another call asked the same meanwhile
                return known
            self._room -= len(known)
        self._cache[request] = known
        while self._room < 0:
            _, oldest = self._cache.popitem(last=False)
            self._room += len(oldest)
        return known

    async def close(self) -> None:
        """End the processes; speech that is under way fails."""
        await self._workers.close()


async def repeated(
    synthesiser: Synthesiser, speech: Speech, loop: int
) -> AsyncGenerator[bytes, None]:
    """`speech`, `loop` times; 0 is until the iterator is closed, as Twilio says until a caller
    hangs up. Speech without a sound ends at once."""
    turn = 0
    while loop == 0 or turn < loop:
        turn += 1
        sounded = False
        async for piece in synthesiser.speak(speech):
            sounded = True
            yield piece
        if not sounded:
            return
