"""Streams over REST, by Twilio's own library: begun and stopped beside what a call runs."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl

import httpx
import pytest

from tests.app.rest.twilio_client import ACCOUNT, Twilio, local_call
from tests.app.running import client_of
from tests.support.peers import consumer, next_event, next_message, response, web_app

PAUSE = "<Response><Echo/></Response>"


@pytest.mark.contract("T93", "T94")
async def test_a_stream_is_begun_and_stopped(twilio: Twilio) -> None:
    """A stream with a name, both tracks and 99 parameters reaches the customer as asked, tells its
    callback, and is stopped by its name."""
    names = {
        f"parameter{at}_{part}": f"{part} {at}"
        for at in range(1, 100)
        for part in ("name", "value")
    }
    async with (
        consumer() as customer,
        web_app(response(204)) as app,
        local_call(twilio.server.service, PAUSE) as (live, _),
    ):
        sid = live.call.sid
        stream = await twilio.do(
            lambda client: client.calls(sid).streams.create(
                url=customer.url,
                name="mine",
                track="both_tracks",
                status_callback=app.url("/told"),
                **names,
            )
        )
        assert (stream.name, stream.status, stream.call_sid) == ("mine", "in-progress", sid)
        assert stream.sid.startswith("MZ")
        socket = await customer.accept()
        assert (await next_message(socket))["event"] == "connected"
        start = (await next_message(socket))["start"]
        assert (start["streamSid"], start["tracks"]) == (stream.sid, ["inbound", "outbound"])
        assert start["customParameters"] == {f"name {at}": f"value {at}" for at in range(1, 100)}
        await next_event(socket, "media")
        stopped = await twilio.do(
            lambda client: client.calls(sid).streams("mine").update(status="stopped")
        )
        assert (stopped.sid, stopped.status) == (stream.sid, "stopped")
        await next_event(socket, "stop")
        await twilio.server.service.engine.sender.drain(10)
        events = [dict(parse_qsl(request.body.decode())) for request in app.requests]
        assert [event["StreamEvent"] for event in events] == ["stream-started", "stream-stopped"]
        assert await twilio.refusal(
            lambda client: client.calls(sid).streams("mine").update(status="stopped")
        ) == (404, 20404)


@pytest.mark.contract("T93")
@pytest.mark.parametrize("character", ["\u20ac", '"', "&", "\U0001f600"])
async def test_as_many_and_as_long_as_may_be(twilio: Twilio, character: str) -> None:
    """99 parameters of nearly 500 characters each reach the customer, however long such characters
    are in UTF-8 or in XML; a form that is too long for the service is refused with a number."""
    length = 240 if character.isascii() else 190
    names = {f"parameter{at}_name": f"name {at}" for at in range(1, 100)}
    values = {f"parameter{at}_value": character * length for at in range(1, 100)}
    async with (
        consumer() as customer,
        local_call(twilio.server.service, PAUSE) as (live, _),
    ):
        streams = twilio.client.calls(live.call.sid).streams
        await asyncio.to_thread(streams.create, url=customer.url, **names, **values)
        start = (await next_event(await customer.accept(), "start"))["start"]
        given = {f"name {at}": character * length for at in range(1, 100)}
        assert start["customParameters"] == given
        values["parameter1_value"] = "x" * 256 * 1024
        work = lambda _: streams.create(url=customer.url, **names, **values)  # noqa: E731
        assert await twilio.refusal(work) == (413, 20001)


@pytest.mark.contract("T94")
async def test_the_answer(twilio: Twilio) -> None:
    """The JSON has exactly Twilio's members; a stream without a name has null; stopped by sid."""
    async with (
        consumer() as customer,
        client_of(twilio.server) as client,
        local_call(twilio.server.service, PAUSE) as (live, _),
    ):
        client.auth = httpx.BasicAuth(ACCOUNT, "local-auth-token")
        path = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{live.call.sid}/Streams"
        answer = await client.post(f"{path}.json", data={"Url": customer.url})
        body = answer.json()
        sid = body["sid"]
        assert answer.status_code == 200
        assert parsedate_to_datetime(body.pop("date_updated")).year > 2000
        assert body == {
            "sid": sid,
            "account_sid": ACCOUNT,
            "call_sid": live.call.sid,
            "name": None,
            "status": "in-progress",
            "uri": f"{path}/{sid}.json",
        }
        start = (await next_event(await customer.accept(), "start"))["start"]
        assert start["tracks"] == ["inbound"]
        answer = await client.post(f"{path}/{sid}", data={"Status": "stopped"})
        assert answer.json()["status"] == "stopped"


@pytest.mark.contract("T95")
@pytest.mark.parametrize(
    ("given", "number"),
    [
        ({"url": "https://a.example/"}, 31922),
        ({"url": "wss://"}, 31923),
        ({"track": "mixed"}, 31941),
        ({"track": "both"}, 31941),
        ({"url": ""}, 21205),
        ({"status_callback": "nonsense"}, 21205),
        ({"name": "taken"}, 31900),
        ({"name": "\x01"}, 20001),
    ],
)
async def test_streams_that_are_refused(twilio: Twilio, given: dict[str, str], number: int) -> None:
    """Each mistake has its number; there is no parameter that would make a stream two-way."""
    async with (
        consumer() as customer,
        local_call(twilio.server.service, PAUSE) as (live, _),
    ):
        streams = twilio.client.calls(live.call.sid).streams
        await asyncio.to_thread(streams.create, url=customer.url, name="taken")
        order = {"url": customer.url, **given}
        assert await twilio.refusal(lambda _: streams.create(**order)) == (400, number)
        assert all(not media.identity.bidirectional for media in live.call.streams)


@pytest.mark.contract("T96")
async def test_a_call_that_rings_has_no_streams(twilio: Twilio) -> None:
    """Before it is answered, and after it has ended, a call refuses with 21220."""
    service = twilio.server.service
    from tests.app.running import new_call

    sid = new_call(service).sid
    work = lambda client: client.calls(sid).streams.create(url="wss://a.example/")  # noqa: E731
    assert await twilio.refusal(work) == (400, 21220)
    service.end_call(sid, "test")
    assert await twilio.refusal(work) == (400, 21220)
