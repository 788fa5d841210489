"""Workers that start, die, hang and end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.e2e.carrier import CarrierStream, streams_of
from tests.e2e.landing import LandingCarrier, client_at, health, landed, moves
from tests.e2e.processes import SCRIPT, Bridge, Customer, Process, bridge, spawn
from tests.e2e.script import Script
from tests.e2e.swml import SwmlCarrier
from tests.e2e.test_streams import media_of, tone

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def pids(service: Bridge, life: int = 0) -> dict[int, int]:
    """The process of each worker that has said so, in its first life or a later one."""
    await service.log.wait(2, event="worker ready")
    found = service.log.matching(event="worker ready", life=life)
    return {event["worker"]: event["pid"] for event in found}


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def begin(
    app: Customer, service: Bridge, home: int, landing: int, name: str, workers: int = 2
) -> tuple[LandingCarrier, CarrierStream]:
    """A call of worker `home`, with a two-way stream; all of it has come in at `landing`."""
    await app.put(
        f'<Response><Connect action="/twiml/next"><Stream url="{app.ws}/ws/echo/{name}"'
        f' statusCallback="{app.http}/callback/{name}"/></Connect></Response>'
    )
    call = LandingCarrier(service, workers, home)
    document = await (await call.at(landing)).document()
    stream = await call.open_at(landing, streams_of(document, "Connect")[0])
    await app.wait_message(f"/ws/echo/{name}", "start")
    call.next_url = document.findtext("Redirect")
    return call, stream


async def converse(stream: CarrierStream, audio: bytes) -> None:
    """Say something, and hear the echo of it."""
    stream.heard.clear()
    stream.complete.clear()
    stream.expected = len(audio)
    await stream.speak(audio)
    async with asyncio.timeout(20):
        await stream.complete.wait()
    assert bytes(stream.heard) == audio


async def test_a_worker_is_killed(app: Customer) -> None:
    """Its calls are lost, counted and logged; the others' go on; it is replaced and takes new ones.

    What still comes for its calls is a 404 that says so, at every worker.
    """
    await app.put("<Response><Say>next</Say></Response>", "next")
    async with bridge(app.voice_url(), workers="2", operator_token="op") as service:
        lost, cut = await begin(app, service, 0, 1, "killed")
        kept, stream = await begin(app, service, 1, 0, "kept")
        # One more call of the worker that will die, whose socket has not been opened yet.
        waiting = await LandingCarrier(service, 2, 0).at(1)
        (unopened,) = streams_of(await waiting.document(), "Connect")
        await converse(stream, tone(1, 20))
        await converse(cut, tone(2, 20))
        victim = (await pids(service))[0]
        os.kill(victim, signal.SIGKILL)
        await cut.ended()
        (died,) = await service.log.wait(event="worker died")
        assert (died["worker"], died["calls_lost"], died["replaced_in"]) == (0, 2, 0)
        await service.log.wait(event="worker ready", worker=0, life=1)
        assert (await pids(service, 1))[0] != victim
        await converse(stream, tone(3, 20))
        for worker in (0, 1):
            record = await health(service, worker)
            assert (record["calls"], record["workers_died"], record["calls_lost"]) == (1, 1, 2)
            await lost.at(worker)
            assert lost.next_url
            answer = await lost.post(lost.next_url)
            assert answer.status_code == 404
            assert "worker that had its call has ended" in answer.text
            with pytest.raises(InvalidStatus) as refused:
                await connect(
                    unopened.attrib["url"],
                    sock=await landed(service, worker),
                    additional_headers={
                        "Authorization": f"Bearer {unopened.attrib['authBearerToken']}"
                    },
                    proxy=None,
                )
            assert refused.value.response.status_code == 404
            assert b"worker that had its call has ended" in (refused.value.response.body or b"")
            async with aclosing(await client_at(service, worker)) as client:
                answer = await client.get(
                    f"{service.base_url}/calls/{lost.twilio_sid}",
                    headers={"Authorization": "Bearer op"},
                )
                assert answer.status_code == 404
        again, new = await begin(app, service, 0, 1, "again")
        await converse(new, tone(4, 20))
        for call, media in ((again, new), (kept, stream)):
            await media.stop()
            await call.hang_up()
            await call.client.aclose()
        assert (await health(service, 0))["calls"] == 0
        for name in ("kept", "again"):
            forms = await app.wait_callbacks(name, 2)
            assert [form["StreamEvent"] for form in forms] == ["stream-started", "stream-stopped"]
        for call in (lost, waiting):
            await call.client.aclose()


async def test_a_call_that_began_while_its_worker_was_away(app: Customer) -> None:
    """It lives in another worker, and is found there when its own is back."""
    await app.put("<Response><Say>next</Say></Response>", "next")
    async with bridge(app.voice_url(), workers="2", operator_token="op") as service:
        # Twice in a row: the second time it is not replaced at once.
        os.kill((await pids(service))[0], signal.SIGKILL)
        await service.log.wait(event="worker ready", worker=0, life=1)
        os.kill((await pids(service, 1))[0], signal.SIGKILL)
        (_, died) = await service.log.wait(2, event="worker died")
        assert died["replaced_in"] == 1
        call, stream = await begin(app, service, 0, 1, "stray")
        await service.log.wait(event="worker ready", worker=0, life=2)
        for worker in (0, 1):
            async with aclosing(await client_at(service, worker)) as client:
                record = (
                    await client.get(
                        f"{service.base_url}/calls/{call.twilio_sid}",
                        headers={"Authorization": "Bearer op"},
                    )
                ).json()
            assert record["worker"] == 1
        await (await call.at(0)).document()  # names only its CallSid
        await converse(stream, tone(5, 20))
        await stream.stop()
        await (await call.at(0)).hang_up()
        assert (await health(service, 0))["calls"] == 0
        assert await moves(service, 0, "requests_given") == [2, 0]
        await call.client.aclose()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_all(app: Customer, number: signal.Signals) -> None:
    """Every worker's streams get their stop, callbacks go out, the status is 0, nothing is left."""
    async with bridge(app.voice_url(), workers="2") as service:
        names = [f"drain-{number}-{home}" for home in (0, 1)]
        calls = [await begin(app, service, home, 1 - home, name) for home, name in enumerate(names)]
        processes = (await pids(service)).values()
        directories = directories_of(processes)
        assert len(directories) == 1
        assert all(path.stat().st_mode & 0o777 == 0o700 for path in directories)
        assert await service.stop(number) == 0
        for (call, stream), name in zip(calls, names, strict=True):
            await app.wait_message(f"/ws/echo/{name}", "stop")
            await stream.ended()
            forms = await app.wait_callbacks(name, 2)
            assert [form["StreamEvent"] for form in forms] == ["stream-started", "stream-stopped"]
            await call.client.aclose()
        assert not any(map(running, processes))
        assert not any(path.exists() for path in directories)
        assert not service.log.matching(level="error")


async def test_workers_end_with_their_parent(app: Customer) -> None:
    """The parent is killed: the workers drain and end, and leave nothing behind."""
    async with bridge(app.voice_url(), workers="2") as service:
        call, stream = await begin(app, service, 0, 1, "orphan")
        processes = (await pids(service)).values()
        directories = directories_of(processes)
        service.process.kill()
        await service.process.wait()
        await stream.ended()
        forms = await app.wait_callbacks("orphan", 2)
        assert [form["StreamEvent"] for form in forms] == ["stream-started", "stream-stopped"]
        async with asyncio.timeout(20):
            await service.log.finish()  # until the last of them has closed it
        assert len(service.log.matching(event="the parent process is gone: draining")) == 2
        assert not any(path.exists() for path in directories)
        await call.client.aclose()


async def test_a_worker_that_does_not_end(app: Customer) -> None:
    """It is killed some seconds after its time; the others have ended in order; the status is 1."""
    async with bridge(app.voice_url(), workers="2", shutdown_seconds="0.1") as service:
        call, stream = await begin(app, service, 1, 1, "others")
        os.kill((await pids(service))[0], signal.SIGSTOP)
        assert await service.stop() == 1
        (killed,) = service.log.matching(event="worker does not end: it is killed")
        assert killed["worker"] == 0
        await stream.ended()
        await app.wait_callbacks("others", 2)
        await call.client.aclose()


def directories_of(processes: Iterable[int]) -> set[Path]:
    """Where the Unix sockets of these processes are."""
    lines = map(str.split, Path("/proc/net/unix").read_text().splitlines()[1:])
    inodes = {line[6]: Path(line[7]) for line in lines if len(line) == 8}
    found = set()
    for pid in processes:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(link.readlink())
            except FileNotFoundError:
                continue
            path = inodes.get(target.removeprefix("socket:[").removesuffix("]"))
            if path is not None and path.is_absolute() and path.suffix in (".http", ".sockets"):
                found.add(path.parent)
    return found


async def test_a_worker_that_does_not_answer(app: Customer) -> None:
    """Who asks for all calls gets the others', and is told which worker said nothing."""
    await app.put("<Response><Say>hello</Say></Response>")
    async with bridge(app.voice_url(), workers="2", operator_token="op") as service:
        call = await LandingCarrier(service, 2, 1).at(0)
        await call.document()
        await call.client.aclose()
        victim = (await pids(service))[0]
        headers = {"Authorization": "Bearer op"}
        async with aclosing(await client_at(service, 1)) as client:

            async def ask(path: str) -> httpx.Response:
                return await client.get(f"{service.base_url}/{path}", headers=headers)

            os.kill(victim, signal.SIGSTOP)
            try:
                listed = await ask("calls")
                known = await ask(f"calls/{call.twilio_sid}")
                unknown = await ask("calls/CA" + "0" * 32)
                ready = await ask("readyz")
            finally:
                os.kill(victim, signal.SIGCONT)
            why = "worker 0 did not answer within 2 s"
            assert [entry["sid"] for entry in listed.json()] == [call.twilio_sid]
            assert listed.headers["Twiml-Bridge-Incomplete"] == why
            assert known.status_code == 200
            assert unknown.status_code == 503
            assert why in unknown.text
            assert ready.status_code == 200
            assert ready.json()["workers"][0] == {
                "worker": 0,
                "status": "no answer",
                "message": why,
            }
            answer = await ask("calls/CA" + "0" * 32)
            assert answer.status_code == 404
            assert "Twiml-Bridge-Incomplete" not in (await ask("calls")).headers
            for path in ("calls", "calls/CA" + "0" * 32):
                assert (await client.get(f"{service.base_url}/{path}")).status_code == 401


async def test_the_limit_of_calls_is_one_for_all(app: Customer) -> None:
    """Calls beyond it are busy wherever they come in or would live; and the service says full."""
    await app.put("<Response><Say>hello</Say></Response>")
    async with bridge(app.voice_url(), workers="2", max_calls="2") as service:
        calls = [LandingCarrier(service, 2, home) for home in (0, 0)]
        for call in calls:
            assert (await (await call.at(1)).document())[0].tag == "Say"
        for home in (0, 1):
            refused = await LandingCarrier(service, 2, home).at(1)
            (verb,) = await refused.document()
            assert (verb.tag, verb.get("reason")) == ("Reject", "busy")
            await refused.client.aclose()
            assert (await health(service, home))["status"] == "full"
        await calls[0].hang_up()
        admitted = await LandingCarrier(service, 2, 1).at(1)
        assert (await admitted.document())[0].tag == "Say"
        for call in (*calls, admitted):
            await call.client.aclose()


async def test_a_swml_call_with_taps_lands_elsewhere(
    app: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SWML's webhooks, events and taps' sockets all find the call's worker; audio is whole."""
    path = "/ws/sink/taps-elsewhere"
    await app.put(
        f'<Response><Start><Stream name="ear" track="both_tracks" url="{app.ws}{path}"/></Start>'
        '<Say>hello</Say><Stop><Stream name="ear"/></Stop><Redirect>/twiml/next</Redirect>'
        "</Response>"
    )
    await app.put("<Response><Hangup/></Response>", "next")

    async def heard() -> None:
        await app.wait_message(path, "media", 20)

    script = Script(voice=tone(8, 10), caller=tone(9, 10), heard=heard)
    async with bridge(app.voice_url(), workers="2", swml_dialect="strict") as service:

        async def at_worker_1(url: str, **more: Any) -> ClientConnection:
            return await connect(url, sock=await landed(service, 1), **more)

        monkeypatch.setattr("tests.e2e.swml.connect", at_worker_1)
        async with aclosing(await client_at(service, 1)) as client:
            call = SwmlCarrier(service, client, script)
            call.call_id = LandingCarrier(service, 2, 0).call_sid
            await call.run()
        await app.wait_message(path, "stop")
        for track, audio in (("inbound", script.caller), ("outbound", script.voice)):
            assert media_of(app.messages(path), track) == audio
        requests = await moves(service, 0, "requests_given")
        sockets = await moves(service, 0, "sockets_given")
        assert (requests[0], sockets) == (0, [0, 2])
        assert requests[1] > 5
        for what in ("requests", "sockets"):
            assert sum(await moves(service, 0, f"{what}_refused")) == 0


async def test_the_clients_address_goes_along(app: Customer) -> None:
    """A relayed request is of the address it came from: without a key only loopback may call."""
    await app.put("<Response><Say>hello</Say></Response>")
    async with bridge(app.voice_url(), workers="2", signalwire_signing_key="") as service:
        call = await LandingCarrier(service, 2, 0).at(1)
        forged = {"X-Twiml-Bridge-Client": "203.0.113.7 1"}
        for headers, status in ((forged, 200), ({"X-Forwarded-For": "203.0.113.7"}, 403)):
            answer = await call.client.post(
                f"{service.base_url}/signalwire/cxml", data=call.form(), headers=headers
            )
            assert answer.status_code == status, answer.text
        assert await moves(service, 1, "requests_taken") == [2, 0]
        await call.client.aclose()


async def test_the_example_agent_is_in_each_worker(app: Customer) -> None:
    """A call with no app set talks to the agent, wherever the agent's sockets land."""
    async with bridge(workers="2") as service:
        for home in (0, 1):
            call = await LandingCarrier(service, 2, home).at(1 - home)
            document = await call.document()
            listener = await call.open_at(home, streams_of(document, "Start")[0])
            echo = await call.open_at(1 - home, streams_of(document, "Connect")[0])
            await echo.press("*")
            await echo.ended()
            await listener.stop()
            record = (await call.client.get(f"{service.base_url}/calls/{call.twilio_sid}")).json()
            assert record["worker"] == home
            assert [stream["state"] for stream in record["streams"]] == ["stopped", "stopped"]
            kinds = [entry["kind"] for entry in record["timeline"]]
            assert kinds.count("stream.started") == 2
            await call.client.aclose()


@pytest.mark.parametrize(
    ("settings", "options", "words"),
    [
        ({"CA_FILE": "/nowhere.pem"}, [], ["TWIML_BRIDGE_CA_FILE", "/nowhere.pem"]),
        ({"ROUTES_FILE": "/nowhere.toml"}, [], ["/nowhere.toml", "No such file"]),
        ({"RTP_HOST": "127.0.0.1", "RTP_PORTS": "40000-40002"}, [], ["2 even ports", "3 workers"]),
        ({"WORKERS": "0"}, ["--workers", "1025"], ["TWIML_BRIDGE_WORKERS", "from 1 to 64"]),
        ({}, ["--demo"], ["--demo", "--workers"]),
    ],
)
async def test_settings_that_make_no_worker(
    settings: dict[str, str], options: list[str], words: list[str]
) -> None:
    """A fault that only a worker finds is one message and status 2 too."""
    env = {f"TWIML_BRIDGE_{name}": value for name, value in settings.items()}
    more = options if "--workers" in options else ["--workers", "3", *options]
    command = [str(SCRIPT), "serve", "--local", "--port", "0", *more]
    process = await spawn(Process, *command, env=env)
    status = await process.process.wait()
    await process.log.finish()
    text = "\n".join(process.log.raw)
    assert status == 2
    assert all(word in text for word in words), text
    assert text.count("twiml-bridge: ") == 1
    assert "Traceback" not in text


async def test_a_port_in_use(app: Customer) -> None:
    """A port that is taken is said, also if it is taken by workers that share it."""
    async with bridge(workers="2") as service:
        for port in (app.port, int(service.base_url.rpartition(":")[2])):
            command = [str(SCRIPT), "serve", "--local", "--workers", "2", "--port", str(port)]
            process = await spawn(Process, *command)
            status = await process.process.wait()
            await process.log.finish()
            assert status == 2
            assert f"cannot listen on 127.0.0.1:{port}" in "\n".join(process.log.raw)


async def test_nothing_secret_can_be_seen_from_outside(app: Customer) -> None:
    """Arguments and environment of the workers are the parent's own, and no file holds a secret."""
    async with bridge(app.voice_url(), workers="2") as service:
        parent = Path(f"/proc/{service.process.pid}")
        for pid in (await pids(service)).values():
            for name in ("cmdline", "environ"):
                assert Path(f"/proc/{pid}/{name}").read_bytes() == (parent / name).read_bytes()
        for directory in directories_of((await pids(service)).values()):
            assert sorted(path.name for path in directory.iterdir()) == [
                "0.http",
                "0.sockets",
                "1.http",
                "1.sockets",
            ]
            assert all(path.is_socket() for path in directory.iterdir())
