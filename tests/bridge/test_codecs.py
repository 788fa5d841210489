"""Live frames, checked by ear: Goertzel's, on tones made here."""

from __future__ import annotations

import itertools
from array import array
from typing import Literal

import pytest

from bridge.audio import FRAME_BYTES, FRAME_MS, AudioError
from bridge.codecs import G711Decoder, MulawDecoder, MulawEncoder
from tests.support.tones import (
    EVERY_BYTE,
    alaw_value,
    amplitude,
    decibels,
    linear,
    mulaw_value,
    pcm,
    to_alaw,
    to_mulaw,
    tone,
)


@pytest.mark.contract("S48")
def test_mulaw_frames_pass_unchanged() -> None:
    assert MulawDecoder("audio/x-mulaw", 8000).decode(EVERY_BYTE) == EVERY_BYTE
    assert MulawEncoder("audio/x-mulaw", 8000).encode(EVERY_BYTE) == EVERY_BYTE


@pytest.mark.contract("S49")
@pytest.mark.parametrize("encoding", ["audio/x-L16", "audio/x-l16", "AUDIO/X-L16"])
def test_an_encoding_is_known_in_any_case(encoding: str) -> None:
    assert MulawDecoder(encoding, 8000).decode(b"\0\0") == b"\xff"
    assert MulawEncoder(encoding, 8000).encode(b"\xff") == b"\0\0"
    assert MulawDecoder("AUDIO/X-MULAW", 8000).decode(b"\1") == b"\1"


def test_g711_at_8000() -> None:
    """Mu-law passes unchanged; of A-law each code becomes a neighbour of its value."""
    assert G711Decoder("mulaw", 8000).decode(EVERY_BYTE) == EVERY_BYTE
    converted = G711Decoder("alaw", 8000).decode(EVERY_BYTE)
    values = {mulaw_value(byte) for byte in EVERY_BYTE}
    for before, after in zip(EVERY_BYTE, converted, strict=True):
        wanted = alaw_value(before)
        assert mulaw_value(after) in sorted(values, key=lambda value: abs(value - wanted))[:2]


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
@pytest.mark.parametrize("rate", [16000, 24000])
@pytest.mark.parametrize("piece", [7, 160, 10_000])
def test_g711_at_another_rate(law: Literal["mulaw", "alaw"], rate: int, piece: int) -> None:
    """A faster carrier is resampled to the same sound, however its audio is cut."""
    encode = to_mulaw if law == "mulaw" else to_alaw
    data = encode(tone(1000, rate))
    decoder = G711Decoder(law, rate)
    pieces = [decoder.decode(data[at : at + piece]) for at in range(0, len(data), piece)]
    assert b"".join(pieces) == G711Decoder(law, rate).decode(data)
    assert sum(map(len, pieces)) == 4_000
    assert amplitude(linear(b"".join(pieces)), 1000) == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("rate", [0, 11025, 48000])
def test_g711_at_a_rate_we_do_not_know(rate: int) -> None:
    with pytest.raises(AudioError, match=f"mulaw at {rate} is not supported; use 8000"):
        G711Decoder("mulaw", rate)


@pytest.mark.contract("S48")
@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_linear_frames_become_mulaw_frame_for_frame(rate: int) -> None:
    decoder = MulawDecoder("audio/x-L16", rate)
    data = pcm(tone(1000, rate), 2)
    size = 2 * rate * FRAME_MS // 1000
    frames = [decoder.decode(data[i : i + size]) for i in range(0, len(data), size)]
    assert {len(frame) for frame in frames} == {FRAME_BYTES}
    assert amplitude(linear(b"".join(frames)), 1000) == pytest.approx(0.5, rel=0.03)


@pytest.mark.contract("S48")
@pytest.mark.parametrize("rate", [16000, 24000])
def test_live_tones_above_the_band_do_not_alias_into_it(rate: int) -> None:
    for hertz in (5000, 6000, 7500):
        heard = linear(MulawDecoder("audio/x-L16", rate).decode(pcm(tone(hertz, rate), 2)))
        assert decibels(amplitude(heard, 8000 - hertz) / 0.5) < -35


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_mulaw_frames_become_linear_frame_for_frame(rate: int) -> None:
    encoder = MulawEncoder("audio/x-L16", rate)
    mulaw = to_mulaw(tone(1000, 8000))
    frames = [encoder.encode(mulaw[i : i + FRAME_BYTES]) for i in range(0, len(mulaw), FRAME_BYTES)]
    assert {len(frame) for frame in frames} == {2 * rate * FRAME_MS // 1000}
    heard = [sample / 32768 for sample in array("h", b"".join(frames))]
    assert amplitude(heard, 1000, rate) == pytest.approx(0.5, rel=0.03)
    if rate > 8000:
        assert decibels(amplitude(heard, 7000, rate) / 0.5) < -35, "the tone's image is heard"


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
@pytest.mark.parametrize("there_and_back", [False, True])
def test_frames_may_be_cut_anywhere(rate: int, there_and_back: bool) -> None:
    data = pcm(tone(700, rate, 0.2), 2)
    whole, pieces = MulawDecoder("audio/x-l16", rate), MulawDecoder("audio/x-l16", rate)
    position, mulaw = 0, b""
    for size in itertools.cycle([0, 1, 320, 2, 3, 7, 1]):
        if position >= len(data):
            break
        mulaw += pieces.decode(data[position : position + size])
        position += size
    assert mulaw == whole.decode(data)
    if there_and_back:
        once, many = MulawEncoder("audio/x-l16", rate), MulawEncoder("audio/x-l16", rate)
        assert once.encode(mulaw) == b"".join(many.encode(bytes([byte])) for byte in mulaw)


@pytest.mark.parametrize(
    ("encoding", "rate"),
    [("audio/x-mulaw", 16000), ("audio/x-L16", 48000), ("audio/opus", 8000), ("", 8000)],
)
def test_other_encodings_are_refused(encoding: str, rate: int) -> None:
    for converter in (MulawDecoder, MulawEncoder):
        with pytest.raises(AudioError, match=f"{encoding} at {rate} is not supported; use"):
            converter(encoding, rate)
