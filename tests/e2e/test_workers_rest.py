"""One service in several processes, controlled through Twilio's REST: whichever worker is asked, a
call is found, and phones of one name meet."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from itertools import permutations
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect

from bridge.ids import alias
from bridge.sound.dtmf import digit_pieces
from tests.app.rest.standin import PROJECT, TOKEN, StandIn, stand_in
from tests.e2e.landing import LandingCarrier, client_at, health, landed
from tests.e2e.processes import AUTH_TOKEN, Bridge, Customer, bridge
from tests.support.sound import keys_heard

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORKERS = 3
ACCOUNT = "AC" + "a" * 32
FROM = "+15550006789"
TALK = '<Response><Pause length="60"/></Response>'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def signalwire() -> AsyncIterator[StandIn]:
    async with stand_in() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(app: Customer, signalwire: StandIn) -> AsyncIterator[Bridge]:
    async with bridge(
        app.voice_url(),
        workers=str(WORKERS),
        signalwire_space=signalwire.url,
        signalwire_project=PROJECT,
        signalwire_token=TOKEN,
    ) as running:
        yield running


async def rest(
    service: Bridge, worker: int, path: str, method: str = "POST", **form: str
) -> httpx.Response:
    """A request that comes in at this worker."""
    async with aclosing(await client_at(service, worker)) as client:
        return await client.request(
            method,
            f"{service.base_url}/2010-04-01/Accounts/{ACCOUNT}/{path}.json",
            data=form or None,
            auth=(ACCOUNT, AUTH_TOKEN),
        )


async def done(service: Bridge, worker: int, path: str, **form: str) -> dict[str, Any]:
    """The same, which must go well: with a form it changes or makes something, else it reads."""
    answer = await rest(service, worker, path, "POST" if form else "GET", **form)
    assert answer.is_success, answer.text
    value: dict[str, Any] = answer.json()
    return value


class Device:
    """A phone: what it has been told, and what it has heard in its call."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard = b""

    async def until(self, event: str) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while True:
                data = await self.socket.recv()
                if isinstance(data, bytes):
                    self.heard += data
                    continue
                message: dict[str, Any] = json.loads(data)
                assert message["event"] != "error", message
                if message["event"] == event:
                    return message

    async def hears(self, key: str) -> None:
        async with asyncio.timeout(20):
            while key not in keys_heard(self.heard):
                data = await self.socket.recv()
                assert isinstance(data, bytes), data
                self.heard += data

    async def says(self, event: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"event": event, **fields}))


@asynccontextmanager
async def device(service: Bridge, worker: int, name: str) -> AsyncIterator[Device]:
    """A phone whose socket comes in at this worker."""
    url = f"{service.base_url.replace('http', 'ws')}/phone/{name}"
    async with connect(url, sock=await landed(service, worker), proxy=None) as socket:
        phone = Device(socket)
        await phone.until("ready")
        yield phone


@pytest.mark.parametrize(("near", "far"), list(permutations(range(WORKERS), 2)))
async def test_phones_that_come_in_apart(service: Bridge, near: int, far: int) -> None:
    """Two phones ring each other and are heard, wherever their sockets have come in."""
    async with device(service, near, "alice") as alice, device(service, far, "bob") as bob:
        await alice.says("dial", twiml="<Response><Dial><Client>bob</Client></Dial></Response>")
        await bob.until("incoming")
        await bob.says("answer")
        await bob.until("answered")
        await alice.until("answered")
        for piece in digit_pieces("5"):
            await alice.socket.send(piece)
        await bob.hears("5")
        await bob.says("hangup")
        await alice.until("ended")


async def test_the_latest_of_a_name_at_another_worker(service: Bridge) -> None:
    """A second socket of a name replaces the first, though they came in apart."""
    async with device(service, 0, "alice") as older, device(service, 2, "alice"):
        await older.socket.wait_closed()
        assert older.socket.close_code == 4000


@pytest.mark.parametrize(("at", "near", "far"), list(permutations(range(WORKERS))))
async def test_a_local_call_is_controlled_at_any_worker(
    app: Customer, service: Bridge, at: int, near: int, far: int
) -> None:
    """A call that REST places to a phone is fetched, listed, redirected, recorded, streamed and
    ended by requests that come in elsewhere; each sees what the one before has done."""
    async with device(service, near, "bob") as bob:
        call = await done(service, at, "Calls", To="client:bob", From=FROM, Twiml=TALK)
        sid = call["sid"]
        assert (await done(service, far, f"Calls/{sid}"))["direction"] == "outbound-api"
        await bob.until("incoming")
        await bob.says("answer")
        await bob.until("answered")
        assert (await done(service, near, f"Calls/{sid}"))["status"] == "in-progress"
        listed = await done(service, far, "Calls")
        assert sid in [one["sid"] for one in listed["calls"]]
        again = "<Response><Play digits='7'/><Pause length='60'/></Response>"
        await done(service, far, f"Calls/{sid}", Twiml=again)
        await bob.hears("7")
        url = f"{app.ws}/ws/sink/rest-{at}{near}{far}"
        stream = await done(service, near, f"Calls/{sid}/Streams", Url=url, Name="mine")
        stopped = await done(service, far, f"Calls/{sid}/Streams/mine", Status="stopped")
        assert (stopped["sid"], stopped["status"]) == (stream["sid"], "stopped")
        recording = await done(service, far, f"Calls/{sid}/Recordings", RecordingTrack="both")
        (known,) = (await done(service, at, f"Calls/{sid}/Recordings"))["recordings"]
        assert known["sid"] == recording["sid"]
        ended = await done(service, near, f"Calls/{sid}", Status="completed")
        assert ended["status"] == "completed"
        await bob.until("ended")
        assert (await done(service, at, f"Calls/{sid}"))["status"] == "completed"
        assert (await rest(service, far, f"Calls/{sid}", "DELETE")).status_code == 204
        for worker in range(WORKERS):
            gone = await rest(service, worker, f"Calls/{sid}", "GET")
            assert (gone.status_code, gone.json()["code"]) == (404, 20404)


async def test_a_conference_is_controlled_at_any_worker(app: Customer, service: Bridge) -> None:
    """Participants are added, muted and removed, and the conference is ended, anywhere."""
    async with device(service, 1, "carol") as carol, device(service, 2, "dave") as dave:
        members = []
        for worker, name, phone in ((1, "carol", carol), (2, "dave", dave)):
            path = "Conferences/meeting/Participants"
            told = {
                "ConferenceStatusCallback": f"{app.http}/callback/meeting",
                "ConferenceStatusCallbackEvent": "join",
            }
            added = await done(service, worker, path, To=f"client:{name}", From=FROM, **told)
            await phone.until("incoming")
            await phone.says("answer")
            await phone.until("answered")
            members.append(added)
        room = members[0]["conference_sid"]
        assert members[1]["conference_sid"] == room
        await app.wait_callbacks("meeting", 2)
        sids = {one["call_sid"] for one in members}
        for worker in range(WORKERS):
            found = await done(service, worker, f"Conferences/{room}/Participants")
            assert {one["call_sid"] for one in found["participants"]} == sids
            path = f"Conferences/{room}/Participants/{members[0]['call_sid']}"
            muted = str(worker % 2 == 0).lower()
            await done(service, worker, path, Muted=muted)
            seen = await done(service, (worker + 1) % WORKERS, path)
            assert str(seen["muted"]).lower() == muted
        gone = await rest(service, 2, f"Conferences/{room}/Participants/{members[1]['call_sid']}",
            "DELETE")  # fmt: skip
        assert gone.status_code == 204
        await dave.until("ended")
        ended = await done(service, 1, f"Conferences/{room}", Status="completed")
        assert ended["status"] == "completed"
        await carol.until("ended")


@pytest.mark.parametrize(("home", "near", "far"), list(permutations(range(WORKERS))))
async def test_a_carried_call_is_controlled_at_any_worker(
    app: Customer, service: Bridge, signalwire: StandIn, home: int, near: int, far: int
) -> None:
    """New TwiML for a call of SignalWire's reaches SignalWire from any worker, and SignalWire gets
    it at any other; so does the end."""
    await app.put(TALK)
    call = LandingCarrier(service, WORKERS, home)
    await (await call.at(near)).document(CallStatus="in-progress")
    sid = alias("CA", call.call_sid)
    for asked, fetched in ((near, far), (far, near), (home, far)):
        signalwire.next(200, sid=call.call_sid, status="in-progress")
        await done(service, asked, f"Calls/{sid}", Twiml=f"<Response><Say>{asked}</Say></Response>")
        assert signalwire.path() == f"/Calls/{call.call_sid}"
        document = await (await call.at(fetched)).document(signalwire.form()["Url"])
        assert document.findtext("Say") == str(asked)
    signalwire.next(200, sid=call.call_sid, status="completed")
    await done(service, far, f"Calls/{sid}", Status="completed")
    assert signalwire.form() == {"Status": "completed"}
    await (await call.at(far)).hang_up()
    assert (await done(service, near, f"Calls/{sid}"))["status"] == "completed"
    await call.client.aclose()


@pytest.mark.parametrize("at", range(WORKERS))
async def test_a_placed_call_is_heard_of_at_any_worker(
    app: Customer, service: Bridge, signalwire: StandIn, at: int
) -> None:
    """What SignalWire asks and tells of a call that REST has placed finds its worker, and so does
    what REST wants of it later."""
    name = f"placed-{at}"
    call = LandingCarrier(service, WORKERS, at)
    signalwire.next(201, sid=call.call_sid, status="queued")
    sid = alias("CA", call.call_sid)
    twiml = f"<Response><Say>{name}</Say></Response>"
    told = f"{app.http}/callback/{name}"
    placed = await done(
        service, at, "Calls", To="+15550009999", From=FROM, Twiml=twiml, StatusCallback=told
    )
    assert placed["sid"] == sid
    form = signalwire.form()
    for worker in range(WORKERS):
        document = await (await call.at(worker)).document(form["Url"])
        assert document.findtext("Say") == name
        answer = await call.post(form["StatusCallback"], CallStatus="in-progress")
        assert answer.status_code == 204
        assert (await done(service, worker, f"Calls/{sid}"))["status"] == "in-progress"
    await (await call.at((at + 1) % WORKERS)).post(form["StatusCallback"], CallStatus="completed")
    (ended,) = await app.wait_callbacks(name, 1)
    assert (ended["CallSid"], ended["CallStatus"]) == (sid, "completed")
    assert (await done(service, (at + 2) % WORKERS, f"Calls/{sid}"))["status"] == "completed"
    await call.client.aclose()


async def test_the_phones_worker_is_stopped_and_killed(app: Customer) -> None:
    """While it does not respond, what it alone could do is refused with 503 and what another has
    goes on; when it dies its phones are cut off, and can come back once it is replaced."""
    async with bridge(app.voice_url(), workers="2") as service:
        await service.log.wait(2, event="worker ready")
        (ready,) = service.log.matching(event="worker ready", worker=0)
        async with device(service, 1, "alice") as alice:
            twiml = {"To": "client:alice", "From": FROM, "Twiml": TALK}
            lost = (await done(service, 1, "Calls", **twiml))["sid"]
            await alice.until("incoming")
            client = await client_at(service, 1)
            os.kill(ready["pid"], signal.SIGSTOP)
            async with aclosing(client):
                answer = await client.post(
                    f"{service.base_url}/2010-04-01/Accounts/{ACCOUNT}/Calls/{lost}.json",
                    data={"Status": "canceled"},
                    auth=(ACCOUNT, AUTH_TOKEN),
                )
            assert (answer.status_code, answer.json()["code"]) == (503, 20503)
            os.kill(ready["pid"], signal.SIGKILL)
            await alice.socket.wait_closed()
        await service.log.wait(event="worker ready", worker=0, life=1)
        async with device(service, 1, "alice") as alice:
            assert (await done(service, 1, f"Calls/{lost}"))["status"] == "failed"
            await done(service, 1, "Calls", **twiml)
            await alice.until("incoming")


async def test_who_is_unknown(service: Bridge) -> None:
    """Nobody's calls and wrong credentials are refused alike at every worker, with Twilio's
    numbers; nothing has gone astray."""
    for worker in range(WORKERS):
        answer = await rest(service, worker, f"Calls/CA{'0' * 32}", Status="completed")
        assert (answer.status_code, answer.json()["code"]) == (404, 20404)
        async with aclosing(await client_at(service, worker)) as client:
            url = f"{service.base_url}/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
            answer = await client.post(url, data={"To": "client:bob"}, auth=(ACCOUNT, "wrong"))
            assert (answer.status_code, answer.json()["code"]) == (401, 20003)
    rows = (await health(service, 0))["workers"]
    assert all(row["requests_refused"] == row["sockets_refused"] == 0 for row in rows)
