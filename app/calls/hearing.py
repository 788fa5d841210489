"""`<Gather>`'s ear: one utterance of the caller's, from its first sound to its words."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from app.calls.shell import Desk, Does
from bridge.errors import BridgeError
from bridge.sound.level import SpeechMeter
from bridge.sound.recognition import Recognition
from twiml.script import Listen, PartialSpeech, SpeechRecognised, SpeechStarted, StopListening

_FRAME_MS = 20
_PAUSE_MS = 800
"""The pause that ends an utterance where the document leaves it to us."""

_BEFORE_FRAMES = 25
"""Half a second from before a voice is noticed belongs to what it says."""


class Hearing:
    """Listens when it is told to. Without a recogniser it hears that somebody spoke, no words."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ear: _Ear | None = None
        self._warned: set[str] = set()
        self.does: Does = {Listen: self._listen, StopListening: self._stop}

    def close(self) -> None:
        if self._ear is not None:
            self._ear.leave()
            self._ear = None

    def _listen(self, command: Listen) -> None:
        self.close()
        if self._desk.service.sounds.recogniser is None:
            self._warn("no speech recogniser is installed: pip install twiml-bridge[speech]")
        self._ear = _Ear(self._desk, command, self._recognition)
        self._desk.line.taps.add(self._ear)

    def _stop(self, command: StopListening) -> None:
        if self._ear is not None and self._ear.listen is command.listen:
            self.close()

    def _recognition(self, command: Listen) -> Recognition | None:
        recogniser = self._desk.service.sounds.recogniser
        if recogniser is None:
            return None

        def partial(text: str) -> None:
            if command.partial:
                self._desk.post(PartialSpeech(command, text))

        try:
            return recogniser.begin(language=command.language, hints=command.hints, partial=partial)
        except BridgeError as error:
            self._warn(str(error))
            return None

    def _warn(self, message: str) -> None:
        """Once: a `<Gather>` listens again and again."""
        if message not in self._warned:
            self._warned.add(message)
            self._desk.tell("speech.deaf", "warning", message=message)


class _Ear:
    """Counts in audio: when a voice begins, when it has paused for long enough.

    `begin` gives a recognition; it is asked for when somebody speaks, for they are few.
    """

    def __init__(
        self, desk: Desk, listen: Listen, begin: Callable[[Listen], Recognition | None]
    ) -> None:
        self.listen = listen
        self._desk = desk
        self._begin = begin
        self._recognition: Recognition | None = None
        self._before: deque[bytes] = deque(maxlen=_BEFORE_FRAMES)
        self._meter = SpeechMeter()
        self._since_ms = 0
        pause = listen.pause_seconds
        self._pause_ms = _PAUSE_MS if pause is None else pause * 1000

    def feed(self, inbound: bytes, _outbound: bytes) -> None:
        self._meter.feed(inbound)
        if not self._meter.heard_speech:
            self._before.append(inbound)
            return
        if not self._since_ms:
            self._desk.post(SpeechStarted(self.listen))
            self._recognition = self._begin(self.listen)
            for frame in self._before:
                self._hear(frame)
        self._hear(inbound)
        self._since_ms += _FRAME_MS
        paused = not self._meter.speaking and self._meter.silent_ms >= self._pause_ms
        if paused or self._since_ms >= self.listen.max_seconds * 1000:
            self._desk.line.taps.discard(self)
            self._desk.later(self._finish())

    def _hear(self, frame: bytes) -> None:
        if self._recognition is not None:
            self._recognition.feed(frame)

    async def _finish(self) -> None:
        text, confidence = "", None
        if self._recognition is not None:
            try:
                heard = await self._recognition.finish()
                text, confidence = heard.text, heard.confidence
            except BridgeError as error:
                self._desk.tell("speech.failed", "error", message=str(error))
        self._desk.tell("speech.recognised", words=len(text.split()))
        self._desk.post(SpeechRecognised(self.listen, text, confidence))

    def leave(self) -> None:
        """Nobody wants to know any more."""
        self._desk.line.taps.discard(self)
        if self._recognition is not None:
            self._recognition.cancel()
