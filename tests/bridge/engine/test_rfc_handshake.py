"""RFC 6455 on both engines: the opening handshake, asked for and asking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, NegotiationError

from bridge.engine.sockets import Closed, Refusal
from tests.support.peers import HOST, read_request, tcp_server, upgrade
from tests.support.raw import ACCEPT, CLOSE, REQUEST, TEXT, Owner, Raw, connected, serving

FRAME = b"\x81\x82\x37\xfa\x21\x3d\x5f\x93"  # "hi" from a client
LINES = REQUEST.split(b"\r\n")[:-2]


def never(path: str, headers: dict[str, str]) -> Refusal:
    raise AssertionError("asked for an owner")


def without(name: bytes) -> bytes:
    kept = [line for line in LINES if not line.lower().startswith(name.lower())]
    assert len(kept) == len(LINES) - 1
    return b"\r\n".join([*kept, b"", b""])


def replaced(name: bytes, line: bytes) -> bytes:
    return without(name)[:-2] + line + b"\r\n\r\n"


def extended(*lines: bytes) -> bytes:
    return REQUEST[:-2] + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


@asynccontextmanager
async def asking(port: int, *data: bytes) -> AsyncIterator[Raw]:
    """A client that has said these bytes."""
    reader, writer = await asyncio.open_connection(HOST, port)
    raw = Raw(reader, writer, masks=True)
    await raw.send(*data)
    yield raw
    writer.close()


async def answer(raw: Raw) -> tuple[int, dict[bytes, bytes]]:
    """The status and the headers, in lower case, of what we answer."""
    head = await raw.reader.readuntil(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")[:-2]
    assert first.startswith(b"HTTP/1.1 ")
    return int(first[9:12]), dict(line.lower().split(b": ", 1) for line in lines)


# Asked


async def test_the_answer(fast: bool) -> None:
    """The key is answered as the RFC's own example has it; nothing is negotiated."""
    owner = Owner()
    async with serving(lambda *_: owner, fast=fast) as port, asking(port, REQUEST) as raw:
        status, headers = await answer(raw)
        await owner.until(1)
    assert status == 101
    assert headers[b"upgrade"] == b"websocket"
    assert headers[b"connection"] == b"upgrade"
    assert headers[b"sec-websocket-accept"] == ACCEPT.lower()
    assert not [
        name for name in headers if name.startswith((b"sec-websocket-e", b"sec-websocket-p"))
    ]
    await owner.end()


@pytest.mark.parametrize(
    "lines",
    [
        [b"Sec-WebSocket-Extensions: permessage-deflate"],
        [b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; x=y, foo"],
        [b"Sec-WebSocket-Extensions: x-webkit-deflate-frame", b"Sec-WebSocket-Extensions: foo"],
        [b"Sec-WebSocket-Protocol: audio.twilio.com, chat"],
        [b"Origin: https://elsewhere.test", b"Cookie: a=b"],
    ],
)
async def test_offers_are_not_taken(fast: bool, lines: list[bytes]) -> None:
    """Compression, other extensions and subprotocols may be offered; none is accepted."""
    owner = Owner()
    async with serving(lambda *_: owner, fast=fast) as port, asking(port, extended(*lines)) as raw:
        status, headers = await answer(raw)
        assert status == 101
        assert set(headers) <= {b"date", b"upgrade", b"connection", b"sec-websocket-accept"}
        await raw.send(FRAME)
        await owner.until(2)
    assert (await owner.end()).abrupt
    assert owner.heard == ["hi"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        REQUEST.replace(b"Upgrade: websocket", b"UPGRADE: WebSocket"),
        REQUEST.replace(b"Connection: Upgrade", b"connection: keep-alive, upgrade"),
        REQUEST.replace(b"Host: x", b"Host:x"),
        replaced(b"Sec-WebSocket-Key", b"sec-websocket-key:   dGhlIHNhbXBsZSBub25jZQ==  "),
        extended(b"X-Long: " + b"x" * 8_000),
        extended(*(b"X-%d: y" % number for number in range(100))),
    ],
    ids=["case", "keep-alive", "no blank", "blanks", "long line", "many lines"],
)
async def test_requests_in_other_words(fast: bool, request_bytes: bytes) -> None:
    """Names and values may be written in more than one way."""
    owner = Owner()
    async with serving(lambda *_: owner, fast=fast) as port, asking(port, request_bytes) as raw:
        assert (await answer(raw))[0] == 101
    await owner.end()


@pytest.mark.parametrize("behind", [b"", FRAME, FRAME * 300 + FRAME[:5]])
async def test_a_request_cut_at_every_byte(fast: bool, behind: bytes) -> None:
    """The request may come in pieces, with the first frames right behind it."""
    owners = [Owner() for _ in REQUEST]
    left = list(owners)
    async with serving(lambda *_: left.pop(0), fast=fast) as port:
        for at, owner in enumerate(owners, start=1):
            async with asking(port, REQUEST[:at], REQUEST[at:] + behind) as raw:
                assert (await answer(raw))[0] == 101
                await raw.send(FRAME[5:] if len(behind) % 8 else FRAME)
                await owner.until(2 + len(behind) // 8)
            await owner.end()
            assert owner.heard == ["hi"] * (1 + len(behind) // 8)


async def test_a_request_byte_by_byte(fast: bool) -> None:
    """Even so, and the frames behind it too."""
    owner = Owner()
    async with serving(lambda *_: owner, fast=fast) as port:
        data = REQUEST + FRAME * 3
        async with asking(port, *(data[at : at + 1] for at in range(len(data)))) as raw:
            assert (await answer(raw))[0] == 101
            await owner.until(4)
        await owner.end()
    assert owner.heard == ["hi"] * 3


REFUSED = {
    "no upgrade": without(b"Upgrade"),
    "no connection": without(b"Connection"),
    "no key": without(b"Sec-WebSocket-Key"),
    "no version": without(b"Sec-WebSocket-Version"),
    "another upgrade": replaced(b"Upgrade", b"Upgrade: h2c"),
    "another connection": replaced(b"Connection", b"Connection: close"),
    "another version": replaced(b"Sec-WebSocket-Version", b"Sec-WebSocket-Version: 8"),
    "a short key": replaced(b"Sec-WebSocket-Key", b"Sec-WebSocket-Key: c2hvcnQ="),
    "a key that is no base64": replaced(b"Sec-WebSocket-Key", b"Sec-WebSocket-Key: *"),
    "two keys": extended(LINES[4]),
    "POST": REQUEST.replace(b"GET", b"POST"),
    "a plain request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/1.0": REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/2.0": REQUEST.replace(b"HTTP/1.1", b"HTTP/2.0"),
    "a body": extended(b"Content-Length: 5") + b"hello",
    "chunks": extended(b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "a bad header": extended(b"Bad Header"),
    "a folded header": extended(b"X: y", b" z"),
    "a path outside ASCII": REQUEST.replace(b"/media", "/médiá".encode()),
    "a long path": REQUEST.replace(b"/media", b"/" + b"x" * 9_000),
    "a long line": extended(b"X-Long: " + b"x" * 9_000),
    "too many lines": extended(*(b"X-%d: y" % number for number in range(200))),
    "a large head": extended(*(b"X-%d: " % number + b"y" * 8_000 for number in range(20))),
    "an endless line": b"GET /" + b"x" * 100_000,
    "an endless head": REQUEST[:-2] + b"X: y\r\n" * 20_000,
    "bare line feeds": REQUEST.replace(b"\r\n", b"\n"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\n" + b"\0" * 500,
    "binary junk": bytes(range(256)) * 10,
    "an empty line": b"\r\n\r\n",
    "frames at once": FRAME * 10 + b"\r\n\r\n",
    "an answer": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
async def test_requests_that_are_refused(fast: bool, request_bytes: bytes) -> None:
    """Whatever is no upgrade is answered in HTTP, or not at all; no owner is asked for.

    Nothing is waited for that the request's own end does not need: the peer stays on the line.
    """
    async with serving(never, fast=fast) as port, asking(port, request_bytes) as raw:
        said = await raw.rest()
    assert said == b"" or 400 <= int(said[9:12]) <= 505


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("POST", 405),
        ("another version", 400),
        ("no upgrade", 426),
        ("no key", 400),
        ("HTTP/1.0", 505),
        ("a long path", 414),
        ("a long line", 431),
        ("a large head", 431),
        ("an endless head", 431),
    ],
)
async def test_the_status_of_a_refusal(fast: bool, name: str, status: int) -> None:
    """It says what was wrong, where HTTP has a word for that."""
    async with serving(never, fast=fast) as port, asking(port, REFUSED[name]) as raw:
        assert (await answer(raw))[0] == status


async def test_the_owner_refuses(fast: bool) -> None:
    """A refusal is told with its status and sentence, and nothing behind the request is read."""

    def refuse(path: str, headers: dict[str, str]) -> Refusal:
        assert (path, headers["host"]) == ("/media", "x")
        return Refusal(404, "no such stream")

    async with serving(refuse, fast=fast) as port, asking(port, REQUEST + FRAME) as raw:
        assert (await answer(raw))[0] == 404
        assert await raw.rest() == b"no such stream\n"


@pytest.mark.parametrize("said", [b"", b"G", REQUEST[:-1], REQUEST[:60]])
async def test_a_slow_request(fast: bool, said: bytes) -> None:
    """A request that does not come to its end in time is given up, however much of it has come."""
    async with serving(never, fast=fast, open_timeout=0.05) as port, asking(port, said) as raw:
        await raw.dropped()


async def test_drops_do_not_lengthen_the_time(fast: bool) -> None:
    """The time is the whole request's: a byte now and then does not begin it anew."""
    async with serving(never, fast=fast, open_timeout=0.05) as port, asking(port) as raw:
        await raw.dropped()  # which sends a byte again and again


async def test_an_open_socket_has_time(fast: bool) -> None:
    """The time for the request is not counted once it has been answered."""
    owner = Owner()
    async with serving(lambda *_: owner, fast=fast, open_timeout=0.05) as port:
        async with asking(port, REQUEST) as raw:
            assert (await answer(raw))[0] == 101
            await asyncio.sleep(0.1)  # twice what a request may take
            await raw.send(FRAME)
            await owner.until(2)
        await owner.end()
    assert owner.heard == ["hi"]


@pytest.mark.parametrize("at", [0, 1, 50, len(REQUEST) - 1])
async def test_the_end_inside_a_request(fast: bool, at: int) -> None:
    """A client that hangs up in its request has asked for nothing."""
    async with serving(never, fast=fast) as port, asking(port, REQUEST[:at]) as raw:
        raw.say_no_more()
        assert await raw.rest() == b""


async def test_a_refused_client_that_stays(fast: bool) -> None:
    """It is dropped when its time to hang up is over."""
    server = serving(never, fast=fast, close_timeout=0.05)
    async with server as port, asking(port, REFUSED["a plain request"]) as raw:
        assert (await answer(raw))[0] == 426
        await raw.dropped()


# Asking


async def asks(answer_bytes: bytes, *, fast: bool) -> Owner:
    """Our client's owner, having got these bytes for an answer; raises what it raises."""
    owner = Owner()
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer_bytes)
        await done.wait()

    async with tcp_server(serve) as port:
        try:
            await connected(port, owner, fast=fast)
        except BaseException:
            assert owner.seen == []
            raise
        finally:
            done.set()
    return owner


@pytest.mark.parametrize("line", [b"Sec-WebSocket-Extensions: permessage-deflate",
                                  b"Sec-WebSocket-Protocol: chat"])  # fmt: skip
async def test_what_was_not_offered(fast: bool, line: bytes) -> None:
    """A server that selects what was not offered has failed the handshake."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer, line.decode())
        await reader.read()

    owner = Owner()
    async with tcp_server(serve) as port:
        with pytest.raises(NegotiationError):
            await connected(port, owner, fast=fast)
    assert owner.seen == []


OK = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (OK + b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n", InvalidHandshake),
        (OK + b"\r\n", InvalidHandshake),
        (b"HTTP/1.1 101 X\r\n\r\n", InvalidHandshake),
        (b"HTTP/1.0 101 X\r\n\r\n", InvalidMessage),
        (b"HTTP/1.1 404 X\r\nContent-Length: 2\r\n\r\nno", InvalidStatus),
        (b"HTTP/1.1 200 X\r\nContent-Length: 6\r\n\r\n\r\n\r\n\r\n", InvalidStatus),
        (b"HTTP/1.1 " + b"9" * 9_000, InvalidHandshake),
        (b"HTTP/1.1 200 X\r\n" + b"X: y\r\n" * 200, InvalidMessage),
        (b"HTTP/1.1 101 X\r\n" + (b"X: " + b"y" * 8_000 + b"\r\n") * 20, InvalidMessage),
        (b"SSH-2.0-x\r\n", InvalidMessage),
        (b"\n", InvalidMessage),
        (FRAME + b"\r\n", InvalidMessage),
    ],
    ids=["another key", "no key", "bare 101", "HTTP/1.0", "404", "200", "endless status",
         "many lines", "large head", "ssh", "line feed", "frame"],
)  # fmt: skip
async def test_answers_that_are_no_handshake(
    fast: bool, said: bytes, error: type[InvalidHandshake]
) -> None:
    """Such an answer fails the handshake at once, while the server stays on the line."""
    async with asyncio.timeout(10):
        with pytest.raises(error):
            await asks(said, fast=fast)


async def test_an_answer_cut_at_every_byte(fast: bool) -> None:
    """The answer may come in pieces, with the first frame right behind it."""
    cut = 0
    size = 1

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal size
        said: list[bytes] = []

        class Kept:
            write = said.append

        await upgrade(reader, Kept(), behind=b"\x81\x02hi")  # type: ignore[arg-type]
        (data,) = said
        size = len(data)
        for part in (data[:cut], data[cut:]):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        await Raw(reader, writer, masks=False).receive()
        writer.write(b"\x88\x02\x03\xe8")

    async with tcp_server(serve) as port:
        while cut < size:
            owner = Owner()
            socket = await connected(port, owner, fast=fast)
            await owner.until(2)
            socket.close()
            assert await owner.end() == Closed(1000, "", by_peer=False)
            assert owner.heard == ["hi"]
            cut += 1


async def test_a_close_right_behind_the_answer(fast: bool) -> None:
    """A server may take a socket and close it at once."""
    answered = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = Raw(reader, writer, masks=False)
        behind = raw.frame(TEXT, b"x") + raw.frame(CLOSE, b"\x03\xf3full") + raw.frame(TEXT, b"y")
        await upgrade(reader, writer, behind=behind)
        assert (await raw.receive()).data == b"\x03\xf3full"
        answered.set()

    async with tcp_server(serve) as port:
        owner = Owner()
        socket = await connected(port, owner, fast=fast)
        assert await owner.end() == Closed(1011, "full", by_peer=True)
        assert owner.heard == ["x"]
        assert not socket.send_text(b"late")
        await answered.wait()
