"""The consumer that the end-to-end tests use answers as its head says."""

from __future__ import annotations

import base64
import hmac
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

HERE = Path(__file__).parent
NODE = shutil.which("node")
TOKEN = "12345"
SID = "MZ" + "0" * 32

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(
        NODE is None or not (HERE / "node_modules" / "ws").exists(),
        reason="needs Node.js and `npm ci` in tests/node",
    ),
]


class Consumer:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.port: int = self.line()["listening"]

    def line(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def dial(self, path: str, signed_url: str) -> ClientConnection:
        digest = hmac.digest(TOKEN.encode(), signed_url.encode(), "sha1")
        return connect(
            f"ws://127.0.0.1:{self.port}{path}",
            additional_headers={"X-Twilio-Signature": base64.b64encode(digest).decode()},
            proxy=None,
        )


@pytest.fixture
def consumer() -> Iterator[Consumer]:
    command = [NODE or "node", "consumer.mjs", "0", TOKEN]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Consumer(process)
        finally:
            process.terminate()


def media(payload: str) -> str:
    body = {"track": "inbound", "chunk": "1", "timestamp": "20", "payload": payload}
    return json.dumps({"event": "media", "streamSid": SID, "media": body})


def test_echoes_and_marks(consumer: Consumer) -> None:
    with consumer.dial("/agent", "wss://127.0.0.1/agent") as socket:
        assert consumer.line()["upgrade"]["signed"] == "wss"
        for n in range(50):
            socket.send(media(f"{n:04}"))
        answers = [json.loads(socket.recv(timeout=10)) for _ in range(51)]

        assert [a["media"]["payload"] for a in answers[:50]] == [f"{n:04}" for n in range(50)]
        assert answers[50] == {"event": "mark", "streamSid": SID, "mark": {"name": "heard 50"}}
        assert consumer.line() == {"connection": 1, "received": media("0000")}


def test_star_interrupts_and_hash_hangs_up(consumer: Consumer) -> None:
    with consumer.dial("/agent", "wss://127.0.0.1/agent") as socket:
        for digit in "*#":
            body = {"track": "inbound_track", "digit": digit}
            socket.send(json.dumps({"event": "dtmf", "streamSid": SID, "dtmf": body}))
        assert json.loads(socket.recv(timeout=10)) == {"event": "clear", "streamSid": SID}

    lines = [consumer.line() for _ in range(5)]
    assert lines[-1] == {"connection": 1, "closed": {"code": 1000, "reason": ""}}


def test_is_silent_on_listen(consumer: Consumer) -> None:
    with consumer.dial("/listen/1", f"ws://127.0.0.1:{consumer.port}/listen/1") as socket:
        assert consumer.line()["upgrade"]["signed"] == "ws"
        socket.send(media("AAAA"))
        assert consumer.line() == {"connection": 1, "received": media("AAAA")}
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.2)


def test_refuses_a_false_signature(consumer: Consumer) -> None:
    with pytest.raises(InvalidStatus), consumer.dial("/agent", "wss://127.0.0.1/other"):
        pass

    assert consumer.line()["upgrade"]["signed"] is None
