"""Recordings that run beside the document: those of `<Dial>` and `<Start><Recording>`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from twiml.actions import Dial, Record, Recording
from twiml.signalwire.swml.expressions import Step
from twiml.signalwire.swml.writing import Writing

_DIRECTIONS = MappingProxyType({"inbound": "speak", "outbound": "listen", "both": "both"})


def record_call(
    writing: Writing,
    element: Dial | Recording,
    *,
    stereo: bool,
    track: str,
    control_id: str | None = None,
) -> Step:
    """Begin to record; without a `control_id` SignalWire makes one."""
    keys: dict[str, Any] = {} if control_id is None else {"control_id": control_id}
    keys |= {"stereo": stereo, "direction": _DIRECTIONS[track]}
    return {"record_call": keys | recording_callback(writing, element)}


def recording_callback(writing: Writing, element: Dial | Record | Recording) -> dict[str, str]:
    """The key for `recordingStatusCallback`; none without one that can be told."""
    if not element.recording_status_callback:
        return {}
    link = writing.callback(
        element,
        "recordingStatusCallback",
        element.recording_status_callback,
        element.recording_status_callback_method,
    )
    return {} if link is None else {"status_url": link}
