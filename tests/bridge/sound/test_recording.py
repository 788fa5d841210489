from __future__ import annotations

import wave
from pathlib import Path

import av
import pytest

from bridge.audio import audioop
from bridge.sound.decoding import decode
from bridge.sound.recording import Take, Trim, WavFile, to_mp3
from bridge.sound.waves import silence, tone
from tests.support.files import difference_db
from tests.support.sound import frames_of, spoken

CALLER = tone(((500.0, -12.0),), 2500)
APP = tone(((1300.0, -12.0),), 2500)


def linear(mulaw: bytes) -> bytes:
    return audioop.ulaw2lin(mulaw, 2)


def taken(take: Take, inbound: bytes, outbound: bytes | None = None) -> bytes:
    """All samples of a take that is fed these tracks."""
    samples = b""
    pairs = zip(frames_of(inbound), frames_of(outbound or silence(len(inbound) // 8)), strict=True)
    for caller, app in pairs:
        samples += take.feed(caller, app) or b""
    return samples + take.rest()


def recorded(path: Path, samples: bytes, channels: int = 1, trim: Trim | None = None) -> bytes:
    """What a WAV file has of samples, as the standard library reads it."""
    file = WavFile(path, channels, trim)
    for at in range(0, len(samples), 16_000 * channels):
        file.write(samples[at : at + 16_000 * channels])
    ms = file.close()
    with wave.open(str(path)) as read:
        assert (read.getnchannels(), read.getframerate(), read.getsampwidth()) == (
            channels,
            8000,
            2,
        )
        assert read.getnframes() == ms * 8
        kept: bytes = read.readframes(read.getnframes())
    return kept


def test_both_tracks_in_one_channel() -> None:
    assert taken(Take(), CALLER, APP) == audioop.add(linear(CALLER), linear(APP), 2)


@pytest.mark.parametrize(("track", "kept"), [("inbound", CALLER), ("outbound", APP)])
def test_one_track(track: str, kept: bytes) -> None:
    assert taken(Take(track=track), CALLER, APP) == linear(kept)  # type: ignore[arg-type]


def test_two_channels() -> None:
    """The caller on the left, the app on the right, sample by sample."""
    take = Take(dual=True)
    samples = taken(take, CALLER, APP)
    assert take.channels == 2
    assert audioop.tomono(samples, 2, 1, 0) == linear(CALLER)
    assert audioop.tomono(samples, 2, 0, 1) == linear(APP)


def test_loud_tracks_are_clipped_and_do_not_wrap() -> None:
    loud = tone(((400.0, 3.0),), 100)
    assert taken(Take(), loud, loud) == audioop.add(linear(loud), linear(loud), 2)
    assert audioop.max(taken(Take(), loud, loud), 2) >= 32767


def test_a_missing_frame_is_silence() -> None:
    take = Take()
    take.feed(None, None)
    assert take.rest() == bytes(320)


def test_greatest_length() -> None:
    take = Take(max_ms=1000)
    assert taken(take, CALLER) == linear(CALLER[:8000])
    assert take.full
    assert take.recorded_ms == 1000


def test_pause_and_resume() -> None:
    """A pause is left out, or silent."""
    skipping, silencing = Take(), Take()
    samples = {skipping: b"", silencing: b""}
    for take, how in ((skipping, "skip"), (silencing, "silence")):
        for n, frame in enumerate(frames_of(CALLER)):
            take.paused = how if 20 <= n < 70 else None  # type: ignore[assignment]
            samples[take] += take.feed(frame, None) or b""
        samples[take] += take.rest()
    before, during, after = linear(CALLER[:3200]), bytes(16_000), linear(CALLER[11_200:])
    assert samples[skipping] == before + after
    assert samples[silencing] == before + during + after
    assert (skipping.recorded_ms, silencing.recorded_ms) == (1500, 2500)


def test_batches_are_a_second() -> None:
    """So much is held in memory and no more."""
    take = Take(dual=True)
    batches = [take.feed(frame, frame) for frame in frames_of(CALLER)]
    assert [len(batch) for batch in batches if batch] == [32_000, 32_000]
    assert [n for n, batch in enumerate(batches) if batch] == [49, 99]


@pytest.mark.parametrize("channels", [1, 2])
def test_file_equals_what_went_in(tmp_path: Path, channels: int) -> None:
    samples = taken(Take(dual=channels == 2), CALLER, APP)
    assert recorded(tmp_path / "it.wav", samples, channels) == samples


def test_an_empty_file(tmp_path: Path) -> None:
    assert recorded(tmp_path / "it.wav", b"") == b""


def test_trim(tmp_path: Path) -> None:
    """Silence before and after is cut to a little; none is taken away between words."""
    voice = linear(spoken("one"))
    voice = voice[: len(voice) - len(voice) % 320]
    samples = bytes(48_000) + voice + bytes(32_000) + voice + bytes(80_000)
    kept = recorded(tmp_path / "it.wav", samples, trim=Trim())
    assert bytes(30_000) in kept
    assert len(kept) < len(samples) - 48_000 - 80_000 + 10_000
    first = samples.index(kept)
    assert 48_000 - 1600 <= first < 48_000 + 6_000
    last = first + len(kept)
    assert last <= len(samples) - 80_000 + 3200


def test_trim_counts_either_channel(tmp_path: Path) -> None:
    """The app's voice is sound too."""
    samples = taken(Take(dual=True), silence(2500), APP)
    assert recorded(tmp_path / "it.wav", samples, 2, Trim()) == samples


def test_trim_of_nothing_but_silence(tmp_path: Path) -> None:
    assert recorded(tmp_path / "it.wav", bytes(160_000), trim=Trim()) == b""


@pytest.mark.parametrize("channels", [1, 2])
def test_mp3(tmp_path: Path, channels: int) -> None:
    """It sounds like the WAV file, in as many channels, at a quarter of the size or less."""
    samples = taken(Take(dual=channels == 2), CALLER * 2, APP * 2)
    wav, mp3 = tmp_path / "it.wav", tmp_path / "it.mp3"
    recorded(wav, samples, channels)
    to_mp3(wav, mp3)
    assert mp3.stat().st_size < wav.stat().st_size / 3
    with av.open(mp3) as container:
        (stream,) = container.streams.audio
        assert (stream.rate, stream.channels) == (8000, channels)
    with wav.open("rb") as a, mp3.open("rb") as b:
        original, compressed = b"".join(decode(a, "wav")), b"".join(decode(b, "mp3"))
    assert len(compressed) == pytest.approx(len(original), abs=2500)
    start = min(range(0, 2500, 40), key=lambda at: difference_db(original[:8000], compressed[at:]))
    assert difference_db(original[:8000], compressed[start : start + 8000]) < -12
