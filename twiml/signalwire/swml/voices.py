"""Who speaks: Twilio's voices in SignalWire's spelling.

`man`, `woman` and `alice` name no voice in SWML, whose default is one American: they become the
Amazon Polly voice of the language and gender. `Polly.…` is the same on both sides, and what
Twilio calls `Google.…` SignalWire calls `gcloud.…` (S section 2.4).
"""

from __future__ import annotations

import re
from types import MappingProxyType

from twiml.actions import Say
from twiml.signalwire.swml.writing import Writing

_DEFAULT_LANGUAGE = "en-US"
_NAMED = re.compile(r"(?P<maker>Polly|Google)(?P<name>\.[\w-]+)")
_MAKERS = MappingProxyType({"Polly": "Polly", "Google": "gcloud"})
_GENDERS = MappingProxyType({"man": "male", "woman": "female", "alice": "female"})

POLLY = MappingProxyType(
    {
        "da-DK": ("Naja", "Mads"),
        "de-DE": ("Marlene", "Hans"),
        "en-AU": ("Nicole", "Russell"),
        "en-GB": ("Amy", "Brian"),
        "en-IN": ("Raveena", None),
        "en-US": ("Salli", "Matthew"),
        "es-ES": ("Conchita", "Enrique"),
        "es-MX": ("Mia", None),
        "es-US": ("Penelope", "Miguel"),
        "fr-CA": ("Chantal", None),
        "fr-FR": ("Celine", "Mathieu"),
        "hi-IN": ("Aditi", None),
        "is-IS": ("Dora", "Karl"),
        "it-IT": ("Carla", "Giorgio"),
        "ja-JP": ("Mizuki", "Takumi"),
        "ko-KR": ("Seoyeon", None),
        "nb-NO": ("Liv", None),
        "nl-NL": ("Lotte", "Ruben"),
        "pl-PL": ("Ewa", "Jacek"),
        "pt-BR": ("Vitoria", "Ricardo"),
        "pt-PT": ("Ines", "Cristiano"),
        "ro-RO": ("Carmen", None),
        "ru-RU": ("Tatyana", "Maxim"),
        "sv-SE": ("Astrid", None),
        "tr-TR": ("Filiz", None),
    }
)
"""Polly's standard voices by language: a woman's and, where there is one, a man's."""


def voice_keys(writing: Writing, say: Say) -> dict[str, str]:
    """The `say_…` keys for a `<Say>`; none when SWML's own defaults say the same."""
    voice, language = say.voice, say.language
    keys: dict[str, str] = {}
    if named := _NAMED.fullmatch(voice or ""):
        keys["say_voice"] = _MAKERS[named["maker"]] + named["name"]
    elif voice or language:
        if voice and voice not in _GENDERS:
            writing.lose(say, "voice", "is not a voice that SWML has.", "A woman's voice speaks.")
        keys |= _by_gender(writing, say, _GENDERS.get(voice or "", "female"))
    if language:
        keys["say_language"] = language
    return keys


def _by_gender(writing: Writing, say: Say, gender: str) -> dict[str, str]:
    woman, man = POLLY.get(say.language or _DEFAULT_LANGUAGE, (None, None))
    name = man if gender == "male" else woman
    if name is not None:
        return {"say_voice": f"Polly.{name}", "say_gender": gender}
    writing.lose(
        say,
        "language" if woman is None else "voice",
        f"has no {gender} Polly voice that we know.",
        "SignalWire chooses one by language and gender.",
    )
    return {"say_gender": gender}
