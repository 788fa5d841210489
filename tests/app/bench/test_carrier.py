"""SignalWire's side as the benchmark plays it, and the customer's app behind the service."""

from __future__ import annotations

import httpx
import pytest

from app.bench.carrier import App, Carrier, legs_of
from app.bench.errors import CarrierError
from app.bench.generator import Leg
from twiml.parser import parse


@pytest.mark.parametrize("forks", [1, 4, 5])
def test_the_app_s_document(forks: int) -> None:
    """One two-way stream and the rest one-way, without a fault, each to a socket of its own."""
    app = App(4000, forks)
    document = app.document(7)
    assert parse(document.encode(), allow_plain_ws=True).diagnostics == ()
    assert document.count("<Connect>") == 1
    assert document.count("<Start>") == forks - 1
    for index in range(forks):
        assert f'url="ws://127.0.0.1:4000/c/7/{index}"' in document


async def test_the_app_serves() -> None:
    """The caller's number says which call it is; connections are kept for the next request."""
    app = App(4000)
    async with app.serve() as url, httpx.AsyncClient(trust_env=False) as client:
        for call in (12, 345):
            answer = await client.post(url, data={"From": f"+1555{call:07d}"})
            assert answer.headers["content-type"] == "text/xml"
            assert answer.text == app.document(call)
            assert "connection" not in answer.headers
        assert (app.calls, app.events) == (2, {})


async def test_the_app_is_told_of_streams() -> None:
    """With callbacks, streams ask for them, they are counted, and no connection stays."""
    app = App(4000, status=True)
    async with app.serve() as url, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(url, data={"From": "+15550000001"})
        status = f"http://127.0.0.1:{app.port}/status"
        assert f'statusCallback="{status}"' in answer.text
        answer = await client.post(status, data={"StreamEvent": "stream-started"})
        assert answer.status_code == 204
        assert answer.headers["connection"] == "close"
        assert (app.calls, app.events) == (1, {"stream-started": 1})


def test_sockets_of_an_answer() -> None:
    """SignalWire opens one socket for each stream; the connected one is stream 0."""
    answer = b"""<Response>
      <Start><Stream url="ws://127.0.0.1:9/media/b" authBearerToken="two"/></Start>
      <Connect><Stream url="ws://127.0.0.1:9/media/a" authBearerToken="one"/></Connect>
    </Response>"""
    assert legs_of(answer) == [
        Leg("127.0.0.1", 9, "/media/a", "one", first=0, two_way=True),
        Leg("127.0.0.1", 9, "/media/b", "two", first=1, two_way=False),
    ]


@pytest.mark.parametrize("answer", [b"<Response><Reject/></Response>", b"<Response/>"])
def test_an_answer_without_a_stream(answer: bytes) -> None:
    with pytest.raises(CarrierError, match="the answer connects no stream: <Response"):
        legs_of(answer)


async def test_a_service_that_fails() -> None:
    """Whatever is not the answer that is due is an error with its reason."""
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(500))
    ) as client:
        carrier = Carrier("http://service", client)
        with pytest.raises(CarrierError, match="the webhook was answered 500"):
            await carrier.call(1)
        with pytest.raises(CarrierError, match="the status callback was answered 500"):
            await carrier.hang_up(1)
        await carrier.hang_up(2)  # never begun: there is nothing to report
