"""The door for phones: a real WebSocket that rings, answers, talks, dials and hangs up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.main import Server
from bridge.call import CallStatus
from bridge.sound.dtmf import digit_pieces
from bridge.sound.waves import silence
from tests.app.running import serving, until_told
from tests.support.app import voice_app
from tests.support.sound import keys_heard


class Device:
    """A phone's side of the socket: what it has been told and what it has heard."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard = bytearray()

    async def until(self, event: str) -> dict[str, Any]:
        """The next message of that event; frames are heard meanwhile."""
        while True:
            data = await self.socket.recv()
            if isinstance(data, bytes):
                assert len(data) == 160
                self.heard += data
                continue
            message: dict[str, Any] = json.loads(data)
            if message["event"] == event:
                return message

    async def hears(self, key: str) -> None:
        """Wait until that key has been heard."""
        while key not in keys_heard(bytes(self.heard)):
            data = await self.socket.recv()
            assert isinstance(data, bytes), data
            self.heard += data

    async def says(self, event: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"event": event, **fields}))


@asynccontextmanager
async def device(
    server: Server, name: str, *, site: str = "127.0.0.1", **options: Any
) -> AsyncIterator[Device]:
    url = f"ws://{site}:{server.port}/phone/{name}"
    async with connect(url, proxy=None, **options) as socket:
        running = Device(socket)
        bare = name.partition("?")[0]
        assert await running.until("ready") == {"event": "ready", "name": bare}
        yield running


async def test_two_phones_talk() -> None:
    """One dials with a document that dials the other, who is told who calls, answers, and hears
    the first one's tones; whoever hangs up, both are told that it is over."""
    async with serving() as server, device(server, "alice") as alice, device(server, "bob") as bob:
        twiml = "<Response><Dial><Client>bob</Client></Dial></Response>"
        await alice.says("dial", twiml=twiml, to="+15550001234")
        call = (await alice.until("dialling"))["call"]
        incoming = await bob.until("incoming")
        assert (incoming["from"], incoming["to"]) == ("client:alice", "bob")
        assert (await alice.until("answered"))["call"] == call
        await bob.says("answer", call=incoming["call"])
        assert (await bob.until("answered"))["call"] == incoming["call"]
        for piece in (*digit_pieces("5"), silence(200)):
            await alice.socket.send(piece)
        await bob.hears("5")
        await bob.says("hangup")
        assert (await bob.until("ended"))["call"] == incoming["call"]
        assert (await alice.until("ended"))["call"] == call


async def test_what_a_call_brings_with_it() -> None:
    """The parameters of a <Client>, the headers of a <Sip>, those of the same name too."""
    client = (
        "<Client><Identity>bob</Identity><Parameter name='a' value='1'/>"
        "<Parameter name='b' value='2'/></Client>"
    )
    sip = (
        "<Sip><Uri>sip:bob?X-One=1&amp;X-One=2</Uri>"
        "<Headers><Header name='X-Two' value='3'/></Headers></Sip>"
    )
    async with serving() as server, device(server, "alice") as alice, device(server, "bob") as bob:
        for noun, name, fields in (
            (client, "parameters", [["a", "1"], ["b", "2"]]),
            (sip, "headers", [["X-One", "1"], ["X-One", "2"], ["X-Two", "3"]]),
        ):
            await alice.says("dial", twiml=f"<Response><Dial>{noun}</Dial></Response>")
            incoming = await bob.until("incoming")
            assert incoming[name] == fields
            assert len({"parameters", "headers"} & set(incoming)) == 1
            await bob.says("reject")
            await alice.until("ended")


async def test_keys_and_a_url() -> None:
    """Keys that are pressed come to <Gather>; the app at `url` is asked, with the phone's name."""
    answers = {"/voice": '<Gather numDigits="2" action="/got"/>', "/got": '<Play digits="7"/>'}
    async with serving() as server, voice_app(answers) as app, device(server, "alice") as alice:
        await alice.says("dial", url=app.url("/voice"), to="+15550001234")
        await alice.until("answered")
        await alice.says("digits", digits="12")
        await alice.until("ended")
        assert keys_heard(bytes(alice.heard)) == "7"
        assert app.forms("/got")[0]["Digits"] == "12"
        (asked,) = app.forms("/voice")
        assert (asked["From"], asked["To"]) == ("client:alice", "+15550001234")


async def test_rejected_and_cancelled() -> None:
    """A phone that rejects is busy; one that rings is told when the caller gives up; while a phone
    rings it is busy to others."""
    async with serving() as server, device(server, "alice") as alice, device(server, "bob") as bob:
        twiml = "<Response><Dial><Client>bob</Client></Dial><Play digits='7'/></Response>"
        await alice.says("dial", twiml=twiml)
        await bob.until("incoming")
        await bob.says("reject")
        await alice.until("ended")
        assert "7" in keys_heard(bytes(alice.heard))
        await alice.says("dial", twiml=twiml)
        await bob.until("incoming")
        async with device(server, "carol") as carol:
            await carol.says("dial", twiml=twiml)
            await carol.until("ended")
            assert "7" in keys_heard(bytes(carol.heard))
        await alice.says("hangup")
        await bob.until("cancelled")


async def test_a_phone_that_goes_away() -> None:
    """A socket that closes hangs its call up, and nobody of that name is there any more."""
    async with serving() as server, device(server, "alice") as alice:
        twiml = "<Response><Dial><Client>bob</Client></Dial></Response>"
        async with device(server, "bob") as bob:
            await alice.says("dial", twiml=twiml)
            await bob.until("incoming")
            await bob.says("answer")
            await bob.until("answered")
        await alice.until("ended")
        assert list(server.service.exchange.directory.connected) == ["alice"]


async def test_a_number_is_not_logged() -> None:
    """The name of a phone may be a number: the log has its last two digits."""
    with capture_logs() as logs:
        async with serving() as server:
            async with device(server, "+15550001111") as phone:
                await phone.says("dial", twiml="<Response><Hangup/></Response>")
                await phone.until("ended")
            async with device(server, "alice"):
                pass
    named = [entry["phone"] for entry in logs if "phone" in entry]
    assert named == ["+*********11"] * 2 + ["alice"] * 2
    assert "5550001111" not in str(logs)


async def test_the_latest_of_a_name() -> None:
    """Another socket of the same name is the phone from then on; the older is closed."""
    async with serving() as server, device(server, "alice") as older, device(server, "alice"):
        with pytest.raises(ConnectionClosed) as closed:
            await older.until("never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4000
        assert list(server.service.exchange.directory.connected) == ["alice"]


async def test_a_phone_that_does_not_read() -> None:
    """More and more waits for it, until it is given up: its call ends, its socket is closed, it can
    be dialled no more. Others' calls go on."""
    gather = '<Response><Gather timeout="600"/><Play digits="7"/></Response>'
    async with serving() as server, device(server, "bob") as bob:
        await bob.says("dial", twiml=gather)
        bobs = (await bob.until("dialling"))["call"]
        await bob.until("answered")
        async with device(server, "alice", max_queue=1) as alice:
            await alice.says("dial", twiml=gather)
            call = server.service.calls[(await alice.until("dialling"))["call"]].call
            await alice.until("answered")

            async def complain() -> None:
                # Each of these is answered, at length.
                while True:
                    await alice.says("x" * 4000)

            complaining = asyncio.create_task(complain())
            await until_told(call, "call.hung_up")
            assert list(server.service.exchange.directory.connected) == ["bob"]
            assert list(server.service.calls) == [bobs]
            with pytest.raises(ConnectionClosed) as closed:
                await alice.until("never")
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4001
            with pytest.raises(ConnectionClosed):
                await complaining
        await bob.says("digits", digits="#")
        await bob.until("ended")
        assert keys_heard(bytes(bob.heard)) == "7"


async def test_a_phone_whose_messages_we_fail_at() -> None:
    """A fault of ours is logged and ends that phone's call and socket; others go on."""
    wait = '<Response><Gather timeout="600"/><Play digits="7"/></Response>'
    async with serving() as server, device(server, "alice") as alice, device(server, "bob") as bob:
        await bob.says("dial", twiml=wait)
        await bob.until("answered")
        await alice.says("dial", twiml=wait)
        call = server.service.calls[(await alice.until("dialling"))["call"]].call
        with capture_logs() as logs:
            await alice.socket.send("[" * 100_000)  # deeper than can be read
            with pytest.raises(ConnectionClosed) as closed:
                await alice.until("never")
            await until_told(call, "call.ended")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
        (told,) = (entry for entry in logs if entry["event"] == "phone failed")
        assert isinstance(told["exc_info"], RecursionError)
        assert list(server.service.exchange.directory.connected) == ["bob"]
        await bob.says("digits", digits="#")
        await bob.until("ended")


async def test_a_call_that_we_fail_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours before there is a document ends the call, as failed, and frees the phone."""

    async def fail(*_: object) -> None:
        raise RuntimeError("as a fault of ours might")

    async with serving() as server, device(server, "alice") as alice:
        with monkeypatch.context() as patch:
            patch.setattr(server.service.customer, "ask", fail)
            await alice.says("dial", url="http://127.0.0.1:1/")
            call = (await alice.until("dialling"))["call"]
            await alice.until("ended")
        assert server.service.ended[call].call.status is CallStatus.FAILED
        await alice.says("dial", twiml="<Response><Hangup/></Response>")
        await alice.until("ended")


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        "{}",
        '{"event": "sing"}',
        '{"event": "answer"}',
        '{"event": "digits", "digits": "1"}',
        '{"event": "digits", "digits": "x"}',
        '{"event": "dial"}',
        '{"event": "dial", "url": 1}',
        '{"event": "dial", "to": "\\ud800", "twiml": "<Response/>"}',
    ],
)
async def test_mistakes(text: str) -> None:
    """Each mistake is told, and the phone goes on."""
    async with serving() as server, device(server, "alice") as alice:
        await alice.socket.send(text)
        assert (await alice.until("error"))["message"]
        await alice.says("dial", twiml="<Response><Hangup/></Response>")
        await alice.until("ended")


async def test_who_is_let_in() -> None:
    """Pages of this very service may connect, those of other sites may not, whatever name they have
    given to this machine; from elsewhere those with the operator's token may. Nobody may where it
    is not local mode."""
    async with serving() as server:
        async with device(server, "alice", origin=f"http://127.0.0.1:{server.port}"):
            pass
        with pytest.raises(InvalidStatus):
            async with device(server, "alice", origin="https://elsewhere.example"):
                pass
    async with serving() as server:
        forwarded: dict[str, Any] = {"additional_headers": {"X-Forwarded-For": "203.0.113.7"}}
        rebound: dict[str, Any] = {"host": "127.0.0.1", "site": "elsewhere.example"}
        for options in (forwarded, rebound):
            with pytest.raises(InvalidStatus):
                async with device(server, "alice", **options):
                    pass
        async with device(server, "alice", host="127.0.0.1", site="phones.localhost"):
            pass
    async with serving(operator_token="op") as server:
        for given in ("Bearer op", "bearer op"):
            headers = {"X-Forwarded-For": "203.0.113.7", "Authorization": given}
            async with device(server, "alice", additional_headers=headers):
                pass
        async with device(server, "alice?token=op", **forwarded):
            pass
        for name, given in (("alice", "Bearer no"), ("alice?token=no", "x"), ("alice", "Basic op")):
            headers = {"X-Forwarded-For": "203.0.113.7", "Authorization": given}
            with pytest.raises(InvalidStatus):
                async with device(server, name, additional_headers=headers):
                    pass
    production = {"public_url": "https://a.example", "auth_token": "t", "local": False}
    async with serving(**production) as server:
        with pytest.raises(InvalidStatus):
            async with device(server, "alice"):
                pass
