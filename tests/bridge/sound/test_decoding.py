from __future__ import annotations

import io
from pathlib import Path

import av
import pytest

from bridge.audio import AudioError, audioop
from bridge.sound.decoding import decode
from bridge.sound.waves import tone
from bridge.wav import read_wav, write_wav
from tests.support.files import difference_db, encoded, sweep

SECONDS = 2
SOURCE = audioop.lin2ulaw(sweep(SECONDS, 8000).tobytes(), 2)


def decoded(data: bytes, content_type: str = "", *, searchable: bool = True) -> bytes:
    return b"".join(decode(io.BytesIO(data), "it", content_type, searchable=searchable))


class FrontToBack(io.BytesIO):
    """A download: what lies ahead cannot be looked at."""

    def seek(self, *_: int) -> int:
        raise AssertionError("it was searched")


@pytest.mark.parametrize("encoding", ["mulaw", "pcm16"])
def test_wav_at_our_rate_is_byte_for_byte(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "it.wav"
    write_wav(path, SOURCE, encoding=encoding)  # type: ignore[arg-type]
    assert audioop.ulaw2lin(decoded(path.read_bytes()), 2) == audioop.ulaw2lin(SOURCE, 2)


@pytest.mark.parametrize(
    ("form", "codec", "rate", "channels", "likeness"),
    [
        ("wav", "pcm_s16le", 44_100, 2, -28),
        ("wav", "pcm_s16le", 16_000, 1, -28),
        ("mp3", "libmp3lame", 44_100, 2, -18),
        ("mp3", "libmp3lame", 8_000, 1, -18),
        ("ogg", "libopus", 48_000, 1, -10),
        ("flac", "flac", 22_050, 1, -28),
        ("aiff", "pcm_s16be", 8_000, 1, -30),
        ("au", "pcm_mulaw", 8_000, 1, -45),
        ("mp4", "aac", 44_100, 2, -18),
        ("adts", "aac", 44_100, 1, -12),
        ("matroska", "libopus", 48_000, 2, -10),
    ],
)
def test_formats(form: str, codec: str, rate: int, channels: int, likeness: float) -> None:
    """The samples are the source's, as far as each codec keeps them, at any rate, in one channel.

    Only a file whose index comes last (MP4) is searched.
    """
    data = encoded(form, codec, sweep(SECONDS, rate, channels), rate, channels)
    source = io.BytesIO(data) if form == "mp4" else FrontToBack(data)
    audio = b"".join(decode(source, "it", searchable=False))
    assert len(audio) == pytest.approx(len(SOURCE), abs=1200)
    start = max(range(0, 1200, 20), key=lambda at: -difference_db(audio[at:], SOURCE[:8000]))
    assert difference_db(audio[start : start + 8000], SOURCE[:8000]) < likeness


def test_both_channels_are_heard() -> None:
    """What is on the left alone is played at half its strength, as players do."""
    mono = sweep(1, 8000)
    left = mono[:0]
    for sample in mono:
        left.extend([sample, 0])
    audio = decoded(encoded("wav", "pcm_s16le", left, 8000, 2))
    half = audioop.lin2ulaw(audioop.mul(mono.tobytes(), 2, 0.5), 2)
    assert difference_db(audio, half) < -25


def test_raw_mulaw_is_told_by_its_content_type() -> None:
    """Twilio takes audio/basic; a file with a header is read by that, whatever the type says."""
    assert audioop.ulaw2lin(decoded(SOURCE, "audio/basic"), 2) == audioop.ulaw2lin(SOURCE, 2)
    wav = encoded("wav", "pcm_mulaw", sweep(SECONDS, 8000), 8000)
    assert len(decoded(wav, "audio/ulaw")) == len(SOURCE)


def test_pieces_are_small() -> None:
    """A long file is not decoded at once: the first 200 ms come after a part of it was read."""
    data = io.BytesIO(encoded("mp3", "libmp3lame", sweep(60, 16_000), 16_000))
    pieces = decode(data, "it", searchable=False)
    assert len(next(pieces)) == 1600
    assert data.tell() < len(data.getvalue()) / 2
    assert {len(piece) for piece in list(pieces)[:-1]} == {1600}


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"<Response/>" * 50, b"\0" * 5000, bytes(range(256)) * 20, b"RIFF\0\0\0\0WAVE"],
)
def test_what_is_no_audio(data: bytes) -> None:
    with pytest.raises(AudioError, match=r"^it "):
        decoded(data)


def test_a_rate_that_would_flood_us() -> None:
    """A few samples a second would become minutes of audio from a small file."""
    data = encoded("wav", "pcm_s16le", sweep(1, 8000), 8000)
    slow = data[:24] + (1).to_bytes(4, "little") + data[28:]
    with pytest.raises(AudioError, match="1 samples a second, too few"):
        decoded(slow)


def test_a_film_without_sound() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="it holds no audio"):
        decoded(file.getvalue())


def test_a_file_cut_short_is_played_as_far_as_it_goes() -> None:
    data = encoded("mp3", "libmp3lame", sweep(4, 16_000), 16_000)
    audio = decoded(data[: len(data) // 2], searchable=False)
    assert 1.5 * 8000 < len(audio) < 2.5 * 8000


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n{file}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nfile://{file}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {file}\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    ],
    ids=["hls", "hls with file:", "concat", "sdp"],
)
@pytest.mark.parametrize("searchable", [True, False])
def test_other_files_are_not_opened(tmp_path: Path, playlist: str, *, searchable: bool) -> None:
    """A customer's file cannot make us read this machine's, or call addresses unchecked."""
    secret = tmp_path / "secret.wav"
    write_wav(secret, tone(((440, -10),), 500))
    assert read_wav(secret)
    with pytest.raises(AudioError):
        decoded(playlist.format(file=secret).encode(), searchable=searchable)
