from __future__ import annotations

import asyncio
import threading
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bridge.audio import audioop
from bridge.engine.recorder import MAX_WAITING, Recorder, RecordingError
from bridge.sound.waves import silence, tone
from tests.support.sound import frames_of

SAID = tone(((500.0, -12.0),), 3300)
PLAYED = tone(((1300.0, -12.0),), 3300)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def feed(recorder: Recorder, inbound: bytes, outbound: bytes) -> None:
    for caller, app in zip(frames_of(inbound), frames_of(outbound), strict=True):
        recorder.feed(caller, app)


def samples_of(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        samples: bytes = file.readframes(file.getnframes())
    return samples


async def test_the_file_is_what_was_said(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """Both sides, and an MP3 beside it; nothing else is left."""
    recorder = Recorder(tmp_path / "it.wav", threads)
    feed(recorder, SAID, PLAYED)
    recorded = await recorder.finish()
    both = audioop.add(audioop.ulaw2lin(SAID, 2), audioop.ulaw2lin(PLAYED, 2), 2)
    assert samples_of(recorded.wav) == both
    assert (recorded.ms, recorded.channels, recorded.lost_ms) == (3300, 1, 0)
    assert await recorder.compress(threads) == tmp_path / "it.mp3"
    assert {path.name for path in tmp_path.iterdir()} == {"it.wav", "it.mp3"}


async def test_dual_channels(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    recorder = Recorder(tmp_path / "it.wav", threads, dual=True)
    feed(recorder, SAID, PLAYED)
    recorded = await recorder.finish()
    samples = samples_of(recorded.wav)
    assert audioop.tomono(samples, 2, 1, 0) == audioop.ulaw2lin(SAID, 2)
    assert audioop.tomono(samples, 2, 0, 1) == audioop.ulaw2lin(PLAYED, 2)
    assert recorded.channels == 2
    assert [path.name for path in tmp_path.iterdir()] == ["it.wav"]


async def test_trim_pause_and_length(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    recorder = Recorder(tmp_path / "it.wav", threads, track="inbound", trim=True, max_ms=4000)
    feed(recorder, silence(1000), silence(1000))
    recorder.pause()
    assert recorder.paused
    feed(recorder, SAID, PLAYED)
    recorder.resume()
    feed(recorder, SAID + silence(1000), PLAYED + silence(1000))
    assert (recorder.full, recorder.recorded_ms) == (True, 4000)
    recorded = await recorder.finish()
    assert recorded.ms == 100 + 3000
    assert samples_of(recorded.wav)[1600:] == audioop.ulaw2lin(SAID[:24_000], 2)


async def test_nothing_said(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """Silence that is trimmed away leaves an empty recording, and so does a call of no length."""
    trimmed = Recorder(tmp_path / "a.wav", threads, trim=True)
    feed(trimmed, silence(2000), silence(2000))
    assert (await trimmed.finish()).ms == 0
    assert (await Recorder(tmp_path / "b.wav", threads).finish()).ms == 0


async def test_the_name_is_given_to_a_whole_file_only(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    recorder = Recorder(tmp_path / "it.wav", threads)
    feed(recorder, SAID, PLAYED)
    assert not (tmp_path / "it.wav").exists()
    await recorder.discard()
    assert list(tmp_path.iterdir()) == []


async def test_a_directory_that_is_new(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """A directory that is not there yet is made."""
    recorder = Recorder(tmp_path / "some" / "new" / "it.wav", threads)
    feed(recorder, SAID, PLAYED)
    assert (await recorder.finish()).wav.is_file()


async def test_a_directory_that_cannot_be(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """The call goes on; who finishes the recording is told."""
    (tmp_path / "file").write_bytes(b"")
    recorder = Recorder(tmp_path / "file" / "it.wav", threads)
    feed(recorder, SAID, PLAYED)
    with pytest.raises(RecordingError, match=r"cannot be written: "):
        await recorder.finish()


async def test_a_disk_that_is_slow(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """So much waits in memory and no more; what is lost is counted, the rest is in order."""
    go = threading.Event()
    for _ in range(2):
        threads.submit(go.wait)
    recorder = Recorder(tmp_path / "it.wav", threads, track="inbound")
    seconds = MAX_WAITING + 5
    second = tone(((500.0, -12.0),), 1000)
    feed(recorder, second * seconds, second * seconds)
    go.set()
    recorded = await recorder.finish()
    assert recorded.lost_ms == 4000
    assert recorded.ms == (seconds - 4) * 1000
    assert samples_of(recorded.wav) == audioop.ulaw2lin(second, 2) * (seconds - 4)


async def test_many_at_once(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """Twenty recordings share two threads, each its own sound."""
    sounds = [tone(((300.0 + 100 * n, -12.0),), 2000) for n in range(20)]
    recorders = [Recorder(tmp_path / f"{n}.wav", threads, track="inbound") for n in range(20)]
    for moment in zip(*map(frames_of, sounds), strict=True):
        for recorder, frame in zip(recorders, moment, strict=True):
            recorder.feed(frame, None)
        await asyncio.sleep(0)
    finished = await asyncio.gather(*(recorder.finish() for recorder in recorders))
    for recorded, sound in zip(finished, sounds, strict=True):
        assert samples_of(recorded.wav) == audioop.ulaw2lin(sound, 2)
