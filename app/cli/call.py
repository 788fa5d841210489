"""`twiml-bridge call`: a phone made of two WAV files."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from app.api import describe
from app.cli.report import print_timeline, stream_line
from app.customer import Reply
from app.localcall import LocalCall, Outcome, Phone
from app.service import LiveCall, Service
from app.settings import Settings
from bridge.audio import AudioError, read_wav, write_wav
from bridge.call import Call, Parties
from bridge.ids import alias, mint
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

    @property
    def twiml(self) -> bytes | None:
        """The file's bytes, None when the target is a URL; raises OSError."""
        if urlsplit(self.target).scheme in ("http", "https"):
            return None
        return Path(self.target).read_bytes()


async def place_call(settings: Settings, request: CallRequest) -> int:
    """Make the call and print what came of it. 0: whole; 1: something failed; 2: misuse."""
    try:
        audio = read_wav(request.audio)
        twiml = request.twiml
    except (AudioError, OSError) as error:
        typer.echo(f"twiml-bridge: {error}", err=True)
        return 2
    service = Service(settings)
    try:
        live = begin_local_call(service, Parties(request.from_, request.to))
        phone = LocalCall(service, live, Phone(audio, request.patience_ms))
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
        faults = faults_of(live.call, outcome, service.engine.sender.failed)
        if request.as_json:
            typer.echo(json.dumps(_record(live.call, outcome, service, faults)))
        else:
            _print(live.call, outcome, service, faults)
        return 1 if faults else 0
    finally:
        await service.close()


async def _run_file(phone: LocalCall, live: LiveCall, twiml: bytes) -> Outcome:
    document = parse(twiml, allow_plain_ws=True)
    for finding in document.diagnostics:
        live.call.timeline.add(
            "twiml.diagnostic",
            finding.severity.value,
            code=int(finding.code),
            line=finding.line,
            column=finding.column,
            message=finding.message,
            advice=finding.advice,
        )
    return await phone.run_document(Reply(document, ""))


def begin_local_call(service: Service, parties: Parties) -> LiveCall:
    """A call that has no carrier, with fresh identifiers."""
    return service.begin_call(
        mint("CA", secrets.token_bytes),
        service.settings.account_sid or alias("AC", "local"),
        parties,
    )


def faults_of(call: Call, outcome: Outcome, callbacks_failed: int) -> list[str]:
    """Why a call did not go through whole, one sentence each; none when it did."""
    faults = []
    if outcome.error is not None:
        faults.append(f"no document: {outcome.error}")
    faults += [
        f"{entry.kind}: {entry.data.get('code')} {entry.data.get('message')}"
        for entry in call.timeline.entries
        if entry.level == "error" and entry.kind in ("stream.error", "twiml.diagnostic")
    ]
    for media in call.streams:
        if media.counters.frames_dropped:
            faults.append(f"{media.counters.frames_dropped} frames lost")
        if media.counters.discarded_bytes:
            faults.append(f"{media.counters.discarded_bytes} bytes of the app's audio discarded")
    if callbacks_failed:
        faults.append(f"{callbacks_failed} callbacks failed")
    return faults


def _record(call: Call, outcome: Outcome, service: Service, faults: list[str]) -> dict[str, Any]:
    sender = service.engine.sender
    return {
        **describe(call),
        "hung_up_by": outcome.hung_up_by,
        "spoken_ms": outcome.spoken_frames * 20,
        "heard_ms": len(outcome.heard) // 8,
        "played_ms": outcome.played_frames * 20,
        "callbacks": {"delivered": sender.delivered, "failed": sender.failed},
        "faults": faults,
    }


def _print(call: Call, outcome: Outcome, service: Service, faults: list[str]) -> None:
    typer.echo(f"call {call.sid}")
    print_timeline(call)
    for media in call.streams:
        typer.echo(stream_line(media))
    sender = service.engine.sender
    typer.echo(
        f"{outcome.spoken_frames / 50:.2f} s said, {outcome.played_frames / 50:.2f} s played;"
        f" callbacks {sender.delivered} delivered, {sender.failed} failed;"
        f" hung up by the {outcome.hung_up_by or 'service'}"
    )
    for fault in faults:
        typer.secho(fault, fg="red", err=True)
