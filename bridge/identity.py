"""Who a stream is, and what has passed through it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a stream is. `name` is the customer's, None when the document gave none."""

    account_sid: str
    call_sid: str
    stream_sid: str
    name: str | None
    tracks: tuple[str, ...]
    bidirectional: bool
    custom_parameters: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Counters:
    """What passed through a stream. Frames are 20 ms each; `audio_bytes` are mu-law bytes taken
    from the customer for the caller, played or cleared since. `throttled` counts how often the
    customer was read more slowly because it sent too quickly, `carrier_throttled` the carrier."""

    frames_sent: int = 0
    frames_waited: int = 0
    frames_dropped: int = 0
    carrier_gaps_ms: int = 0
    messages_received: int = 0
    throttled: int = 0
    carrier_throttled: int = 0
    audio_bytes: int = 0
    discarded_bytes: int = 0
    marks_received: int = 0
    marks_echoed: int = 0
    clears: int = 0
    dtmf: int = 0
    faults: int = 0
