"""A service that is killed leaves its callbacks, and what was under way, to the next one."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import sqlite3
import wave
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.rest.rendering import base
from bridge.audio import audioop
from bridge.sound.dtmf import digit_pieces
from bridge.sound.waves import silence
from tests.app.running import write_pcm
from tests.e2e.carrier import Carrier, streams_of
from tests.e2e.landing import LandingCarrier
from tests.e2e.processes import AUTH_TOKEN, Customer, bridge
from tests.support.peers import HttpRequest, read_request, response, tcp_server
from tests.support.sound import keys_heard

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Listener:
    """A customer's callback server that answers only while it is told to."""

    def __init__(self) -> None:
        self.requests: asyncio.Queue[HttpRequest] = asyncio.Queue()
        self.answers = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await read_request(reader)
        except asyncio.IncompleteReadError:
            return
        self.requests.put_nowait(request)
        await self.answers.wait()
        writer.write(response(204))

    async def event(self) -> str:
        body = (await self.requests.get()).body.decode()
        return next(part[12:] for part in body.split("&") if part.startswith("StreamEvent="))


async def test_callbacks_survive_a_kill(app: Customer, tmp_path: Path) -> None:
    """Two callbacks hang on a server that is silent when the process is killed. The next process
    delivers each, in order and signed, and keeps nothing."""
    listener = Listener()
    kept = {"data_dir": str(tmp_path / "kept")}
    async with (
        tcp_server(listener.serve) as port,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        url = f"http://127.0.0.1:{port}/told"
        await app.put(
            f'<Response><Connect><Stream url="{app.ws}/ws/sink/killed" statusCallback="{url}"/>'
            "</Connect></Response>"
        )
        told = f"{app.http}/callback/killed"
        async with bridge(app.voice_url(), status_callback=told, **kept) as service:
            call = Carrier(service, client)
            stream = await call.open(streams_of(await call.document(), "Connect")[0])
            await app.wait_message("/ws/sink/killed", "start")
            assert await listener.event() == "stream-started"
            await stream.stop()
            await app.wait_message("/ws/sink/killed", "stop")
            await Carrier(service, client).document()  # a call that the kill will cut off
            await call.hang_up()
            await app.wait_callbacks("killed", 1)  # kept after the others, so they are kept
            assert await service.stop(signal.SIGKILL) == -signal.SIGKILL
        listener.answers.set()
        async with bridge(app.voice_url(), **kept) as service:
            (restored,) = await service.log.wait(event="restored")
            assert restored["calls_unfinished"] == 1
            # The call's own may have been answered and not yet crossed out: it comes twice then.
            assert restored["callbacks_pending"] in (2, 3)
            assert [await listener.event() for _ in range(2)] == [
                "stream-started",
                "stream-stopped",
            ]
            await service.log.wait(restored["callbacks_pending"], event="callback.delivered")
            assert await service.stop() == 0
        assert count(tmp_path / "kept" / "twiml-bridge.sqlite3") == 0


async def test_callbacks_of_a_worker_that_is_no_more(app: Customer, tmp_path: Path) -> None:
    """The third of three workers leaves two callbacks. Of the two that run after the next start
    the first one delivers them, in order."""
    listener = Listener()
    kept = {"data_dir": str(tmp_path / "kept"), "shutdown_seconds": "0.5"}
    async with tcp_server(listener.serve) as port:
        url = f"http://127.0.0.1:{port}/told"
        await app.put(
            f'<Response><Connect><Stream url="{app.ws}/ws/sink/third" statusCallback="{url}"/>'
            "</Connect></Response>"
        )
        async with bridge(app.voice_url(), workers="3", **kept) as service:
            call = await LandingCarrier(service, 3, 2).at(2)
            await call.open_at(2, streams_of(await call.document(), "Connect")[0])
            await app.wait_message("/ws/sink/third", "start")
            assert await listener.event() == "stream-started"
            assert await service.stop() == 0
            await call.client.aclose()
            assert len(service.log.matching(event="callbacks left for the next start")) == 1
        listener.answers.set()
        async with bridge(app.voice_url(), workers="2", **kept) as service:
            assert [await listener.event() for _ in range(2)] == [
                "stream-started",
                "stream-stopped",
            ]
            (adopted,) = service.log.matching(event="adopted")
            assert (adopted["worker"], adopted["callbacks"]) == (0, 2)
            assert adopted["of"] == ["main-2"]
            await service.log.wait(2, event="callback.delivered")
            assert await service.stop() == 0
    assert count(tmp_path / "kept" / "twiml-bridge.sqlite3") == 0


ACCOUNT = "AC" + "0" * 32


async def test_recordings_and_conferences_survive_a_kill(app: Customer, tmp_path: Path) -> None:
    """A call that is recorded and a conference of two, recorded too, run when the process is
    killed. After the next start nothing runs any more: what had been written of either recording
    can be played and is as long as it says, as WAV and as MP3."""
    said = b"".join((*digit_pieces("159"), silence(8000)))
    phone = write_pcm(tmp_path / "phone.wav", audioop.ulaw2lin(said, 2))
    names = {f"client:{name}": f"wav:{phone}" for name in ("one", "two", "three")}
    kept = {
        "data_dir": str(tmp_path / "kept"),
        "phones": json.dumps(names),
        "recording_auth": "false",
    }
    room = '<Dial><Conference record="record-from-start" beep="false">Room</Conference></Dial>'
    documents = {
        "one": '<Record playBeep="false" finishOnKey="#" trim="do-not-trim"/>',
        "two": room,
        "three": room,
    }
    async with httpx.AsyncClient(trust_env=False, auth=(ACCOUNT, AUTH_TOKEN)) as client:
        async with bridge(app.voice_url(), **kept) as service:
            for name, verbs in documents.items():
                stream = f'<Start><Stream url="{app.ws}/ws/sink/kill-{name}"/></Start>'
                twiml = f"<Response>{stream}{verbs}</Response>"
                form = {"To": f"client:{name}", "From": "+15550001111", "Twiml": twiml}
                placed = await client.post(
                    f"{service.base_url}{base(ACCOUNT)}/Calls.json", data=form
                )
                assert placed.status_code == 201, placed.text
            await service.log.wait(event="recording.began")
            for name in documents:  # three seconds of each have been heard
                await app.wait_message(f"/ws/sink/kill-{name}", "media", 150)
            assert await service.stop(signal.SIGKILL) == -signal.SIGKILL
        async with bridge(app.voice_url(), **kept) as service:

            async def listed(what: str) -> list[dict[str, Any]]:
                answer = await client.get(f"{service.base_url}{base(ACCOUNT)}/{what}.json")
                found: list[dict[str, Any]] = answer.json()[Path(what).name.lower()]
                return found

            (restored,) = await service.log.wait(event="restored")
            assert restored["calls_unfinished"] == 3
            assert restored["conferences_unfinished"] == 1
            assert restored["recordings_unfinished"] == 2
            await service.log.wait(2, event="recording restored")
            assert [call["status"] for call in await listed("Calls")] == ["completed"] * 3
            (conference,) = await listed("Conferences")
            assert conference["status"] == "completed"
            assert conference["reason_conference_ended"] == "last-participant-left"
            assert not await listed(f"Conferences/{conference['sid']}/Participants")
            recordings = await listed("Recordings")
            assert {each["source"] for each in recordings} == {"RecordVerb", "Conference"}
            for recording in recordings:
                assert recording["status"] == "completed"
                audio = await client.get(recording["media_url"])
                with wave.open(io.BytesIO(audio.content)) as file:
                    samples = file.readframes(file.getnframes())
                assert round(len(samples) / 16_000) == int(recording["duration"]) > 0
                if recording["source"] == "RecordVerb":
                    assert keys_heard(audioop.lin2ulaw(samples, 2)) == "159"
                compressed = await client.get(recording["media_url"] + ".mp3")
                assert compressed.headers["content-type"] == "audio/mpeg"
                assert len(compressed.content) > 1000
            assert await service.stop() == 0
    assert not list((tmp_path / "kept" / "recordings").glob("*.part"))


def count(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        (found,) = connection.execute("select count(*) from callbacks").fetchone()
    return int(found)
