"""Ids in the paths of requests to SignalWire: nothing of a customer's gets out of its segment."""

from __future__ import annotations

import asyncio
import base64
import json
from urllib.parse import urlencode

import httpx
import pytest

from app.carrier.client import SignalWireRest, resource
from app.settings import LOCAL_AUTH_TOKEN
from app.telephony.orders import Refusal
from bridge.ids import alias
from tests.app.rest.carried import OTHER_ID, SID, Carried
from tests.app.rest.twilio_client import ACCOUNT
from tests.support.peers import response, web_app

ROOM = alias("CF", OTHER_ID)
ODD = ("%2e%2e", ".", "x%3FStatus=completed", "..%5Ccalls", "a%23b", "boss", "CA" + "g" * 32)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("Conferences/{}", {"Status": "completed"}),
        ("Conferences/{}/Participants/" + SID, {"Muted": "true"}),
        (f"Conferences/{ROOM}/Participants/{{}}", {"Muted": "true"}),
        (f"Calls/{SID}/Recordings/{{}}", {"Status": "stopped"}),
    ],
)
async def test_odd_ids_do_not_reach_signalwire(
    carried: Carried, path: str, form: dict[str, str]
) -> None:
    """What is no sid is not found here: SignalWire is asked nothing with our credentials."""
    await carried.webhook("/signalwire/cxml")
    for odd in ODD:
        assert await raw_post(carried, path.format(odd), form) == (404, 20404), odd
    assert carried.signalwire.requests == []


async def raw_post(carried: Carried, path: str, form: dict[str, str]) -> tuple[int, int]:
    """Status and number of the answer to a request whose path no library tidies up."""
    body = urlencode(form).encode()
    credentials = base64.b64encode(f"{ACCOUNT}:{LOCAL_AUTH_TOKEN}".encode()).decode()
    head = (
        f"POST /2010-04-01/Accounts/{ACCOUNT}/{path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Basic {credentials}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", carried.server.port)
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    value = json.loads(answer.partition(b"\r\n\r\n")[2])
    return int(answer.split(b" ", 2)[1]), int(value["code"])


async def test_a_strange_id_stays_one_segment() -> None:
    """An id that SignalWire itself has given is quoted, whatever is in it; dots are refused."""
    async with web_app(response(200, b"{}")) as app, httpx.AsyncClient(trust_env=False) as client:
        rest = SignalWireRest(client, app.origin, "p/1", httpx.BasicAuth("p/1", "t"))
        await rest.post(resource("Calls", "../../x?y=1#z%2e", "Streams"), ())
        await rest.delete(resource("Calls", "..a"))
        accounts = "/api/laml/2010-04-01/Accounts/p%2F1/Calls"
        assert [request.target for request in app.requests] == [
            f"{accounts}/..%2F..%2Fx%3Fy%3D1%23z%252e/Streams",
            f"{accounts}/..a",
        ]
    for dots in ("", ".", ".."):
        with pytest.raises(Refusal):
            resource("Calls", dots)
