"""What a `<Say>` is to sound like: its text and SSML as pieces that any synthesiser can speak.

Twilio leaves open how long each SSML pause is and how much louder an emphasis; what is chosen is in
the tables below. Words inside `<say-as>` are written out in `bridge.sound.sayas`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from bridge.sound.sayas import spelt_out
from bridge.sound.voices import DEFAULT_VOICE, Voice, voice_of
from twiml.actions import Say
from twiml.actions.element import Element
from twiml.actions.speech import (
    Break,
    Emphasis,
    Lang,
    Paragraph,
    Phoneme,
    Prosody,
    SayAs,
    Sentence,
    Sub,
)


@dataclass(frozen=True, slots=True)
class Style:
    """How words are spoken: factors of the voice's own rate and pitch, decibels, a language other
    than the voice's."""

    rate: float = 1.0
    pitch: float = 1.0
    volume_db: float = 0.0
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Words in one style. `phonemes`, if any, are (alphabet, symbols) to be spoken instead of
    `text` by an engine that can."""

    text: str
    style: Style = Style()
    phonemes: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What is spoken in one breath: one or more runs."""

    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """A pause of `ms` milliseconds."""

    ms: int


@dataclass(frozen=True, slots=True)
class Bleep:
    """A tone that covers an expletive."""

    ms: int


Piece = Words | Silence | Bleep


@dataclass(frozen=True, slots=True)
class Speech:
    """All that a synthesiser is told: the voice, and the pieces in order."""

    voice: Voice
    pieces: tuple[Piece, ...]


class Synthesiser(Protocol):
    """Turns speech into audio. One per service; safe to use from many calls at once."""

    def speak(self, speech: Speech) -> AsyncIterator[bytes]:
        """8 kHz mu-law in pieces of any length, each as soon as it is made.

        Closing the iterator, or cancelling the task that reads it, ends the work. Raises
        CustomerError where Twilio has a number for what is wrong, and BridgeError otherwise.
        """


@dataclass(frozen=True, slots=True)
class _Boundary:
    """Where a sentence or paragraph begins or ends."""

    ms: int


SILENT_DB = -96.0
MAX_BREAK_MS = 10_000

_BREAKS_MS = {"none": 0, "x-weak": 0, "weak": 250, "medium": 250, "strong": 500, "x-strong": 1000}
_PARAGRAPH = _Boundary(600)
_SENTENCE = _Boundary(350)
_BLEEP = Bleep(500)
_RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "fast": 1.25, "x-fast": 1.75}
_PITCHES = {"x-low": 0.65, "low": 0.8, "medium": 1.0, "high": 1.25, "x-high": 1.5}
_VOLUMES = {
    "silent": SILENT_DB,
    "x-soft": -12.0,
    "soft": -6.0,
    "medium": 0.0,
    "loud": 4.0,
    "x-loud": 8.0,
}
_EMPHASES = {"strong": (0.85, 3.0), "moderate": (0.93, 1.5), "reduced": (1.1, -3.0)}
_TIME = re.compile(r"\s*\+?([0-9]{0,6}(?:\.[0-9]{1,6})?)(ms|s)\s*")
_PERCENT = re.compile(r"\s*([+-]?)([0-9]{1,4}(?:\.[0-9]{1,4})?)%\s*")
_DECIBELS = re.compile(r"\s*([+-]?[0-9]{1,3}(?:\.[0-9]{1,4})?)dB\s*")

MAX_PIECE = 240
"""Letters spoken at once: some 15 s of speech, made in a fraction of a second."""
_FIRST_PIECE = 100
"""Letters of the first: speech begins at once."""


def speech_of(say: Say, default: Voice = DEFAULT_VOICE) -> Speech:
    """What a `<Say>` says, once; its `loop` is for who plays it."""
    return Speech(voice_of(say.voice, say.language, default), tuple(_pieces(say)))


def plain_speech(text: str, voice: Voice = DEFAULT_VOICE) -> Speech:
    """A text without SSML."""
    return Speech(voice, tuple(_cut([Run(" ".join(text.split()))], first=True)))


def _pieces(say: Element) -> Iterator[Piece]:
    """The pieces of an element: runs are gathered up to the next pause."""
    runs: list[Run] = []
    spoken = False
    pending = 0  # of a sentence's end: it falls between words only
    for part in [*_flat(say, Style()), _Boundary(0)]:
        if isinstance(part, Run):
            runs.append(part)
            continue
        said: list[Piece] = list(_cut(runs, first=not spoken))
        runs.clear()
        if isinstance(part, Bleep):
            said.append(part)
        if said:
            if pending:
                yield Silence(pending)
            pending = 0
            spoken = True
            yield from said
        if isinstance(part, Silence) and part.ms:
            yield part
            pending = 0
        elif isinstance(part, _Boundary) and spoken:
            pending = max(pending, part.ms)


def _flat(element: Element, style: Style) -> Iterator[Run | Silence | Bleep | _Boundary]:
    for part in element.content:
        if isinstance(part, str):
            yield Run(part, style)
        else:
            yield from _child(part, style)


def _child(child: Element, style: Style) -> Iterator[Run | Silence | Bleep | _Boundary]:
    match child:
        case Break():
            yield Silence(break_ms(child))
        case Paragraph():
            yield _PARAGRAPH
            yield from _flat(child, style)
            yield _PARAGRAPH
        case Sentence():
            yield _SENTENCE
            yield from _flat(child, style)
            yield _SENTENCE
        case SayAs(interpret_as="expletive"):
            yield _BLEEP
        case SayAs():
            yield Run(spelt_out(child.text, child.interpret_as, child.format), style)
        case Sub():
            yield Run(child.text if child.alias is None else child.alias, style)
        case Phoneme(ph=str(symbols)):
            yield Run(child.text, style, (child.alphabet or "ipa", symbols))
        case _:
            yield from _flat(child, _restyled(child, style))


def _restyled(child: Element, style: Style) -> Style:
    match child:
        case Emphasis():
            rate, decibels = _EMPHASES[child.level or "moderate"]
            return replace(style, rate=style.rate * rate, volume_db=style.volume_db + decibels)
        case Lang(xml_lang=str(language)):
            return replace(style, language=language)
        case Prosody():
            return replace(
                style,
                rate=_within(style.rate * _factor(child.rate, _RATES, relative=False), 0.2, 4.0),
                pitch=_within(style.pitch * _factor(child.pitch, _PITCHES, relative=True), 0.4, 2),
                volume_db=max(SILENT_DB, style.volume_db + _decibels(child.volume)),
            )
    return style


def break_ms(element: Break) -> int:
    """How long a `<break>` is; `time` goes before `strength`, and neither is a medium one."""
    match = _TIME.fullmatch(element.time or "")
    if match is not None and match[1] not in ("", "."):
        ms = float(match[1]) * (1000 if match[2] == "s" else 1)
        return min(MAX_BREAK_MS, round(ms))
    return _BREAKS_MS[element.strength or "medium"]


def _factor(written: str | None, names: dict[str, float], *, relative: bool) -> float:
    """A rate or pitch as a factor. `80%` is that part of the default where it is not `relative`,
    `+10%` and `-10%` always add to it; what cannot be read changes nothing."""
    written = (written or "").strip()
    if written in names:
        return names[written]
    match = _PERCENT.fullmatch(written)
    if match is None:
        return 1.0
    part = float(match[2]) / 100
    if match[1] == "-":
        return max(0.0, 1 - part)
    return 1 + part if match[1] == "+" or relative else part


def _decibels(written: str | None) -> float:
    written = (written or "").strip()
    if written in _VOLUMES:
        return _VOLUMES[written]
    match = _DECIBELS.fullmatch(written)
    return _within(float(match[1]), SILENT_DB, 12.0) if match else 0.0


def _within(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))


# --- cutting --------------------------------------------------------------------------------

_ENDS = (
    re.compile(r"[.!?…][\"')\]]*\s|[。！？]"),  # noqa: RUF001 -- these are Chinese
    re.compile(r"[,;:–—][\"')\]]*\s|[、，；]"),  # noqa: RUF001 -- and these
    re.compile(r"\s"),
)


def _cut(runs: list[Run], *, first: bool) -> Iterator[Words]:
    """Runs as pieces that are short enough, cut where a speaker would take breath."""
    breath: list[Run] = []
    room = _FIRST_PIECE if first else MAX_PIECE
    for run in runs:
        text = re.sub(r"\s+", " ", run.text)
        while len(text) > room and run.phonemes is None:
            at = _end_within(text, room)
            if not at and not breath:
                at = room  # a word without end
            breath.append(replace(run, text=text[:at]))
            text = text[at:]
            yield from _spoken(breath)
            room = MAX_PIECE
        breath.append(replace(run, text=text))
        room -= len(text)
    yield from _spoken(breath)


def _spoken(breath: list[Run]) -> Iterator[Words]:
    if any(run.phonemes or run.text.strip() for run in breath):
        yield Words(tuple(run for run in breath if run.text or run.phonemes))
    breath.clear()


def _end_within(text: str, room: int) -> int:
    """Where to cut: after the last sentence, clause or word that fits; 0 when none does."""
    for pattern in _ENDS:
        ends = [match.end() for match in pattern.finditer(text, 0, max(0, room))]
        if ends:
            return ends[-1]
    return 0
