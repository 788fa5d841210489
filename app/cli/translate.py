"""`twiml-bridge translate`: one document in SignalWire's words, and what gets lost on the way."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
import typer

from app.cli.choices import Language
from app.cli.findings import lines, one_line, speak_plainly
from app.cli.reading import Reader, Rules
from app.cli.targets import Target, TargetError, expand
from app.cli.translation import Translate
from app.lint import Report, describe
from twiml.signalwire.translation import Translation

if TYPE_CHECKING:
    from app.cli.asking import Asker


def translate(
    name: str,
    language: Language,
    into: Translate,
    rules: Rules,
    asker: Asker | None,
    *,
    as_json: bool,
) -> int:
    """Print a target's translation. 0: it is there; 1: the document is unusable; 2: no target."""
    speak_plainly()
    try:
        target = _single(name)
    except TargetError as error:
        typer.echo(f"twiml-bridge: {error}", err=True)
        return 2
    with Reader(rules, asker) as reader:
        report = reader.report(target)
    translated = into(report.document, report.base_url) if report.usable else None
    if as_json:
        typer.echo(orjson.dumps(_record(report, language, translated), option=orjson.OPT_INDENT_2))
    else:
        _print(report, translated)
    return 1 if translated is None else 0


def _single(name: str) -> Target:
    targets = expand(name)
    target = next(targets)
    if target.listed:
        raise TargetError(f"{Target(name).shown}: is a directory; name one document")
    return target


def _print(report: Report, translated: Translation | None) -> None:
    for line in lines(report):
        typer.echo(line, err=True)
    if translated is None:
        return
    for loss in translated.losses:
        what = f"{loss.element} {loss.attribute}".rstrip()
        words = f"{report.file}:{loss.line} loss <{what}> {loss.why} {loss.instead}"
        typer.echo(one_line(words), err=True)
    # What it says of its encoding holds, whatever the terminal's is.
    typer.echo(translated.output.rstrip("\n").encode())


def _record(report: Report, language: Language, translated: Translation | None) -> dict[str, Any]:
    output: Any = None
    if translated is not None:
        swml = language is Language.SWML
        output = orjson.loads(translated.output) if swml else translated.output
    return {
        "output": output,
        "losses": [asdict(loss) for loss in translated.losses] if translated else [],
        "diagnostics": [describe(found) for found in report.findings],
    }
