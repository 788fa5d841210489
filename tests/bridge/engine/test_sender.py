from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

import pytest

from bridge.engine.connect import tls_context
from bridge.engine.guard import AddressGuard
from bridge.engine.http import new_client
from bridge.engine.sender import CallbackSender
from bridge.engine.webhook import Webhooks
from tests.support.calls import AUTH_TOKEN, Story, running_engine
from tests.support.peers import HOST, read_request, response, tcp_server, web_app

NO_CONTENT = response(204)


def form(event: str) -> tuple[tuple[str, str], ...]:
    return (("StreamEvent", event),)


class Hanging:
    """A server that answers nobody before its `release`; `asked` counts its requests."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.release = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        self.asked += 1
        await self.release.wait()
        writer.write(NO_CONTENT)


@asynccontextmanager
async def hanging_server() -> AsyncIterator[Hanging]:
    hanging = Hanging()
    async with tcp_server(hanging.serve) as port:
        hanging.url = f"http://{HOST}:{port}/"
        yield hanging


async def test_delivered() -> None:
    """A callback is posted, and the timeline says what came of it."""
    story = Story()
    async with web_app(NO_CONTENT) as app, running_engine() as engine:
        engine.sender.send(story.call, app.url("/status"), "POST", form("a"), order="s")
        assert engine.sender.pending == 1
        entry = await story.until("callback.delivered")
        assert await engine.sender.drain(10) == 0
        assert (engine.sender.pending, engine.sender.delivered) == (0, 1)
    assert app.requests[0].body == b"StreamEvent=a"
    assert (entry.data["event"], entry.data["status"], entry.data["attempts"]) == ("a", 204, 1)


async def test_one_after_another() -> None:
    """Callbacks of one stream arrive in order, each when the one before has been answered."""
    events = [str(number) for number in range(20)]
    open_now = 0
    arrived: list[str] = []

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        request = await read_request(reader)
        open_now += 1
        assert open_now == 1
        arrived.append(dict(parse_qsl(request.body.decode()))["StreamEvent"])
        await asyncio.sleep(0)
        open_now -= 1
        writer.write(NO_CONTENT)

    story = Story()
    async with tcp_server(serving) as port, running_engine() as engine:
        for event in events:
            url = f"http://{HOST}:{port}/"
            engine.sender.send(story.call, url, "POST", form(event), order="s")
        await story.until("callback.delivered", len(events))
    assert arrived == events


async def test_streams_do_not_wait_for_one_another() -> None:
    """A stream whose callbacks hang does not hold up another's."""
    story = Story()
    async with hanging_server() as slow, web_app(NO_CONTENT) as app, running_engine() as engine:
        engine.sender.send(story.call, slow.url, "POST", form("slow"), order="1")
        engine.sender.send(story.call, app.url("/"), "POST", form("quick"), order="2")
        assert (await story.until("callback.delivered")).data["event"] == "quick"
        slow.release.set()
        await story.until("callback.delivered", 2)


async def test_a_failure_is_told_and_the_next_goes_out() -> None:
    """A callback that fails is on the timeline with its number; those behind it still go."""
    story = Story()
    async with web_app(response(500), NO_CONTENT) as app, running_engine() as engine:
        engine.sender.send(story.call, app.url("/"), "POST", form("a"), order="s")
        engine.sender.send(story.call, app.url("/"), "POST", form("b"), order="s")
        await story.until("callback.delivered")
        (failed,) = story.told("callback.failed")
        assert (failed.data["event"], failed.data["code"]) == ("a", 11200)
        assert (engine.sender.failed, engine.sender.delivered) == (1, 1)


@pytest.mark.parametrize("url", ["", "status", "http://[::1", "ws://h/", "http://h:99999/"])
async def test_a_url_that_is_none(url: str) -> None:
    """A callback URL that cannot be asked is a failure like others, with its number."""
    story = Story()
    async with running_engine() as engine:
        engine.sender.send(story.call, url, "POST", form("a"), order="s")
        assert (await story.until("callback.failed")).data["code"] == 11210


async def test_a_fault_of_our_own() -> None:
    """What nobody foresaw is told without details and harms nothing."""
    story = Story()
    client = new_client(AddressGuard(allow_private=True), tls_context())
    await client.aclose()
    sender = CallbackSender(Webhooks(client, AUTH_TOKEN))
    sender.send(story.call, f"http://{HOST}:1/", "POST", form("a"), order="s")
    entry = await story.until("callback.failed")
    assert (entry.level, entry.data["message"]) == ("error", "internal error")
    assert await sender.drain(10) == 0
    assert sender.failed == 1


async def test_what_waits_is_bounded() -> None:
    """Up to the limit callbacks wait; one more is dropped, counted and told."""
    story = Story()
    async with (
        hanging_server() as slow,
        new_client(AddressGuard(allow_private=True), tls_context()) as client,
    ):
        sender = CallbackSender(Webhooks(client, AUTH_TOKEN), limit=2)
        url = slow.url
        for event in ("a", "b"):
            sender.send(story.call, url, "POST", form(event), order=event)
        assert (sender.pending, sender.dropped) == (2, 0)
        sender.send(story.call, url, "POST", form("c"), order="c")
        assert (sender.pending, sender.dropped) == (2, 1)
        assert story.told("callback.dropped")[0].data == {"event": "c", "limit": 2}
        slow.release.set()
        assert await sender.drain(10) == 0
    assert sender.delivered == 2


async def test_so_many_at_once() -> None:
    """No more than `concurrency` callbacks are under way together; all get there."""
    together = most = 0

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal together, most
        await read_request(reader)
        together += 1
        most = max(most, together)
        await asyncio.sleep(0)
        together -= 1
        writer.write(NO_CONTENT)

    story = Story()
    async with (
        tcp_server(serving) as port,
        new_client(AddressGuard(allow_private=True), tls_context()) as client,
    ):
        sender = CallbackSender(Webhooks(client, AUTH_TOKEN), concurrency=3)
        for number in range(12):
            url = f"http://{HOST}:{port}/"
            sender.send(story.call, url, "POST", form("x"), order=str(number))
        assert await sender.drain(10) == 0
    assert sender.delivered == 12
    assert most <= 3


async def test_so_many_at_once_for_one_host() -> None:
    """A host that hangs takes up its own share; another host's callbacks go out meanwhile."""
    story = Story()
    async with (
        hanging_server() as slow,
        web_app(NO_CONTENT) as app,
        new_client(AddressGuard(allow_private=True), tls_context()) as client,
    ):
        sender = CallbackSender(Webhooks(client, AUTH_TOKEN), concurrency=4, per_host=2)
        for number in range(10):
            url = slow.url
            sender.send(story.call, url, "POST", form("slow"), order=str(number))
        for number in range(3):
            sender.send(story.call, app.url("/"), "POST", form("quick"), order=f"q{number}")
        await story.until("callback.delivered", 3)
        assert slow.asked == 2
        slow.release.set()
        assert await sender.drain(10) == 0
    assert sender.delivered == 13


async def test_draining_gives_up() -> None:
    """Callbacks that are still under way when the time is over are given up and counted."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    story = Story()
    async with (
        tcp_server(silent) as port,
        new_client(AddressGuard(allow_private=True), tls_context()) as client,
    ):
        sender = CallbackSender(Webhooks(client, AUTH_TOKEN))
        assert await sender.drain(0) == 0
        for order in ("s", "s", "t"):
            sender.send(story.call, f"http://{HOST}:{port}/", "POST", form("x"), order=order)
        assert await sender.drain(0.05) == 3
        assert (sender.pending, sender.dropped) == (0, 3)


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ((("StreamEvent", "stream-started"),), "stream-started"),
        ((("CallStatus", "completed"),), "completed"),
        ((("CallStatus", "in-progress"), ("RecordingStatus", "absent")), "absent"),
        ((("StreamEvent", ""), ("CallStatus", "completed")), "completed"),
        ((("Other", "x"),), "callback"),
    ],
)
async def test_events_are_named(fields: tuple[tuple[str, str], ...], event: str) -> None:
    """The timeline names a callback by what it tells."""
    story = Story()
    async with web_app(NO_CONTENT) as app, running_engine() as engine:
        engine.sender.send(story.call, app.url("/"), "POST", fields, order="s")
        assert (await story.until("callback.delivered")).data["event"] == event
