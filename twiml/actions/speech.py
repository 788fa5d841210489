"""What is spoken and played: `<Say>`, `<Play>`, `<Pause>`, and the SSML inside `<Say>`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from twiml.actions.element import Element, Text, Verb
from twiml.actions.values import choice, language_tag, number, text

_ALL_SSML = "break emphasis lang p phoneme prosody s say-as sub w"


@dataclass(frozen=True)
class Say(Verb):
    """Speak a text `loop` times; 0 is without end."""

    tag: str = "Say"
    voice: str | None = text()
    loop: int = number(1)
    language: str | None = language_tag()

    CHILDREN: ClassVar[str] = _ALL_SSML
    TEXT: ClassVar[Text] = Text.MIXED


@dataclass(frozen=True)
class Play(Verb):
    """Play the audio file at the URL in the text `loop` times, or `digits` as DTMF tones."""

    tag: str = "Play"
    loop: int = number(1)
    digits: str | None = text()

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class Pause(Verb):
    """Wait in silence for `length` seconds."""

    tag: str = "Pause"
    length: int = number(1, low=1)


@dataclass(frozen=True)
class Break(Element):
    """A pause in speech; `time` is written as `500ms` or `2s`."""

    tag: str = "break"
    strength: str | None = choice(None, "none x-weak weak medium strong x-strong")
    time: str | None = text()


@dataclass(frozen=True)
class Emphasis(Element):
    tag: str = "emphasis"
    level: str | None = choice(None, "strong moderate reduced")

    CHILDREN: ClassVar[str] = "break emphasis lang phoneme prosody say-as sub w"
    TEXT: ClassVar[Text] = Text.MIXED


@dataclass(frozen=True)
class Lang(Element):
    tag: str = "lang"
    xml_lang: str | None = language_tag(attribute="xml:lang")

    CHILDREN: ClassVar[str] = _ALL_SSML
    TEXT: ClassVar[Text] = Text.MIXED


@dataclass(frozen=True)
class Paragraph(Element):
    tag: str = "p"

    CHILDREN: ClassVar[str] = "break emphasis lang phoneme prosody s say-as sub w"
    TEXT: ClassVar[Text] = Text.MIXED


@dataclass(frozen=True)
class Phoneme(Element):
    tag: str = "phoneme"
    alphabet: str | None = choice(
        None,
        "ipa x-sampa x-amazon-jyutping x-amazon-pinyin x-amazon-pron-kana x-amazon-yomigana",
    )
    ph: str | None = text()

    TEXT: ClassVar[Text] = Text.MIXED


@dataclass(frozen=True)
class Prosody(Element):
    tag: str = "prosody"
    volume: str | None = text()
    rate: str | None = text()
    pitch: str | None = text()

    CHILDREN: ClassVar[str] = _ALL_SSML
    TEXT: ClassVar[Text] = Text.MIXED


@dataclass(frozen=True)
class Sentence(Element):
    tag: str = "s"

    CHILDREN: ClassVar[str] = "break emphasis lang phoneme prosody say-as sub w"
    TEXT: ClassVar[Text] = Text.MIXED


@dataclass(frozen=True)
class SayAs(Element):
    tag: str = "say-as"
    interpret_as: str | None = choice(
        None,
        "characters spell-out cardinal number ordinal digits fraction unit date time address "
        "expletive telephone",
        attribute="interpret-as",
    )
    format: str | None = choice(None, "mdy dmy ymd md dm ym my d m y yyyymmdd")

    TEXT: ClassVar[Text] = Text.MIXED


@dataclass(frozen=True)
class Sub(Element):
    """Words that stand for others: `alias` is what is spoken."""

    tag: str = "sub"
    alias: str | None = text()

    TEXT: ClassVar[Text] = Text.MIXED


@dataclass(frozen=True)
class Word(Element):
    tag: str = "w"
    role: str | None = text()

    CHILDREN: ClassVar[str] = "break emphasis phoneme prosody say-as sub"
    TEXT: ClassVar[Text] = Text.MIXED
