"""What the agent remembers of its last calls."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import asdict, dataclass, field


@dataclass(slots=True)
class Received:
    """Frames of one track, and how many their numbers show to be missing."""

    frames: int = 0
    lost: int = 0
    last_chunk: int = 0

    def count(self, chunk: str) -> None:
        """Count the frame with this number; ValueError if it is none."""
        number = int(chunk)
        self.frames += 1
        self.lost += max(0, number - self.last_chunk - 1)
        self.last_chunk = number


@dataclass(slots=True)
class Call:
    """One call: what was heard, said and reported.

    `ended` is "stop" when Twilio ended the stream, "star" when the caller pressed `*`, and
    "disconnected" when the socket just closed. `echoes` holds the audio of the latest echoes,
    mu-law, exactly as sent.
    """

    call_sid: str
    parameters: dict[str, str] = field(default_factory=dict)
    received: Received = field(default_factory=Received)
    listened: dict[str, Received] = field(
        default_factory=lambda: {"inbound": Received(), "outbound": Received()}
    )
    echoes: deque[bytes] = field(default_factory=lambda: deque(maxlen=20))
    bytes_sent: int = 0
    marks_sent: int = 0
    marks_returned: int = 0
    clears: int = 0
    digits: deque[str] = field(default_factory=lambda: deque(maxlen=100))
    ignored: int = 0
    ended: str | None = None
    statuses: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=50))

    def as_json(self) -> dict[str, object]:
        """The record for a JSON reply; each echo is given by its length and SHA-256."""
        return {
            "callSid": self.call_sid,
            "parameters": self.parameters,
            "received": asdict(self.received),
            "listened": {track: asdict(received) for track, received in self.listened.items()},
            "echoes": [
                {"bytes": len(echo), "sha256": hashlib.sha256(echo).hexdigest()}
                for echo in self.echoes
            ],
            "bytesSent": self.bytes_sent,
            "marksSent": self.marks_sent,
            "marksReturned": self.marks_returned,
            "clears": self.clears,
            "digits": "".join(self.digits),
            "ignored": self.ignored,
            "ended": self.ended,
            "statuses": list(self.statuses),
        }


class Calls:
    """The last calls by CallSid, oldest first; beyond `limit` the oldest is forgotten."""

    def __init__(self, limit: int = 100) -> None:
        self._limit = limit
        self._calls: dict[str, Call] = {}

    def record(self, call_sid: str) -> Call:
        """The record of a call, new if it was not known."""
        if call_sid not in self._calls:
            if len(self._calls) >= self._limit:
                del self._calls[next(iter(self._calls))]
            self._calls[call_sid] = Call(call_sid)
        return self._calls[call_sid]

    def get(self, call_sid: str) -> Call | None:
        return self._calls.get(call_sid)

    def all(self) -> list[Call]:
        return list(self._calls.values())
