"""RFC 6455 on both engines and both sides: messages, fragments, lengths, masks, UTF-8."""

from __future__ import annotations

import os

import pytest

from bridge.engine.sockets import Closed
from tests.support.raw import BINARY, CLOSE, CONT, MASK, PING, PONG, TEXT, Link, framed, linked

MAX_SIZE = 70_000
GOODBYE = b"\x03\xe8"


def fragments(link: Link, opcode: int, *parts: bytes) -> list[bytes]:
    """A message in so many frames."""
    last = len(parts) - 1
    return [
        link.raw.frame(opcode if at == 0 else CONT, part, fin=at == last)
        for at, part in enumerate(parts)
    ]


async def ends_well(link: Link) -> list[object]:
    """Close from the peer's side; what the owner has heard before."""
    await link.raw.send(link.raw.frame(CLOSE, GOODBYE))
    assert (await link.raw.receive())[:2] == (CLOSE, GOODBYE)
    assert await link.owner.end() == Closed(1000, "", by_peer=True)
    return link.owner.heard


async def is_refused(link: Link, code: int, *data: bytes) -> list[object]:
    """The peer is told that code, once, and then nothing; what the owner has heard before."""
    await link.raw.send(*data)
    assert (await link.raw.receive()).code == code
    how = await link.owner.end()
    assert (how.code, how.by_peer, how.abrupt) == (code, False, False)
    assert how.violation
    assert not link.socket.send_text(b"late")
    link.raw.say_no_more()
    assert await link.raw.rest() == b""
    return link.owner.heard


LENGTHS = [0, 1, 2, 7, 8, 124, 125, 126, 127, 128, 255, 256, 4_095, 4_096, 65_535, 65_536, MAX_SIZE]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_lengths_that_come(link: Link, opcode: int) -> None:
    """Messages of every length, around each limit of the header's, come through whole."""
    sent = [os.urandom(size // 2).hex() + "x" * (size % 2) for size in LENGTHS]
    for text in sent:
        await link.raw.send(link.raw.frame(opcode, text.encode()))
    heard = await ends_well(link)
    assert heard == (sent if opcode is TEXT else [text.encode() for text in sent])


async def test_lengths_that_go(link: Link) -> None:
    """Text of every length goes out in one well-formed frame, masked by a client alone."""
    sent = [os.urandom(size // 2).hex().encode() + b"x" * (size % 2) for size in LENGTHS]
    for text in sent:
        assert link.socket.send_text(text)
    frames = [await link.raw.receive() for _ in sent]
    assert [(frame.opcode, frame.data) for frame in frames] == [(TEXT, text) for text in sent]
    await ends_well(link)


async def test_masks_change(link: Link) -> None:
    """A client's masks differ from frame to frame; a server has none."""
    for _ in range(20):
        link.socket.send_text(b"x")
    masks = {(await link.raw.receive()).mask for _ in range(20)}
    assert masks == {None} if link.raw.masks else len(masks) > 10
    await ends_well(link)


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x00\x00\x00", MASK])
@pytest.mark.parametrize("size", [0, 1, 3, 5, 64, 1_001])
async def test_masks_come_off(fast: bool, mask: bytes, size: int) -> None:
    """Whatever a client's mask is, zeros too, it comes off."""
    async with linked("server", fast=fast) as link:
        data = os.urandom(size)
        await link.raw.send(framed(BINARY, data, mask=mask))
        assert await ends_well(link) == [data]


async def test_the_wrong_side_masks(link: Link) -> None:
    """A client's frame without a mask, and a server's with one, are refused."""
    wrong = framed(TEXT, b"x", mask=None if link.raw.masks else MASK)
    assert await is_refused(link, 1002, wrong) == []


# Fragments


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize(
    "parts",
    [
        (b"a", b"b"),
        (b"", b""),
        (b"", b"a", b"", b"b", b""),
        (b"a", b"", b"", b""),
        tuple(b"%d " % number for number in range(500)),
        (b"x" * 40_000, b"y" * 30_000),
    ],
    ids=["two", "empty", "empty between", "empty after", "many", "largest"],
)
async def test_fragments(link: Link, opcode: int, parts: tuple[bytes, ...]) -> None:
    """A message in any number of fragments, empty ones too, is one message."""
    frames = fragments(link, opcode, *parts)
    await link.raw.send(b"".join(frames))
    await link.raw.send(*frames)
    whole = b"".join(parts)
    message = whole.decode() if opcode is TEXT else whole
    assert await ends_well(link) == [message, message]


async def test_control_frames_between_fragments(link: Link) -> None:
    """Pings between fragments are answered before the message ends; pongs are passed over."""
    first, second, third = fragments(link, TEXT, b"a", b"b", b"c")
    await link.raw.send(first, link.raw.frame(PING, b"1"), link.raw.frame(PONG, b"?"))
    assert (await link.raw.receive())[:2] == (PONG, b"1")
    assert link.owner.heard == []
    await link.raw.send(second, link.raw.frame(PING, b"2"))
    assert (await link.raw.receive())[:2] == (PONG, b"2")
    await link.raw.send(third)
    assert await ends_well(link) == ["abc"]


async def test_a_ping_does_not_count_against_a_message(link: Link) -> None:
    """A message may reach the bound to the byte with a long ping before its last fragment."""
    first, last = fragments(link, BINARY, b"x" * MAX_SIZE, b"")
    await link.raw.send(first, link.raw.frame(PING, b"p" * 125), last)
    assert (await link.raw.receive())[:2] == (PONG, b"p" * 125)
    assert await ends_well(link) == [b"x" * MAX_SIZE]


async def test_a_close_between_fragments(link: Link) -> None:
    """A peer may close in the middle of a message, which is then not delivered."""
    first, _ = fragments(link, TEXT, b"a", b"b")
    await link.raw.send(first)
    assert await ends_well(link) == []


WRONG_FRAGMENTS = {
    "continuation of nothing": [(CONT, b"x", True)],
    "open continuation of nothing": [(CONT, b"x", False)],
    "continuation after the end": [(TEXT, b"x", False), (CONT, b"y", True), (CONT, b"z", True)],
    "text in text": [(TEXT, b"x", False), (TEXT, b"y", True)],
    "open text in text": [(TEXT, b"x", False), (TEXT, b"y", False)],
    "binary in text": [(TEXT, b"x", False), (BINARY, b"y", True)],
    "text in binary": [(BINARY, b"x", False), (CONT, b"y", False), (TEXT, b"z", True)],
}


@pytest.mark.parametrize("wrong", WRONG_FRAGMENTS.values(), ids=WRONG_FRAGMENTS)
async def test_wrong_fragments(link: Link, wrong: list[tuple[int, bytes, bool]]) -> None:
    """A continuation of nothing and a message inside another are refused; what was whole counts."""
    frames = [link.raw.frame(opcode, data, fin=fin) for opcode, data, fin in wrong]
    whole = ["fine", "xy"] if wrong[-1][1] == b"z" and wrong[0][0] is TEXT else ["fine"]
    assert await is_refused(link, 1002, link.raw.frame(TEXT, b"fine"), *frames) == whole


# Headers


@pytest.mark.parametrize("reserved", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
async def test_reserved_bits(link: Link, opcode: int, reserved: int) -> None:
    """No extension was agreed on: each reserved bit is refused on each kind of frame."""
    data = b"\x03\xe8" if opcode is CLOSE else b"x"
    wrong = link.raw.frame(opcode, data, reserved=reserved)
    assert await is_refused(link, 1002, wrong) == []


async def test_reserved_bits_on_a_continuation(link: Link) -> None:
    """Nor does a continuation have any."""
    first, _ = fragments(link, TEXT, b"a", b"b")
    assert await is_refused(link, 1002, first, link.raw.frame(CONT, b"b", reserved=4)) == []


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("data", [b"", b"x"])
async def test_reserved_opcodes(link: Link, opcode: int, data: bytes) -> None:
    """An opcode that means nothing is refused, and what stands behind it is not read."""
    behind = link.raw.frame(TEXT, b"behind")
    assert await is_refused(link, 1002, link.raw.frame(opcode, data) + behind, behind) == []


@pytest.mark.parametrize(("size", "size_bytes"), [(0, 2), (5, 2), (125, 2), (5, 8), (65_535, 8)])
async def test_lengths_in_too_many_bytes(link: Link, size: int, size_bytes: int) -> None:
    """A length is to be written in as few bytes as it takes."""
    mask = MASK if link.raw.masks else None
    wrong = framed(BINARY, b"x" * size, mask=mask, size_bytes=size_bytes)
    assert await is_refused(link, 1002, wrong) == []


@pytest.mark.parametrize("size", [1 << 63, (1 << 64) - 1])
async def test_lengths_of_64_bits(link: Link, size: int) -> None:
    """The highest bit of a length is 0."""
    mask = MASK if link.raw.masks else None
    wrong = framed(BINARY, mask=mask, size=size, size_bytes=8)
    assert await is_refused(link, 1002, wrong) == []


# Sizes


@pytest.mark.parametrize("size", [MAX_SIZE + 1, 1 << 32, (1 << 63) - 1])
async def test_frames_that_are_too_large(link: Link, size: int) -> None:
    """An oversize frame is refused by its header: no byte of it need come, and none is kept."""
    mask = MASK if link.raw.masks else None
    head = framed(BINARY, mask=mask, size=size)
    assert await is_refused(link, 1009, head) == []


async def test_an_oversize_frame_that_comes_whole(link: Link) -> None:
    """Its payload, coming behind the refusal, is not taken for anything."""
    mask = MASK if link.raw.masks else None
    payload = framed(TEXT, b"inside", mask=mask) * 10_000
    head = framed(BINARY, mask=mask, size=len(payload))
    behind = link.raw.frame(TEXT, b"behind")
    await link.raw.send(link.raw.frame(TEXT, b"before") + head)
    assert await is_refused(link, 1009, payload, behind) == ["before"]


@pytest.mark.parametrize("parts", [(MAX_SIZE, 1), (1, MAX_SIZE), (MAX_SIZE, 0, 1)])
async def test_messages_that_are_too_large(link: Link, parts: tuple[int, ...]) -> None:
    """The bound is a message's: fragments below it may not add up to more."""
    frames = fragments(link, BINARY, *(b"x" * size for size in parts))
    assert await is_refused(link, 1009, *frames) == []


# UTF-8

VALID = ["", "a", "é", "κόσμε", "\u2028", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"]
INVALID = {
    "lone continuation byte": b"\x80",
    "cut off": "κ".encode()[:1],
    "cut off after text": b"hello " + "\U0001f600".encode()[:3],
    "overlong slash": b"\xc0\xaf",
    "overlong in three bytes": b"\xe0\x80\xaf",
    "overlong zero": b"\xf0\x80\x80\x80",
    "surrogate": b"\xed\xa0\x80",
    "pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80",
    "beyond the last letter": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "never a byte of it": b"\xfe",
    "broken inside": "κόσμε".encode()[:5] + b"\xff" + "κόσμε".encode()[5:],
}


async def test_text_in_fragments_of_a_byte(link: Link) -> None:
    """Letters may be cut anywhere between fragments."""
    for text in VALID:
        data = text.encode()
        await link.raw.send(
            b"".join(fragments(link, TEXT, *(data[at : at + 1] for at in range(len(data) + 1))))
        )
    assert await ends_well(link) == VALID


@pytest.mark.parametrize("data", INVALID.values(), ids=INVALID)
async def test_text_that_is_not_utf_8(link: Link, data: bytes) -> None:
    """Such a message is refused, and nothing behind it is heard."""
    frames = link.raw.frame(TEXT, data) + link.raw.frame(TEXT, b"behind")
    assert await is_refused(link, 1007, link.raw.frame(TEXT, b"fine"), frames) == ["fine"]


@pytest.mark.parametrize("data", INVALID.values(), ids=INVALID)
async def test_text_in_fragments_that_is_not_utf_8(link: Link, data: bytes) -> None:
    """Nor is it taken in pieces."""
    parts = [data[at : at + 1] for at in range(len(data))]
    assert await is_refused(link, 1007, *fragments(link, TEXT, b"a", *parts, b"")) == []


async def test_binary_is_not_text(link: Link) -> None:
    """What is no UTF-8 is welcome in a binary message."""
    await link.raw.send(*(link.raw.frame(BINARY, data) for data in INVALID.values()))
    assert await ends_well(link) == list(INVALID.values())


# Slices


async def test_any_slices(link: Link) -> None:
    """Frames come cut at every byte, and many in one segment."""
    frames = [
        link.raw.frame(TEXT, b"short"),
        *fragments(link, TEXT, "é".encode()[:1], "é".encode()[1:] + b"x" * 126),
        link.raw.frame(PING, b"still there?"),
        link.raw.frame(BINARY, b"\x00\xff" * 100),
    ]
    stream = b"".join(frames)
    expected = ["short", "é" + "x" * 126, b"\x00\xff" * 100]
    for cut in range(1, len(stream)):
        await link.raw.send(stream[:cut])
        await link.raw.send(stream[cut:])
        assert (await link.raw.receive())[:2] == (PONG, b"still there?")
    for at in range(len(stream)):
        await link.raw.send(stream[at : at + 1])
    assert (await link.raw.receive())[:2] == (PONG, b"still there?")
    await link.raw.send(stream * 50)
    for _ in range(50):
        assert (await link.raw.receive())[:2] == (PONG, b"still there?")
    assert await ends_well(link) == expected * (len(stream) + 50)
