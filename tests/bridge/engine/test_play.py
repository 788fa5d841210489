from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from bridge.audio import audioop
from bridge.engine.connect import tls_context
from bridge.engine.guard import AddressGuard
from bridge.engine.http import new_client
from bridge.engine.play import Player
from bridge.errors import CustomerError
from bridge.wav import write_wav
from tests.support.authority import Authority
from tests.support.calls import Names
from tests.support.files import difference_db, encoded, sweep
from tests.support.peers import HOST, read_request, response, tcp_server, web_app

SOURCE = audioop.lin2ulaw(sweep(2, 8000).tobytes(), 2)
WAV = encoded("wav", "pcm_mulaw", sweep(2, 8000), 8000)


@asynccontextmanager
async def player(
    *, local: bool = True, files: bool = False, max_bytes: int = 1 << 24
) -> AsyncIterator[Player]:
    guard = AddressGuard(allow_private=local, resolver=Names())
    async with new_client(guard, tls_context()) as client:
        running = Player(client, files=files, max_bytes=max_bytes)
        try:
            yield running
        finally:
            running.close()


async def played(running: Player, url: str, loop: int = 1) -> bytes:
    return b"".join([piece async for piece in running.play(url, loop)])


async def failure(running: Player, url: str) -> CustomerError:
    with pytest.raises(CustomerError) as caught:
        await played(running, url)
    return caught.value


async def test_plays_what_the_url_has() -> None:
    """Fetched once, with GET and without a call's parameters; `loop` plays it again."""
    answer = response(200, WAV, "Content-Type: audio/wav")
    async with web_app(answer) as app, player() as running:
        once = await played(running, app.url("/hello.wav?a=1"))
        thrice = await played(running, app.url("/hello.wav"), 3)
    assert difference_db(once, SOURCE) < -40
    assert len(once) == len(SOURCE)
    assert thrice == once * 3
    assert [(request.method, request.target) for request in app.requests] == [
        ("GET", "/hello.wav?a=1"),
        ("GET", "/hello.wav"),
    ]


async def test_loop_without_end() -> None:
    """0 goes on; closing ends it at once."""
    async with web_app(response(200, WAV)) as app, player() as running:
        async with aclosing(running.play(app.url("/"), 0)) as pieces:
            size = 0
            while size < 6 * len(SOURCE):
                size += len(await anext(pieces))
        assert len(app.requests) == 1


@pytest.mark.parametrize("form", ["mp3", "mp4"])
async def test_compressed_files(form: str) -> None:
    codec = {"mp3": "libmp3lame", "mp4": "aac"}[form]
    data = encoded(form, codec, sweep(2, 44_100, 2), 44_100, 2)
    async with web_app(response(200, data)) as app, player() as running:
        audio = await played(running, app.url("/"))
    assert len(audio) == pytest.approx(len(SOURCE), abs=1200)


async def test_plays_while_it_is_still_coming() -> None:
    """The first pieces are there before the server has sent the rest."""
    data = encoded("mp3", "libmp3lame", sweep(20, 16_000), 16_000)
    heard = asyncio.Event()

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response(200, data)[: 200 + len(data) // 2])
        await heard.wait()
        writer.write(response(200, data)[200 + len(data) // 2 :])
        await writer.drain()

    async with tcp_server(serving) as port, player() as running:
        pieces = running.play(f"http://{HOST}:{port}/")
        audio = await anext(pieces)
        heard.set()
        audio += b"".join([piece async for piece in pieces])
    assert len(audio) == pytest.approx(20 * 8000, abs=3000)


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (response(404), 11200, "answered HTTP 404"),
        (response(500), 11200, "answered HTTP 500"),
        (response(200, b"<Response/>", "Content-Type: text/xml"), 13420, "is text/xml, not audio"),
        (response(200, b"{}", "Content-Type: application/json"), 13420, "not audio"),
        (response(200, b"\0" * 3000, "Content-Type: audio/mpeg"), 13420, "not audio that can be"),
        (response(200, b""), 13420, "not audio that can be"),
        (None, 11200, "broke off after 0 bytes"),
        (response(302, b"", "Location: /again"), 11215, "more than 10 redirects"),
        (response(302, b"", "Location: file:///etc/passwd"), 11210, "is not an http"),
    ],
)
async def test_failures(answer: bytes | None, code: int, message: str) -> None:
    """Twilio's number, and what, where, and how to mend it; the query stays out of it."""
    async with web_app(answer) as app, player() as running:
        error = await failure(running, app.url("/hello.mp3?token=secret"))
    assert error.code == code
    assert message in str(error)
    assert "secret" not in str(error)


async def test_cut_short() -> None:
    """What came is played; then the caller is told."""
    whole = response(200, WAV)
    async with web_app(whole[: len(whole) - len(WAV) // 2]) as app, player() as running:
        audio = bytearray()

        async def play() -> None:
            async for piece in running.play(app.url("/")):
                audio.extend(piece)

        with pytest.raises(CustomerError, match=r"broke off after \d+ bytes") as caught:
            await play()
    assert caught.value.code == 11200
    assert len(audio) == pytest.approx(len(SOURCE) / 2, abs=400)


async def test_too_large() -> None:
    async with web_app(response(200, WAV)) as app, player(max_bytes=4000) as running:
        error = await failure(running, app.url("/"))
    assert (error.code, "larger than 4000 bytes" in error.message) == (11200, True)


async def test_redirects_are_followed() -> None:
    async with web_app(response(200, WAV)) as there:
        answer = response(302, b"", f"Location: {there.url('/it')}")
        async with web_app(answer) as app, player() as running:
            assert len(await played(running, app.url("/"))) == len(SOURCE)


async def test_nobody_answers() -> None:
    async with web_app(response(200)) as app:
        pass
    async with player() as running:
        assert (await failure(running, app.url("/"))).code == 11205


async def test_private_addresses_are_guarded() -> None:
    """Outside local mode; a redirect does not lead around it."""
    async with player(local=False) as running:
        error = await failure(running, f"http://{HOST}/x.wav")
    assert error.code == 11210
    assert "not a public address" in str(error)


async def test_tls_is_verified(authority: Authority) -> None:
    async with web_app(response(200, WAV), tls=authority.server(HOST)) as app, player() as running:
        assert (await failure(running, app.url("/"))).code == 11220


@pytest.mark.parametrize("url", ["ftp://x/y", "data:audio/wav,x", "http://", "http://[", "/etc/x"])
async def test_other_schemes(url: str) -> None:
    async with player() as running:
        assert (await failure(running, url)).code in (11200, 11210)


async def test_files_in_local_mode(tmp_path: Path) -> None:
    """By path and by URL; searched, not copied; and only where they are allowed."""
    path = tmp_path / "a file.wav"
    write_wav(path, SOURCE)
    async with player(files=True) as running:
        assert await played(running, str(path), 2) == await played(running, path.as_uri(), 2)
        assert len(await played(running, str(path))) == len(SOURCE)
        missing = await failure(running, str(tmp_path / "none.wav"))
        (tmp_path / "text.wav").write_text("hello, I am a text, and no audio whatever I am called")
        text = await failure(running, str(tmp_path / "text.wav"))
    assert (missing.code, text.code) == (11200, 13420)
    assert "none.wav cannot be read" in str(missing)
    async with player() as running:
        assert (await failure(running, path.as_uri())).code == 11210


async def test_closing_while_the_server_is_silent() -> None:
    """A thread that waits for a server that says nothing is let go."""
    asked = asyncio.Event()

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response(200, WAV)[:3000])
        await writer.drain()
        asked.set()
        await reader.read()

    async with tcp_server(serving) as port, player() as running:
        pieces = running.play(f"http://{HOST}:{port}/")
        task = asyncio.create_task(anext(pieces))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await pieces.aclose()


async def test_many_at_once() -> None:
    """Forty calls play at the same time, each the whole."""
    async with web_app(response(200, WAV)) as app, player() as running:
        all_played = await asyncio.gather(*(played(running, app.url("/")) for _ in range(40)))
    assert {len(audio) for audio in all_played} == {len(SOURCE)}
