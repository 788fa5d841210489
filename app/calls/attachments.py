"""What REST begins and ends beside whatever runs on a line: one-way streams and recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.calls.recordings import Recordings
from app.store.records import RecordingRecord
from app.telephony.orders import NewRecording, not_found
from bridge.engine.line import Line
from bridge.stream import MediaStream
from twiml.actions import Stream
from twiml.script import Callback, StartRecording
from twiml.script.recording import TRACKS

if TYPE_CHECKING:
    from app.live import LiveCall


class Attachments:
    """The part of `CallControl` that leaves the call's document alone."""

    def __init__(self, live: LiveCall, line: Line, recordings: Recordings) -> None:
        self._of = live
        self._on = line
        self._recordings = recordings

    def begin_stream(self, stream: Stream) -> MediaStream:
        return self._on.begin_stream(stream, bidirectional=False).media

    def stop_stream(self, name: str) -> bool:
        return self._on.stop_stream(name)

    def start_recording(self, order: NewRecording, *, placing: bool = False) -> RecordingRecord:
        """Record from now on; `placing`: because the order of the call itself asked for it, for
        which Twilio's library documents another default of `Trim`."""
        default = "trim-silence" if placing else "do-not-trim"
        told = order.told
        callback = Callback(told.url, told.method, told.events or ("completed",))
        command = StartRecording(
            None,
            "OutboundAPI" if placing else "StartCallRecordingAPI",
            TRACKS[order.track],
            2 if order.channels == "dual" and order.track == "both" else 1,
            beep=False,
            trim=(order.trim or default) == "trim-silence",
            callback=callback if told.url else None,
        )
        return self._recordings.start(command).kept.record

    def change_recording(self, sid: str, status: str, pause: str) -> RecordingRecord:
        """`paused`, `in-progress` or `stopped`; raises Refusal when it does not run."""
        recording = self._recordings.find(sid)
        if recording is None:
            raise not_found(f"Calls/{self._of.call.sid}/Recordings/{sid}")
        if status == "stopped":
            recording.stop()
        elif status == "paused":
            recording.pause(silence=pause == "silence")
        else:
            recording.resume()
        return recording.kept.record
