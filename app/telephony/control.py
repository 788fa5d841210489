"""What a call that this service runs itself lets others do to it."""

from __future__ import annotations

from typing import Protocol

from app.store.records import RecordingRecord
from app.telephony.orders import NewRecording
from bridge.stream import MediaStream
from twiml.actions import Stream
from twiml.document import Document


class CallControl(Protocol):
    """One running call. Every method returns at once."""

    def redirect(self, url: str, method: str) -> None:
        """Ask the app at `url` and go on with its answer, or end the call with an apology."""
        ...

    def replace(self, document: Document, url: str = "") -> None:
        """Go on with this document, which came from `url` if from anywhere; what runs is given up,
        a connected stream ends."""
        ...

    def limit(self, seconds: float) -> None:
        """End it so long after its answer, which counts instead of any limit before."""
        ...

    def begin_stream(self, stream: Stream) -> MediaStream:
        """Begin a one-way stream beside whatever runs; it is stopped at once if refused."""
        ...

    def stop_stream(self, name: str) -> bool:
        """Stop a one-way stream by its name or sid; False when none runs."""
        ...

    def start_recording(self, order: NewRecording) -> RecordingRecord:
        """Record beside whatever runs."""
        ...

    def change_recording(self, sid: str, status: str, pause: str) -> RecordingRecord:
        """As `Telephony.change_recording`."""
        ...

    def hang_up(self, by: str) -> None: ...
