"""The default synthesiser: eSpeak NG, from the PyPI package that carries its library and voices.

The library has one voice at a time and keeps it in globals, so it lives in a process of its own,
which this module is: `python -m bridge.sound.espeak` reads requests and writes audio until its
standard input ends. A text that upset the library could end that process, and no call. The library
is under the GPL (version 3 or later) and optional: another `Synthesiser` may take its place.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from functools import cache
from xml.sax.saxutils import escape

from bridge.codecs import to_mulaw
from bridge.sound.phonemes import mnemonics
from bridge.sound.speech import SILENT_DB, Run, Style, Words
from bridge.sound.voices import Gender, Voice
from bridge.sound.worker import Refusal, serve

_SYNCHRONOUS = 2  # audio to the callback, in the caller's thread
_UTF8, _SSML, _PHONEMES = 1, 0x10, 0x100
_DONT_EXIT = 0x8000
_RATE = 1
_WORDS_A_MINUTE = 160
_MAX_SECONDS = 120
"""More is not made of one piece: 240 letters at the slowest take half of it."""

_VARIANTS: dict[Gender, str] = {"female": "+f3", "male": ""}

_SPOKEN_AS = {
    "arb": "ar",
    "en": "en-us",
    "en-au": "en",
    "en-gb": "en",
    "en-gb-wls": "en",
    "en-ie": "en",
    "en-in": "en",
    "en-nz": "en",
    "en-za": "en",
    "es-es": "es",
    "es-ar": "es-419",
    "es-cl": "es-419",
    "es-co": "es-419",
    "es-mx": "es-419",
    "es-pe": "es-419",
    "es-us": "es-419",
    "es-ve": "es-419",
    "fil": "id",
    "gl": "pt",
    "no": "nb",
    "pt-pt": "pt",
    "tl": "id",
    "zh": "cmn",
    "zh-hk": "yue",
}
"""Where Twilio's tag is not eSpeak's. Of two languages it lacks (Filipino, Galician) a near one."""


# --- what is asked ----------------------------------------------------------------------------


def request_for(words: Words, voice: Voice) -> bytes:
    """What the process is told in order to speak `words`."""
    asked = {"language": voice.language, "gender": voice.gender, "markup": _markup(words)}
    return json.dumps(asked).encode()


def _markup(words: Words) -> str:
    """eSpeak's form of SSML, in which each run says all of its style."""
    return "<speak>" + "".join(map(_run_markup, words.runs)) + "</speak>"


def _run_markup(run: Run) -> str:
    text = escape(_printable(run.text))
    if run.phonemes is not None:
        symbols = mnemonics(*run.phonemes)
        text = f"[[{symbols}]]" if symbols else text
    style = run.style
    if style == Style():
        return text
    marks = []
    if style.rate != 1:
        marks.append(f'rate="{style.rate * 100:.0f}%"')
    if style.pitch != 1:
        marks.append(f'pitch="{style.pitch * 100:.0f}%"')
    if style.volume_db <= SILENT_DB:
        marks.append('volume="silent"')
    elif style.volume_db:
        marks.append(f'volume="{100 * 10 ** (style.volume_db / 20):.0f}%"')
    if marks:
        text = f"<prosody {' '.join(marks)}>{text}</prosody>"
    if style.language is not None:
        text = f'<voice xml:lang="{escape(espeak_name(style.language))}">{text}</voice>'
    return text


def _printable(text: str) -> str:
    """Text without control characters, some of which are commands to the engine, and without its
    brackets around phonemes."""
    kept = "".join(c if c >= " " and c != "\x7f" else " " for c in text)
    return kept.replace("[[", "[ [")


def espeak_name(language: str) -> str:
    """eSpeak's name for the nearest it may have to a language tag; it knows best which it has."""
    tag = language.lower().replace("_", "-")
    return _SPOKEN_AS.get(tag, tag)


# --- the process ------------------------------------------------------------------------------


class Espeak:
    """The library, which a process may load once. Raises Refusal when it is not installed."""

    def __init__(self) -> None:
        try:
            import espeakng_loader  # noqa: PLC0415 -- it is optional
        except ImportError as error:
            raise Refusal(
                "no voice is installed: pip install espeakng-loader, or plug in another synthesiser"
            ) from error
        self._library = library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        self.rate: int = library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT)
        if self.rate <= 0:
            raise Refusal("the eSpeak NG library cannot read its voices; install it anew")
        self._parts: list[bytes] = []
        self._room = 0
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
        self._callback = kind(self._take)  # kept: the library does not
        library.espeak_SetSynthCallback(self._callback)
        self.voice_for = cache(self._find_voice)

    def speak(self, markup: str, language: str, gender: Gender) -> bytes:
        """The audio of `markup` as 8 kHz mu-law."""
        self._parts = []
        self._room = 2 * self.rate * _MAX_SECONDS
        library = self._library
        library.espeak_SetVoiceByName(self.voice_for(language, gender).encode())
        library.espeak_SetParameter(_RATE, _WORDS_A_MINUTE, 0)
        text = markup.encode() + b"\0"
        flags = _UTF8 | _SSML | _PHONEMES
        if library.espeak_Synth(text, len(text), 0, 1, 0, flags, None, None):
            raise Refusal("the eSpeak NG library refused the text")
        library.espeak_Synchronize()
        return to_mulaw(b"".join(self._parts), self.rate)

    def _take(self, samples: int | None, count: int, _events: object) -> int:
        if samples is not None and count > 0:
            self._parts.append(ctypes.string_at(samples, 2 * count))
            self._room -= 2 * count
        return int(self._room <= 0)  # 1 ends it

    def _find_voice(self, language: str, gender: Gender) -> str:
        """A voice the library has: of the tag, of its first part, or else American English."""
        tag = espeak_name(language)
        variant = _VARIANTS[gender]
        for name in (tag, espeak_name(tag.partition("-")[0]), "en-us"):
            if not self._library.espeak_SetVoiceByName((name + variant).encode()):
                return name + variant
        raise Refusal(f"the eSpeak NG library has no voice for {language}")


def answering() -> Callable[[bytes], bytes]:
    """Answers the requests of this process."""
    engine = Espeak()

    def answer(request: bytes) -> bytes:
        asked = json.loads(request)
        return engine.speak(asked["markup"], asked["language"], asked["gender"])

    return answer


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer, answering)
