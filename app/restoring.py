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

log = structlog.get_logger("store")


async def deliver_left(store: Store, sender: CallbackSender) -> int:
    """Hand the sender every callback that has not been delivered, in order; how many.

    Call it before anything else is sent, so that what is new goes out after what is old. One that
    was under way when the process ended may reach the customer twice.
    """
    left = await store.undelivered(sender.room)
    calls: dict[str, Call] = {}
    for number, letter in left:
        call = calls.get(letter.call_sid)
        if call is None:
            record = await store.find(CallRecord, letter.call_sid)
            call = calls[letter.call_sid] = _call(letter, record)
        sender.send(call, letter.url, letter.method, letter.form, order=letter.order, kept=number)
    return len(left)


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
