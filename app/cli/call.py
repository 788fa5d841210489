"""`twiml-bridge call`: a phone made of two WAV files."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from app.api import describe
from app.cli.report import print_timeline, stream_line
from app.cli.serving import beside
from app.customer import Reply, record_findings
from app.live import LiveCall
from app.localcall import LocalCall, Outcome, Phone
from app.service import Service
from app.settings import Settings
from bridge.call import Call, Parties
from bridge.engine.sender import CallbackSender
from bridge.ids import alias, mint
from bridge.wav import read_wav, write_wav
from twiml.parser import parse


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What the command line asks for."""

    target: str
    audio: Path
    save: Path | None
    pcm: bool
    as_json: bool
    method: str
    from_: str
    to: str
    patience_ms: int
    keys: tuple[tuple[float, str], ...] = ()

    @property
    def twiml(self) -> bytes | None:
        """The file's bytes, None when the target is a URL; raises ValueError, OSError."""
        if urlsplit(self.target).scheme in ("http", "https"):
            return None
        try:
            return Path(self.target).read_bytes()
        except FileNotFoundError:
            raise ValueError(
                f"{self.target}: no such file; a voice URL begins with http:// or https://"
            ) from None

    def check_save(self) -> None:
        """See that the file to save can be written, before the call; raises OSError."""
        if self.save is not None:
            self.save.open("ab").close()


async def place_call(settings: Settings, request: CallRequest) -> int:
    """Make the call and print what came of it. 0: whole; 1: something failed; 2: misuse."""
    try:
        audio = read_wav(request.audio)
        twiml = request.twiml
        request.check_save()
    except (ValueError, OSError) as error:  # AudioError is one; a malformed URL another
        typer.echo(f"twiml-bridge: {error}", err=True)
        return 2
    async with beside(settings) as service:
        live = begin_local_call(service, Parties(request.from_, request.to))
        phone = LocalCall(service, live, Phone(audio, request.patience_ms, request.keys))
        _hang_up_on_signals(phone)
        outcome = await (
            phone.run(request.target, request.method)
            if twiml is None
            else _run_file(phone, live, twiml)
        )
        service.end_call(live.call.sid, "hung up")
        await service.engine.sender.drain(settings.shutdown_seconds)
        if request.save is not None:
            try:
                write_wav(request.save, outcome.heard, encoding="pcm16" if request.pcm else "mulaw")
            except OSError as error:
                typer.echo(f"twiml-bridge: {request.save}: {error.strerror}", err=True)
                return 2
        faults = faults_of(live.call, outcome, service.engine.sender)
        if request.as_json:
            typer.echo(json.dumps(_record(live.call, outcome, service, faults)))
        else:
            _print(live.call, outcome, service, faults)
        return 1 if faults else 0


def _hang_up_on_signals(phone: LocalCall) -> None:
    """Ctrl-C hangs up, so that what there is of the call is still shown and saved."""
    task = asyncio.current_task()

    def interrupt() -> None:
        if phone.answered:
            phone.hang_up("interrupt")
        elif task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupt)


async def _run_file(phone: LocalCall, live: LiveCall, twiml: bytes) -> Outcome:
    document = parse(twiml, allow_plain_ws=True)
    record_findings(live.call.timeline, document, "")
    return await phone.run_document(Reply(document, ""))


def begin_local_call(service: Service, parties: Parties) -> LiveCall:
    """A call that has no carrier, with fresh identifiers."""
    return service.begin_call(
        mint("CA", secrets.token_bytes),
        service.settings.account_sid or alias("AC", "local"),
        parties,
    )


def faults_of(call: Call, outcome: Outcome, sender: CallbackSender) -> list[str]:
    """Why a call did not go through whole, one sentence each; none when it did."""
    faults = ["there was no document to run"] if outcome.error is not None else []
    spoilt = {entry.data.get("code") for entry in call.timeline.errors if "stream" in entry.data}
    for entry in call.timeline.errors:
        code, message = entry.data.get("code"), entry.data.get("message", "")
        if entry.kind != "twiml.diagnostic" or code not in spoilt:  # a stream says the same
            faults.append(f"{entry.kind}: {code or ''} {message}".rstrip())
    for media in call.streams:
        # A stream that never opened has its own fault; what waited for it says nothing more.
        if media.counters.frames_dropped and media.counters.frames_sent:
            faults.append(f"{media.counters.frames_dropped} frames lost")
        if media.counters.discarded_bytes:
            faults.append(f"{media.counters.discarded_bytes} bytes of the app's audio discarded")
    if undelivered := sender.failed + sender.dropped:
        faults.append(f"{undelivered} callbacks not delivered")
    return faults


def _record(call: Call, outcome: Outcome, service: Service, faults: list[str]) -> dict[str, Any]:
    sender = service.engine.sender
    return {
        **describe(call),
        "hung_up_by": outcome.hung_up_by,
        "spoken_ms": outcome.spoken_frames * 20,
        "heard_ms": len(outcome.heard) // 8,
        "played_ms": outcome.played_frames * 20,
        "callbacks": {
            "delivered": sender.delivered,
            "failed": sender.failed,
            "dropped": sender.dropped,
        },
        "faults": faults,
    }


def _print(call: Call, outcome: Outcome, service: Service, faults: list[str]) -> None:
    typer.echo(f"call {call.sid}")
    print_timeline(call)
    for media in call.streams:
        typer.echo(stream_line(media))
    if not call.streams:
        typer.echo("no stream was begun")
    sender = service.engine.sender
    typer.echo(
        f"{outcome.spoken_frames / 50:.2f} s said, {outcome.played_frames / 50:.2f} s played;"
        f" callbacks {sender.delivered} delivered, {sender.failed} failed;"
        + (f" hung up by the {outcome.hung_up_by}" if outcome.hung_up_by else " never answered")
    )
    for fault in faults:
        typer.secho(fault, fg="red", err=True)
