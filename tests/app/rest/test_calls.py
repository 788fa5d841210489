"""Calls over REST, by Twilio's own library: fetched, listed, redirected, ended, deleted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime

import httpx
import pytest
from twilio.rest import Client

from app.store.records import CallRecord
from tests.app.rest.twilio_client import ACCOUNT, Twilio, local_call
from tests.app.running import CALLED, CALLER, client_of, serving
from tests.support.peers import consumer, next_event, response, web_app

XML = "Content-Type: text/xml"
PAUSE = "<Response><Echo/></Response>"


def record(number: int, **more: object) -> CallRecord:
    made = CallRecord(
        sid=f"CA{number:032x}",
        account_sid=ACCOUNT,
        from_=CALLER,
        to=CALLED,
        status="completed",
        direction="inbound",
        created_at=1_700_000_000.0 + number,
        updated_at=1_700_000_100.0,
        started_at=1_700_000_001.0 + number,
        ended_at=1_700_000_031.5 + number,
    )
    return replace(made, **more)  # type: ignore[arg-type]


async def test_fetching_a_call_that_runs(twilio: Twilio) -> None:
    """What the library reads of a running call is what the call is."""
    service = twilio.server.service
    async with local_call(service, PAUSE) as (live, _):
        call = await twilio.do(lambda client: client.calls(live.call.sid).fetch())
        assert (call.sid, call.status, call.direction) == (live.call.sid, "in-progress", "inbound")
        assert (call.to, call._from, call.account_sid) == (CALLED, CALLER, ACCOUNT)
        assert call.start_time == datetime.fromtimestamp(int(live.answered_at or 0), UTC)
        assert (call.end_time, call.duration) == (None, None)
        assert call.uri == f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{call.sid}.json"


async def test_fetching_a_call_that_is_over(twilio: Twilio) -> None:
    """An ended call is fetched from the store, with its end and its length."""
    twilio.server.service.store.save(record(1, status="busy", parent_sid="CA" + "9" * 32))
    call = await twilio.do(lambda client: client.calls(record(1).sid).fetch())
    assert (call.status, call.duration, call.parent_call_sid) == ("busy", "30", "CA" + "9" * 32)
    assert call.end_time == datetime.fromtimestamp(1_700_000_032, UTC)
    assert call.date_created == datetime.fromtimestamp(1_700_000_001, UTC)


async def test_unknown_calls(twilio: Twilio) -> None:
    """What is not known is 404 with 20404, whatever is asked of it."""
    sid = "CA" + "f" * 32
    for work in (
        lambda client: client.calls(sid).fetch(),
        lambda client: client.calls(sid).update(status="completed"),
        lambda client: client.calls(sid).update(twiml=PAUSE),
        lambda client: client.calls(sid).delete(),
        lambda client: client.calls(sid).streams.create(url="wss://a.example/"),
        lambda client: client.calls(sid).streams("x").update(status="stopped"),
        lambda client: client.calls(sid).recordings("RE" + "1" * 32).fetch(),
        lambda client: client.calls(sid).recordings.create(),
    ):
        assert await twilio.refusal(work) == (404, 20404)


async def test_pages(twilio: Twilio) -> None:
    """The library walks through all pages of a list, by the URIs in them, newest call first."""
    store = twilio.server.service.store
    for number in range(7):
        store.save(record(number))
    calls = await twilio.do(lambda client: client.calls.list(page_size=3))
    assert [call.sid for call in calls] == [record(number).sid for number in range(6, -1, -1)]
    assert len(await twilio.do(lambda client: client.calls.list(limit=4))) == 4

    def walk(client: Client) -> list[list[str]]:
        pages = []
        last = page = client.calls.page(page_size=3)
        while page is not None:
            pages.append([call.sid[-1] for call in page])
            last, page = page, page.next_page()
        back = last.previous_page()
        return [*pages, [call.sid[-1] for call in back]]

    assert await twilio.do(walk) == [["6", "5", "4"], ["3", "2", "1"], ["0"], ["3", "2", "1"]]


async def test_a_page_as_it_is(twilio: Twilio) -> None:
    """Every member of a page, with the filter kept in its URIs and the end of the list marked."""
    twilio.server.service.store.save(record(1))
    async with client_of(twilio.server) as client:
        client.auth = httpx.BasicAuth(ACCOUNT, "local-auth-token")
        path = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"
        body = (await client.get(path, params={"Status": "completed", "PageSize": "5000"})).json()
        assert [call["sid"] for call in body.pop("calls")] == [record(1).sid]
        first = f"{path}.json?Status=completed&PageSize=1000&Page=0"
        assert body == {
            "first_page_uri": first,
            "uri": first,
            "next_page_uri": None,
            "previous_page_uri": None,
            "page": 0,
            "page_size": 1000,
            "start": 0,
            "end": 0,
        }


async def test_filters(twilio: Twilio) -> None:
    """Each filter leaves the calls that it says; a day's bounds belong to it."""
    store = twilio.server.service.store
    store.save(record(1))
    began = {"created_at": 1_700_100_000.0, "started_at": 1_700_100_001.0}
    store.save(record(2, to="+15559999999", **began))
    store.save(record(3, from_="+15558888888", status="busy"))
    for filters, found in (
        ({"to": "+15559999999"}, "2"),
        ({"from_": "+15558888888"}, "3"),
        ({"status": "busy"}, "3"),
        ({"status": "completed", "to": CALLED}, "1"),
        ({"start_time": date(2023, 11, 16)}, "2"),
        ({"start_time_after": datetime(2023, 11, 15, tzinfo=UTC)}, "2"),
        ({"start_time_before": datetime(2023, 11, 15, tzinfo=UTC)}, "31"),
        ({"parent_call_sid": "CA" + "0" * 32}, ""),
    ):
        calls = await twilio.do(lambda client, f=filters: client.calls.list(**f))  # type: ignore[misc]
        assert "".join(call.sid[-1] for call in calls) == found, filters


async def test_the_start_that_is_shown(twilio: Twilio) -> None:
    """`StartTime` chooses by the time that the answer shows: the call's answer, or its beginning
    where nobody answered; a queued call has neither."""
    store = twilio.server.service.store
    day = 86_400.0
    store.save(record(1, started_at=record(1).created_at + day))
    store.save(record(2, started_at=None, status="busy"))
    store.save(record(3, started_at=None, ended_at=None, status="queued"))
    shown = {}
    for call in await twilio.do(lambda client: client.calls.list()):
        shown[call.sid[-1]] = call.start_time and call.start_time.date()
    assert shown == {"1": date(2023, 11, 15), "2": date(2023, 11, 14), "3": None}
    for filters, found in (
        ({"start_time": date(2023, 11, 14)}, "2"),
        ({"start_time": date(2023, 11, 15)}, "1"),
        ({"start_time_after": datetime(2023, 11, 15, tzinfo=UTC)}, "1"),
        ({"start_time_before": datetime(2023, 11, 15, tzinfo=UTC)}, "2"),
        ({"start_time_before": datetime(2023, 11, 16, tzinfo=UTC)}, "21"),
    ):
        calls = await twilio.do(lambda client, f=filters: client.calls.list(**f))  # type: ignore[misc]
        assert "".join(call.sid[-1] for call in calls) == found, filters


@pytest.mark.contract("T40")
async def test_ending_a_call(twilio: Twilio) -> None:
    """`completed` ends a connected stream and the call; a second time it is gone (20404)."""
    async with (
        consumer() as customer,
        local_call(
            twilio.server.service,
            f'<Response><Connect><Stream url="{customer.url}"/></Connect></Response>',
        ) as (live, running),
    ):
        socket = await customer.accept()
        await next_event(socket, "start")
        sid = live.call.sid
        call = await twilio.do(lambda client: client.calls(sid).update(status="completed"))
        assert call.status == "completed"
        await next_event(socket, "stop")
        assert (await running).hung_up_by == "rest"
        assert await twilio.refusal(
            lambda client: client.calls(sid).update(status="completed")
        ) == (404, 20404)
        assert await twilio.refusal(lambda client: client.calls(sid).update(twiml=PAUSE)) == (
            400,
            21220,
        )


@pytest.mark.contract("T40")
async def test_redirecting_by_twiml(twilio: Twilio) -> None:
    """New TwiML ends the connected stream and runs at once."""
    async with (
        consumer() as customer,
        consumer() as other,
        local_call(
            twilio.server.service,
            f'<Response><Connect><Stream url="{customer.url}"/></Connect></Response>',
        ) as (live, _),
    ):
        socket = await customer.accept()
        await next_event(socket, "start")
        twiml = f'<Response><Connect><Stream url="{other.url}"/></Connect></Response>'
        call = await twilio.do(lambda client: client.calls(live.call.sid).update(twiml=twiml))
        assert call.status == "in-progress"
        await next_event(socket, "stop")
        await next_event(await other.accept(), "start")


async def test_redirecting_by_url(twilio: Twilio) -> None:
    """The app at a new URL is asked, signed and by the method, and what it answers runs."""
    answer = response(200, b"<Response><Hangup/></Response>", XML)
    async with (
        web_app(answer) as app,
        local_call(twilio.server.service, PAUSE) as (live, running),
    ):
        url = app.url("/next?a=1")
        await twilio.do(lambda client: client.calls(live.call.sid).update(url=url, method="GET"))
        assert (await running).hung_up_by == "document"
        (request,) = app.requests
        assert request.method == "GET"
        assert request.target.startswith("/next?a=1&CallSid=" + live.call.sid)
        assert request.header("X-Twilio-Signature")


@pytest.mark.contract("T19")
@pytest.mark.parametrize(
    ("given", "number"),
    [
        ({"twiml": '<Response><Gather action="/next"/></Response>'}, 15004),
        ({"twiml": "<Response>"}, 12100),
        ({"twiml": "<Response>" + " " * 4000 + "</Response>"}, 32018),
        ({"url": "next"}, 21205),
        ({"url": "ftp://a.example/"}, 21205),
        ({"url": "https://a.example/", "method": "PUT"}, 21209),
        ({"status": "busy"}, 20001),
        ({"status": "canceled"}, 21220),
        ({"time_limit": 0}, 20001),
    ],
)
async def test_mistakes_in_updates(twilio: Twilio, given: dict[str, str], number: int) -> None:
    """Each mistake has its number, and the call goes on as it was."""
    async with local_call(twilio.server.service, PAUSE) as (live, running):
        assert await twilio.refusal(lambda client: client.calls(live.call.sid).update(**given)) == (
            400,
            number,
        )
        assert not running.done()


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ({"to": ""}, 21201),
        ({"from_": ""}, 21213),
        ({"url": ""}, 21205),
        ({"url": "nonsense"}, 21205),
        ({"status_callback": "nonsense"}, 21205),
        ({"method": "PUT"}, 21209),
        ({"timeout": 601}, 21208),
        ({"send_digits": "hello"}, 21206),
        ({"machine_detection": "maybe"}, 21207),
        ({"application_sid": "AP" + "0" * 32}, 21218),
        ({"status_callback_event": ["late"]}, 20001),
        ({"recording_track": "left", "record": True}, 20001),
        ({}, 21214),
    ],
)
async def test_calls_that_cannot_be_made(
    twilio: Twilio, given: dict[str, object], number: int
) -> None:
    """Each mistake has its number. Without a carrier no phone can be reached (21214)."""
    order = {"to": CALLED, "from_": CALLER, "url": "https://a.example/", **given}
    assert await twilio.refusal(lambda client: client.calls.create(**order)) == (400, number)


async def test_deleting(twilio: Twilio) -> None:
    """A call that is over can be deleted, one that runs cannot (20009)."""
    service = twilio.server.service
    service.store.save(record(1))
    assert await twilio.do(lambda client: client.calls(record(1).sid).delete())
    assert await service.store.find(CallRecord, record(1).sid) is None
    async with local_call(service, PAUSE) as (live, _):
        assert await twilio.refusal(lambda client: client.calls(live.call.sid).delete()) == (
            409,
            20009,
        )


@pytest.mark.parametrize(
    ("user", "password"),
    [(ACCOUNT, "wrong"), ("AC" + "b" * 32, "local-auth-token"), ("SK" + "1" * 32, "wrong")],
)
async def test_credentials(user: str, password: str) -> None:
    """Another token, another account and an unknown key are refused with 401 and 20003."""
    async with serving(api_keys=f"SK{'1' * 32}:right") as server:
        client = Twilio(server, user, password)
        assert await client.refusal(lambda twilio: twilio.calls(record(1).sid).fetch()) == (
            401,
            20003,
        )
        client.close()


async def test_an_api_key() -> None:
    """A key and its secret open the door as the account's token does."""
    async with serving(api_keys=f"SK{'1' * 32}:right,SK{'2' * 32}:other") as server:
        client = Twilio(server, "SK" + "2" * 32, "other")
        assert await client.do(lambda twilio: twilio.calls.list()) == []
        client.close()


async def test_the_account_that_is_set() -> None:
    """With an account's sid in the settings no other is let in."""
    async with serving(account_sid="AC" + "c" * 32) as server:
        client = Twilio(server)
        assert await client.refusal(lambda twilio: twilio.calls(record(1).sid).fetch()) == (
            401,
            20003,
        )
        client.close()


@pytest.mark.parametrize("header", ["", "Basic !!", "Bearer x", "Basic " + "/w=="])
async def test_strange_credentials(twilio: Twilio, header: str) -> None:
    """Whatever is in the header, the answer is 401 in Twilio's form. The last one is base64 of what
    is no UTF-8."""
    async with client_of(twilio.server) as client:
        answer = await client.get(
            f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json", headers={"Authorization": header}
        )
        assert answer.status_code == 401
        assert answer.json() == {
            "code": 20003,
            "message": "Authenticate",
            "more_info": "https://www.twilio.com/docs/errors/20003",
            "status": 401,
        }


async def test_what_is_not_there(twilio: Twilio) -> None:
    """Paths and methods that Twilio has and this service has not are 20404."""
    async with client_of(twilio.server) as client:
        client.auth = httpx.BasicAuth(ACCOUNT, "local-auth-token")
        for method, path in (("GET", "Messages.json"), ("PUT", "Calls.json"), ("GET", "")):
            answer = await client.request(method, f"/2010-04-01/Accounts/{ACCOUNT}/{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, 20404)


@pytest.mark.contract("T96")
@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
async def test_pipecats_way_of_hanging_up(twilio: Twilio) -> None:
    """Pipecat's serializer, with a base URL, posts `Status=completed` and takes 200, or 404 with
    20404 for a call that is over already. Its request is repeated here byte for byte by the client
    that it uses; tests/pipecat has the serializer itself."""
    import aiohttp

    async with (
        local_call(twilio.server.service, PAUSE) as (live, running),
        aiohttp.ClientSession() as session,
    ):
        base = f"http://127.0.0.1:{twilio.server.port}"
        endpoint = f"{base}/2010-04-01/Accounts/{ACCOUNT}/Calls/{live.call.sid}.json"
        auth = aiohttp.BasicAuth(ACCOUNT, "local-auth-token")
        async with session.post(endpoint, auth=auth, data={"Status": "completed"}) as answer:
            assert answer.status == 200
        assert (await running).hung_up_by == "rest"
        async with session.post(endpoint, auth=auth, data={"Status": "completed"}) as answer:
            assert answer.status == 404
            assert (await answer.json())["code"] == 20404


async def test_a_time_limit(twilio: Twilio) -> None:
    """A limit that is set on a running call ends it then."""
    async with local_call(twilio.server.service, PAUSE) as (live, running):
        await twilio.do(lambda client: client.calls(live.call.sid).update(time_limit=1))
        assert (await asyncio.wait_for(running, 20)).hung_up_by == "time-limit"
