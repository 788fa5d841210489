"""`twiml-bridge serve` and `demo`: the service, and the call that shows it works."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import mkdtemp

import typer

from app.agent import CALLER_WAV
from app.agent import Call as AgentCall
from app.cli.call import begin_local_call, faults_of
from app.cli.report import print_timeline, stream_line
from app.cli.serving import started
from app.localcall import LocalCall, Outcome, Phone
from app.main import Server
from app.service import Service
from app.settings import Settings
from app.store import open_store
from bridge.call import Call, Parties
from bridge.playout import SILENCE
from bridge.wav import read_wav, write_wav


async def serve_until_stopped(settings: Settings, *, demo: bool) -> int:
    """Run the service until a signal; the demonstration call runs beside it."""
    server = Server(Service(settings, open_store(settings)))
    serving = asyncio.create_task(server.run_until_stopped())
    if not await started(server, serving):
        return 1
    if demo:
        whole = await _demonstrate(server)
        if not server.should_exit:
            typer.echo(
                f"\nThe service stays up at {_address(server)} (stop it with Ctrl-C)."
                "\nCall your own app:"
                " twiml-bridge call http://127.0.0.1:5000/voice"
                if whole
                else "\nThe demonstration call failed; the service stays up."
            )
    await serving
    return 0


async def serve_one_demo(settings: Settings) -> int:
    """Start, make the demonstration call, stop. 0 when the call went through whole."""
    server = Server(Service(settings))
    serving = asyncio.create_task(server.run_until_stopped())
    if not await started(server, serving):
        return 1
    whole = await _demonstrate(server)
    server.should_exit = True
    await serving
    return 0 if whole else 1


def _address(server: Server) -> str:
    settings = server.service.settings
    return settings.model_copy(update={"port": server.port, "public_url": ""}).base_url


async def _demonstrate(server: Server) -> bool:
    """Call the example agent with a spoken WAV, print the timeline, check every count."""
    service = server.service
    typer.echo(f"twiml-bridge is up at {_address(server)}; calling the example agent …")
    sender = service.engine.sender
    live = begin_local_call(service, Parties("+15550006789", "+15550001234"))
    phone = LocalCall(service, live, Phone(read_wav(CALLER_WAV)))
    outcome = await phone.run(f"{_address(server)}/agent/voice")
    service.end_call(live.call.sid, "hung up")
    await sender.drain(service.settings.shutdown_seconds)
    heard = Path(mkdtemp(prefix="twiml-bridge-")) / "heard.wav"
    write_wav(heard, outcome.heard, encoding="pcm16")
    print_timeline(live.call)
    for media in live.call.streams:
        typer.echo(stream_line(media))
    typer.echo(
        f"{outcome.spoken_frames} frames said, {outcome.played_frames} played;"
        f" callbacks {sender.delivered} delivered, {sender.failed} failed;"
        f" what the caller heard: {heard}"
    )
    record = server.app.state.agent.state.calls.get(live.call.sid)
    faults = faults_of(live.call, outcome, sender)
    faults += _compare(live.call, outcome, record)
    for fault in faults:
        typer.secho(f"FAULT {fault}", fg="red")
    if not faults:
        typer.secho("whole: 0 lost, and the caller heard what the agent sent", fg="green")
    return not faults


def _compare(call: Call, outcome: Outcome, agent: AgentCall | None) -> list[str]:
    """Hold the call against the agent's own record of it."""
    if agent is None:
        return ["the agent knows nothing of the call"]
    faults = []
    two_way = next(media for media in call.streams if media.identity.bidirectional)
    if agent.received.frames != two_way.counters.frames_sent or agent.received.lost:
        faults.append(
            f"{two_way.counters.frames_sent} frames sent to the agent,"
            f" {agent.received.frames} arrived"
        )
    if agent.marks_returned != agent.marks_sent or not agent.marks_sent:
        faults.append(f"{agent.marks_sent} marks sent, {agent.marks_returned} returned")
    if not agent.clears:
        faults.append("the caller interrupted, and the agent sent no clear")
    if not outcome.played_frames:
        faults.append("the caller heard nothing")
    if not plays_in_order(outcome.heard, list(agent.echoes), outcome.played_frames * 160):
        faults.append("what the caller heard is not what the agent sent")
    return faults


def plays_in_order(heard: bytes, sent: list[bytes], played: int) -> bool:
    """Whether `heard` is silence around the starts of `sent`, in order, `played` bytes in all.

    An interrupted piece stops early; a piece's last frame is filled up with silence.
    """
    at = total = 0
    for piece in sent:
        first = piece[: len(SILENCE)]
        begin = heard.find(first, at)
        if begin < 0 or heard[at:begin].strip(SILENCE[:1]):
            return False
        length = 0
        while length < len(piece) and heard[begin + length : begin + length + 160].startswith(
            piece[length : length + 160]
        ):
            length += 160
        at = begin + length
        total += length
    return not heard[at:].strip(SILENCE[:1]) and total == played
