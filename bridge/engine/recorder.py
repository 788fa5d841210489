"""Records a call into a file, off the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from bridge.errors import BridgeError
from bridge.sound.recording import Take, Track, Trim, WavFile, recover, to_mp3

Result = TypeVar("Result")

log = structlog.get_logger("recorder")

MAX_WAITING = 60
"""Batches (of a second) that may wait for a disk that is slow; more are lost, and counted."""


class RecordingError(BridgeError):
    """A recording that could not be written; the text says why."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finished recording. `ms` is its length after trimming, 0 when nothing was said; `lost_ms`
    what a slow disk could not take."""

    wav: Path
    ms: int
    channels: int
    lost_ms: int


class Recorder:
    """One recording, from its beginning to its file.

    Call `feed` every 20 ms. The file is written as `<path>.part` and has its name once it is whole.
    `path` ends in `.wav`; `compress` puts an MP3 beside it. `threads` are shared by all recordings.
    """

    def __init__(
        self,
        path: Path,
        threads: Executor,
        *,
        track: Track = "both",
        dual: bool = False,
        trim: bool = False,
        max_ms: int | None = None,
    ) -> None:
        self._take = Take(track=track, dual=dual, max_ms=max_ms)
        self._path = path
        self._part = part_of(path)
        self._trim = Trim() if trim else None
        self._threads = threads
        self._file: WavFile | None = None
        self._waiting: list[bytes] = []
        self._writing: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._lost_ms = 0

    @property
    def recorded_ms(self) -> int:
        """How much has been recorded, before trimming."""
        return self._take.recorded_ms

    @property
    def full(self) -> bool:
        """Whether the greatest length has been reached; nothing more is recorded."""
        return self._take.full

    @property
    def paused(self) -> bool:
        return self._take.paused is not None

    def feed(self, inbound: bytes | None, outbound: bytes | None) -> None:
        """The next 20 ms of the call's tracks, mu-law; None is silence."""
        batch = self._take.feed(inbound, outbound)
        if batch is not None:
            self._write(batch)

    def pause(self, *, silence: bool = False) -> None:
        """Leave out what follows, or put silence in its place, until `resume`."""
        self._take.paused = "silence" if silence else "skip"

    def resume(self) -> None:
        self._take.paused = None

    async def finish(self) -> Recorded:
        """Complete the file. Raises RecordingError."""
        self._write(self._take.rest())
        await self._written()
        try:
            ms = await self._run(self._complete)
        except Exception as error:
            await self.discard()
            raise RecordingError(f"{self._path} cannot be written: {error}") from error
        return Recorded(self._path, ms, self._take.channels, self._lost_ms)

    async def compress(self, threads: Executor) -> Path | None:
        """Make an MP3 of the finished file, which takes long: in other threads than those that
        write. None when there is none, which is logged."""
        path = self._path.with_suffix(".mp3")
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(threads, _compress, self._path, path)
        except (OSError, ValueError):
            log.exception("no MP3 of a recording", path=str(path))
            return None
        return path

    async def discard(self) -> None:
        """End without a file."""
        self._waiting.clear()
        await self._written()
        await self._run(self._remove)

    def _complete(self) -> int:
        if self._error is not None:
            raise self._error
        file = self._file or self._open()
        self._file = None
        ms = file.close()
        self._part.replace(self._path)
        return ms

    def _remove(self) -> None:
        if self._file is not None:
            self._file.abandon()
        self._file = None
        for path in (self._part, self._path, self._path.with_suffix(".mp3")):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _write(self, batch: bytes) -> None:
        if self._error is not None:
            return
        if len(self._waiting) >= MAX_WAITING:
            if not self._lost_ms:
                log.warning("disk too slow; a recording loses sound", path=str(self._path))
            self._lost_ms += len(batch) // (16 * self._take.channels)
            return
        self._waiting.append(batch)
        if self._writing is None:
            self._next()

    def _next(self) -> None:
        batches, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._threads, self._append, b"".join(batches))
        self._writing.add_done_callback(self._wrote)

    def _append(self, samples: bytes) -> None:
        if self._file is None:
            self._file = self._open()
        self._file.write(samples)

    def _open(self) -> WavFile:
        self._part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return WavFile(self._part, self._take.channels, self._trim)

    def _wrote(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        error = None if writing.cancelled() else writing.exception()
        if error is not None:
            self._error = error
            self._waiting.clear()
            log.error("recording failed", path=str(self._path), error=str(error))
        elif self._waiting:
            self._next()

    async def _written(self) -> None:
        while self._writing is not None:
            await asyncio.wait([self._writing])

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def rescue(path: Path, channels: int) -> int:
    """Make whole what a process that was killed has left of a recording at `path`; returns its
    milliseconds, 0 when nothing is left. Blocks; raises OSError."""
    part = part_of(path)
    with contextlib.suppress(FileNotFoundError):
        recover(part, channels)
        part.replace(path)
    part_of(path.with_suffix(".mp3")).unlink(missing_ok=True)
    try:
        ms = recover(path, channels)
    except FileNotFoundError:
        return 0
    if not ms:
        path.unlink()
        return 0
    try:
        _compress(path, path.with_suffix(".mp3"))
    except (OSError, ValueError):
        log.exception("no MP3 of a recording", path=str(path))
    return ms


def part_of(path: Path) -> Path:
    """Where a file is while it is being written."""
    return path.with_name(path.name + ".part")


def _compress(wav: Path, mp3: Path) -> None:
    part = part_of(mp3)
    to_mp3(wav, part)
    part.replace(mp3)
