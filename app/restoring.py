"""Takes up what an earlier process has left in the store, and deletes what is too old."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import structlog

from app.logs import log_entry
from app.settings import Settings
from app.store.records import CallRecord, RecordingRecord, whole_seconds
from app.store.store import Store
from bridge.call import Call, CallStatus, Parties
from bridge.engine.recorder import rescue
from bridge.engine.sender import CallbackSender, Letter
from bridge.timeline import Timeline

_RETRY_SECONDS = 60.0

log = structlog.get_logger("store")


class Leftovers:
    """Hands the sender every callback that an earlier process has not delivered, in order.

    Make it before anything else is sent. Half of what may wait is left to what is new: `begin`
    takes what there is room for, `finish` the rest as room appears. A callback that was under way
    when the process ended may reach the customer twice.
    """

    def __init__(self, store: Store, sender: CallbackSender) -> None:
        self._store = store
        self._sender = sender
        self._spared = sender.room // 2
        self._until = store.last_number
        self._last = 0
        self._calls: dict[str, Call] = {}

    async def begin(self) -> int:
        """How many there are in all."""
        count = await self._store.count_undelivered()
        await self._some()
        return count

    async def finish(self) -> None:
        """Until the last has been handed over."""
        while self._last < self._until:
            await self._sender.until_room(self._spared + 1)
            try:
                await self._some()
            except Exception:
                log.exception("callbacks that were left cannot be read; it is tried again")
                await asyncio.sleep(_RETRY_SECONDS)

    async def _some(self) -> None:
        """As many as there is room for now."""
        room = self._sender.room - self._spared
        found = await self._store.undelivered(room, self._last, self._until)
        for number, letter in found:
            sid = letter.call_sid
            call = self._calls.get(sid)
            if call is None:
                call = _call(letter, await self._store.find(CallRecord, sid))
                self._calls[sid] = call
            self._sender.send(
                call, letter.url, letter.method, letter.form, order=letter.order, kept=number
            )
            self._last = number
        if len(found) < room:
            self._last = self._until


def _call(letter: Letter, record: CallRecord | None) -> Call:
    """The call of a callback."""
    if record is not None:
        return past_call(record)
    sid = letter.call_sid
    return Call(sid, letter.account_sid, Parties("", ""), _timeline(sid), CallStatus.COMPLETED)


def past_call(record: CallRecord) -> Call:
    """A call that is over, with a timeline that only the log sees."""
    parties = Parties(record.from_, record.to, record.direction)
    status = CallStatus(record.status)
    return Call(record.sid, record.account_sid, parties, _timeline(record.sid), status)


def _timeline(sid: str) -> Timeline:
    return Timeline(clock=time.monotonic, observer=lambda entry: log_entry(sid, entry))


async def save_recordings(
    store: Store, folder: Path, threads: Executor, left: Sequence[RecordingRecord]
) -> None:
    """See to the files of recordings that an earlier process did not complete: what was written
    can be played, as `completed`; where nothing is, the recording is `absent`."""
    loop = asyncio.get_running_loop()
    for record in left:
        path = folder / f"{record.path}.wav"
        try:
            ms = await loop.run_in_executor(threads, rescue, path, record.channels)
        except OSError:
            log.exception("a recording cannot be saved", recording=record.sid)
            ms = 0
        status = "completed" if ms else "absent"
        log.info("recording restored", recording=record.sid, status=status, milliseconds=ms)
        store.save(
            replace(record, status=status, seconds=whole_seconds(ms), updated_at=time.time())
        )


async def purge(store: Store, settings: Settings) -> None:
    """Delete what is older than the retention, the recordings' files too."""
    if not settings.retention_days:
        return
    rows, recordings = await store.purge(settings.retention_days)
    await asyncio.to_thread(_delete_files, settings.data_dir / "recordings", recordings)
    if rows:
        log.info("purged", rows=rows, recordings=len(recordings))


def _delete_files(folder: Path, recordings: list[RecordingRecord]) -> None:
    for recording in recordings:
        for path in files_of(folder, recording):
            path.unlink(missing_ok=True)


def files_of(folder: Path, recording: RecordingRecord) -> tuple[Path, ...]:
    """Where a recording's audio is, in each form it may have; nowhere for a carrier's."""
    if not recording.path:
        return ()
    return tuple(folder / f"{recording.path}{suffix}" for suffix in (".wav", ".mp3"))
