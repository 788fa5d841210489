"""`twiml-bridge lint`: what is wrong with documents."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
import typer

from app.cli.findings import lines, shows_colours, speak_plainly
from app.cli.progress import Progress
from app.cli.reading import Reader, Rules
from app.cli.targets import TargetError, expand
from app.lint import Report

if TYPE_CHECKING:
    from app.cli.asking import Asker


@dataclass(slots=True)
class _Count:
    """What a run has found so far."""

    files: int = 0
    errors: int = 0
    warnings: int = 0

    def add(self, report: Report) -> None:
        self.files += 1
        self.errors += len(report.document.errors)
        self.warnings += len(report.document.warnings)

    def __str__(self) -> str:
        counted = ((self.files, "file"), (self.errors, "error"), (self.warnings, "warning"))
        return ", ".join(f"{number} {noun}{'s' * (number != 1)}" for number, noun in counted)


def lint(targets: list[str], rules: Rules, asker: Asker | None, *, as_json: bool) -> int:
    """Print what is wrong with each target. 0: no errors; 1: some; 2: a target led nowhere."""
    speak_plainly()
    coloured = shows_colours()
    count = _Count()
    astray = False
    with Reader(rules, asker) as reader, Progress(lambda: _total(targets)) as progress:
        for name in targets:
            try:
                for target in expand(name):
                    report = reader.report(target)
                    count.add(report)
                    for line in _output(report, as_json=as_json, coloured=coloured):
                        progress.clear()
                        typer.echo(line)
                    progress.step()
            except TargetError as error:
                astray = True
                progress.clear()
                typer.echo(f"twiml-bridge: {error}", err=True)
    if not as_json:
        typer.echo(count, err=True)
    if astray:
        return 2
    return 1 if count.errors else 0


def _output(report: Report, *, as_json: bool, coloured: bool) -> Iterable[str | bytes]:
    return [orjson.dumps(report.record)] if as_json else lines(report, coloured=coloured)


def _total(targets: list[str]) -> int:
    total = 0
    for name in targets:
        with contextlib.suppress(TargetError):
            total += sum(1 for _ in expand(name))
    return total
