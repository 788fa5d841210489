"""What SignalWire's compatibility REST answers, as the store keeps it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.carrier.client import SignalWireRest, resource
from app.store.records import RecordingRecord
from app.telephony.orders import Refusal
from bridge.ids import alias

CXML = "cxml"


def text(answer: Mapping[str, Any], key: str) -> str:
    """A member as text; empty when there is none."""
    value = answer.get(key)
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def flag(answer: Mapping[str, Any], key: str, known: bool) -> bool:
    value = answer.get(key)
    return value if isinstance(value, bool) else known


def recording_of(
    rest: SignalWireRest, answer: Mapping[str, Any], known: RecordingRecord
) -> RecordingRecord:
    """A recording as it stands now; raises Refusal (20503) for an answer that names none."""
    theirs, seconds = text(answer, "sid"), text(answer, "duration")
    if not theirs:
        raise Refusal(503, 20503, "SignalWire names no recording in its answer")
    return replace(
        known,
        sid=alias("RE", theirs),
        status=text(answer, "status") or "in-progress",
        updated_at=time.time(),
        seconds=int(seconds) if seconds.isdigit() else None,
        channels=2 if text(answer, "channels") == "2" else 1,
        carrier=CXML,
        carrier_id=theirs,
        url=rest.url_of(resource("Recordings", theirs)),
    )
