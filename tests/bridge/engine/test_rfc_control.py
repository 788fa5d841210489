"""RFC 6455 on both engines and both sides: pings, pongs, and control frames that are wrong."""

from __future__ import annotations

import pytest

from tests.support.raw import CLOSE, CONT, MASK, PING, PONG, TEXT, Link, framed


async def refused(link: Link) -> None:
    """The peer is told 1002 and the owner of a violation; then both sides have ended."""
    assert (await link.raw.receive()).code == 1002
    how = await link.owner.end()
    assert (how.code, how.by_peer, bool(how.violation)) == (1002, False, True)
    link.raw.say_no_more()
    assert await link.raw.rest() == b""


@pytest.mark.parametrize("size", [0, 1, 8, 124, 125])
async def test_a_ping_is_answered_with_its_payload(link: Link, size: int) -> None:
    """A pong carries what the ping did, any bytes at all; the owner hears nothing."""
    payload = bytes((7 * at + 0xF0) % 256 for at in range(size))
    await link.raw.send(link.raw.frame(PING, payload))
    assert (await link.raw.receive())[:2] == (PONG, payload)
    assert link.owner.seen == ["opened"]


async def test_pings_are_answered_in_order(link: Link) -> None:
    """Ten pings in one segment, or byte by byte, get ten pongs, and messages between keep place."""
    pings = b"".join(
        link.raw.frame(PING, b"%d" % number) + link.raw.frame(TEXT, b"%d" % number)
        for number in range(10)
    )
    await link.raw.send(pings)
    await link.raw.send(*(pings[at : at + 1] for at in range(len(pings))))
    for number in [*range(10), *range(10)]:
        assert (await link.raw.receive())[:2] == (PONG, b"%d" % number)
    await link.owner.until(21)
    assert link.owner.heard == [str(number) for number in [*range(10), *range(10)]]


async def test_pongs_and_text_keep_their_order(link: Link) -> None:
    """What the owner sends while a ping is answered is not mixed up with the answer."""
    link.owner.on_text = lambda data: link.socket.send_text(b"re: " + data)
    for number in range(10):
        await link.raw.send(
            link.raw.frame(TEXT, b"%d" % number)
            + link.raw.frame(PING, b"%d" % number)
            + link.raw.frame(TEXT, b"again")
        )
    for number in range(10):
        assert (await link.raw.receive())[:2] == (TEXT, b"re: %d" % number)
        assert (await link.raw.receive())[:2] == (PONG, b"%d" % number)
        assert (await link.raw.receive())[:2] == (TEXT, b"re: again")


@pytest.mark.parametrize("payload", [b"", b"unasked", b"\xff" * 125])
async def test_unasked_pongs(link: Link, payload: bytes) -> None:
    """A pong that nobody asked for is nothing."""
    await link.raw.send(link.raw.frame(PONG, payload) * 3, link.raw.frame(TEXT, b"x"))
    await link.owner.until(2)
    assert link.owner.seen == ["opened", "x"]
    assert link.socket.is_open


async def test_our_ping(link: Link) -> None:
    """Our ping is empty; whatever answers it counts as received."""
    before = link.socket.received
    link.socket.ping()
    assert (await link.raw.receive())[:2] == (PING, b"")
    await link.raw.send(link.raw.frame(PONG), link.raw.frame(TEXT, b""))
    await link.owner.until(2)
    assert link.socket.received - before == 2 * len(link.raw.frame(PONG))


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
@pytest.mark.parametrize(("size", "sent"), [(126, 126), (126, 0), (65_535, 1), (65_536, 0)])
async def test_long_control_frames(link: Link, opcode: int, size: int, sent: int) -> None:
    """A control frame of more than 125 bytes is refused, before its payload has come."""
    mask = MASK if link.raw.masks else None
    await link.raw.send(framed(opcode, b"x" * sent, mask=mask, size=size))
    await refused(link)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_control_frames_in_fragments(link: Link, opcode: int) -> None:
    """A control frame may not be in fragments."""
    data = b"\x03\xe8" if opcode is CLOSE else b"x"
    await link.raw.send(
        link.raw.frame(opcode, data, fin=False) + link.raw.frame(CONT, b"y"),
    )
    await refused(link)
