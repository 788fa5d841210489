"""Status callbacks of streams: their form, and the rules by which one is delivered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from bridge.identity import Identity
from bridge.overrides import Overrides
from bridge.stream import Report

FormFields = tuple[tuple[str, str], ...]


def stream_form(identity: Identity, report: Report, at: datetime) -> FormFields:
    """The fields of a stream's status callback, in the order seen on the wire (T section 8)."""
    fields = [
        ("StreamName", identity.name or identity.stream_sid),
        ("StreamEvent", report.event),
        ("CallSid", identity.call_sid),
        ("Timestamp", iso_utc(at)),
        ("AccountSid", identity.account_sid),
        ("StreamSid", identity.stream_sid),
    ]
    if report.error:
        fields.append(("StreamError", report.error))
    return tuple(fields)


def iso_utc(at: datetime) -> str:
    """ISO 8601 in UTC, the one date form of Twilio's that is not RFC 2822."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Outcome(Enum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(slots=True)
class Delivery:
    """The attempts to deliver one callback: pure, told what happened, says what to do next.

    Only a failure that the URL's overrides name (by default: connecting and TLS) is tried again,
    `retries` times; an answer outside 2xx is otherwise final (T section 9).
    """

    overrides: Overrides = field(default_factory=Overrides)
    attempts: int = 0
    outcome: Outcome = Outcome.PENDING
    last: str = ""

    def answered(self, status: int) -> float | None:
        """The app answered. Returns the seconds to wait before another attempt, None if done."""
        self.last = f"HTTP {status}"
        if 200 <= status < 300:
            self.attempts += 1
            self.outcome = Outcome.DELIVERED
            return None
        return self._again("5xx" if status >= 500 else "4xx")

    def failed(self, reason: str, detail: str) -> float | None:
        """No answer; `reason` is `ct` (connect or TLS) or `rt` (read)."""
        self.last = detail
        return self._again(reason)

    def _again(self, reason: str) -> float | None:
        self.attempts += 1
        if self.attempts <= self.overrides.retries and self.overrides.retries_on(reason):
            return min(0.1 * self.attempts, 1.0)
        self.outcome = Outcome.FAILED
        return None
