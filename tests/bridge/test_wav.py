"""WAV files, checked by ear: Goertzel's, on tones made here."""

from __future__ import annotations

import math
import struct
import time
import wave
from array import array
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.audio import SAMPLE_RATE, SILENCE, AudioError
from bridge.wav import read_wav, write_wav
from tests.support.tones import (
    EVERY_BYTE,
    amplitude,
    decibels,
    linear,
    mulaw_value,
    pcm,
    to_alaw,
    to_mulaw,
    tone,
)

PCM, FLOAT, ALAW, MULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
ENCODINGS: dict[str, tuple[int, int, Callable[[list[float]], bytes]]] = {
    "8-bit": (PCM, 1, lambda samples: pcm(samples, 1)),
    "16-bit": (PCM, 2, lambda samples: pcm(samples, 2)),
    "24-bit": (PCM, 3, lambda samples: pcm(samples, 3)),
    "32-bit": (PCM, 4, lambda samples: pcm(samples, 4)),
    "float": (FLOAT, 4, lambda samples: array("f", samples).tobytes()),
    "double": (FLOAT, 8, lambda samples: array("d", samples).tobytes()),
    "mu-law": (MULAW, 1, to_mulaw),
    "A-law": (ALAW, 1, to_alaw),
}


def wav(
    data: bytes,
    *,
    tag: int = PCM,
    width: int = 2,
    channels: int = 1,
    rate: int = SAMPLE_RATE,
    bits: int | None = None,
    data_size: int | None = None,
    riff_size: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    magic: bytes = b"RIFF",
    extra: bytes = b"",
) -> bytes:
    """A WAV file, right or deliberately wrong."""
    align = width * channels
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * align, align, bits or 8 * width)
    form += extra
    size = len(data) if data_size is None else data_size
    body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", size) + data + bytes(len(data) % 2) + after
    return magic + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def extensible(tag: int, valid_bits: int) -> bytes:
    guid_tail = bytes.fromhex("000000001000800000aa00389b71")
    return struct.pack("<HHIH", 22, valid_bits, 0, tag) + guid_tail


# --- what a file holds ----------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_a_tone_keeps_its_pitch_level_and_length(encoding: str, channels: int, rate: int) -> None:
    tag, width, encode = ENCODINGS[encoding]
    mono = tone(1000, rate)
    data = encode([sample for sample in mono for _ in range(channels)])
    mulaw = read_wav(wav(data, tag=tag, width=width, channels=channels, rate=rate))
    assert len(mulaw) == math.ceil(len(mono) * SAMPLE_RATE / rate)
    heard = linear(mulaw)
    assert amplitude(heard, 1000) == pytest.approx(0.5, rel=0.03)
    error = [sample - wanted for sample, wanted in zip(heard, tone(1000, 8000), strict=False)]
    assert max(map(abs, error[200:-200])) < 0.04, "not aligned with the original"


@pytest.mark.parametrize("rate", [6000, 12000, 24000, 32000, 37800, 88200, 96000, 176400, 192000])
def test_less_common_rates_are_read_too(rate: int) -> None:
    mulaw = read_wav(wav(pcm(tone(440, rate), 2), rate=rate))
    assert len(mulaw) == 4000
    assert amplitude(linear(mulaw), 440) == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("rate", [7999, 12345, 47999])
def test_odd_rates_are_read_near_enough(rate: int) -> None:
    """The ratio of the rates is rounded to small whole numbers: a few samples in ten thousand."""
    mulaw = read_wav(wav(pcm(tone(440, rate), 2), rate=rate))
    assert len(mulaw) == pytest.approx(4000, abs=4)
    assert amplitude(linear(mulaw), 440) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("rate", [16000, 24000, 44100, 48000])
@pytest.mark.parametrize("hertz", [5000, 6000, 7500])
def test_tones_above_the_band_do_not_alias_into_it(rate: int, hertz: int) -> None:
    heard = linear(read_wav(wav(pcm(tone(hertz, rate), 2), rate=rate)))
    assert decibels(amplitude(heard, 8000 - hertz) / 0.5) < -50


@pytest.mark.parametrize("hertz", [100, 300, 3000, 3400])
def test_the_telephone_band_passes_whole(hertz: int) -> None:
    heard = linear(read_wav(wav(pcm(tone(hertz, 48000), 2), rate=48000)))
    assert abs(decibels(amplitude(heard, hertz) / 0.5)) < 0.3


def test_channels_are_mixed_with_equal_weight() -> None:
    left, right = tone(500, 8000, level=0.4), tone(1500, 8000, level=0.8)
    both = [sample for pair in zip(left, right, strict=True) for sample in pair]
    heard = linear(read_wav(wav(pcm(both, 2), channels=2)))
    assert amplitude(heard, 500) == pytest.approx(0.2, rel=0.03)
    assert amplitude(heard, 1500) == pytest.approx(0.4, rel=0.03)


def test_mulaw_at_8_khz_comes_back_byte_for_byte() -> None:
    assert read_wav(wav(EVERY_BYTE, tag=MULAW, width=1)) == EVERY_BYTE


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_silence_stays_silence(rate: int) -> None:
    assert set(read_wav(wav(bytes(rate), rate=rate))) == {SILENCE}


def test_full_scale_is_not_wrapped() -> None:
    """A square wave overshoots when filtered; it must be clipped."""
    square = [1.0 if i // 24 % 2 else -1.0 for i in range(24000)]
    heard = linear(read_wav(wav(pcm(square, 2), rate=48000)))
    fundamental, third = (
        tone(1000, 8000, level=4 / math.pi),
        tone(3000, 8000, level=4 / math.pi / 3),
    )
    ideal = [max(-1.0, min(1.0, f + t)) for f, t in zip(fundamental, third, strict=True)]
    assert amplitude(heard, 1000) == pytest.approx(amplitude(ideal, 1000), rel=0.03)


def test_floats_beyond_full_scale_are_clipped_and_nonsense_is_silence() -> None:
    samples = [2.0, -2.0, math.inf, -math.inf, math.nan, 0.0]
    mulaw = read_wav(wav(array("f", samples).tobytes(), tag=FLOAT, width=4))
    assert mulaw == bytes([0x80, 0x00, 0x80, 0x00, 0xFF, 0xFF])


# --- how a file holds it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "width", "valid_bits"), [(PCM, 2, 16), (PCM, 3, 24), (PCM, 4, 24), (FLOAT, 4, 32)]
)
def test_extensible_formats_are_what_they_extend(tag: int, width: int, valid_bits: int) -> None:
    mono = tone(1000, 8000)
    data = array("f", mono).tobytes() if tag == FLOAT else pcm(mono, width)
    file = wav(data, tag=EXTENSIBLE, width=width, extra=extensible(tag, valid_bits))
    assert amplitude(linear(read_wav(file)), 1000) == pytest.approx(0.5, rel=0.03)


def test_bits_that_do_not_fill_their_bytes_are_read() -> None:
    data = pcm(tone(1000, 8000), 3)
    assert read_wav(wav(data, width=3, bits=20)) == read_wav(wav(data, width=3))


def test_other_chunks_are_skipped_odd_ones_with_their_padding() -> None:
    other = b"LIST" + struct.pack("<I", 5) + b"INFO!" + b"\0" + b"fact" + struct.pack("<II", 4, 9)
    file = wav(EVERY_BYTE[:255], tag=MULAW, width=1, before=other, after=other)
    assert read_wav(file) == EVERY_BYTE[:255]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000 - 36])
@pytest.mark.parametrize("riff_size", [0, 0xFFFFFFFF])
def test_a_file_written_to_a_pipe_is_read_to_its_end(size: int, riff_size: int) -> None:
    file = wav(EVERY_BYTE, tag=MULAW, width=1, data_size=size, riff_size=riff_size)
    assert read_wav(file) == EVERY_BYTE


def test_a_64_bit_file_is_read_to_its_end() -> None:
    file = wav(EVERY_BYTE, tag=MULAW, width=1, data_size=0xFFFFFFFF, magic=b"RF64")
    assert read_wav(file) == EVERY_BYTE


def test_an_empty_recording_is_empty_even_when_chunks_follow() -> None:
    assert read_wav(wav(b"", after=b"LIST" + struct.pack("<I", 4) + b"INFO")) == b""
    assert read_wav(wav(b"", rate=44100)) == b""


def test_an_incomplete_last_sample_is_left_out() -> None:
    whole = pcm(tone(1000, 8000), 2)
    data_size = len(whole) - len(whole) % 4 + 3
    assert read_wav(wav(whole + b"\1\2\3", channels=2, data_size=data_size)) == read_wav(
        wav(whole, channels=2)
    )


def test_files_of_the_standard_library_are_read(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 16000, 0, "NONE", ""))
        file.writeframes(pcm([s for s in tone(1000, 16000) for _ in "LR"], 2))
    assert read_wav(path) == read_wav(str(path)) == read_wav(path.read_bytes())
    assert amplitude(linear(read_wav(path)), 1000) == pytest.approx(0.5, rel=0.03)


# --- writing --------------------------------------------------------------------------------


@pytest.mark.parametrize("mulaw", [b"", b"\x12", EVERY_BYTE, EVERY_BYTE * 9 + b"\0"])
def test_mulaw_written_is_mulaw_read(tmp_path: Path, mulaw: bytes) -> None:
    path = tmp_path / "out.wav"
    write_wav(path, mulaw)
    assert read_wav(path) == mulaw
    file = path.read_bytes()
    assert struct.unpack_from("<4sI4s", file) == (b"RIFF", len(file) - 8, b"WAVE")
    assert file[38:50] == b"fact" + struct.pack("<II", 4, len(mulaw))


def test_16_bits_hold_all_that_mulaw_holds(tmp_path: Path) -> None:
    """Except that mu-law has two zeros and 16 bits have one."""
    path = tmp_path / "out.wav"
    write_wav(path, EVERY_BYTE, encoding="pcm16")
    assert read_wav(path) == EVERY_BYTE.replace(b"\x7f", b"\xff")
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        samples = array("h", file.readframes(999))
    assert samples.tolist() == [mulaw_value(byte) for byte in EVERY_BYTE]


# --- files that cannot be used --------------------------------------------------------------

GOOD = wav(pcm(tone(1000, 8000, 0.01), 2))


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "not a WAV file"),
        (b"ID3\x04 an MP3 file", "not a WAV file"),
        (b"RIFF\x10\0\0\0AVI LIST", "not a WAV file"),
        (b"RIFX" + GOOD[4:], "big-endian"),
        (GOOD[:12], "no data chunk in 12 bytes"),
        (GOOD[:30], "byte 20: truncated fmt chunk"),
        (GOOD[:40], "no data chunk"),
        (GOOD[:-1], "truncated: the data chunk at byte 36 promises 160 bytes, 159 follow"),
        (GOOD[:12] + GOOD[36:], "byte 12: data before the fmt chunk"),
        (wav(b"", tag=2), r"format number 2 \(MS ADPCM\)"),
        (wav(b"", tag=0x55), r"format number 85 \(MP3\)"),
        (wav(b"", tag=0x1234), r"format number 4660 \(unknown\)"),
        (wav(b"", tag=EXTENSIBLE), "format number 65534"),
        (wav(b"", tag=EXTENSIBLE, extra=extensible(2, 4)), "format number 2"),
        (wav(b"", width=8), "64 bits in WAV format 1"),
        (wav(b"", tag=FLOAT, width=2), "16 bits in WAV format 3"),
        (wav(b"", channels=0), "0 channels"),
        (wav(b"", channels=65), "65 channels"),
        (wav(b"", width=2, bits=24), "blocks of 2 bytes"),
        (wav(b"", rate=0), "0 samples a second"),
        (wav(b"", rate=999), "999 samples a second"),
        (wav(b"", rate=384_001), "384001 samples a second"),
    ],
)
def test_unusable_files_are_named_and_explained(tmp_path: Path, file: bytes, words: str) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(file)
    with pytest.raises(AudioError, match=words) as error:
        read_wav(path)
    assert str(error.value).startswith(str(path))
    with pytest.raises(AudioError, match=words):
        read_wav(file)


@pytest.mark.parametrize("name", ["missing.wav", ".", "nul\0.wav"])
def test_a_path_that_cannot_be_read_is_an_audio_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(AudioError, match="cannot be read"):
        read_wav(str(tmp_path / name))


def test_a_file_may_be_as_large_as_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(GOOD)
    for source in (path, GOOD):
        assert len(read_wav(source, max_bytes=len(GOOD))) == 80
        with pytest.raises(AudioError, match="larger than"):
            read_wav(source, max_bytes=len(GOOD) - 1)


FILES = [
    GOOD,
    wav(bytes(64), rate=44100, channels=2),
    wav(array("f", [0.1] * 16).tobytes(), tag=FLOAT, width=4),
    wav(bytes(60), tag=EXTENSIBLE, width=3, extra=extensible(PCM, 24)),
    wav(bytes(64), tag=ALAW, width=1, before=b"LIST" + struct.pack("<I", 4) + b"INFO"),
]


@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.integers(0, 72), st.integers(0, 255)), max_size=4),
    st.none() | st.integers(0, 120),
)
def test_a_broken_header_gives_audio_or_an_audio_error(
    file: bytes, changes: list[tuple[int, int]], length: int | None
) -> None:
    mutant = bytearray(file)
    for position, byte in changes:
        mutant[position] = byte
    with suppress(AudioError):
        assert isinstance(read_wav(bytes(mutant[:length])), bytes)


@given(st.binary(max_size=200))
def test_any_bytes_after_the_magic_give_audio_or_an_audio_error(body: bytes) -> None:
    with suppress(AudioError):
        assert isinstance(read_wav(b"RIFF\0\0\0\0WAVE" + body), bytes)


def test_a_long_recording_loads_in_a_moment() -> None:
    """A minute at 48 kHz takes well under a second; the bound leaves room for a busy machine."""
    second = pcm(tone(1000, 48000, 1), 2)
    file = wav(second * 60, rate=48000)
    start = time.process_time()
    assert len(read_wav(file)) == 60 * SAMPLE_RATE
    assert time.process_time() - start < 5
