from __future__ import annotations

import random

import pytest

from bridge.audio import audioop, level_dbfs
from bridge.sound.dtmf import KEYS, DtmfDetector, digit_pieces, unusable_digits
from bridge.sound.voices import Voice
from bridge.sound.waves import silence, tone
from tests.support.sound import chords, frames_of, keys_heard, level_of, spoken, with_noise

EVERY_KEY = "0123456789*#ABCD"


def pressed(
    keys: str,
    *,
    tone_ms: int = 40,
    gap_ms: int = 40,
    low: float = -9.0,
    high: float = -7.0,
    off: float = 0.0,
    lead: int = 0,
) -> bytes:
    """Keys after `lead` bytes of silence, each frequency `off` (a factor) beside its own."""
    audio = silence(60) + silence(20)[:lead]
    for key in keys:
        first, second = KEYS[key]
        audio += tone(((first * (1 + off), low), (second * (1 + off), high)), tone_ms)
        audio += silence(gap_ms)
    return audio


def test_tones_of_every_key() -> None:
    """Each key is a tone of 100 ms at its two frequencies and levels, then a gap of 100 ms."""
    for key, piece in zip(EVERY_KEY, digit_pieces(EVERY_KEY), strict=True):
        assert len(piece) == 1600
        low, high = KEYS[key]
        middle = piece[80:720]
        assert level_of(middle, low) == pytest.approx(-9, abs=0.7)
        assert level_of(middle, high) == pytest.approx(-7, abs=0.7)
        assert piece[800:] == silence(100)


def test_pauses_between_digits() -> None:
    """`w` is half a second, `W` one; blanks are nothing."""
    assert [len(piece) for piece in digit_pieces("1 wW2")] == [1600, 4000, 8000, 1600]
    assert b"".join(digit_pieces("wW")) == silence(1500)


def test_small_letters_are_keys() -> None:
    assert keys_heard(b"".join(digit_pieces("abcd"))) == "ABCD"


def test_other_characters_are_refused() -> None:
    """Before any sound is made, and all are named."""
    assert unusable_digits("1w#x9-x") == "x-"
    with pytest.raises(ValueError, match="'x-'"):
        digit_pieces("1w#x9-x")


def test_generator_and_detector_agree() -> None:
    assert keys_heard(b"".join(digit_pieces(EVERY_KEY))) == EVERY_KEY


@pytest.mark.parametrize("lead", range(0, 160, 20))
def test_short_keys_anywhere_in_a_frame(lead: int) -> None:
    """40 ms of tone and 40 ms of gap (ITU-T Q.24), however they lie to the frames."""
    assert keys_heard(pressed(EVERY_KEY, lead=lead)) == EVERY_KEY


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 0), (-9, -7), (-25, -25), (-30, -30), (-9, -17), (-13, -9), (-20, -28), (-24, -20)],
)
def test_levels_and_twist(low: float, high: float) -> None:
    """From full level to -30 dBm0; 8 dB one way and 4 dB the other."""
    assert keys_heard(pressed(EVERY_KEY, low=low, high=high, lead=70)) == EVERY_KEY


@pytest.mark.parametrize("off", [-0.015, 0.015])
def test_frequencies_that_are_a_little_off(off: float) -> None:
    """1.5 % must pass."""
    assert keys_heard(pressed(EVERY_KEY, tone_ms=50, off=off, lead=30)) == EVERY_KEY


@pytest.mark.parametrize(
    "audio",
    [
        pressed(EVERY_KEY, tone_ms=100, off=0.035),
        pressed(EVERY_KEY, tone_ms=100, off=-0.035),
        pressed(EVERY_KEY, tone_ms=20, lead=40),
        pressed(EVERY_KEY, tone_ms=100, low=-50, high=-50),
        pressed(EVERY_KEY, tone_ms=100, low=-8, high=-22),
        pressed(EVERY_KEY, tone_ms=100, low=-22, high=-8),
        tone(((697, -8),), 400) + tone(((1209, -8),), 400),
        tone(((350, -13), (440, -13)), 500) + tone(((480, -13), (620, -13)), 500),
        tone(((697, -10), (770, -10), (1209, -10)), 400),
        tone(((697, -10), (1209, -10), (1000, -6)), 400),
    ],
    ids=[
        "3.5 % high",
        "3.5 % low",
        "20 ms",
        "-50 dBm0",
        "high too weak",
        "low too weak",
        "single tones",
        "dial and busy tones",
        "two of a group",
        "a third tone",
    ],
)
def test_what_is_no_key(audio: bytes) -> None:
    assert keys_heard(audio) == ""


@pytest.mark.parametrize("snr", [25, 20, 15])
def test_keys_in_noise(snr: float) -> None:
    """White noise of down to 15 dB below the weaker tone."""
    rng = random.Random(snr)
    audio = with_noise(pressed(EVERY_KEY * 3, tone_ms=50, gap_ms=50), -9 - snr, rng)
    assert keys_heard(audio) == EVERY_KEY * 3


def test_a_held_key_is_one() -> None:
    """However long; and a drop-out of 10 ms, wherever it falls, does not make two."""
    held = pressed("5", tone_ms=400, gap_ms=100)
    assert keys_heard(held) == "5"
    for at in range(900, 2900, 137):
        assert keys_heard(held[:at] + silence(10) + held[at + 80 :]) == "5"


def test_the_same_key_twice() -> None:
    assert keys_heard(pressed("555", lead=110)) == "555"


def test_keys_without_a_gap() -> None:
    assert keys_heard(pressed("159", tone_ms=60, gap_ms=0)) == "159"


def test_reported_while_it_sounds() -> None:
    """A key is reported by its third frame; `active` tells that it still sounds."""
    detector = DtmfDetector()
    heard = [detector.feed(frame) for frame in frames_of(tone(((770, -9), (1336, -7)), 200))]
    assert "".join(heard) == "5"
    assert heard.index("5") <= 2
    assert detector.active == "5"
    for frame in frames_of(silence(60)):
        detector.feed(frame)
    assert detector.active == ""


SENTENCES = [
    """Thank you for calling. Please listen carefully, as our menu has changed. For sales, press
    one. For support, press two. To hear these choices again, stay on the line or say repeat.""",
    """The quick brown fox jumps over the lazy dog while sixty zippers were quickly picked from the
    woven jute bag, and eleven benevolent elephants ambled along in the yellow afternoon.""",
    """Six hundred and ninety seven, seven hundred and seventy, eight hundred and fifty two; we
    were away a year ago, and you may owe me only as many oranges as you own.""",
]


@pytest.mark.parametrize("language", ["en-US", "en-GB", "de-DE", "es-ES", "fr-FR", "ja-JP"])
@pytest.mark.parametrize("gender", ["female", "male"])
def test_speech_is_no_key(language: str, gender: str) -> None:
    """Talk-off: synthetic voices, whose pitch is steadier than a person's."""
    for sentence in SENTENCES:
        audio = spoken(sentence, Voice(language, gender))  # type: ignore[arg-type]
        assert level_dbfs(audio) > -30
        assert keys_heard(audio) == ""


@pytest.mark.parametrize("seed", range(4))
def test_music_is_no_key(seed: int) -> None:
    assert keys_heard(chords(15, random.Random(seed))) == ""


def test_noise_and_silence_are_no_keys() -> None:
    rng = random.Random(7)
    assert keys_heard(with_noise(silence(10_000), -15, rng)) == ""
    assert keys_heard(silence(5_000)) == ""


def test_keys_over_speech() -> None:
    """A caller who presses keys while a quiet voice is in the background is still understood."""
    keys = audioop.ulaw2lin(pressed("0123456789*#", tone_ms=100, gap_ms=100), 2)
    voice = audioop.ulaw2lin(spoken(SENTENCES[0]), 2)[: len(keys)]
    mixed = audioop.add(keys[: len(voice)], audioop.mul(voice, 2, 0.1), 2)
    assert keys_heard(audioop.lin2ulaw(mixed, 2)) == "0123456789*#"
