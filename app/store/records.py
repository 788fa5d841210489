"""What the store keeps, as plain values. Pure.

Times are seconds since the epoch, None while they are not known. Statuses are Twilio's words. A
`carrier` says who runs a thing: empty for this service itself, else the language of SignalWire's
call, `cxml` or `swml`; `carrier_id` is its id there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call. `started_at` is when it was answered."""

    sid: str
    account_sid: str
    from_: str
    to: str
    status: str
    direction: str
    created_at: float
    updated_at: float
    started_at: float | None = None
    ended_at: float | None = None
    parent_sid: str = ""
    caller_name: str = ""
    forwarded_from: str = ""
    carrier: str = ""
    carrier_id: str = ""

    @property
    def over(self) -> bool:
        return self.ended_at is not None

    @property
    def duration(self) -> int | None:
        """Whole seconds from the answer to the end; None while it runs."""
        if self.ended_at is None:
            return None
        return 0 if self.started_at is None else max(0, int(self.ended_at - self.started_at))


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One stream of a call, which is shown and not kept; `status` is `in-progress` or `stopped`,
    `name` the customer's."""

    sid: str
    account_sid: str
    call_sid: str
    name: str
    status: str
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class RecordingRecord:
    """One recording. `path` is its file without the suffix, below the data directory's
    `recordings`; `url` is where a carrier keeps it. `seconds` is its length, None until it ends."""

    sid: str
    account_sid: str
    call_sid: str
    status: str
    created_at: float
    updated_at: float
    conference_sid: str = ""
    started_at: float | None = None
    seconds: int | None = None
    channels: int = 1
    source: str = "RecordVerb"
    track: str = "both"
    path: str = ""
    url: str = ""
    carrier: str = ""
    carrier_id: str = ""


def whole_seconds(ms: int) -> int:
    """A recording's length as Twilio tells it: 0 is of one that holds nothing."""
    return max(1, round(ms / 1000)) if ms else 0


@dataclass(frozen=True, slots=True)
class ConferenceRecord:
    """One conference; `status` is `init`, `in-progress` or `completed`."""

    sid: str
    account_sid: str
    friendly_name: str
    status: str
    created_at: float
    updated_at: float
    reason_ended: str = ""
    ended_by: str = ""
    carrier: str = ""
    carrier_id: str = ""


@dataclass(frozen=True, slots=True)
class ParticipantRecord:
    """One call in a conference, kept while it is there."""

    conference_sid: str
    call_sid: str
    account_sid: str
    created_at: float
    updated_at: float
    label: str = ""
    status: str = "connected"
    muted: bool = False
    hold: bool = False
    coaching: bool = False
    coached_sid: str = ""
    start_on_enter: bool = True
    end_on_exit: bool = False


Record = CallRecord | RecordingRecord | ConferenceRecord | ParticipantRecord
"""What is saved under its key: a sid, for a participant those of conference and call."""
