"""Starting, stopping, and what is written to the log."""

from __future__ import annotations

import re
import signal
from collections import deque

import httpx
import pytest

from tests.e2e.carrier import FROM, TO, Carrier, streams_of
from tests.e2e.processes import (
    AUTH_TOKEN,
    SCRIPT,
    SIGNING_KEY,
    Customer,
    Process,
    bridge,
    spawn,
)
from tests.e2e.script import Entered, Leg, Script
from tests.e2e.swml import SwmlCarrier

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_sigterm(app: Customer) -> None:
    """SIGTERM: streams get their stop, callbacks go out, and the process exits with 0."""
    path = "/ws/sink/sigterm"
    await app.put(
        f'<Response><Connect><Stream url="{app.ws}{path}"'
        f' statusCallback="{app.http}/callback/sigterm"/></Connect></Response>'
    )
    async with (
        bridge(app.voice_url()) as service,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        for check in ("healthz", "readyz"):
            assert (await client.get(f"{service.base_url}/{check}")).status_code == 200
        call = Carrier(service, client)
        stream = await call.open(streams_of(await call.document(), "Connect")[0])
        await stream.speak(b"\x44" * 160)
        await app.wait_message(path, "media")
        assert await service.stop(signal.SIGTERM) == 0
        await app.wait_message(path, "stop")
        await stream.ended()
        forms = await app.wait_callbacks("sigterm", 2)
        assert [form["StreamEvent"] for form in forms] == ["stream-started", "stream-stopped"]


async def test_sigterm_is_bounded(app: Customer, silent_server: str) -> None:
    """A callback that is never answered does not keep the process from exiting."""
    url = silent_server.replace("ws://", "http://")
    path = "/ws/sink/bounded"
    await app.put(
        f'<Response><Connect><Stream url="{app.ws}{path}" statusCallback="{url}"/></Connect>'
        "</Response>"
    )
    async with (
        bridge(app.voice_url(), shutdown_seconds="0.5") as service,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        call = Carrier(service, client)
        await call.open(streams_of(await call.document(), "Connect")[0])
        await app.wait_message(path, "start")
        assert await service.stop(signal.SIGTERM) == 0
        (abandoned,) = await service.log.wait(event="callbacks left for the next start")
        assert abandoned["count"] == 2


async def test_logs_keep_secrets(app: Customer) -> None:
    """No log line holds audio, parameters, digits, numbers, tokens or keys; timelines are told."""
    path = "/ws/echo/private"
    await app.put(
        f'<Response><Connect><Stream url="{app.ws}{path}?apikey=hidden-query">'
        '<Parameter name="secret-name" value="secret-value"/></Stream></Connect>'
        '<Gather action="/twiml/private"/></Response>'
    )
    await app.put("<Response><Hangup/></Response>", "private")
    async with (
        bridge(app.voice_url(), log_level="debug", operator_token="op-secret") as service,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        call = Carrier(service, client)
        document = await call.document()
        element = streams_of(document, "Connect")[0]
        stream = await call.open(element)
        await stream.speak(b"\x5a" * 1600)
        await stream.press("8")
        await app.wait_message(path, "mark")
        await stream.stop()
        await call.document(document[1].attrib["action"], Digits="48151623")
        await call.hang_up()
        assert (await client.get(f"{service.base_url}/calls")).status_code == 401
        await service.stop()
        text = "\n".join(service.log.raw + service.out.raw)
        assert call.twilio_sid in text
        for secret in (
            AUTH_TOKEN,
            SIGNING_KEY,
            "op-secret",
            "secret-name",
            "secret-value",
            "hidden-query",
            "48151623",
            FROM,
            TO,
            "WlpaWlpa",
            element.attrib["authBearerToken"],
            element.attrib["url"].rpartition("/")[2],
            document[1].attrib["action"].rpartition("/")[2].partition("#")[0],
        ):
            assert secret not in text


async def test_logs_of_swml_calls_keep_secrets(app: Customer) -> None:
    """The same of a SWML call: digits, words, numbers, recordings, tokens and keys stay out."""
    await app.put(
        '<Response><Gather action="/twiml/private"/><Hangup/></Response>',
    )
    await app.put(
        '<Response><Gather input="speech" action="/twiml/spoken"/><Hangup/></Response>', "private"
    )
    await app.put('<Response><Record action="/twiml/kept"/></Response>', "spoken")
    await app.put("<Response><Dial><Number>+15550009999</Number></Dial></Response>", "kept")
    async with (
        bridge(app.voice_url(), log_level="debug") as service,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        leg = Leg(seconds=3)
        script = Script(
            entered=deque([Entered("48151623", "#"), Entered(speech="open sesame")]),
            recordings=deque([3]),
            legs=deque([leg]),
        )
        call = SwmlCarrier(service, client, script)
        await call.run()
        links = [parameters["dest"] for method, parameters in call.done if method == "transfer"] + [
            url for url, _, _ in call.events
        ]
        warning = {"event_type": "calling.script.warning", "params": {"error": "48151623"}}
        assert (await client.post(links[-1], json=warning)).status_code == 204
        await service.stop()
        text = "\n".join(service.log.raw + service.out.raw)
        assert call.twilio_sid in text
        assert len(links) > 5
        for secret in (
            AUTH_TOKEN,
            SIGNING_KEY,
            "48151623",
            "open sesame",
            "files.example",
            FROM,
            TO,
            "+15550009999",
            *(link.rpartition("/")[2] for link in links),
        ):
            assert secret not in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["TWIML_BRIDGE_PUBLIC_URL", "TWIML_BRIDGE_AUTH_TOKEN", "--local"]),
        ({"PUBLIC_URL": "http://x", "AUTH_TOKEN": "t"}, ["must begin with https://"]),
        ({"LOCAL": "true", "PORT": "many"}, ["TWIML_BRIDGE_PORT"]),
        ({"LOCAL": "true", "ROUTES_FILE": "/nowhere.toml"}, ["/nowhere.toml", "No such file"]),
    ],
)
async def test_settings_that_make_no_service(settings: dict[str, str], words: list[str]) -> None:
    """A wrong setting is one clear message and status 2, never a stack trace."""
    env = {f"TWIML_BRIDGE_{name}": value for name, value in settings.items()}
    process = await spawn(Process, str(SCRIPT), "serve", env=env)
    status = await process.process.wait()
    await process.log.finish()
    text = "\n".join(process.log.raw)
    assert status == 2
    assert all(word in text for word in words), text
    assert "Traceback" not in text


async def test_a_port_in_use(app: Customer) -> None:
    """A port that is taken is said, and the exit status is not 0."""
    process = await spawn(Process, str(SCRIPT), "serve", "--local", "--port", str(app.port))
    status = await process.process.wait()
    await process.log.finish()
    text = "\n".join(process.log.raw)
    assert status != 0
    assert re.search("address already in use", text, re.IGNORECASE)
    assert "Traceback" not in text
