from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from twilio.request_validator import RequestValidator
from websockets.asyncio.server import serve

from bridge.engine.connect import StreamConnector, tls_context
from bridge.engine.guard import AddressGuard
from bridge.engine.sockets import Closed, Socket
from bridge.errors import CustomerError
from bridge.limits import StreamLimits
from tests.support.authority import Authority
from tests.support.calls import AUTH_TOKEN, Names
from tests.support.engines import chosen
from tests.support.peers import (
    HOST,
    HttpRequest,
    Serve,
    consumer,
    read_request,
    response,
    tcp_server,
    upgrade,
)

pytestmark = pytest.mark.usefixtures("fast")

LIMITS = StreamLimits(connect_time=10)


class Owner:
    """The least a socket's owner can be."""

    def __init__(self) -> None:
        self.socket: Socket | None = None
        self.ended: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()

    def opened(self, socket: Socket) -> None:
        self.socket = socket

    def text(self, data: bytes) -> None: ...
    def binary(self, data: bytes) -> None: ...

    def closed(self, how: Closed) -> None:
        self.ended.set_result(how)


def connector(
    *,
    tls: ssl.SSLContext | None = None,
    limits: StreamLimits = LIMITS,
    names: Names | None = None,
    local: bool = True,
    downgrade: bool = False,
) -> StreamConnector:
    guard = AddressGuard(allow_private=local, resolver=names or Names())
    return StreamConnector(AUTH_TOKEN, guard, tls or tls_context(), limits, downgrade, chosen.fast)


async def opens(to: StreamConnector, url: str) -> None:
    """Open and close again; fails unless both go well."""
    owner = Owner()
    socket = await to.open(url, owner)
    assert owner.socket is socket
    assert socket.is_open
    socket.close()
    assert (await owner.ended).code == 1000


async def refusal(to: StreamConnector, url: str) -> CustomerError:
    """The error with which opening fails; the owner has heard of no socket."""
    owner = Owner()
    with pytest.raises(CustomerError) as caught:
        await to.open(url, owner)
    assert owner.socket is None
    assert not owner.ended.done()
    return caught.value


@asynccontextmanager
async def answering(
    answer: bytes, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[HttpRequest]]]:
    """A server that reads a request and answers with these bytes; its port and the requests."""
    requests: list[HttpRequest] = []

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(answer)
        await writer.drain()

    async with tcp_server(serving, tls=tls) as port:
        yield port, requests


@asynccontextmanager
async def accepting(
    *extra: str, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[HttpRequest]]]:
    """A server that upgrades by hand with header lines of its own, and waits for the end."""
    requests: list[HttpRequest] = []

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await upgrade(reader, writer, *extra))
        await reader.read(100)
        writer.write(b"\x88\x02\x03\xe8")

    async with tcp_server(serving, tls=tls) as port:
        yield port, requests


# What is sent


@pytest.mark.contract("T42", "T43")
async def test_upgrade_request(authority: Authority) -> None:
    """T42, T43: The request has Twilio's headers in their order and no other, over TLS."""
    async with accepting(tls=authority.server("app.test")) as (port, requests):
        names = Names(app_test=[[HOST]])
        await opens(connector(tls=authority.client(), names=names), f"wss://app.test:{port}/media")
    (request,) = requests
    assert (request.method, request.target) == ("GET", "/media")
    assert [name for name, _ in request.headers] == [
        "Host",
        "User-Agent",
        "Connection",
        "Upgrade",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "X-Twilio-Signature",
    ]
    assert request.header("Host") == f"app.test:{port}"
    assert request.header("User-Agent") == "Twilio.TmeWs/1.0"
    assert request.header("Connection") == "Upgrade"
    assert request.header("Upgrade") == "websocket"
    assert request.header("Sec-WebSocket-Version") == "13"
    assert len(base64.b64decode(request.header("Sec-WebSocket-Key") or "")) == 16


@pytest.mark.contract("T42")
async def test_a_fresh_key_each_time() -> None:
    """T42: Every connection has a key of its own."""
    async with accepting() as (port, requests):
        to = connector()
        for _ in range(3):
            await opens(to, f"ws://{HOST}:{port}/")
    assert len({request.header("Sec-WebSocket-Key") for request in requests}) == 3


@pytest.mark.contract("T44", "T45", "T46")
@pytest.mark.parametrize(
    ("rest", "target", "signature"),
    [
        ("", "/", "hoaxtdkWNBxVYCmDLq7UdjDdXIg="),
        ("/", "/", "hoaxtdkWNBxVYCmDLq7UdjDdXIg="),
        ("?token=1", "/", "hoaxtdkWNBxVYCmDLq7UdjDdXIg="),
        ("/media", "/media", "7PR3qMkpDyEJtMrVOY/LDyNq8J8="),
        ("/media/", "/media/", "T+WBXwUXC0/CyoZ1DA+p9ilZORs="),
        ("/media?a=1&b=2#part", "/media", "7PR3qMkpDyEJtMrVOY/LDyNq8J8="),
    ],
)
async def test_signature(authority: Authority, rest: str, target: str, signature: str) -> None:
    """The signature equals the known vectors: over wss, host and path; no port, query, fragment.

    The query and the fragment are not sent either; an empty path is a slash.

    Proves T44, T45, T46.
    """
    async with accepting(tls=authority.server("example.com")) as (port, requests):
        names = Names(example_com=[[HOST]])
        to = connector(tls=authority.client(), names=names)
        await opens(to, f"wss://example.com:{port}{rest}")
        await opens(to, f"wss://user:secret@example.com:{port}{rest}")
    for request in requests:
        assert request.target == target
        assert request.header("X-Twilio-Signature") == signature
    validator = RequestValidator(AUTH_TOKEN)
    assert validator.validate(f"wss://example.com{target}", {}, signature)


async def test_non_ascii_path_is_signed_as_it_is_sent() -> None:
    """A path outside ASCII is percent-encoded, and that form is signed: the one the app sees."""
    async with accepting() as (port, requests):
        await opens(connector(), f"ws://{HOST}:{port}/médiá")
    (request,) = requests
    assert request.target == "/m%C3%A9di%C3%A1"
    signature = request.header("X-Twilio-Signature")
    assert RequestValidator(AUTH_TOKEN).validate(f"ws://{HOST}{request.target}", {}, signature)


async def test_no_extension_and_no_subprotocol_is_agreed_on() -> None:
    """A server that would compress is not asked to."""
    async with consumer() as app:
        owner = Owner()
        socket = await connector().open(app.url, owner)
        connection = await app.accept()
        assert connection.subprotocol is None
        assert connection.protocol.extensions == []
        socket.close()
        assert (await owner.ended).code == 1000


# Why it fails


@pytest.mark.contract("T49")
async def test_31901_no_answer() -> None:
    """T49: A server that accepts and never answers is given up when the time is over."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        await asyncio.Event().wait()

    async with tcp_server(silent) as port:
        error = await refusal(
            connector(limits=StreamLimits(connect_time=0.05)), f"ws://{HOST}:{port}/"
        )
    assert (error.code, error.message) == (31901, f"no answer from {HOST} in 0.05 s")


async def test_31901_silence_instead_of_tls(authority: Authority) -> None:
    """A server that never answers the TLS hello is given up when the time is over."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with tcp_server(silent) as port:
        to = connector(tls=authority.client(), limits=StreamLimits(connect_time=0.05))
        assert (await refusal(to, f"wss://{HOST}:{port}/")).code == 31901


async def test_31901_counts_the_resolver() -> None:
    """The time to resolve the name counts too."""

    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    to = replace(
        connector(limits=StreamLimits(connect_time=0.05)),
        guard=AddressGuard(allow_private=True, resolver=never),
    )
    assert (await refusal(to, "wss://app.test/")).code == 31901


@asynccontextmanager
async def closed_port() -> AsyncIterator[int]:
    """A port of this machine that is taken and where nobody listens."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]


@pytest.mark.contract("T49")
async def test_31902_refused() -> None:
    """T49: A port where nobody listens refuses the connection."""
    async with closed_port() as port:
        assert (await refusal(connector(), f"ws://{HOST}:{port}/")).code == 31902


def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    writer.transport.abort()


@pytest.mark.parametrize("end", [hang_up, reset])
async def test_31903_broken_off(
    end: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None],
) -> None:
    """A server that drops the connection instead of answering has broken it off."""

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        end(reader, writer)

    async with tcp_server(serving) as port:
        assert (await refusal(connector(), f"ws://{HOST}:{port}/")).code == 31903


@pytest.mark.contract("T49")
@pytest.mark.parametrize("host", ["10.1.2.3", "[::1]", "169.254.169.254", "localhost"])
async def test_31904_private(host: str) -> None:
    """T49: An address that is not public is not connected to."""
    error = await refusal(connector(local=False), f"wss://{host}:1/")
    assert error.code == 31904
    assert "not a public address" in error.message


@pytest.mark.contract("T49")
@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b"])
async def test_31904_unresolvable(host: str) -> None:
    """T49: A name without an address is unreachable."""
    error = await refusal(connector(), f"wss://{host}/")
    assert error.code == 31904
    assert "cannot be resolved" in error.message


async def test_31904_no_route() -> None:
    """An address to which no way leads is unreachable."""
    names = Names(app_test=[["fe80::1"]])  # link-local, of no interface
    error = await refusal(connector(names=names), "wss://app.test/")
    assert (error.code, "app.test cannot be reached" in error.message) == (31904, True)


@pytest.mark.contract("T47")
async def test_31910_untrusted(authority: Authority) -> None:
    """T47: A certificate that nobody we trust has signed is refused before a word is said."""
    async with answering(b"", tls=Authority().server("app.test")) as (port, requests):
        names = Names(app_test=[[HOST]])
        to = connector(tls=authority.client(), names=names, downgrade=True)
        error = await refusal(to, f"wss://app.test:{port}/")
    assert (error.code, requests) == (31910, [])


@pytest.mark.contract("T47")
async def test_31910_wrong_name(authority: Authority) -> None:
    """T47: A trusted certificate of another host is refused."""
    async with answering(b"", tls=authority.server("other.test")) as (port, requests):
        names = Names(app_test=[[HOST]])
        to = connector(tls=authority.client(), names=names, downgrade=True)
        error = await refusal(to, f"wss://app.test:{port}/")
    assert (error.code, requests) == (31910, [])


async def test_31910_plain_answer(authority: Authority) -> None:
    """A server that answers the TLS hello in plain text has failed at TLS."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(response(400))
        await writer.drain()

    async with tcp_server(plain) as port:
        assert (await refusal(connector(), f"wss://{HOST}:{port}/")).code == 31910


@pytest.mark.contract("T48")
@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 426, 500, 503])
async def test_31920_other_answers(status: int) -> None:
    """T48: Any answer but 101 is named with its status."""
    async with answering(response(status, b"no")) as (port, _):
        error = await refusal(connector(), f"ws://{HOST}:{port}/")
    assert (error.code, error.message) == (31920, f"the server answered HTTP {status}, not 101")


@pytest.mark.contract("T48")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_31920_redirects_are_not_followed(status: int) -> None:
    """T48: A redirect is an answer like any other: the place it names is never asked."""
    async with consumer() as app:
        async with answering(response(status, b"", f"Location: {app.url}")) as (port, _):
            error = await refusal(connector(), f"ws://{HOST}:{port}/")
        assert (error.code, app.connections.qsize()) == (31920, 0)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"\x00\xff\x00\xff\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        (
            b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
        ),
        b"HTTP/1.1 101 X\r\nBad Header\r\n\r\n",
        b"HTTP/1.1 101 X\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 2_000_000,
    ],
)
async def test_31920_no_handshake(answer: bytes) -> None:
    """An answer that is no handshake, or one for another key, is refused."""
    async with answering(answer) as (port, _):
        assert (await refusal(connector(), f"ws://{HOST}:{port}/")).code == 31920


@pytest.mark.parametrize(
    "url",
    [
        "",
        "media",
        "https://app.test/media",
        "wss://",
        "wss:///media",
        "wss://:443/media",
        "wss://app.test:port/",
        "wss://app.test:65536/",
        "wss://[::1/",
        "wss://[zz]/",
        "wss://user@app.test/",
        "mailto:a@app.test",
    ],
)
async def test_31923_malformed(url: str) -> None:
    """What is no WebSocket URL is refused as such, and nothing is resolved or dialled."""
    names = Names()
    error = await refusal(connector(names=names), url)
    assert (error.code, names.asked) == (31923, [])


@pytest.mark.contract("T50")
@pytest.mark.parametrize(
    "line",
    ["Sec-WebSocket-Protocol: audio.twilio.com", "Sec-WebSocket-Extensions: permessage-deflate"],
)
async def test_what_was_not_offered_is_not_accepted(line: str) -> None:
    """T50: A server that selects a subprotocol or extension on its own fails the connection."""
    async with accepting(line) as (port, _):
        error = await refusal(connector(), f"ws://{HOST}:{port}/")
    assert (error.code, "not offered" in error.message) == (31924, True)


# Where it connects


async def test_connects_to_the_address_that_was_checked() -> None:
    """The name is resolved once: an answer that would change at the second asking is never got."""
    async with consumer() as app:
        names = Names(app_test=[[HOST], ["10.0.0.1"]])
        await opens(connector(names=names), f"ws://app.test:{app.port}/")
    assert names.asked == ["app.test"]


@pytest.mark.parametrize("first", ["::1", "fe80::1"])
async def test_tries_every_address(first: str) -> None:
    """An address that refuses or that no way leads to gives way to the next."""
    async with consumer() as app:
        names = Names(app_test=[[first, HOST]])
        await opens(connector(names=names), f"ws://app.test:{app.port}/")


async def test_tls_is_for_the_name_not_the_address(authority: Authority) -> None:
    """Connecting to the checked address, the certificate is still verified for the name."""
    async with consumer(authority.server("app.test")) as app:
        names = Names(app_test=[[HOST]])
        await opens(connector(tls=authority.client(), names=names), f"wss://app.test:{app.port}/")
        error = await refusal(connector(tls=authority.client()), app.url)
    assert error.code == 31910


# Local mode


async def plain_websocket() -> tuple[Serve, list[bytes]]:
    """A WebSocket server without TLS that notes the first byte of each connection."""
    firsts: list[bytes] = []

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1)
        firsts.append(first)
        if first != b"G":
            writer.write(response(400))
            await writer.drain()
            return
        reader._buffer[:0] = first  # type: ignore[attr-defined]
        await upgrade(reader, writer)
        await reader.read(100)
        writer.write(b"\x88\x02\x03\xe8")

    return serving, firsts


async def test_downgrade_on_loopback() -> None:
    """In local mode a wss URL reaches a server of this machine without TLS, each time anew."""
    serving, firsts = await plain_websocket()
    async with tcp_server(serving) as port:
        to = connector(downgrade=True)
        await opens(to, f"wss://{HOST}:{port}/media")
        await opens(to, f"wss://{HOST}:{port}/media")
    assert firsts == [b"\x16", b"G"] * 2


async def test_downgrade_for_the_websockets_library() -> None:
    """A development server by the `websockets` library, without TLS, is reached by its wss URL."""

    async with serve(lambda connection: connection.wait_closed(), HOST, 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        await opens(connector(downgrade=True), f"wss://{HOST}:{port}/media")


async def test_no_downgrade_unless_allowed() -> None:
    """Otherwise a server without TLS is a failure at TLS, and no plain request is made."""
    serving, firsts = await plain_websocket()
    async with tcp_server(serving) as port:
        assert (await refusal(connector(), f"wss://{HOST}:{port}/")).code == 31910
    assert firsts == [b"\x16"]


async def test_no_downgrade_off_loopback() -> None:
    """Another machine's server is never spoken to without TLS."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        own = probe.getsockname()[0]
    if own.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    serving, firsts = await plain_websocket()
    async with tcp_server(serving, host=own) as port:
        error = await refusal(connector(downgrade=True), f"wss://{own}:{port}/")
    assert (error.code, firsts) == (31910, [b"\x16"])


async def test_downgrade_of_a_refusing_server() -> None:
    """When the server without TLS refuses too, that is the error, and not the failed TLS."""

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(response(404))
        await writer.drain()

    async with tcp_server(serving) as port:
        error = await refusal(connector(downgrade=True), f"wss://{HOST}:{port}/")
    assert error.code == 31920


def test_tls_context_takes_one_authority_more(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Certificates and names are verified always; one file of authorities may be added."""
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.ca.cert_pem.write_to_path(str(path))
    for context in (tls_context(), tls_context(str(path))):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
    before, after = (len(c.get_ca_certs()) for c in (tls_context(), tls_context(str(path))))
    assert after == before + 1
