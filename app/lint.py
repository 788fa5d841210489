"""What `twiml-bridge lint` says of a document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.addresses import dialled
from twiml.actions import Connect, Start, Stop, Stream, lookup
from twiml.diagnostics import Diagnostic, Severity
from twiml.document import Document

_WRITTEN = ("name", "track", "statusCallback", "statusCallbackMethod", "connectorName")


class Verdict(StrEnum):
    """A document's worst finding."""

    ACCEPT = "accept"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Report:
    """A document and everything found wrong with it.

    `file` is its name, `base_url` where it comes from (empty when unknown). `had` is False when
    there was no document to read; the diagnostics then say why.
    """

    file: str
    document: Document
    base_url: str = ""
    had: bool = True

    @property
    def usable(self) -> bool:
        """Whether the document can run."""
        return self.had and self.document.usable

    @property
    def findings(self) -> list[Diagnostic]:
        """In the order of their places; those of the whole document last."""
        return sorted(
            self.document.diagnostics,
            key=lambda found: (found.line == 0, found.line, found.column),
        )

    @property
    def verdict(self) -> Verdict:
        worst = {found.severity for found in self.document.diagnostics}
        if Severity.ERROR in worst:
            return Verdict.ERROR
        return Verdict.WARN if worst else Verdict.ACCEPT

    @property
    def record(self) -> dict[str, Any]:
        """The report in plain data, attribute values exactly as written."""
        findings = self.findings
        codes = [int(found.code) for found in findings if found.severity is Severity.ERROR]
        codes += [int(found.code) for found in findings if found.severity is Severity.WARNING]
        return {
            "file": self.file,
            "verdict": self.verdict.value,
            "codes": list(dict.fromkeys(codes)),
            "verbs": list(self.document.verbs),
            "streams": list(self._streams()),
            "diagnostics": [describe(found) for found in findings],
        }

    def _streams(self) -> Iterator[dict[str, Any]]:
        for action in self.document.actions:
            if isinstance(action, Start | Connect | Stop):
                verb = type(action).__name__.lower()
                for stream in action.streams:
                    yield self._stream(stream, verb)

    def _stream(self, stream: Stream, verb: str) -> dict[str, Any]:
        return {
            "verb": verb,
            "url": stream.url,
            "connect_url": dialled(stream, self.base_url),
            **{name: lookup(stream.attributes, name) for name in _WRITTEN},
            "params": stream.custom_parameters,
        }


def describe(found: Diagnostic) -> dict[str, Any]:
    """A finding in plain data."""
    return {
        "severity": found.severity.value,
        "code": int(found.code),
        "line": found.line,
        "column": found.column,
        "message": found.message,
        "advice": found.advice,
    }


def not_had(file: str, code: int, message: str, advice: str) -> Report:
    """The report when there is no document, with Twilio's number for the reason."""
    finding = Diagnostic(Severity.ERROR, code, 0, 0, message, advice)
    return Report(file, Document((), (finding,)), had=False)
