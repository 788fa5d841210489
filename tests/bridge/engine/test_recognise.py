from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.engine.recognise import SphinxRecogniser
from bridge.engine.workers import WorkError, Workers
from bridge.errors import BridgeError
from bridge.sound.recognition import Heard, Recogniser
from bridge.sound.sphinx import Sphinx, request
from bridge.sound.voices import Voice
from bridge.sound.waves import silence
from bridge.wav import read_wav
from tests.support.sound import frames_of, spoken

ROOT = Path(__file__).parents[3]

pytest.importorskip("pocketsphinx")

MENU = ("yes", "no", "one", "two", "three", "four")


@pytest.fixture(scope="module")
def sphinx() -> Sphinx:
    return Sphinx()


@pytest.fixture
async def recogniser() -> AsyncIterator[SphinxRecogniser]:
    running = SphinxRecogniser(processes=1)
    yield running
    await running.close()


def utterance(text: str, voice: Voice | None = None) -> bytes:
    return silence(300) + spoken(text, voice or Voice()) + silence(300)


async def heard_by(recogniser: Recogniser, audio: bytes, hints: tuple[str, ...] = MENU) -> Heard:
    recognition = recogniser.begin(hints=hints)
    for frame in frames_of(audio):
        recognition.feed(frame)
    return await recognition.finish()


@pytest.mark.parametrize("text", ["yes", "no", "one two three four"])
@pytest.mark.parametrize("language", ["en-US", "en-GB"])
def test_hinted_phrases(sphinx: Sphinx, text: str, language: str) -> None:
    """What a menu asks for is understood, said by the synthesiser's voices."""
    sphinx.begin(MENU)
    sphinx.hear(utterance(text, Voice(language)))
    heard, confidence = sphinx.end()
    assert heard == text
    assert 0 < confidence <= 1


def test_silence_is_nothing(sphinx: Sphinx) -> None:
    sphinx.begin(())
    assert sphinx.hear(silence(2000)) == ""
    assert sphinx.end() == ("", 0.0)


def test_free_speech(sphinx: Sphinx) -> None:
    """Without hints: not every word, but some."""
    sphinx.begin(())
    partial = sphinx.hear(read_wav(ROOT / "app/agent/caller.wav"))
    text, _ = sphinx.end()
    assert partial
    assert "laptop" in text.split()


def test_hints_that_lead_nowhere(sphinx: Sphinx) -> None:
    """Unknown words are left out; speech that no hint fits is decoded freely."""
    sphinx.begin(("xyzzy", "$OOV_CLASS_DIGIT_SEQUENCE", "(;)", "no"))
    sphinx.hear(read_wav(ROOT / "app/agent/caller.wav"))
    assert sphinx.end()[0]


def test_one_utterance_leaves_the_next_alone(sphinx: Sphinx) -> None:
    for text in ("yes", "no", "yes"):
        sphinx.begin(MENU)
        sphinx.hear(utterance(text))
        assert sphinx.end()[0] == text


async def test_frames_in_and_text_out(recogniser: SphinxRecogniser) -> None:
    """As a call feeds it: partial texts on the way, the whole at the end."""
    partial: list[str] = []
    told = asyncio.Event()

    def keep(text: str) -> None:
        partial.append(text)
        told.set()

    recognition = recogniser.begin(hints=MENU, partial=keep)
    for frame in frames_of(utterance("one two three four")):
        recognition.feed(frame)
    await told.wait()
    heard = await recognition.finish()
    assert heard.text.split()[:3] == ["one", "two", "three"]
    assert partial[-1].split()[:2] == ["one", "two"]
    assert recognition.lost_bytes == 0


async def test_recognitions_take_turns(recogniser: SphinxRecogniser) -> None:
    """One process serves many calls; each hears its own words."""
    texts = ["yes", "no", "no", "yes"]
    heard = await asyncio.gather(*(heard_by(recogniser, utterance(text)) for text in texts))
    assert [each.text for each in heard] == texts


async def test_one_that_waits_too_long_is_told() -> None:
    """It fails, in bounded time, and holds nobody up; the one before and the next are heard."""
    running = SphinxRecogniser(processes=1, patience=0.05)
    try:
        first = running.begin(hints=MENU)
        for frame in frames_of(utterance("yes")):
            first.feed(frame)
        with pytest.raises(BridgeError, match=r"no recogniser was free for 0\.05 s"):
            await heard_by(running, utterance("no"))
        assert (await first.finish()).text == "yes"
        assert (await heard_by(running, utterance("two"))).text == "two"
    finally:
        await running.close()


async def test_cancelled(recogniser: SphinxRecogniser) -> None:
    """The process serves the next; nothing is told of the one that was cancelled."""
    partial: list[str] = []
    recognition = recogniser.begin(hints=MENU, partial=partial.append)
    for frame in frames_of(utterance("yes")):
        recognition.feed(frame)
    recognition.cancel()
    assert await recognition.finish() == Heard("", 0.0)
    assert (await heard_by(recogniser, utterance("no"))).text == "no"
    assert partial == []


async def test_nothing_said(recogniser: SphinxRecogniser) -> None:
    assert await heard_by(recogniser, b"") == Heard("", 0.0)


async def test_other_languages(recogniser: SphinxRecogniser) -> None:
    with pytest.raises(BridgeError, match="no model for de-DE, only for English"):
        recogniser.begin(language="de-DE")


async def test_closing_while_it_listens() -> None:
    running = SphinxRecogniser(processes=1)
    recognition = running.begin()
    recognition.feed(silence(20))
    await running.close()
    assert recognition.task.done()


async def test_a_package_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    workers = Workers("tests.support.deaf", count=1)
    try:
        with pytest.raises(WorkError, match=r'pip install "twiml-bridge\[speech\]"'):
            await workers.ask(request("begin"))
    finally:
        await workers.close()
