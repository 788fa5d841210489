"""A whole call against a consumer written with npm's `ws` and Twilio's own Node library."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import httpx
import pytest

from tests.e2e.carrier import Carrier, streams_of
from tests.e2e.processes import AUTH_TOKEN, Process, bridge, customer, spawn
from tests.e2e.test_streams import check_dialogue, media_of, tone

HERE = Path(__file__).parent
NODE = shutil.which("node")

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(
        NODE is None or not (HERE / "node_modules" / "ws").exists(),
        reason="needs Node.js and `npm ci` in tests/node",
    ),
]


async def test_node_consumer() -> None:
    """The consumer accepts our signature, hears the caller, and is heard; `#` ends the stream."""
    assert NODE is not None
    consumer = await spawn(Process, NODE, str(HERE / "consumer.mjs"), "0", AUTH_TOKEN)
    try:
        (port,) = [event["listening"] for event in await consumer.out.wait()]
        async with (
            customer() as app,
            bridge(app.voice_url()) as service,
            httpx.AsyncClient(trust_env=False) as client,
        ):
            # wss in the document, as on Twilio; the consumer on this machine speaks no TLS.
            await app.put(
                f'<Response><Connect><Stream url="wss://127.0.0.1:{port}/agent"/></Connect>'
                "<Hangup/></Response>"
            )
            call = Carrier(service, client)
            stream = await call.open(streams_of(await call.document(), "Connect")[0])
            said = tone(1, 100)
            stream.expected = len(said)
            await stream.speak(said)
            await stream.complete.wait()
            await stream.press("#")
            await stream.ended()
            await consumer.out.wait_for(
                lambda: [event for event in consumer.out.events if "closed" in event]
            )
        events = consumer.out.events
        (upgrade,) = [event["upgrade"] for event in events if "upgrade" in event]
        assert upgrade["signed"] == "wss"
        assert upgrade["httpVersion"] == "1.1"
        messages = [json.loads(event["received"]) for event in events if "received" in event]
        check_dialogue(messages, ["inbound"], call.twilio_sid, {})
        assert media_of(messages, "inbound") == said
        assert bytes(stream.heard) == said
        assert stream.marks == ["heard 50", "heard 100"]
        (closed,) = [event["closed"] for event in events if "closed" in event]
        assert closed["code"] == 1000
    finally:
        await consumer.stop()
