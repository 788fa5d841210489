"""What a caller hears of a document: speech, files, tones, silence, an echo; by its samples."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from bridge.engine.say import EspeakSynthesiser
from bridge.sound.speech import plain_speech
from bridge.sound.voices import DEFAULT_VOICE
from bridge.sound.waves import silence
from tests.app.calls.house import House, at_home, frames, sounding
from tests.support.sound import frames_of as padded
from tests.support.sound import keys_heard, wav_of

RAMP = bytes(range(1, 101)) * 80  # a second, no two frames beside each other alike


async def synthesised(text: str) -> bytes:
    """What the default synthesiser makes of a text, in a process of its own."""
    synthesiser = EspeakSynthesiser()
    speech = plain_speech(text, DEFAULT_VOICE)
    try:
        return b"".join([piece async for piece in synthesiser.speak(speech)])
    finally:
        await synthesiser.close()


def test_say(tmp_path: Path) -> None:
    """The caller hears the synthesiser's samples, each of them, as often as `loop` says."""
    once = asyncio.run(synthesised("Hello there."))

    async def main(home: House) -> None:
        call, outcome = await home.call('<Say loop="2">Hello there.</Say>')
        assert len(sounding(once)) > 160 * 20
        assert sounding(outcome.heard) == sounding(b"".join(padded(once * 2)))
        assert call.told("prompt.failed") == []
        assert [entry["verb"] for entry in call.told("prompt.ended")] == ["Say"]

    at_home(main, tmp_path)


def test_play(tmp_path: Path) -> None:
    """A file from http is heard sample by sample, `loop` times; one that is not there is skipped
    with an error on the timeline."""

    async def main(home: House) -> None:
        call, outcome = await home.call(
            '<Play>{origin}/none.wav</Play><Play loop="3">{origin}/ramp.wav</Play>'
        )
        assert sounding(outcome.heard) == RAMP * 3
        (failed,) = call.told("prompt.failed")
        assert (failed["verb"], failed["line"]) == ("Play", 1)

    at_home(main, tmp_path, {"/ramp.wav": wav_of(RAMP)})


def test_play_of_a_file(tmp_path: Path) -> None:
    """In local mode a file of this machine is played."""
    (tmp_path / "ramp.wav").write_bytes(wav_of(RAMP))

    async def main(home: House) -> None:
        _, outcome = await home.call(f"<Play>file://{tmp_path}/ramp.wav</Play>")
        assert sounding(outcome.heard) == RAMP

    at_home(main, tmp_path)


def test_play_digits(tmp_path: Path) -> None:
    """`digits` are tones that a detector hears; `w` is half a second between them."""

    async def main(home: House) -> None:
        _, outcome = await home.call('<Play digits="12w#*0" loop="2"/>')
        assert keys_heard(outcome.heard) == "12#*012#*0"
        sound = [frame != silence(20) for frame in frames(outcome.heard)]
        gaps = "".join("x" if each else "." for each in sound).split("x")
        assert max(map(len, gaps)) >= 25

    at_home(main, tmp_path)


def test_pause(tmp_path: Path) -> None:
    """Silence for so many seconds, to the frame or two."""

    async def main(home: House) -> None:
        _, outcome = await home.call('<Play digits="1"/><Pause length="3"/><Play digits="2"/>')
        heard = frames(outcome.heard)
        sound = [at for at, frame in enumerate(heard) if frame != silence(20)]
        assert max(b - a for a, b in itertools.pairwise(sound)) == pytest.approx(150, abs=15)
        assert keys_heard(outcome.heard) == "12"

    at_home(main, tmp_path)


def test_echo(tmp_path: Path) -> None:
    """The caller hears the caller, until the caller hangs up."""

    async def main(home: House) -> None:
        _, outcome = await home.call("<Echo/>", RAMP, patience_ms=100)
        assert outcome.hung_up_by == "caller"
        assert sounding(outcome.heard) == RAMP

    at_home(main, tmp_path)


@pytest.mark.parametrize("verb", ["<Hangup/>", "<Redirect>/end</Redirect>"])
def test_a_document_goes_on(tmp_path: Path, verb: str) -> None:
    """<Redirect> runs another document, <Hangup> none; either way the rest is not heard."""

    async def main(home: House) -> None:
        call, outcome = await home.call(f'<Play digits="1"/>{verb}<Play digits="9"/>')
        redirected = "Redirect" in verb
        assert keys_heard(outcome.heard) == ("12" if redirected else "1")
        assert len(home.app.asked) == redirected
        assert call.live.call.status.value == "completed"

    at_home(main, tmp_path, {"/end": '<Play digits="2"/>'})


@pytest.mark.parametrize(
    ("verbs", "status"),
    [
        ("<Reject/>", "no-answer"),
        ('<Reject reason="busy"/>', "busy"),
        ('<Play digits="1"/><Reject/>', "completed"),
    ],
)
def test_reject(tmp_path: Path, verbs: str, status: str) -> None:
    """A call that is rejected was never answered; one that was answered is over."""

    async def main(home: House) -> None:
        call, _ = await home.call(verbs)
        assert call.live.call.status.value == status
        assert bool(call.told("call.answered")) is (status == "completed")

    at_home(main, tmp_path)
