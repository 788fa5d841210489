"""`twiml-bridge`: serve, call, demo, lint, translate, bench."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from app.cli import bench
from app.cli.choices import Dialect, Held, Language

if TYPE_CHECKING:
    from app.cli.asking import Asker
    from app.settings import Settings

cli = typer.Typer(
    name="twiml-bridge",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.add_typer(bench.cli, name="bench")

Result = TypeVar("Result")
_PRESS = re.compile(r"([0-9*#A-D])@(\d+(?:\.\d+)?)")


def main() -> None:
    cli()


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"twiml-bridge {version('twiml-bridge')}")
        raise typer.Exit


@cli.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """Run a Twilio voice-streaming app on SignalWire, or on your own laptop, unchanged."""


@cli.command()
def serve(
    local: Annotated[
        bool | None,
        typer.Option("--local", help="No account, no TLS: private addresses, example agent."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port for HTTP and WebSockets.")] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Make one demonstration call, then stay up.")
    ] = False,
    workers: Annotated[
        str | None, typer.Option(help="Processes that share the port: a number, or auto.")
    ] = None,
) -> None:
    """Run the service."""
    local = local or demo or None  # the demonstration calls the example agent, a local one
    if demo and workers is None:
        workers = "1"  # the demonstration looks into the agent's memory
    chosen = _settings(
        local=local, host=host, port=port, workers=workers, log_format=_log_format(local)
    )
    if chosen.worker_count > 1:
        if demo:
            fail("--demo shows one process: leave --workers out")
        raise typer.Exit(_supervise(chosen))
    with _importing():
        from app.cli.serve import serve_until_stopped  # noqa: PLC0415 -- keeps --help fast

    raise typer.Exit(run(serve_until_stopped(chosen, demo=demo)))


@cli.command()
def demo(
    port: Annotated[int, typer.Option(help="Port for the service; 0 takes a free one.")] = 0,
) -> None:
    """Start the service, make the demonstration call, and exit: 0 when it went through whole."""
    with _importing():
        from app.cli.serve import serve_one_demo  # noqa: PLC0415

    chosen = _settings(local=True, port=port, log_format="console", log_level="error")
    raise typer.Exit(run(serve_one_demo(chosen)))


@cli.command()
def call(
    target: Annotated[str, typer.Argument(help="A TwiML file, or your app's voice URL.")],
    audio: Annotated[
        Path | None,
        typer.Option(help="WAV the caller says; by default two sentences.", dir_okay=False),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="WAV for what the caller hears.", dir_okay=False)
    ] = None,
    pcm: Annotated[bool, typer.Option("--pcm", help="Save 16-bit samples, not mu-law.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    method: Annotated[str, typer.Option(help="Method for the voice URL.")] = "POST",
    from_: Annotated[str, typer.Option("--from", help="The caller.")] = "+15550006789",
    to: Annotated[str, typer.Option(help="The number called.")] = "+15550001234",
    patience: Annotated[
        float, typer.Option(help="Seconds of silence after which the caller hangs up.", min=0.1)
    ] = 2.0,
    press: Annotated[
        list[str] | None,
        typer.Option(help="A key pressed, and when: 5@2.5 is 5 after 2.5 s. May be repeated."),
    ] = None,
) -> None:
    """Call an app from this machine, with no account: a phone made of two WAV files."""
    method = _method(method)
    presses = [_PRESS.fullmatch(key) for key in press or ()]
    if not all(presses):
        fail("--press is a key, @ and seconds after the answer, such as 5@2.5")
    with _importing():
        from app.agent import CALLER_WAV  # noqa: PLC0415
        from app.cli.call import CallRequest, place_call  # noqa: PLC0415

    keys = tuple((float(key[2]), key[1]) for key in presses if key)
    # The timeline is the output: nothing is to be said twice.
    chosen = _settings(local=True, log_format="console", log_level="critical")
    request = CallRequest(
        target,
        audio or CALLER_WAV,
        save,
        pcm,
        as_json,
        method,
        from_,
        to,
        round(patience * 50) * 20,
        keys,
    )
    try:
        status = run(place_call(chosen, request))
    except asyncio.CancelledError:
        typer.echo("twiml-bridge: interrupted before the call was answered", err=True)
        status = 130
    raise typer.Exit(status)


@cli.command()
def lint(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH_OR_URL",
            help="TwiML files, directories of them, - for standard input, voice URLs.",
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line for each document.")
    ] = False,
    method: Annotated[str, typer.Option(help="Method for voice URLs.")] = "POST",
    base_url: Annotated[
        str, typer.Option(help="Where the documents come from, for the relative URLs in them.")
    ] = "",
    limits: Annotated[
        Held, typer.Option(help="How the documents reach Twilio: each way has its bounds.")
    ] = Held.FETCHED,
    local: Annotated[bool, typer.Option("--local", help="Allow ws:// streams.")] = False,
) -> None:
    """Say what is wrong with TwiML, with Twilio's numbers: 0 when no document has an error."""
    from app.cli.lint import lint as check  # noqa: PLC0415
    from app.cli.pipes import while_read  # noqa: PLC0415
    from app.cli.reading import Rules  # noqa: PLC0415

    rules = Rules(_method(method), _base_url(base_url), limits=limits.bounds, allow_plain_ws=local)
    with while_read():
        raise typer.Exit(check(targets, rules, _asker(*targets), as_json=as_json))


@cli.command()
def translate(
    target: Annotated[
        str,
        typer.Argument(
            metavar="PATH_OR_URL", help="A TwiML file, - for standard input, or a voice URL."
        ),
    ],
    to: Annotated[Language, typer.Option(help="What to translate it into.")],
    dialect: Annotated[
        Dialect,
        typer.Option(help="SWML as SignalWire runs it, or held to its published schema."),
    ] = Dialect.FULL,
    base_url: Annotated[
        str, typer.Option(help="Where the document comes from, for the relative URLs in it.")
    ] = "",
    method: Annotated[str, typer.Option(help="Method for a voice URL.")] = "POST",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object: output, losses, diagnostics.")
    ] = False,
) -> None:
    """Show a document in SignalWire's words, and on standard error what is lost on the way."""
    from app.cli.pipes import while_read  # noqa: PLC0415
    from app.cli.reading import Rules  # noqa: PLC0415
    from app.cli.translate import translate as show  # noqa: PLC0415
    from app.cli.translation import translator  # noqa: PLC0415

    # SWML has no relative URLs; cXML reads them against the address it is fetched from.
    rules = Rules(_method(method), _base_url(base_url), relative=to is Language.CXML)
    into = translator(to, dialect)
    with while_read():
        raise typer.Exit(show(target, to, into, rules, _asker(target), as_json=as_json))


@contextmanager
def _importing() -> Iterator[None]:
    """Without the garbage collector, which would go through all that is imported ever again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end on uvloop, where there is one; settings that do not work end it with 2."""
    from app.loop import run_on_loop  # noqa: PLC0415
    from app.settings import SettingsError  # noqa: PLC0415

    try:
        return run_on_loop(work)
    except SettingsError as error:
        fail(str(error))


def _supervise(settings: Settings) -> int:
    from app.settings import SettingsError  # noqa: PLC0415

    with _importing():
        from app.workers.supervisor import supervise  # noqa: PLC0415

    try:
        return supervise(settings)
    except SettingsError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """End the command with one message and status 2."""
    typer.echo(f"twiml-bridge: {message}", err=True)
    raise typer.Exit(2)


def _method(written: str) -> str:
    if written.upper() not in ("GET", "POST"):
        fail(f"--method is GET or POST, not {written}")
    return written.upper()


def _base_url(written: str) -> str:
    from twiml.urls import absolute_http  # noqa: PLC0415

    if written and absolute_http(written) is None:
        fail(f"--base-url is an absolute http or https URL, not {written}")
    return written


def _asker(*targets: str) -> Asker | None:
    """What asks URLs; None when there is none to ask, since it takes settings and time."""
    from app.cli.targets import is_url  # noqa: PLC0415

    if not any(map(is_url, targets)):
        return None
    from app.cli.asking import Asker  # noqa: PLC0415
    from app.settings import SettingsError  # noqa: PLC0415

    try:
        return Asker(_settings(local=True, log_format="console", log_level="critical"))
    except SettingsError as error:
        fail(str(error))


def _settings(**chosen: object) -> Settings:
    from app import logs, settings  # noqa: PLC0415

    try:
        loaded = settings.load(**chosen)
    except settings.SettingsError as error:
        fail(str(error))
    logs.configure(loaded)
    return loaded


def _log_format(local: bool | None) -> str | None:
    """For a person at a terminal, logs for people; otherwise as set."""
    return "console" if local and sys.stderr.isatty() else None
