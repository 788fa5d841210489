from __future__ import annotations

import io
import json

import pytest

from bridge.audio import level_dbfs
from bridge.sound.espeak import Espeak, espeak_name, request_for
from bridge.sound.phonemes import mnemonics
from bridge.sound.speech import SILENT_DB, Run, Style, Words
from bridge.sound.voices import Voice
from bridge.sound.worker import ANSWER, REFUSED, REQUEST, Refusal, message, read_message, serve
from tests.support.sound import engine

SENTENCE = "this is a sample sentence for the timing of words"


@pytest.fixture(name="engine")
def the_engine() -> Espeak:
    return engine()


def speak(engine: Espeak, *runs: Run, voice: Voice | None = None) -> bytes:
    asked = json.loads(request_for(Words(runs), voice or Voice()))
    return engine.speak(asked["markup"], asked["language"], asked["gender"])


def alike(one: bytes, other: bytes) -> bool:
    """Whether the same was said: the engine's own noise differs each time."""
    return abs(len(one) - len(other)) < 200 and abs(level_dbfs(one) - level_dbfs(other)) < 1


def test_speaks_at_an_ordinary_pace(engine: Espeak) -> None:
    """Ten words take some three seconds, at a level that is neither faint nor clipped."""
    audio = speak(engine, Run(SENTENCE))
    assert 2 < len(audio) / 8000 < 4.5
    assert -30 < level_dbfs(audio) < -12


def test_the_same_again(engine: Espeak) -> None:
    """What was said before leaves no trace: engines differ in what they carry over."""
    first = speak(engine, Run(SENTENCE))
    speak(engine, Run("anything", Style(rate=2, volume_db=-20)), voice=Voice("de-DE", "female"))
    assert alike(speak(engine, Run(SENTENCE)), first)


def test_rate_pitch_and_volume(engine: Espeak) -> None:
    plain = speak(engine, Run(SENTENCE))
    slow = speak(engine, Run(SENTENCE, Style(rate=0.5)))
    fast = speak(engine, Run(SENTENCE, Style(rate=2)))
    assert len(slow) > 1.4 * len(plain) > 1.8 * len(fast)
    quiet = speak(engine, Run(SENTENCE, Style(volume_db=-6)))
    assert level_dbfs(quiet) == pytest.approx(level_dbfs(plain) - 6, abs=1)
    assert level_dbfs(speak(engine, Run(SENTENCE, Style(volume_db=SILENT_DB)))) < -90
    high = speak(engine, Run(SENTENCE, Style(pitch=1.5)))
    assert abs(len(high) - len(plain)) < 0.1 * len(plain)
    assert high != plain


def test_a_style_holds_for_its_run_alone(engine: Espeak) -> None:
    """Two sentences, one of them slow, last as long as each by itself, give or take a pause."""
    parts = [Run(SENTENCE + ". ", Style(rate=0.5)), Run(SENTENCE)]
    both = len(speak(engine, *parts))
    assert both == pytest.approx(sum(len(speak(engine, part)) for part in parts), abs=6000)


def test_a_man_a_woman_and_languages(engine: Espeak) -> None:
    """Each of Twilio's languages has a voice; a tag that nobody has speaks American English."""
    voices = [Voice(), Voice(gender="female"), Voice("en-GB"), Voice("de-DE"), Voice("ja-JP")]
    assert len({speak(engine, Run("radio 2"), voice=voice) for voice in voices}) == len(voices)
    assert alike(speak(engine, Run("hello"), voice=Voice("xx-YY")), speak(engine, Run("hello")))


TWILIO_LANGUAGES = """
arb ar-AE ca-ES cmn-CN da-DK de-AT de-CH de-DE en-AU en-CA en-GB en-GB-WLS en-IE en-IN en-NZ
en-US en-ZA es-ES es-MX es-US fi-FI fr-BE fr-CA fr-FR hi-IN it-IT ja-JP ko-KR nb-NO nl-BE nl-NL
pl-PL pt-BR pt-PT ro-RO ru-RU sv-SE tr-TR yue-CN zh-CN zh-HK zh-TW is-IS cy-GB cs-CZ bg-BG el-GR
fil-PH gl-ES gu-IN he-IL hu-HU id-ID lt-LT lv-LV ms-MY sk-SK sr-RS th-TH uk-UA vi-VN
"""


@pytest.mark.parametrize("language", TWILIO_LANGUAGES.split())
def test_every_language_has_a_voice_of_its_own(engine: Espeak, language: str) -> None:
    """Not the American one, but for American and Canadian English."""
    chosen = engine.voice_for(language, "male")
    american = language in ("en-US", "en-CA")
    assert (chosen == engine.voice_for("en-US", "male")) is american
    assert engine.voice_for(language, "female") == f"{chosen}+f3"


def test_names() -> None:
    assert [espeak_name(tag) for tag in ("en_US", "zh-HK", "es-MX", "pt-BR")] == [
        *("en-us", "yue", "es-419", "pt-br")
    ]


def test_phonemes_change_what_is_spoken(engine: Espeak) -> None:
    """In IPA and X-SAMPA alike; in an alphabet that is not known the text is read."""
    text = speak(engine, Run("pecan"))
    ipa = speak(engine, Run("pecan", phonemes=("ipa", "pɪˈkɑːn")))
    assert not alike(ipa, text)
    assert alike(speak(engine, Run("pecan", phonemes=("x-sampa", 'pI"kA:n'))), ipa)
    assert alike(speak(engine, Run("pecan", phonemes=("x-amazon-pinyin", "bi1"))), text)
    assert alike(speak(engine, Run("pecan", phonemes=("ipa", "ʘ"))), text)


def test_mnemonics() -> None:
    assert mnemonics("ipa", "ˈtʃɜːtʃ") == "'tS3:tS"
    assert mnemonics("x-sampa", '"tS3:tS') == "'tS3:tS"
    assert mnemonics("ipa", "ʘ") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "<&>\"'",
        "\x01\x0280S\x00\x7f",
        "[[",
        "]]>",
        "日本語 العربية",
        "\U0001f600",
        "a" * 240,
    ],
)
def test_odd_texts(engine: Espeak, text: str) -> None:
    """Neither markup nor the engine's own commands get through; the engine works on."""
    assert len(speak(engine, Run(text))) < 60 * 8000
    assert len(speak(engine, Run("fine"))) > 2000


def test_commands_in_a_text_are_not_obeyed(engine: Espeak) -> None:
    """A control character begins a command to eSpeak: here, to speak at half the pace."""
    told = speak(engine, Run("\x0180S" + SENTENCE))
    assert alike(told, speak(engine, Run(" 80S" + SENTENCE)))


def test_a_process_answers_in_turn() -> None:
    """Each request has an answer or a refusal in words; the end of the input ends it."""
    source = io.BytesIO(b"".join(message(REQUEST, text) for text in (b"a", b"bad", b"c")))
    target = io.BytesIO()

    def answer(request: bytes) -> bytes:
        if request == b"bad":
            raise Refusal("not that")
        return request.upper()

    serve(source, target, lambda: answer)
    target.seek(0)
    replies = list(iter(lambda: read_message(target), None))
    assert replies == [(ANSWER, b"A"), (REFUSED, b"not that"), (ANSWER, b"C")]


def test_a_fault_is_told_to_who_asked() -> None:
    source, target = io.BytesIO(message(REQUEST, b"x")), io.BytesIO()
    serve(source, target, lambda: lambda request: b"%d" % (1 // len(request[1:])))
    target.seek(0)
    reply = read_message(target)
    assert reply is not None
    assert reply[0] == REFUSED
    assert b"ZeroDivisionError" in reply[1]


def test_half_a_message_is_the_end() -> None:
    assert read_message(io.BytesIO(message(REQUEST, b"whole")[:-1])) is None
    assert read_message(io.BytesIO(b"qq")) is None
