"""RFC 6455 on both engines and both sides: every way in which a socket ends."""

from __future__ import annotations

import asyncio

import pytest
from websockets.exceptions import ProtocolError

from bridge.engine.sockets import Closed
from tests.support.raw import BINARY, CLOSE, MASK, PING, PONG, TEXT, Link, linked

LOST = Closed(1006, "", by_peer=False)


def code(number: int, reason: bytes = b"") -> bytes:
    """A close frame's payload."""
    return number.to_bytes(2, "big") + reason


async def refused(link: Link, expected: int) -> None:
    """The peer is told that code and the owner of a violation; then both sides have ended."""
    assert (await link.raw.receive()).code == expected
    how = await link.owner.end()
    assert (how.code, how.by_peer, bool(how.violation)) == (expected, False, True)
    link.raw.say_no_more()
    assert await link.raw.rest() == b""


# The peer closes

GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
GOOD_CODES += [3000, 3001, 3999, 4000, 4400, 4999]
BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 5001, 65_535]


@pytest.mark.parametrize("number", GOOD_CODES)
async def test_good_codes(link: Link, number: int) -> None:
    """Any code that may be sent is answered with itself and told, with its reason."""
    await link.raw.send(link.raw.frame(CLOSE, code(number, "tschüß".encode())))
    assert (await link.raw.receive()).data == code(number, "tschüß".encode())
    assert await link.owner.end() == Closed(number, "tschüß", by_peer=True)


@pytest.mark.parametrize("reason", [b"", b"why"])
@pytest.mark.parametrize("number", BAD_CODES)
async def test_bad_codes(link: Link, number: int, reason: bytes) -> None:
    """A code that may not be sent, or means nothing, is refused."""
    await link.raw.send(link.raw.frame(CLOSE, code(number, reason)))
    await refused(link, 1002)


async def test_no_code(link: Link) -> None:
    """An empty close frame is answered with an empty one and told as 1005."""
    await link.raw.send(link.raw.frame(CLOSE))
    assert (await link.raw.receive())[:2] == (CLOSE, b"")
    assert await link.owner.end() == Closed(1005, "", by_peer=True)


async def test_half_a_code(link: Link) -> None:
    """A close frame of one byte is refused."""
    await link.raw.send(link.raw.frame(CLOSE, b"\x03"))
    await refused(link, 1002)


async def test_the_longest_reason(link: Link) -> None:
    """123 bytes of reason are the most."""
    await link.raw.send(link.raw.frame(CLOSE, code(1000, b"x" * 123)))
    assert (await link.raw.receive()).data == code(1000, b"x" * 123)
    assert await link.owner.end() == Closed(1000, "x" * 123, by_peer=True)


@pytest.mark.parametrize("reason", [b"\xff", "é".encode()[:1], b"fine \xed\xa0\x80"])
async def test_a_reason_that_is_not_utf_8(link: Link, reason: bytes) -> None:
    """The reason is text, and refused when it is not."""
    await link.raw.send(link.raw.frame(CLOSE, code(1000, reason)))
    await refused(link, 1007)


@pytest.mark.parametrize("number", [999, 1005, 5000])
async def test_a_close_frame_with_two_faults(link: Link, number: int) -> None:
    """A wrong code with a wrong reason is refused for one of them, the same on both engines."""
    await link.raw.send(link.raw.frame(CLOSE, code(number, b"\xff")))
    await refused(link, 1002 if number in (999, 1005) else 1007)


async def test_a_close_frame_cut_at_every_byte(fast: bool, role: str) -> None:
    """The closing handshake needs the whole frame."""
    async with linked(role, fast=fast) as link:
        frame = link.raw.frame(CLOSE, code(1000, b"bye"))
        for at in range(len(frame) - 1):
            await link.raw.send(frame[at : at + 1])
            link.socket.send_text(b"open")
            assert (await link.raw.receive())[:2] == (TEXT, b"open")
        await link.raw.send(frame[-1:])
        assert (await link.raw.receive()).data == code(1000, b"bye")
        assert await link.owner.end() == Closed(1000, "bye", by_peer=True)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("behind", ["text", "ping", "close", "junk"])
async def test_after_the_peers_close(link: Link, behind: str, apart: bool) -> None:
    """What a peer sends behind its close frame is not heard, answered or blamed."""
    frames = {
        "text": link.raw.frame(TEXT, b"late"),
        "ping": link.raw.frame(PING, b"late"),
        "close": link.raw.frame(CLOSE, code(1001)),
        "junk": b"\xff" * 100_000,
    }
    close = link.raw.frame(CLOSE, code(1000))
    await link.raw.send(*([close, frames[behind]] if apart else [close + frames[behind]]))
    assert (await link.raw.receive()).data == code(1000)
    assert await link.owner.end() == Closed(1000, "", by_peer=True)
    link.raw.say_no_more()
    assert await link.raw.rest() == b""
    assert link.owner.heard == []
    assert not link.socket.send_text(b"late")


async def test_who_hangs_up(link: Link) -> None:
    """After the closing handshake the server ends the connection at once; a client waits."""
    await link.raw.send(link.raw.frame(CLOSE, code(1000)))
    assert (await link.raw.receive()).data == code(1000)
    if not link.raw.masks:
        link.raw.say_no_more()
    assert await link.raw.rest() == b""


# We close


async def test_we_close(link: Link) -> None:
    """Our close frame has its code and reason; messages are heard until the peer's answer."""
    assert link.socket.send_text(b"last")
    link.socket.close(1001, "going")
    assert not link.socket.is_open
    assert not link.socket.send_text(b"late")
    link.socket.close(1011)
    assert (await link.raw.receive())[:2] == (TEXT, b"last")
    assert (await link.raw.receive()).data == code(1001, b"going")
    await link.raw.send(link.raw.frame(TEXT, b"wait"), link.raw.frame(CLOSE, code(1001)))
    assert await link.owner.end() == Closed(1001, "", by_peer=False)
    assert link.owner.heard == ["wait"]
    link.raw.say_no_more()
    assert await link.raw.rest() == b""


async def test_a_ping_behind_our_close(link: Link) -> None:
    """A peer that has not closed yet gets its pings answered."""
    link.socket.close()
    assert (await link.raw.receive()).data == code(1000)
    await link.raw.send(link.raw.frame(PING, b"?"))
    assert (await link.raw.receive())[:2] == (PONG, b"?")
    await link.raw.send(link.raw.frame(CLOSE, code(1000)))
    assert await link.owner.end() == Closed(1000, "", by_peer=False)


async def test_crossing_closes(link: Link) -> None:
    """Both sides close at once: neither answers the other's frame, and both have ended well."""
    link.socket.close(1000, "ours")
    await link.raw.send(link.raw.frame(CLOSE, code(1001, b"theirs")))
    assert await link.owner.end() == Closed(1001, "theirs", by_peer=False)
    assert (await link.raw.receive()).data == code(1000, b"ours")
    link.raw.say_no_more()
    assert await link.raw.rest() == b""


async def test_closing_from_inside_a_message(link: Link) -> None:
    """An owner that closes on a message still hears those behind it, until the peer closes."""
    link.owner.on_text = lambda _: link.socket.close(4000, "enough")
    await link.raw.send(link.raw.frame(TEXT, b"a") + link.raw.frame(TEXT, b"b"))
    assert (await link.raw.receive()).data == code(4000, b"enough")
    await link.raw.send(link.raw.frame(CLOSE, code(4000)))
    await link.owner.end()
    assert link.owner.heard == ["a", "b"]


@pytest.mark.parametrize("wrong", [b"\x83\x80", b"\xc1\x80"])
async def test_a_violation_behind_our_close(link: Link, wrong: bytes) -> None:
    """A peer that breaks the protocol then is blamed, and told nothing: our close has been said."""
    link.socket.close()
    assert (await link.raw.receive()).data == code(1000)
    mask = MASK if link.raw.masks else b""
    await link.raw.send(wrong[:1] + bytes([wrong[1] if mask else 0]) + mask)
    how = await link.owner.end()
    assert (how.code, bool(how.violation)) == (1002, True)
    link.raw.say_no_more()
    assert await link.raw.rest() == b""


@pytest.mark.parametrize(
    ("number", "reason"),
    [(1005, ""), (1006, ""), (1015, ""), (999, ""), (2999, ""), (5000, ""), (1000, "x" * 124)],
)
async def test_what_we_may_not_say(link: Link, number: int, reason: str) -> None:
    """A code or reason that the protocol forbids is our own mistake, and the socket stays open."""
    with pytest.raises(ProtocolError):
        link.socket.close(number, reason)
    assert link.socket.send_text(b"still")
    assert (await link.raw.receive())[:2] == (TEXT, b"still")


async def test_closing_with_data_unsent(link: Link) -> None:
    """Megabytes that the peer has yet to take go out before the close frame."""
    text = bytes(range(32, 127)) * 500
    count = 0
    while link.socket.unsent < 1_000_000:
        assert link.socket.send_text(text)
        count += 1
    link.socket.close(1000, "done")
    for _ in range(count):
        assert (await link.raw.receive())[:2] == (TEXT, text)
    assert (await link.raw.receive()).data == code(1000, b"done")
    await link.raw.send(link.raw.frame(CLOSE, code(1000)))
    assert await link.owner.end() == Closed(1000, "", by_peer=False)


# A peer that does not take its part


async def pile_up(link: Link) -> None:
    """Send until the peer, which does not read, holds the rest up."""
    link.raw.reader._transport.pause_reading()  # type: ignore[attr-defined]
    while link.socket.unsent < 1_000_000:
        assert link.socket.send_text(b"x" * 65_000)


ENDS = {
    "closed by us": None,
    "closed by the peer": code(1000),
    "broken": b"\x03",
    "half-closed": b"",
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_peer_that_reads_nothing(fast: bool, role: str, end: str) -> None:
    """However it ends, unsent data does not keep the connection beyond its time.

    The owner of a socket that the peer has ended is told at once, not when the data is given up.
    """
    async with linked(role, fast=fast, close_timeout=0.05) as link:
        await pile_up(link)
        match end:
            case "closed by us":
                link.socket.close()
            case "half-closed":
                link.raw.say_no_more()
            case _:
                await link.raw.send(link.raw.frame(CLOSE, ENDS[end] or b""))
        how = await link.owner.end()
        expected = {"closed by the peer": 1000, "broken": 1002}.get(end, 1006)
        assert how.code == expected
        assert not link.socket.send_text(b"late")
        async with asyncio.timeout(10):
            while link.socket.unsent:  # noqa: ASYNC110 -- nobody tells of it
                await asyncio.sleep(0.001)


async def test_a_peer_that_never_answers_a_close(fast: bool, role: str) -> None:
    """It is dropped when its time is over, and told as lost."""
    async with linked(role, fast=fast, close_timeout=0.05) as link:
        link.socket.close()
        assert (await link.raw.receive()).data == code(1000)
        assert await link.owner.end() == LOST


async def test_a_client_whose_server_never_hangs_up(fast: bool) -> None:
    """The closing handshake done, the server has a while to hang up; then the client does."""
    async with linked("client", fast=fast, close_timeout=0.05) as link:
        await link.raw.send(link.raw.frame(CLOSE, code(1000)))
        assert (await link.raw.receive()).data == code(1000)
        await link.raw.dropped()


# The peer is gone

STATES = {
    "open": [],
    "in a header": [b"\x82"],
    "in a length": [b"\x82\xfe\x01"],
    "in a payload": [b"\x82\xfe\x01\x00\x01\x02\x03\x04half"],
}


@pytest.mark.parametrize("how", ["half-close", "hang up", "reset"])
@pytest.mark.parametrize("state", STATES)
async def test_the_end_at_every_state(link: Link, state: str, how: str) -> None:
    """The end of the peer's data is an abrupt end wherever it comes, and no violation."""
    data = b"".join(STATES[state])
    if not link.raw.masks:
        data = data[:1] + bytes([data[1] & 0x7F]) + data[2:] if len(data) > 1 else data
    await link.raw.send(link.raw.frame(TEXT, b"last") + data)
    await link.owner.until(2)
    {"half-close": link.raw.say_no_more, "hang up": link.raw.hang_up, "reset": link.raw.reset}[
        how
    ]()
    assert await link.owner.end() == LOST
    assert link.owner.heard == ["last"]
    assert not link.socket.is_open


async def test_the_end_between_fragments(link: Link) -> None:
    """Half a message is none."""
    await link.raw.send(link.raw.frame(BINARY, b"a", fin=False))
    link.raw.say_no_more()
    assert await link.owner.end() == LOST
    assert link.owner.heard == []


async def test_the_end_while_we_close(link: Link) -> None:
    """A peer that hangs up without answering our close has not closed."""
    link.socket.close()
    assert (await link.raw.receive()).data == code(1000)
    link.raw.say_no_more()
    assert await link.owner.end() == LOST


async def test_the_end_after_the_closing_handshake(link: Link) -> None:
    """Even a reset is nothing new then."""
    await link.raw.send(link.raw.frame(CLOSE, code(1000)))
    assert (await link.raw.receive()).data == code(1000)
    link.raw.reset()
    assert await link.owner.end() == Closed(1000, "", by_peer=True)


async def test_a_dropped_connection(link: Link) -> None:
    """`abort` ends the connection without a word."""
    link.socket.abort()
    assert not link.socket.send_text(b"late")
    assert await link.owner.end() == LOST
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await link.raw.receive()


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_an_owner_that_fails(link: Link, opcode: int) -> None:
    """It is reported once, hears nothing more, and its socket is lost."""
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))

    def fail(_: bytes) -> None:
        raise RuntimeError("broken owner")

    link.owner.text = link.owner.binary = fail  # type: ignore[assignment,method-assign]
    frame = link.raw.frame(opcode, b"x")
    await link.raw.send(frame + frame + b"\xff\xff", frame)
    assert await link.owner.end() == LOST
    assert reported == ["broken owner"]
