"""`twiml-bridge`: serve, call, demo."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from app import logs, settings
from app.settings import Settings, SettingsError

cli = typer.Typer(
    name="twiml-bridge",
    help="Run a Twilio voice-streaming app on SignalWire, or on your own laptop, unchanged.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Result = TypeVar("Result")


def main() -> None:
    cli()


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
) -> None:
    """Run the service."""
    from app.cli.serve import serve_until_stopped  # noqa: PLC0415 -- keeps --help fast

    chosen = _settings(local=local, host=host, port=port, log_format=_log_format(local))
    raise typer.Exit(run(serve_until_stopped(chosen, demo=demo)))


@cli.command()
def demo(
    port: Annotated[int, typer.Option(help="Port for the service; 0 takes a free one.")] = 0,
) -> None:
    """Start the service, make the demonstration call, and exit: 0 when it went through whole."""
    from app.cli.serve import serve_one_demo  # noqa: PLC0415

    chosen = _settings(local=True, port=port, log_format="console", log_level="error")
    raise typer.Exit(run(serve_one_demo(chosen)))


@cli.command()
def call(
    target: Annotated[str, typer.Argument(help="A TwiML file, or your app's voice URL.")],
    audio: Annotated[Path, typer.Option(help="WAV the caller says.", dir_okay=False)],
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
) -> None:
    """Call an app from this machine, with no account: a phone made of two WAV files."""
    from app.cli.call import CallRequest, place_call  # noqa: PLC0415

    chosen = _settings(local=True, log_format="console", log_level="error")
    request = CallRequest(
        target, audio, save, pcm, as_json, method.upper(), from_, to, round(patience * 50) * 20
    )
    raise typer.Exit(run(place_call(chosen, request)))


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end on uvloop, where there is one; settings that do not work end it with 2."""
    try:
        try:
            import uvloop  # noqa: PLC0415
        except ImportError:
            return asyncio.run(work)
        return uvloop.run(work)
    except SettingsError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """End the command with one message and status 2."""
    typer.echo(f"twiml-bridge: {message}", err=True)
    raise typer.Exit(2)


def _settings(**chosen: object) -> Settings:
    try:
        loaded = settings.load(**chosen)
    except SettingsError as error:
        fail(str(error))
    logs.configure(loaded)
    return loaded


def _log_format(local: bool | None) -> str | None:
    """For a person at a terminal, logs for people; otherwise as set."""
    return "console" if local and sys.stderr.isatty() else None
