"""Twilio's voice names as a language and a gender, which any synthesiser has a voice for.

`man`, `woman` and `alice` speak the verb's `language`; a Polly or Google voice has one of its own.
The Polly table is Amazon's list of voices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

Gender = Literal["female", "male"]


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice by language tag (as `en-GB`) and gender. `name` is the one written in the document,
    None when none is; `known` whether it is one of Twilio's."""

    language: str = "en-US"
    gender: Gender = "male"
    name: str | None = None
    known: bool = True


DEFAULT_VOICE = Voice()
"""Twilio's voice where nothing is written: `man`, in American English."""

_FEMALE = {
    "arb": "Zeina",
    "ar-AE": "Hala",
    "ca-ES": "Arlet",
    "cmn-CN": "Zhiyu",
    "cs-CZ": "Jitka",
    "cy-GB": "Gwyneth",
    "da-DK": "Naja Sofie",
    "de-AT": "Hannah",
    "de-CH": "Sabrina",
    "de-DE": "Marlene Vicki",
    "en-AU": "Nicole Olivia",
    "en-GB": "Amy Emma",
    "en-IE": "Niamh",
    "en-IN": "Raveena Aditi Kajal",
    "en-NZ": "Aria",
    "en-SG": "Jasmine",
    "en-US": "Joanna Kendra Kimberly Salli Ivy Danielle Ruth",
    "en-ZA": "Ayanda",
    "es-ES": "Conchita Lucia Alba",
    "es-MX": "Mia",
    "es-US": "Penelope Lupe",
    "fi-FI": "Suvi",
    "fr-BE": "Isabelle",
    "fr-CA": "Chantal Gabrielle",
    "fr-FR": "Celine Lea",
    "is-IS": "Dora",
    "it-IT": "Carla Bianca Beatrice",
    "ja-JP": "Mizuki Kazuha Tomoko",
    "ko-KR": "Seoyeon Jihye",
    "nb-NO": "Liv Ida",
    "nl-BE": "Lisa",
    "nl-NL": "Lotte Laura",
    "pl-PL": "Ewa Maja Ola",
    "pt-BR": "Camila Vitoria",
    "pt-PT": "Ines",
    "ro-RO": "Carmen",
    "ru-RU": "Tatyana",
    "sv-SE": "Astrid Elin",
    "tr-TR": "Filiz Burcu",
    "yue-CN": "Hiujin",
}
_MALE = {
    "ar-AE": "Zayd",
    "da-DK": "Mads",
    "de-DE": "Hans Daniel",
    "en-AU": "Russell",
    "en-GB": "Brian Arthur",
    "en-GB-WLS": "Geraint",
    "en-US": "Joey Justin Kevin Matthew Gregory Stephen Patrick",
    "es-ES": "Enrique Sergio Raul",
    "es-MX": "Andres",
    "es-US": "Miguel Pedro",
    "fr-CA": "Liam",
    "fr-FR": "Mathieu Remi",
    "is-IS": "Karl",
    "it-IT": "Giorgio Adriano Lorenzo",
    "ja-JP": "Takumi",
    "nl-NL": "Ruben",
    "pl-PL": "Jacek Jan",
    "pt-BR": "Ricardo Thiago",
    "pt-PT": "Cristiano",
    "ru-RU": "Maxim",
}


def _by_name(table: dict[str, str], gender: Gender) -> dict[str, Voice]:
    return {
        name.lower(): Voice(language, gender)
        for language, names in table.items()
        for name in names.split()
    }


_POLLY = _by_name(_FEMALE, "female") | _by_name(_MALE, "male")
_PLAIN: dict[str, Gender] = {"man": "male", "woman": "female", "alice": "female"}
_POLLY_NAME = re.compile(r"polly\.([a-z]+)(?:-(?:neural|generative|long-form))?", re.IGNORECASE)
_GOOGLE_NAME = re.compile(r"google\.([a-z]{2,3}-[a-z]{2,4})-.*?([a-z0-9]+)", re.IGNORECASE)
_GOOGLE_MALE = frozenset("bdij")
"""Google's letters are not gendered alike in all languages; so it is in most."""


def voice_of(name: str | None, language: str | None, default: Voice = DEFAULT_VOICE) -> Voice:
    """The voice that `voice` and `language` of a `<Say>` ask for; an unknown name is the default's
    gender in the language written."""
    written = (name or "").strip()
    spoken = language or default.language
    if not written:
        return replace(default, language=spoken)
    gender = _PLAIN.get(written.lower())
    if gender is not None:
        return Voice(spoken, gender, written)
    polly = _POLLY_NAME.fullmatch(written)
    if polly is not None and (voice := _POLLY.get(polly[1].lower())) is not None:
        return replace(voice, name=written)
    google = _GOOGLE_NAME.fullmatch(written)
    if google is not None:
        letter = google[2].lower()
        return Voice(_tag(google[1]), "male" if letter in _GOOGLE_MALE else "female", written)
    return replace(default, language=spoken, name=written, known=False)


def _tag(language: str) -> str:
    """A language tag in the usual spelling: `en-us` is `en-US`."""
    first, _, rest = language.partition("-")
    return f"{first.lower()}-{rest.upper()}"
