"""Pipecat's own Twilio serializer, with this service as its `base_url`, talks and hangs up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.cli.call import begin_local_call
from app.customer import Reply
from app.localcall import LocalCall, Phone
from app.main import Server
from app.settings import LOCAL_AUTH_TOKEN
from bridge.call import Parties
from bridge.sound.dtmf import digit_pieces
from bridge.sound.waves import silence
from tests.app.rest.twilio_client import ACCOUNT
from tests.app.running import CALLED, CALLER, serving
from tests.support.sound import keys_heard
from twiml.parser import parse

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-pipecat" / "bin" / "python"

pytestmark = [
    pytest.mark.pipecat,
    pytest.mark.skipif(not PYTHON.exists(), reason="needs Pipecat: `make test-all` installs it"),
]


@asynccontextmanager
async def pipecat(server: Server) -> AsyncIterator[tuple[int, Callable[[], Awaitable[Any]]]]:
    """The port of an app made of Pipecat's parts, and what it says, fact by fact."""
    process = await asyncio.create_subprocess_exec(
        *(PYTHON, HERE / "peer.py", f"http://127.0.0.1:{server.port}", ACCOUNT, LOCAL_AUTH_TOKEN),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines = process.stdout

    async def fact() -> Any:
        return json.loads(await lines.readline())

    try:
        yield (await fact())["port"], fact
    finally:
        process.stdin.close()
        assert await process.wait() == 0


@pytest.mark.contract("T96")
async def test_pipecat_hangs_up() -> None:
    """Its runner knows the call for Twilio's, with its parameters; the caller hears what its
    serializer sends; at its end the serializer ends the call, and takes the answer to a second
    request for that of a call that is over. The stream's last message is `stop`."""
    async with serving() as server, pipecat(server) as (port, fact):
        live = begin_local_call(server.service, Parties(CALLER, CALLED))
        said = silence(100) + b"".join(digit_pieces("5")) + silence(60_000)
        phone = LocalCall(server.service, live, Phone(said))
        twiml = (
            f'<Response><Connect><Stream url="ws://127.0.0.1:{port}/">'
            '<Parameter name="who" value="Zoë"/></Stream></Connect><Pause length="60"/></Response>'
        )
        document = parse(twiml.encode(), allow_plain_ws=True)
        running = asyncio.create_task(phone.run_document(Reply(document, "")))
        found = await fact()
        assert found == {
            "kind": "twilio",
            "call": live.call.sid,
            "body": {"who": "Zoë"},
            "logs": [
                f"Successfully terminated Twilio call {live.call.sid}\n",
                f"Twilio call {live.call.sid} was already terminated\n",
            ],
        }
        outcome = await running
        assert outcome.hung_up_by == "rest"
        assert live.call.status.value == "completed"
        assert keys_heard(outcome.heard) == "5"
        assert await fact() == {"events": ["mark", "stop"]}
        assert not live.call.timeline.errors
