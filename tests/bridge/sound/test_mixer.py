from __future__ import annotations

import pytest

from bridge.audio import audioop
from bridge.sound.mixer import Mixer, Part
from bridge.sound.tones import enter_beep
from bridge.sound.waves import silence, tone
from tests.support.sound import frames_of, level_of

HERTZ = {"ann": 500.0, "bob": 900.0, "cid": 1700.0}
SPEECH = {name: tone(((hertz, -12.0),), 1000) for name, hertz in HERTZ.items()}
MUTE = -50.0


def conference(**parts: Part[str]) -> Mixer[str]:
    mixer: Mixer[str] = Mixer()
    for name in HERTZ:
        mixer.members[name] = parts.get(name, Part())
    return mixer


def heard_in(mixer: Mixer[str], said: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """What each member hears of a second in which they say `said`."""
    said = SPEECH if said is None else said
    heard: dict[str, bytes] = {}
    for moment in zip(*(frames_of(audio) for audio in said.values()), strict=True):
        for name, frame in mixer.mix(dict(zip(said, moment, strict=True))).items():
            assert len(frame) == 160
            heard[name] = heard.get(name, b"") + frame
    return heard


def levels(audio: bytes) -> dict[str, float]:
    return {name: level_of(audio[800:7200], hertz) for name, hertz in HERTZ.items()}


def speakers(audio: bytes) -> set[str]:
    """Who is heard, each at the level at which they speak."""
    found = levels(audio)
    for level in found.values():
        assert level < MUTE or level == pytest.approx(-12, abs=0.3)
    return {name for name, level in found.items() if level > MUTE}


def test_three_members_hear_the_two_others() -> None:
    """At their own level, and not themselves."""
    heard = heard_in(conference())
    assert {name: speakers(audio) for name, audio in heard.items()} == {
        "ann": {"bob", "cid"},
        "bob": {"ann", "cid"},
        "cid": {"ann", "bob"},
    }


def test_two_members_hear_each_other_byte_for_byte() -> None:
    """What is taken away from the sum leaves exactly the other's samples."""
    mixer: Mixer[str] = Mixer()
    mixer.members = {"ann": Part(), "bob": Part()}
    heard = heard_in(mixer, {"ann": SPEECH["ann"], "bob": SPEECH["bob"]})
    assert audioop.ulaw2lin(heard["ann"], 2) == audioop.ulaw2lin(SPEECH["bob"], 2)
    assert audioop.ulaw2lin(heard["bob"], 2) == audioop.ulaw2lin(SPEECH["ann"], 2)


def test_muted() -> None:
    """Hears, and is not heard."""
    heard = heard_in(conference(bob=Part(muted=True)))
    assert speakers(heard["ann"]) == {"cid"}
    assert speakers(heard["bob"]) == {"ann", "cid"}
    assert speakers(heard["cid"]) == {"ann"}


def test_on_hold() -> None:
    """Neither hears nor is heard: what it hears instead is not the mixer's."""
    heard = heard_in(conference(bob=Part(hold=True)))
    assert set(heard) == {"ann", "cid"}
    assert speakers(heard["ann"]) == {"cid"}


def test_coach() -> None:
    """Hears everyone, and is heard by the one coached alone."""
    heard = heard_in(conference(cid=Part(coaches="ann")))
    assert speakers(heard["ann"]) == {"bob", "cid"}
    assert speakers(heard["bob"]) == {"ann"}
    assert speakers(heard["cid"]) == {"ann", "bob"}


def test_a_muted_coach_is_not_heard() -> None:
    heard = heard_in(conference(cid=Part(coaches="ann", muted=True)))
    assert speakers(heard["ann"]) == {"bob"}


def test_who_says_nothing_hears_the_rest() -> None:
    mixer = conference()
    heard = mixer.mix({"ann": SPEECH["ann"][:160]})
    assert heard["bob"] == heard["cid"]
    assert audioop.ulaw2lin(heard["ann"], 2) == bytes(320)


def test_a_beep_for_all() -> None:
    mixer = conference(cid=Part(hold=True))
    heard = b"".join(mixer.mix({}, to_all=frame)["ann"] for frame in frames_of(enter_beep()))
    assert audioop.ulaw2lin(heard, 2) == audioop.ulaw2lin(enter_beep(), 2)
    assert set(mixer.mix({}, to_all=silence(20))) == {"ann", "bob"}


def test_loud_sums_are_clipped_and_do_not_wrap() -> None:
    """Many at full level: the listener hears full scale where they agree, of the same sign."""
    loud = tone(((400.0, 3.17),), 1000)
    mixer: Mixer[int] = Mixer()
    mixer.members = {n: Part() for n in range(40)}
    frame = loud[800:960]
    one = audioop.ulaw2lin(frame, 2)
    heard = mixer.mix(dict.fromkeys(range(40), frame))
    assert len(set(heard.values())) == 1
    all_together = audioop.ulaw2lin(heard[0], 2)
    for at in range(160):
        single, mixed = audioop.getsample(one, 2, at), audioop.getsample(all_together, 2, at)
        if abs(single) > 1000:
            assert abs(mixed) == 32124  # mu-law's largest
            assert (mixed > 0) == (single > 0)


def test_a_loud_member_does_not_hear_itself_in_a_clipped_sum() -> None:
    """The sum is clipped after the member's own part has been taken away, not before."""
    mixer: Mixer[str] = Mixer()
    mixer.members = {"ann": Part(), "bob": Part()}
    loud = tone(((400.0, 3.17),), 40)
    heard = mixer.mix({"ann": loud[:160], "bob": loud[:160]})
    assert audioop.ulaw2lin(heard["ann"], 2) == audioop.ulaw2lin(loud[:160], 2)
