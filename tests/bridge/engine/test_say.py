from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from bridge.audio import level_dbfs
from bridge.engine.say import EspeakSynthesiser, repeated
from bridge.engine.workers import WorkError, Workers
from bridge.sound.speech import Bleep, Silence, Speech, plain_speech, speech_of
from bridge.sound.tones import bleep
from bridge.sound.voices import Voice
from bridge.sound.waves import silence
from tests.support.sound import spoken
from twiml.actions import Say


@asynccontextmanager
async def synthesiser() -> AsyncIterator[EspeakSynthesiser]:
    running = EspeakSynthesiser()
    try:
        yield running
    finally:
        await running.close()


async def test_says_what_the_engine_says() -> None:
    """The audio of the process is that of the engine asked directly."""
    text = "Thank you for calling. How can I help?"
    async with synthesiser() as engine:
        audio = b"".join([piece async for piece in engine.speak(plain_speech(text))])
    expected = spoken(text)
    assert abs(len(audio) - len(expected)) < 200
    assert level_dbfs(audio) == pytest.approx(level_dbfs(expected), abs=0.5)
    for at in range(0, len(expected) - 4000, 4000):  # the same words at the same time
        ours, theirs = audio[at : at + 4000], expected[at : at + 4000]
        assert max(level_dbfs(ours), -45) == pytest.approx(max(level_dbfs(theirs), -45), abs=3)


async def test_pauses_are_exact() -> None:
    speech = Speech(Voice(), (Silence(2500), Bleep(300), Silence(20)))
    async with synthesiser() as engine:
        audio = b"".join([piece async for piece in engine.speak(speech)])
    assert audio == silence(2500) + bleep(300) + silence(20)


async def test_speech_comes_in_pieces() -> None:
    """The first is short and comes before the rest is made; closing ends it."""
    speech = speech_of(Say(content=("Here comes one more sentence. " * 60,)))
    assert len(speech.pieces) > 5
    async with synthesiser() as engine, aclosing(engine.speak(speech)) as pieces:
        first = await anext(pieces)
        assert len(first) < 10 * 8000
        assert engine.made == 1


async def test_loop() -> None:
    speech = plain_speech("again")
    async with synthesiser() as engine:
        once = b"".join([piece async for piece in engine.speak(speech)])
        thrice = b"".join([piece async for piece in repeated(engine, speech, 3)])
        assert thrice == once * 3
        assert engine.made == 1
        endless = repeated(engine, speech, 0)
        async with aclosing(endless):
            for _ in range(20):
                assert await anext(endless) == once


async def test_a_loop_of_nothing_ends() -> None:
    async with synthesiser() as engine:
        assert [piece async for piece in repeated(engine, plain_speech(""), 0)] == []


async def test_the_cache_is_bounded() -> None:
    """The oldest prompt goes first."""
    engine = EspeakSynthesiser(cache_bytes=20_000)
    try:
        for word in ("one two three", "four five six", "one two three"):
            assert [piece async for piece in engine.speak(plain_speech(word))]
        assert engine.made == 3
        assert [piece async for piece in engine.speak(plain_speech("one two three"))]
        assert engine.made == 3
    finally:
        await engine.close()


async def test_many_at_once() -> None:
    """Calls that speak at the same time each get their own words."""
    texts = [f"This is caller number {n}" for n in range(12)]
    async with synthesiser() as engine:

        async def say(text: str) -> bytes:
            return b"".join([piece async for piece in engine.speak(plain_speech(text))])

        spoken_at_once = await asyncio.gather(*map(say, texts))
        assert engine.made == 12
        for text, audio in zip(texts, spoken_at_once, strict=True):
            assert abs(len(audio) - len(spoken(text))) < 200


async def test_a_cancelled_request_does_not_disturb_the_next() -> None:
    async with synthesiser() as engine:
        first = asyncio.create_task(anext(engine.speak(plain_speech("one two three four"))))
        await asyncio.sleep(0)
        assert engine.made == 1
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        (audio,) = [piece async for piece in engine.speak(plain_speech("five"))]
        assert abs(len(audio) - len(spoken("five"))) < 200


async def test_a_process_that_dies_is_replaced() -> None:
    """Who was waiting is told; the next is served by another process."""
    workers = Workers("bridge.sound.espeak", count=1)
    try:
        async with workers.take() as worker:
            with pytest.raises(WorkError, match="Expecting value"):
                await worker.ask(b"no request")
            assert worker.process_id is not None
            os.kill(worker.process_id, signal.SIGKILL)
            with pytest.raises(WorkError, match="ended unexpectedly"):
                await worker.ask(b"no request")
            with pytest.raises(WorkError, match="Expecting value"):
                await worker.ask(b"no request")
    finally:
        await workers.close()


async def test_a_process_that_is_too_slow_is_replaced() -> None:
    workers = Workers("bridge.sound.espeak", count=1, time_limit=0.0)
    try:
        with pytest.raises(WorkError, match="no answer within 0 s"):
            await workers.ask(b"{}")
    finally:
        await workers.close()


async def test_a_package_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words that say how to mend it; nothing is dropped silently."""
    monkeypatch.chdir(Path(__file__).parents[3])
    workers = Workers("tests.support.voiceless", count=1)
    try:
        with pytest.raises(WorkError, match="no voice is installed: pip install espeakng-loader"):
            await workers.ask(b"{}")
    finally:
        await workers.close()
