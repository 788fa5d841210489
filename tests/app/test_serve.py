"""`serve --demo` and `demo` as processes, and how the demonstration is judged."""

from __future__ import annotations

import asyncio
import re
import signal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.serve import plays_in_order
from tests.e2e.processes import SCRIPT, Process, spawn

QUIET = b"\xff" * 160
ONE, TWO = b"\x11" * 480, b"\x22" * 400
"""Three whole frames, and two and a half."""
TWO_HEARD = TWO + b"\xff" * 80


@pytest.mark.parametrize(
    ("heard", "sent", "played", "verdict"),
    [
        (b"", [], 0, True),
        (QUIET * 3, [], 0, True),
        (QUIET * 3, [], 160, False),
        (ONE, [ONE], 480, True),
        (QUIET + ONE + QUIET * 2 + TWO_HEARD + QUIET, [ONE, TWO], 960, True),
        (ONE + TWO_HEARD, [ONE, TWO], 960, True),
        (ONE + TWO_HEARD, [TWO, ONE], 960, False),
        (ONE, [ONE, TWO], 480, False),
        (ONE + TWO_HEARD, [ONE], 960, False),
        (ONE + QUIET, [ONE], 640, False),
        (ONE[:320] + QUIET + TWO_HEARD, [ONE, TWO], 800, True),
        (ONE[:320] + QUIET + ONE[320:], [ONE], 480, False),
        (QUIET + b"\x33" * 160 + ONE, [ONE], 480, False),
        (ONE + b"\x33" * 160, [ONE], 480, False),
        (ONE[:200] + b"\x33" + ONE[201:], [ONE], 480, False),
    ],
)
def test_plays_in_order(heard: bytes, sent: list[bytes], played: int, verdict: bool) -> None:
    """Silence around the starts of what was sent, in order, nothing else, of that length."""
    assert plays_in_order(heard, sent, played) is verdict


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(0, 3)), max_size=5),
    st.data(),
)
def test_what_was_played_in_order_is_known_as_such(
    shapes: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    """However pieces were cut short and silence lay between, true play-out is told from false."""
    sent, heard, played = [], b"", 0
    for number, (frames, kept, gap) in enumerate(shapes, start=1):
        piece = bytes([number]) * 160 * frames
        shown = piece[: 160 * kept]
        sent.append(piece)
        heard += QUIET * gap + shown
        played += len(shown)
    assert plays_in_order(heard, sent, played)
    assert not plays_in_order(heard, sent, played + 160)
    if heard.strip(b"\xff"):
        at = data.draw(st.sampled_from([at for at, byte in enumerate(heard) if byte != 0xFF]))
        assert not plays_in_order(heard[:at] + b"\x7e" + heard[at + 1 :], sent, played)


async def demo(*more: str, **env: str) -> tuple[int, str]:
    """A run of `demo`: its status, and all that it printed."""
    settings = {f"TWIML_BRIDGE_{name.upper()}": value for name, value in env.items()}
    process = await spawn(Process, str(SCRIPT), "demo", *more, env=settings)
    try:
        status = await process.process.wait()
    finally:
        if process.process.returncode is None:
            process.process.kill()
    await process.out.finish()
    await process.log.finish()
    text = "\n".join(process.out.raw + process.log.raw)
    assert "Traceback" not in text
    return status, text


async def serve_with_demo() -> str:
    """`serve --demo`, until it has made its call and answered a request; what it printed."""
    process = await spawn(Process, str(SCRIPT), "serve", "--demo", "--port", "0")

    def address() -> list[dict[str, str]]:
        found = re.search(r"stays up at (\S+)", "\n".join(process.out.raw))
        return [{"url": found[1]}] if found else []

    try:
        (up,) = await process.out.wait_for(address, timeout=60, what="the end of the call")
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{up['url']}/readyz")).json()["calls"] == 0
    finally:
        status = await process.stop(signal.SIGINT)
    assert status == 0
    return "\n".join(process.out.raw)


async def test_the_demonstration() -> None:
    """It passes where all is well, on any address; it fails, and says why, where something is not.

    All at once, as each takes the time of the call.
    """
    (passed, refused, cut_off), served = await asyncio.gather(
        asyncio.gather(
            demo(host="127.0.0.2"),
            demo(stream_connect_seconds="0.00001"),
            demo(stream_message_bytes="1024"),
        ),
        serve_with_demo(),
    )
    for text in (passed[1], served):
        assert "whole: 0 lost, and the caller heard what the agent sent" in text
        assert "FAULT" not in text
        assert re.search(r"start stream listener: \d+ frames to the app, 0 lost", text)
        assert re.search(r"connect stream .* 0 lost; .* marks 2/2, 1 clears", text)
        assert re.search(r"callbacks 4 delivered, 0 failed", text)
    assert passed[0] == 0
    assert "http://127.0.0.2:" in passed[1]
    for (status, text), fault in ((refused, "31901"), (cut_off, "FAULT")):
        assert status == 1
        assert re.search(rf"FAULT .*{fault}|{fault} ", text)
        assert "whole" not in text


async def test_a_demonstration_on_a_port_in_use() -> None:
    """A port that is taken is one message and status 2."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        status, text = await demo("--port", str(port))
    assert status == 2
    assert re.search(f"cannot listen on 127.0.0.1:{port}: .*in use", text)


async def test_the_version() -> None:
    """--version says the name and the version, and the commands are listed without one."""
    for arguments, words in (
        (["--version"], [r"^twiml-bridge \d+\.\d+\.\d+$"]),
        ([], ["serve", "call", "demo"]),
    ):
        process = await spawn(Process, str(SCRIPT), *arguments)
        await process.process.wait()
        await process.out.finish()
        await process.log.finish()
        text = "\n".join(process.out.raw + process.log.raw)
        assert all(re.search(word, text, re.MULTILINE) for word in words)
