"""Twilio's own Node library controls calls of a service through its REST."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.main import Server
from app.settings import LOCAL_AUTH_TOKEN
from app.store.records import CallRecord, ConferenceRecord, ParticipantRecord, RecordingRecord
from tests.app.calls.house import Handset
from tests.app.rest.standin import PROJECT, TOKEN, StandIn, stand_in
from tests.app.rest.twilio_client import ACCOUNT, local_call
from tests.app.running import CALLED, CALLER, serving, until_told
from tests.support.app import voice_app
from tests.support.peers import consumer, next_event

HERE = Path(__file__).parent
NODE = shutil.which("node")
CALL_ID = "11112222-3333-4444-8555-666677778888"
PAUSE = "<Response><Echo/></Response>"

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(
        NODE is None or not (HERE / "node_modules" / "twilio").exists(),
        reason="needs Node.js and `npm ci` in tests/node",
    ),
]


class Library:
    """The process that runs the library."""

    def __init__(
        self, process: asyncio.subprocess.Process, server: Server, signalwire: StandIn
    ) -> None:
        self.server = server
        self.signalwire = signalwire
        self._process = process

    async def ask(self, step: str, **options: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"step": step, **options}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer

    async def do(self, step: str, **options: Any) -> Any:
        answer = await self.ask(step, **options)
        assert "value" in answer, answer
        return answer["value"]

    async def refusal(self, step: str, **options: Any) -> tuple[int, int]:
        error = (await self.ask(step, **options))["error"]
        assert error["moreInfo"] == f"https://www.twilio.com/docs/errors/{error['code']}"
        return error["status"], error["code"]


@pytest_asyncio.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    assert NODE is not None
    async with (
        stand_in() as signalwire,
        serving(
            data_dir=tmp_path,
            signalwire_space=signalwire.url,
            signalwire_project=PROJECT,
            signalwire_token=TOKEN,
        ) as server,
    ):
        process = await asyncio.create_subprocess_exec(
            NODE,
            str(HERE / "rest.mjs"),
            f"http://127.0.0.1:{server.port}",
            ACCOUNT,
            LOCAL_AUTH_TOKEN,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        yield Library(process, server, signalwire)
        process.stdin.close()
        assert await process.wait() == 0


async def test_a_local_call(library: Library) -> None:
    """A call is fetched, streamed, redirected and ended; then it is gone."""
    async with (
        consumer() as customer,
        consumer() as other,
        local_call(library.server.service, PAUSE) as (live, running),
    ):
        sid = live.call.sid
        call = await library.do("fetch", call=sid)
        assert (call["status"], call["to"], call["from"]) == ("in-progress", CALLED, CALLER)
        named = {"parameter1.name": "a", "parameter1.value": "b"}
        stream = await library.do(
            "stream", call=sid, url=customer.url, name="mine", track="both_tracks", **named
        )
        socket = await customer.accept()
        start = (await next_event(socket, "start"))["start"]
        assert (start["streamSid"], start["customParameters"]) == (stream["sid"], {"a": "b"})
        stopped = await library.do("stop", call=sid, stream="mine")
        assert stopped["status"] == "stopped"
        await next_event(socket, "stop")
        twiml = f'<Response><Connect><Stream url="{other.url}"/></Connect></Response>'
        await library.do("update", call=sid, twiml=twiml)
        connected = await other.accept()
        await next_event(connected, "start")
        call = await library.do("update", call=sid, status="completed")
        assert call["status"] == "completed"
        await next_event(connected, "stop")
        assert (await running).hung_up_by == "rest"
        assert await library.refusal("update", call=sid, status="completed") == (404, 20404)
        assert await library.refusal("stream", call=sid, url=other.url) == (400, 21220)
        await library.do("remove", call=sid)
        assert await library.refusal("fetch", call=sid) == (404, 20404)


async def test_a_call_is_placed(library: Library) -> None:
    """An order reaches SignalWire's stand-in, and mistakes have Twilio's numbers."""
    library.signalwire.next(201, sid=CALL_ID, status="queued")
    call = await library.do(
        "create", to=CALLED, **{"from": CALLER}, twiml=PAUSE, statusCallbackEvent=["ringing"]
    )
    assert (call["status"], call["direction"]) == ("queued", "outbound-api")
    assert library.signalwire.form()["To"] == CALLED
    bad = await library.refusal("create", to=CALLED, **{"from": CALLER}, url="nonsense")
    assert bad == (400, 21205)


async def test_a_call_to_a_phone_of_ours(library: Library) -> None:
    """A phone of the service rings, the call is recorded and joins a conference that is muted,
    joined by another and ended; the callback is told every event."""
    connected = library.server.service.exchange.directory.connected
    bob, carol = Handset(), Handset()
    connected |= {"bob": bob, "carol": carol}
    caller = {"from": CALLER}
    room = "<Response><Dial><Conference>room</Conference></Dial></Response>"
    async with voice_app() as app:
        call = await library.do(
            "create",
            to="client:bob",
            **caller,
            twiml=room,
            statusCallback=app.url("/told"),
            statusCallbackEvent=["initiated", "ringing", "answered", "completed"],
        )
        assert (call["status"], call["direction"]) == ("queued", "outbound-api")
        live = library.server.service.calls[call["sid"]].call
        await until_told(live, "conference.joined")
        (conference,) = await library.do("conferences")
        recording = await library.do("record", call=call["sid"])
        stopped = await library.do("finish", call=call["sid"], recording=recording["sid"])
        assert stopped["status"] == "processing"
        muted = await library.do("mute", conference=conference["sid"], call=call["sid"])
        assert muted["muted"] is True
        joined = await library.do("join", conference=conference["sid"], to="client:carol", **caller)
        other = library.server.service.calls[joined["callSid"]].call
        await until_told(other, "conference.joined")
        ended = await library.do("close", conference=conference["sid"])
        assert ended["status"] == "completed"
        told = await app.until("/told", 4)
        assert told["CallStatus"] == "completed"


async def test_lists(library: Library) -> None:
    """Pages are walked through by their URIs; recordings, conferences and participants are read."""
    store = library.server.service.store
    room = "CF" + "1" * 32
    for number in range(5):
        sid = f"CA{number:032x}"
        store.save(
            CallRecord(
                sid, ACCOUNT, CALLER, CALLED, "completed", "inbound", number, 9.0, ended_at=9.0
            )
        )
    first = "CA" + "0" * 32
    store.save(RecordingRecord("RE" + "1" * 32, ACCOUNT, first, "completed", 1.0, 1.0, seconds=2))
    store.save(ConferenceRecord(room, ACCOUNT, "Room", "in-progress", 1.0, 1.0))
    store.save(ParticipantRecord(room, first, ACCOUNT, 1.0, 1.0, muted=True))
    calls = await library.do("list", pageSize=2)
    assert [call["sid"][-1] for call in calls] == ["4", "3", "2", "1", "0"]
    assert [one["duration"] for one in await library.do("recordings", call=first)] == ["2"]
    (conference,) = await library.do("conferences", status="in-progress")
    assert conference["friendlyName"] == "Room"
    (participant,) = await library.do("participants", conference=room)
    assert (participant["callSid"], participant["muted"]) == (first, True)
