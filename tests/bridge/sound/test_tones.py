from __future__ import annotations

import pytest

from bridge.audio import audioop
from bridge.sound import tones
from bridge.sound.tones import Repeating
from bridge.sound.waves import silence, tone
from tests.support.sound import level_of
from twiml.actions import Dial
from twiml.actions.values import attributes_of


def taken(source: Repeating, frames: int) -> bytes:
    return b"".join(source.take() for _ in range(frames))


def test_ringing_of_north_america() -> None:
    """440 and 480 Hz for two seconds, four of silence, and again."""
    audio = taken(tones.ringing(None), 600)
    assert audio[:48_000] == audio[48_000:]
    assert level_of(audio[800:15_200], 440) == pytest.approx(-16, abs=0.5)
    assert level_of(audio[800:15_200], 480) == pytest.approx(-16, abs=0.5)
    assert audio[16_000:48_000] == silence(4000)


def test_every_country_of_dial_rings() -> None:
    """Each value of `<Dial ringTone>` has a tone of its own, in whole frames."""
    kind = attributes_of(Dial)["ringTone"].kind
    assert kind is not None
    assert set(tones.RINGING) == set(kind.options)
    for country, cadence in tones.RINGING.items():
        audio = tones.one_round(cadence)
        assert len(audio) == 8 * sum(cadence.rhythm)
        assert len(audio) % 160 == 0
        assert taken(tones.ringing(country), len(audio) // 160) == audio


def test_beeps() -> None:
    """They sound, end in time, and entering is told from leaving."""
    beep = tones.record_beep()
    assert len(beep) == 4000
    assert level_of(beep, 1000) == pytest.approx(-10, abs=0.5)
    enter, leave = tones.enter_beep(), tones.exit_beep()
    assert len(enter) == len(leave) == 3200
    assert level_of(enter[:1280], 523) > -18 > level_of(leave[:1280], 523)
    assert len(tones.bleep(300)) == 2400


def test_keyed_softly() -> None:
    """A tone begins and ends near zero, so that it does not click."""
    pcm = audioop.ulaw2lin(tone(((1000, 0),), 50), 2)
    assert audioop.max(pcm[:4], 2) < 4000
    assert audioop.max(pcm[-4:], 2) < 4000
    assert audioop.max(pcm, 2) > 20_000


def test_less_than_a_frame_cannot_repeat() -> None:
    with pytest.raises(ValueError, match="less than a frame"):
        Repeating(silence(10))
