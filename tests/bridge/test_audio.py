"""Audio files and live frames, checked by ear: Goertzel's, on tones made here."""

from __future__ import annotations

import itertools
import math
import struct
import subprocess
import sys
import time
import wave
from array import array
from bisect import bisect
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.audio import (
    FRAME_BYTES,
    FRAME_MS,
    SAMPLE_RATE,
    SILENCE,
    AudioError,
    G711Decoder,
    MulawDecoder,
    MulawEncoder,
    level_dbfs,
    read_wav,
    write_wav,
)

PCM, FLOAT, ALAW, MULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
EVERY_BYTE = bytes(range(256))


def tone(hertz: float, rate: int, seconds: float = 0.5, level: float = 0.5) -> list[float]:
    step = 2 * math.pi * hertz / rate
    return [level * math.sin(step * i) for i in range(int(rate * seconds))]


def amplitude(samples: list[float], hertz: float, rate: int = SAMPLE_RATE) -> float:
    """Goertzel: the amplitude of one frequency, measured over the middle half."""
    middle = samples[len(samples) // 4 : len(samples) * 3 // 4]
    twice_cosine = 2 * math.cos(2 * math.pi * hertz / rate)
    before = last = 0.0
    for sample in middle:
        before, last = last, sample + twice_cosine * last - before
    power = last * last + before * before - twice_cosine * last * before
    return 2 * math.sqrt(max(power, 0.0)) / len(middle)


def mulaw_value(byte: int) -> int:
    """G.711 mu-law, scaled to 16 bits."""
    byte ^= 0xFF
    magnitude = (((byte & 0x0F) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84
    return -magnitude if byte & 0x80 else magnitude


def alaw_value(byte: int) -> int:
    """G.711 A-law, scaled to 16 bits."""
    byte ^= 0x55
    segment, magnitude = byte >> 4 & 7, (byte & 0x0F) << 4
    magnitude = magnitude + 8 if segment == 0 else magnitude + 0x108 << segment - 1
    return magnitude if byte & 0x80 else -magnitude


def linear(mulaw: bytes) -> list[float]:
    return [mulaw_value(byte) / 32768 for byte in mulaw]


def decibels(ratio: float) -> float:
    return 20 * math.log10(max(ratio, 1e-9))


def pcm(samples: list[float], width: int) -> bytes:
    top = 2 ** (8 * width - 1) - 1
    offset = 128 if width == 1 else 0
    return b"".join(
        (round(s * top) + offset).to_bytes(width, "little", signed=width > 1) for s in samples
    )


def companded(value: Callable[[int], int]) -> Callable[[list[float]], bytes]:
    """An encoder that takes the nearest value of a code."""
    codes = sorted(range(256), key=value)
    borders = [(value(a) + value(b)) / 2 for a, b in itertools.pairwise(codes)]

    def encode(samples: list[float]) -> bytes:
        return bytes(codes[bisect(borders, sample * 32768)] for sample in samples)

    return encode


ENCODINGS: dict[str, tuple[int, int, Callable[[list[float]], bytes]]] = {
    "8-bit": (PCM, 1, lambda samples: pcm(samples, 1)),
    "16-bit": (PCM, 2, lambda samples: pcm(samples, 2)),
    "24-bit": (PCM, 3, lambda samples: pcm(samples, 3)),
    "32-bit": (PCM, 4, lambda samples: pcm(samples, 4)),
    "float": (FLOAT, 4, lambda samples: array("f", samples).tobytes()),
    "double": (FLOAT, 8, lambda samples: array("d", samples).tobytes()),
    "mu-law": (MULAW, 1, companded(mulaw_value)),
    "A-law": (ALAW, 1, companded(alaw_value)),
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


def test_the_constants_are_one_twilio_frame() -> None:
    assert FRAME_BYTES == SAMPLE_RATE * FRAME_MS // 1000
    assert mulaw_value(SILENCE) == 0


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


# --- live frames ----------------------------------------------------------------------------


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
    encode = ENCODINGS["mu-law" if law == "mulaw" else "A-law"][2]
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
    mulaw = companded(mulaw_value)(tone(1000, 8000))
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


# --- the rest -------------------------------------------------------------------------------


def test_levels_are_measured_in_decibels_below_full_scale() -> None:
    half = companded(mulaw_value)(tone(1000, 8000))
    assert level_dbfs(half) == pytest.approx(decibels(0.5 / math.sqrt(2)), abs=0.2)
    assert level_dbfs(bytes([SILENCE]) * 160) == level_dbfs(b"") == -math.inf


def test_a_long_recording_loads_in_a_moment() -> None:
    """A minute at 48 kHz takes well under a second; the bound leaves room for a busy machine."""
    second = pcm(tone(1000, 48000, 1), 2)
    file = wav(second * 60, rate=48000)
    start = time.process_time()
    assert len(read_wav(file)) == 60 * SAMPLE_RATE
    assert time.process_time() - start < 5


def test_importing_the_module_warns_of_nothing() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", "import bridge.audio"], check=True)
