"""A recording as the store and the customer know it, from its beginning to its end."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.store.records import RecordingRecord, whole_seconds
from bridge.ids import mint
from twiml.script.reports import RecordingFacts

if TYPE_CHECKING:
    from app.service import Service


class Kept:
    """Has a sid, a URL and a file; whatever becomes of the recording is saved in the store.

    It is a call's or a conference's.
    """

    def __init__(
        self,
        service: Service,
        account_sid: str,
        *,
        call_sid: str = "",
        conference_sid: str = "",
        channels: int = 1,
        source: str,
        track: str = "both",
    ) -> None:
        self._service = service
        self._began = service.engine.now()
        self.sid = mint("RE", service.engine.random_bytes)
        self.url = f"{service.base_url}/2010-04-01/Accounts/{account_sid}/Recordings/{self.sid}"
        self.path: Path = service.sounds.recordings / f"{self.sid}.wav"
        now = time.time()
        self.record = RecordingRecord(
            self.sid,
            account_sid,
            call_sid,
            "in-progress",
            now,
            now,
            conference_sid=conference_sid,
            channels=channels,
            source=source,
            track=track,
            path=self.sid,
        )

    @property
    def seconds(self) -> int:
        return self.record.seconds or 0

    @property
    def facts(self) -> RecordingFacts:
        record = self.record
        return RecordingFacts(
            record.account_sid,
            self.sid,
            self.url,
            self._began,
            self.seconds,
            call_sid=record.call_sid,
            conference_sid=record.conference_sid,
        )

    def began(self) -> None:
        """The first sound is recorded now."""
        self._began = self._service.engine.now()
        self._save(started_at=time.time())

    def stands(self, status: str) -> None:
        """Twilio's word for where it stands; one that never began stays unknown."""
        if self.record.started_at is not None:
            self._save(status=status)

    def lasts(self, ms: int) -> None:
        """Its length is known; it is not whole yet."""
        if self.record.started_at is not None and ms:
            self._save(seconds=whole_seconds(ms))

    def ended(self, ms: int) -> None:
        """It is whole, or there is nothing of it (0)."""
        if self.record.started_at is not None:
            self._save(status="completed" if ms else "absent", seconds=whole_seconds(ms))

    def _save(self, **changes: object) -> None:
        self.record = replace(self.record, updated_at=time.time(), **changes)  # type: ignore[arg-type]
        self._service.store.save(self.record)
