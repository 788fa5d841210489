from __future__ import annotations

import random

from bridge.audio import audioop
from bridge.sound.level import SpeechMeter, rms_of
from bridge.sound.waves import silence, tone
from tests.support.sound import frames_of, spoken, with_noise


def said(text: str) -> bytes:
    """Speech without the silence that the engine puts after it."""
    return spoken(text).rstrip(b"\xff\x7f\xfe\x7e")


def fed(*parts: bytes) -> SpeechMeter:
    meter = SpeechMeter()
    for part in parts:
        for frame in frames_of(part):
            meter.feed(frame)
    return meter


def test_level_of_a_frame() -> None:
    """A sine's RMS is its peak over the square root of two."""
    assert rms_of(silence(20)) == 0
    assert abs(rms_of(tone(((1000, 0),), 60)[160:320]) - 16_085) < 300


def test_silence_is_counted_from_the_beginning() -> None:
    meter = fed(silence(3000))
    assert (meter.silent_ms, meter.speaking, meter.heard_speech) == (3000, False, False)


def test_speech_and_the_silence_after_it() -> None:
    """Silence counts from the last sound; a pause within a sentence does not end speech."""
    voice = said("Hello, I would like to speak to somebody about my last bill please")
    during = fed(silence(1000), voice)
    assert during.speaking
    assert during.silent_ms < 240
    assert 0.6 < during.spoken_ms / (len(voice) / 8) <= 1
    after = fed(silence(1000), voice, silence(1500))
    assert not after.speaking
    assert 1500 <= after.silent_ms < 1740


def test_a_click_is_no_speech() -> None:
    assert not fed(silence(500), tone(((1000, 0),), 30), silence(500)).heard_speech


def test_a_noisy_line() -> None:
    """Steady noise is no speech, and speech above it is still told from it."""
    rng = random.Random(3)
    noise = with_noise(silence(4000), -36, rng)
    assert not fed(noise).heard_speech
    voice = said("I would like to speak to somebody about my last bill please")
    loud = audioop.lin2ulaw(audioop.mul(audioop.ulaw2lin(voice, 2), 2, 2.0), 2)
    meter = fed(noise, with_noise(loud, -36, rng))
    assert meter.speaking
    after = fed(noise, with_noise(loud, -36, rng), with_noise(silence(1000), -36, rng))
    assert not after.speaking
    assert after.silent_ms >= 900


def test_a_long_speech_stays_speech() -> None:
    """Half a minute without a long pause is not taken for noise."""
    voice = said("I would like to speak to somebody about my last bill, and then, if I may, ") * 7
    assert len(voice) > 30 * 8000
    assert fed(silence(500), voice).speaking
