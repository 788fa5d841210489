"""What is wrong with a document, in Twilio's numbers and in words that say how to mend it.

Severities and meanings follow Twilio's error catalogue. Where Twilio documents that something
fails but gives no number, 31900 ("stream failed") is used for streams and 12200 for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Code(IntEnum):
    """Twilio's numbers for what a voice document can get wrong."""

    TOO_LARGE = 11750
    UNPARSABLE = 12100
    SCHEMA = 12200
    CONTENT_TYPE = 12300
    UNKNOWN_NOUN = 14300
    RELATIVE_ACTION = 15004
    STREAM_FAILED = 31900
    STREAM_SCHEME = 31922
    STREAM_URL = 31923
    STREAM_CONNECTOR = 31940
    STREAM_TRACK = 31941
    INLINE_TOO_LONG = 32018


UNUSABLE = frozenset(
    {
        Code.TOO_LARGE,
        Code.UNPARSABLE,
        Code.CONTENT_TYPE,
        Code.RELATIVE_ACTION,
        Code.INLINE_TOO_LONG,
    }
)
"""As errors these stop the whole document; every other number spoils one element at most."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: where (1-based line and column; 0 when unknown), what, and how to mend it."""

    severity: Severity
    code: int
    line: int
    column: int
    message: str
    advice: str

    def __str__(self) -> str:
        return (
            f"{self.line}:{self.column} {self.severity} {self.code} {self.message} {self.advice}"
        ).rstrip()
