"""`twiml-bridge bench`: how fast this service is on the machine at hand."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import bench_media

cli = typer.Typer(no_args_is_help=True)


@cli.callback()
def options() -> None:
    """Measure how fast this service is on this machine."""


@cli.command()
def twiml(
    seconds: Annotated[float, typer.Option(help="How long to measure.", min=0.1)] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Documents read, checked and translated in a second, beside lxml's bare parse of them."""
    import orjson  # noqa: PLC0415 -- keeps --help fast

    from app.bench.twiml import measure, record, table  # noqa: PLC0415

    results = measure(seconds)
    if as_json:
        typer.echo(orjson.dumps(record(results), option=orjson.OPT_INDENT_2))
        return
    for line in table(results):
        typer.echo(line)


bench_media.register(cli)


@cli.command()
def calls(
    count: Annotated[int, typer.Option("--calls", help="Local calls at once.", min=1)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Local calls at once that speak, play, gather and stream; 1 if any audio had a gap."""
    import orjson  # noqa: PLC0415 -- keeps --help fast

    from app.bench.calls import measure, record, table  # noqa: PLC0415

    result = measure(count)
    if as_json:
        typer.echo(orjson.dumps(record(result), option=orjson.OPT_INDENT_2))
    else:
        for line in table(result):
            typer.echo(line)
    if result.underruns or result.whole < count:
        raise typer.Exit(1)
