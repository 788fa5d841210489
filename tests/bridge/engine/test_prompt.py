from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from bridge.engine.prompt import Prompt, pieces_of
from bridge.errors import BridgeError, CustomerError
from bridge.playout import SILENCE
from bridge.sound.waves import silence


class Ended:
    """What `finished` was called with."""

    def __init__(self) -> None:
        self.calls: list[BridgeError | None] = []

    def __call__(self, error: BridgeError | None) -> None:
        self.calls.append(error)


async def turns(count: int = 5) -> None:
    """Let everything run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


def drained(prompt: Prompt) -> bytes:
    """Every frame until there is none."""
    return b"".join(iter(prompt.take, None))


async def test_frames_in_order_whatever_the_pieces() -> None:
    """No byte is lost; the last frame is filled up with silence; the end is told after it."""
    audio = bytes(range(1, 251)) * 5
    ended = Ended()
    prompt = Prompt(pieces_of(audio[:3], audio[3:500], b"", audio[500:501], audio[501:]), ended)
    await turns()
    heard = b""
    while frame := prompt.take():
        assert not ended.calls
        heard += frame
    assert heard == audio + SILENCE[: -len(audio) % 160]
    assert ended.calls == [None]
    assert prompt.take() is None
    assert ended.calls == [None]
    assert (prompt.played, prompt.underruns, prompt.over) == (8, 0, True)


async def test_a_source_is_not_far_ahead() -> None:
    made = 0

    async def source() -> AsyncGenerator[bytes, None]:
        nonlocal made
        for _ in range(50):
            made += 1
            yield silence(200)

    prompt = Prompt(source(), Ended(), ahead_bytes=4000)
    await turns()
    assert made == 3
    for _ in range(10):
        prompt.take()
    await turns()
    assert made == 4
    while not prompt.over:
        prompt.take()
        await turns(2)
    assert (made, prompt.played) == (50, 500)


async def test_underruns_are_counted_from_the_first_frame_on() -> None:
    """Waiting for the beginning is none: nobody knows when it should have begun."""
    more = asyncio.Event()

    async def source() -> AsyncGenerator[bytes, None]:
        await more.wait()
        more.clear()
        yield b"a" * 160
        await more.wait()
        yield b"b" * 160

    prompt = Prompt(source(), Ended())
    await turns()
    assert prompt.take() is None
    assert prompt.underruns == 0
    more.set()
    await turns()
    assert prompt.take() == b"a" * 160
    assert prompt.take() is None
    assert prompt.underruns == 1
    more.set()
    await turns()
    assert prompt.take() == b"b" * 160
    assert prompt.take() is None
    assert (prompt.underruns, prompt.over) == (1, True)


async def test_cancel() -> None:
    """Nothing more is played or made, the source is closed, and no end is told."""
    closed = Ended()

    async def source() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield silence(200)
        finally:
            closed(None)

    ended = Ended()
    prompt = Prompt(source(), ended)
    await turns()
    assert prompt.take()
    prompt.cancel()
    assert prompt.take() is None
    await prompt.closed()
    assert (len(closed.calls), ended.calls, prompt.over) == (1, [], True)


async def test_an_error_is_told_after_what_was_made() -> None:
    error = CustomerError(11200, "gone")

    async def source() -> AsyncGenerator[bytes, None]:
        yield silence(40)
        raise error

    ended = Ended()
    prompt = Prompt(source(), ended)
    await turns()
    assert drained(prompt) == silence(40)
    assert ended.calls == [error]


async def test_a_fault_of_ours_ends_the_prompt_and_not_the_call() -> None:
    async def source() -> AsyncGenerator[bytes, None]:
        yield silence(20)
        raise ZeroDivisionError

    ended = Ended()
    prompt = Prompt(source(), ended)
    await turns()
    assert drained(prompt) == silence(20)
    (told,) = ended.calls
    assert isinstance(told, BridgeError)


async def test_nothing_to_play() -> None:
    ended = Ended()
    prompt = Prompt(pieces_of(), ended)
    await turns()
    assert prompt.take() is None
    assert ended.calls == [None]
