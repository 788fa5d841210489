"""`twiml-bridge bench media`, `latency` and `soak`: calls that carry media, counted and timed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Annotated, Any, NoReturn, TypeVar

import typer

Result = TypeVar("Result")

Environment = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="A variable that the service runs with. Repeatable."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(cli: typer.Typer) -> None:
    """Add these commands to `twiml-bridge bench`."""
    for command in (media, latency, soak):
        cli.command()(command)


def _run(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run a benchmark to its end; one that cannot be run ends the command with status 2.

    Ctrl-C and SIGTERM end it in order, so that nothing it started is left.
    """
    from app.bench.errors import BenchError  # noqa: PLC0415
    from app.cli import fail, run  # noqa: PLC0415 -- which imports this module

    try:
        return run(_interruptible(work))
    except BenchError as error:
        fail(str(error))
    except asyncio.CancelledError:
        _progress("twiml-bridge: the benchmark was interrupted")
        raise typer.Exit(130) from None


async def _interruptible(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not on Windows, where no benchmark runs.
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await work()


def _progress(text: str) -> None:
    typer.echo(text, err=True)


def _tell(
    result: Result,
    record: Callable[[Result], dict[str, Any]],
    lines: Callable[[Result], Iterable[str]],
    failed: Callable[[Result], bool],
    *,
    as_json: bool,
) -> NoReturn:
    """Print what came of it, for a machine or a person, and end the command with its status."""
    import orjson  # noqa: PLC0415

    if as_json:
        typer.echo(orjson.dumps(record(result), option=orjson.OPT_INDENT_2))
    else:
        for line in lines(result):
            typer.echo(line)
    raise typer.Exit(1 if failed(result) else 0)


def _forks(text: str) -> tuple[int, ...]:
    from app.bench.errors import BenchError  # noqa: PLC0415

    if not all(word.strip() in ("1", "2", "3", "4", "5") for word in text.split(",")):
        raise BenchError(f"--forks is numbers from 1 to 5 with commas between them, not {text!r}")
    return tuple(dict.fromkeys(int(word) for word in text.split(",")))


def media(
    quick: Annotated[
        bool, typer.Option("--quick", help="Ratios by CPU at one load, in under 50 s.")
    ] = False,
    rounds: Annotated[int, typer.Option(help="Rounds in which all have their turn.", min=1)] = 3,
    seconds: Annotated[
        float | None,
        typer.Option(help="A stage's measured part; 10, or 3 with --quick.", min=0.1),
    ] = None,
    forks: Annotated[
        str, typer.Option(help="Customer sockets a call: numbers from 1 to 5, with commas.")
    ] = "1,4",
    calls: Annotated[
        int | None,
        typer.Option(help="Calls in the first stage; 60, or 20 with no C compiler.", min=1),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Measure this candidate and the naive relay. May be repeated."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:VARIABLE=VALUE",
            help="Measure the service once more, with this variable, under this name. Repeatable.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Calls on one core, CPU and memory a call, latency: this service and peers beside it."""
    from app.bench import figures, record, report  # noqa: PLC0415 -- keeps --help fast
    from app.bench.errors import BenchError  # noqa: PLC0415
    from app.bench.media import LONGEST_QUICK, Plan, measure  # noqa: PLC0415
    from app.bench.native import compiler  # noqa: PLC0415
    from app.bench.variants import variants  # noqa: PLC0415

    def work() -> Coroutine[Any, Any, Any]:
        if quick and seconds and seconds > LONGEST_QUICK:
            raise BenchError(f"--quick leaves {LONGEST_QUICK:g} s for a stage at most")
        plan = Plan(
            quick=quick,
            rounds=rounds,
            seconds=seconds or (3.0 if quick else 10.0),
            forks=_forks(forks),
            calls=calls or (60 if compiler() else 20),
            only=tuple(only or ()),
            also=variants(also or ()),
        )
        return measure(plan, _progress)

    result = _run(work)
    _tell(result, record.record, report.lines, figures.failed, as_json=as_json)


def latency(
    calls: Annotated[int, typer.Option(help="Calls that start within one second.", min=1)] = 50,
    environment: Environment = None,
    as_json: Json = False,
) -> None:
    """From a call's webhook to `start` at the app, and how exact marks and clear are."""
    from app.bench import latency as bench  # noqa: PLC0415
    from app.bench.variants import environment as read  # noqa: PLC0415

    result = _run(lambda: bench.measure(calls, read(environment or ()), _progress))
    _tell(result, bench.record, bench.lines, bench.failed, as_json=as_json)


def soak(
    minutes: Annotated[float, typer.Option(help="How long calls come and go.", min=0.01)] = 1.0,
    calls: Annotated[
        int | None,
        typer.Option(help="Calls at once; 300, or 30 with no C compiler.", min=1),
    ] = None,
    burst: Annotated[
        int | None,
        typer.Option(
            help="Calls that at last start and end within a second each; 200, or 20 with no C"
            " compiler. 0 leaves that out.",
            min=0,
        ),
    ] = None,
    environment: Environment = None,
    as_json: Json = False,
) -> None:
    """Calls that come and go: frames lost, and whether memory, files and tasks stay flat."""
    from app.bench import soak as bench  # noqa: PLC0415
    from app.bench.native import compiler  # noqa: PLC0415
    from app.bench.variants import environment as read  # noqa: PLC0415

    fast = compiler() is not None

    def work() -> Coroutine[Any, Any, Any]:
        return bench.measure(
            minutes,
            calls or (300 if fast else 30),
            (200 if fast else 20) if burst is None else burst,
            read(environment or ()),
            _progress,
        )

    result = _run(work)
    _tell(result, bench.record, bench.lines, bench.failed, as_json=as_json)
