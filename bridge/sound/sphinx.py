"""The offline recogniser: PocketSphinx with the American English model in its package.

Optional (`pip install "twiml-bridge[speech]"`), and modest: the model was trained on wideband
speech. It understands phrases that were hinted at well, and free speech roughly. A decoder is slow
to load and blocks, so it lives in a process of its own: `python -m bridge.sound.sphinx`.

A request is a line of JSON and, after it, audio: `begin` (hints), `hear` (audio), `end`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from bridge.codecs import MulawEncoder
from bridge.sound.worker import Refusal, serve

_MODEL_RATE = 16_000
_KEPT_SECONDS = 30
"""So much of an utterance is kept, to be decoded again without the hints if they led nowhere."""

_BLANKS = str.maketrans(dict.fromkeys('()[]{}<>|;*+/\\"=.,!?:', " "))


def request(do: str, audio: bytes = b"", hints: Sequence[str] = ()) -> bytes:
    """What the process is told."""
    return json.dumps({"do": do, "hints": list(hints)}).encode() + b"\n" + audio


class Sphinx:
    """A decoder and its one utterance. Raises Refusal when the package is not installed."""

    def __init__(self) -> None:
        try:
            import pocketsphinx  # noqa: PLC0415 -- it is optional
        except ImportError as error:
            raise Refusal(
                'no speech recogniser is installed: pip install "twiml-bridge[speech]"'
            ) from error
        self._decoder: Any = pocketsphinx.Decoder(samprate=_MODEL_RATE, loglevel="FATAL")
        self._free = self._decoder.current_search()
        self._encoder = MulawEncoder("audio/x-L16", _MODEL_RATE)
        self._open = False
        self._hinted = False
        self._kept = bytearray()

    def begin(self, hints: Sequence[str]) -> None:
        """Forget what was heard, and listen for an utterance."""
        self._close()
        phrases = [phrase for phrase in map(self._usable, hints) if phrase]
        self._hinted = bool(phrases)
        if phrases:
            grammar = f"#JSGF V1.0; grammar hints; public <all> = ( {' | '.join(phrases)} )+ ;"
            self._decoder.add_jsgf_string("hints", grammar)
        self._decoder.activate_search("hints" if phrases else self._free)
        self._kept.clear()
        self._encoder = MulawEncoder("audio/x-L16", _MODEL_RATE)
        self._decoder.start_utt()
        self._open = True

    def hear(self, mulaw: bytes) -> str:
        """The text so far, with this audio."""
        samples = self._encoder.encode(mulaw)
        if self._hinted and len(self._kept) < 2 * _MODEL_RATE * _KEPT_SECONDS:
            self._kept += samples
        self._decoder.process_raw(samples)
        return self._text()[0]

    def end(self) -> tuple[str, float]:
        """The whole text, and how likely it is."""
        self._close()
        text, confidence = self._text()
        if text or not self._kept:
            return text, confidence
        self._decoder.activate_search(self._free)
        self._decoder.start_utt()
        self._decoder.process_raw(bytes(self._kept), full_utt=True)
        self._decoder.end_utt()
        return self._text()

    def _close(self) -> None:
        if self._open:
            self._decoder.end_utt()
        self._open = False

    def _text(self) -> tuple[str, float]:
        hypothesis = self._decoder.hyp()
        if hypothesis is None:
            return "", 0.0
        words = hypothesis.hypstr.split()
        return " ".join(words), max(0.0, min(1.0, hypothesis.prob)) if words else 0.0

    def _usable(self, hint: str) -> str:
        """A hint of words that the model's dictionary has; "" when it lacks one."""
        words = hint.lower().translate(_BLANKS).split()
        return " ".join(words) if all(map(self._decoder.lookup_word, words)) else ""


def answering() -> Callable[[bytes], bytes]:
    """Answers the requests of this process."""
    sphinx = Sphinx()

    def answer(request: bytes) -> bytes:
        line, _, audio = request.partition(b"\n")
        told = json.loads(line)
        text, confidence = "", 0.0
        match told["do"]:
            case "begin":
                sphinx.begin(told["hints"])
            case "hear":
                text = sphinx.hear(audio)
            case "end":
                text, confidence = sphinx.end()
        return json.dumps({"text": text, "confidence": confidence}).encode()

    return answer


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer, answering)
