"""One port for HTTP, our media sockets and everybody else's WebSockets."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from app import grants
from app.grants import StreamGrant
from app.main import Server
from tests.app.running import client_of, new_call, serving
from tests.support.tokens import forged
from twiml.actions import Stream

pytestmark = pytest.mark.asyncio(loop_scope="module")

UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
)


def media_path(server: Server, purpose: str = grants.MEDIA, number: int = 1) -> tuple[str, str]:
    """The path of a media socket that is expected, and its bearer token."""
    service = server.service
    call = new_call(service, number)
    stream = Stream(url="ws://127.0.0.1:1/", connect_url="ws://127.0.0.1:1/")
    grant = StreamGrant(service.calls[call.sid].context, "MZ" + "0" * 32, stream, True)
    token = service.tokens.issue(purpose, call.sid, grant, once=True)
    return f"/media/{token}", service.tokens.bearer(token)


async def status_of(server: Server, path: str, authorization: str | None = None) -> int:
    """What a WebSocket handshake is answered with."""
    headers = {} if authorization is None else {"Authorization": authorization}
    try:
        async with connect(
            f"ws://127.0.0.1:{server.port}{path}", additional_headers=headers, proxy=None
        ):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_a_bare_token_opens_its_socket_once() -> None:
    """Where a document has no place for a bearer token, the token in the path is all there is."""
    async with serving() as server:
        path, _ = media_path(server, grants.BARE_MEDIA)
        assert await status_of(server, path) == 101
        assert await status_of(server, path) == 404
        path, _ = media_path(server, grants.BARE_MEDIA, number=2)
        assert await status_of(server, path, "Bearer of something else") == 101
        assert await status_of(server, forged(path)) == 401


async def test_other_sockets_are_uvicorns() -> None:
    """On the same port the example agent's socket holds its conversation, messages and close."""
    async with (
        serving() as server,
        client_of(server) as client,
        connect(f"ws://127.0.0.1:{server.port}/agent/stream", proxy=None) as socket,
    ):
        for message in (
            {"event": "connected"},
            {"event": "start", "streamSid": "MZ1", "start": {"callSid": "CA1"}},
            {"event": "dtmf", "dtmf": {"digit": "7"}},
            {"event": "dtmf", "dtmf": {"digit": "*"}},
        ):
            await socket.send(json.dumps(message))
        await socket.wait_closed()
        assert socket.close_code == 1000
        known = (await client.get("/agent/calls/CA1")).json()
        assert (known["digits"], known["ended"]) == ("7*", "star")


async def test_a_large_message_to_another_socket() -> None:
    """A second of audio in one message, or a message in pieces, reaches a socket of uvicorn's."""
    async with (
        serving() as server,
        connect(f"ws://127.0.0.1:{server.port}/agent/listen", proxy=None) as socket,
    ):
        start = {"event": "start", "streamSid": "MZ1", "start": {"callSid": "CA2"}}
        text = json.dumps(start | {"filler": "x" * 100_000})
        await socket.send([text[:7], text[7:50_000], text[50_000:]])
        await socket.send(json.dumps({"event": "stop"}))
        await socket.wait_closed()
        assert server.app.state.agent.state.calls.get("CA2") is not None


@pytest.mark.parametrize(
    "path", ["/", "/media", "/nothing", "/signalwire/cxml", "/Media/x", "/agent/voice", "//media/x"]
)
async def test_sockets_nobody_serves(server: Server, path: str) -> None:
    """A WebSocket to a path that has none is refused, as HTTP refuses it."""
    assert await status_of(server, path) == 403


@pytest.mark.parametrize("path", ["/media/", "/media/x", "/media/x/y", "/media/%00", "/media/?a"])
async def test_media_paths_without_a_token(server: Server, path: str) -> None:
    """A media path that we did not make needs a bearer token first, and has none that is good."""
    for authorization in (None, "", "Bearer", "Bearer x", "Basic eDp4"):
        assert await status_of(server, path, authorization) == 401


async def test_a_forged_path_with_its_own_bearer(server: Server) -> None:
    """Even a bearer that fits its path opens no path that we did not make."""
    for token in ("", "x", "A" * 43):
        bearer = server.service.tokens.bearer(token)
        assert await status_of(server, f"/media/{token}", f"Bearer {bearer}") == 404


async def test_a_token_of_another_purpose(server: Server) -> None:
    """What opens a stream's status callback opens no media socket."""
    service = server.service
    call = new_call(service)
    grant = StreamGrant(service.calls[call.sid].context, "MZ1", Stream(url="wss://x"), True)
    token = service.tokens.issue(grants.STREAM_STATUS, call.sid, grant)
    bearer = service.tokens.bearer(token)
    assert await status_of(server, f"/media/{token}", f"Bearer {bearer}") == 404


async def test_a_media_socket_of_a_call_that_is_over() -> None:
    """With its call the media socket's token is gone."""
    async with serving() as server:
        path, bearer = media_path(server)
        (sid,) = server.service.calls
        server.service.end_call(sid, "test")
        assert await status_of(server, path, f"Bearer {bearer}") == 404


@pytest.mark.contract("S46")
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_the_bearer_opens_its_path_once(server: Server, scheme: str) -> None:
    """A wrong bearer uses nothing up; the right one opens the socket, and then no second one."""
    path, bearer = media_path(server)
    assert await status_of(server, path) == 401
    assert await status_of(server, path, f"Bearer {bearer[:-1]}") == 401
    assert await status_of(server, path, f"Basic {bearer}") == 401
    assert await status_of(server, f"{path}?extra=1", f"{scheme}  {bearer}") == 101
    assert await status_of(server, path, f"{scheme} {bearer}") == 404


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_a_media_path_is_no_page(server: Server, method: str) -> None:
    """Asked as a page a media path is not found, and its token is not used up."""
    async with client_of(server) as client:
        path, bearer = media_path(server)
        authorization = {"Authorization": f"Bearer {bearer}"}
        assert (await client.request(method, path, headers=authorization)).status_code == 404
        assert await status_of(server, path, f"Bearer {bearer}") == 101


@pytest.mark.parametrize("cut", [1, 20, -2])
async def test_a_handshake_in_pieces(server: Server, cut: int) -> None:
    """A request that comes in two packets is one request, for our sockets and for others."""
    async with client_of(server) as client:
        path, bearer = media_path(server)
        for target, more, status in (
            (path, f"Authorization: Bearer {bearer}\r\n", b"101"),
            ("/agent/stream", "", b"101"),
            ("/media/x", "", b"401"),
        ):
            request = UPGRADE.format(path=target, more=more).encode()
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(request[:cut])
            await client.get("/healthz")  # by now the first part has been read
            writer.write(request[cut:])
            assert (await reader.readline()).split(b" ")[1] == status
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("more", "path"),
    [("Sec-WebSocket-Version: 99", "/media/x"), ("Sec-WebSocket-Key: short", "/media/x")],
)
async def test_a_broken_handshake(server: Server, more: str, path: str) -> None:
    """A handshake that breaks the protocol is the client's fault, and the service lives on."""
    request = UPGRADE.format(path=path, more="")
    name = more.partition(":")[0]
    lines = [more if line.startswith(name) else line for line in request.split("\r\n")]
    async with client_of(server) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write("\r\n".join(lines).encode())
        assert (await reader.readline()).split(b" ")[1][:1] == b"4"
        writer.close()
        await writer.wait_closed()
        assert (await client.get("/healthz")).status_code == 200
