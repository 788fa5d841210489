"""Findings for a person to read, one a line."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator

import typer

from app.lint import Report
from twiml.diagnostics import Severity

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def lines(report: Report, *, coloured: bool = False) -> Iterator[str]:
    """A report's findings: `file:line:column severity number message advice`."""
    for found in report.findings:
        severity = found.severity.value
        if coloured:
            severity = typer.style(severity, fg=_COLOURS[found.severity], bold=True)
        place = one_line(f"{report.file}:{found.line}:{found.column}")
        words = one_line(f"{int(found.code)} {found.message} {found.advice}".rstrip())
        yield f"{place} {severity} {words}"


def one_line(text: str) -> str:
    """Others' text for a terminal: what would end the line or steer the terminal is escaped."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


def speak_plainly() -> None:
    """Let no character that the terminal's encoding lacks end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def shows_colours() -> bool:
    """Whether standard output is a terminal for colours, and NO_COLOR does not forbid them."""
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
