"""<Gather>: tones, keys, words, prompts that give way, and what `action` is asked with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from bridge.playout import SILENCE
from bridge.sound.dtmf import digit_pieces
from bridge.sound.recognition import Heard, Recognition
from bridge.sound.waves import silence
from tests.app.calls.house import House, at_home
from tests.support.sound import keys_heard, spoken

DONE = {"/got": "<Hangup/>"}


def keyed(digits: str, before_ms: int = 500) -> bytes:
    return silence(before_ms) + b"".join(digit_pieces(digits)) + silence(400)


@pytest.mark.parametrize("how", ["tones", "messages"])
@pytest.mark.parametrize(
    ("attributes", "pressed", "digits"),
    [
        ('numDigits="3"', "1234", "123"),
        ("", "12#3", "12"),
        ('finishOnKey="*"', "1#*", "1#"),
        ('timeout="2"', "45", "45"),
    ],
)
def test_keys(tmp_path: Path, how: str, attributes: str, pressed: str, digits: str) -> None:
    """Keys end with `numDigits`, `finishOnKey` or `timeout`, whether they are heard as tones or
    come as messages."""

    async def main(home: House) -> None:
        audio = keyed(pressed) if how == "tones" else b""
        keys = () if audio else tuple((1 + at / 4, key) for at, key in enumerate(pressed))
        call, _ = await home.call(
            f'<Gather action="/got" {attributes}/><Play digits="9"/>', audio, keys=keys
        )
        (form,) = home.app.forms("/got")
        assert form["Digits"] == digits
        assert form["CallSid"] == call.sid

    at_home(main, tmp_path, DONE)


def test_barge_in(tmp_path: Path) -> None:
    """A key silences the prompts; without one they are all heard, in order."""

    async def main(home: House) -> None:
        gather = (
            '<Gather numDigits="2" timeout="2" action="/got"><Play digits="111"/>'
            '<Pause length="1"/><Play digits="222"/></Gather><Play digits="9"/>'
        )
        _, silent = await home.call(gather)
        assert keys_heard(silent.heard) == "1112229"
        _, keen = await home.call(gather, keys=((0.3, "5"), (1.5, "6")))
        assert "2" not in keys_heard(keen.heard)
        assert home.app.forms("/got")[0]["Digits"] == "56"

    at_home(main, tmp_path, DONE)


def test_nothing_entered(tmp_path: Path) -> None:
    """Without input the next verb runs; `actionOnEmptyResult` asks `action` all the same."""

    async def main(home: House) -> None:
        _, outcome = await home.call('<Gather timeout="1" action="/got"/><Play digits="7"/>')
        assert keys_heard(outcome.heard) == "7"
        assert home.app.forms("/got") == []
        await home.call('<Gather timeout="1" action="/got" actionOnEmptyResult="true"/>')
        assert "Digits" not in home.app.forms("/got")[0]

    at_home(main, tmp_path, DONE)


@pytest.mark.skipif(find_spec("pocketsphinx") is None, reason="needs the extra `speech`")
def test_speech(tmp_path: Path) -> None:
    """What the caller says comes as words, with partial results on the way; talking silences the
    prompt."""

    async def main(home: House) -> None:
        said = silence(1000) + spoken("billing please") + silence(3000)
        call, outcome = await home.call(
            '<Gather input="speech" hints="sales please, billing please" action="/got"'
            ' speechTimeout="1"'
            ' partialResultCallback="/partial"><Play loop="20" digits="1"/></Gather>',
            said,
        )
        form = home.app.forms("/got")[0]
        assert form["SpeechResult"] == "billing please"
        assert 0 <= float(form["Confidence"]) <= 1
        assert len(keys_heard(outcome.heard)) < 15
        await home.settle()
        told = home.app.forms("/partial")
        assert [form["SequenceNumber"] for form in told] == [str(at) for at in range(len(told))]
        assert told[-1]["UnstableSpeechResult"].split()[0] == "billing"
        assert call.told("speech.deaf") == []

    at_home(main, tmp_path, DONE, grace=0.01)


@pytest.mark.skipif(find_spec("pocketsphinx") is None, reason="needs the extra `speech`")
def test_those_who_are_silent_keep_no_recogniser_busy(tmp_path: Path) -> None:
    """While some say nothing, one who speaks is understood, with a single process for all."""

    async def main(home: House) -> None:
        gather = (
            '<Gather input="speech" timeout="600" speechTimeout="1" hints="yes, no" action="/got"/>'
        )
        silent = [home.begin(gather) for _ in range(3)]
        for call in silent:
            await call.until("call.answered")
        said = silence(1000) + spoken("yes") + silence(3000)
        call, _ = await home.call(gather, said)
        (form,) = home.app.forms("/got")
        assert (form["SpeechResult"], form["CallSid"]) == ("yes", call.sid)

    at_home(main, tmp_path, DONE, grace=0.01, speech_processes=1)


def test_speech_without_a_recogniser(tmp_path: Path) -> None:
    """It is said, once, that nobody can understand words here; keys still count."""

    async def main(home: House) -> None:
        home.service.sounds.recogniser = None
        call, _ = await home.call(
            '<Gather input="dtmf speech" numDigits="1" action="/got"/>',
            silence(300) + spoken("seven") + silence(1500) + keyed("4"),
        )
        assert len(call.told("speech.deaf")) == 1
        assert home.app.forms("/got")[0]["Digits"] == "4"

    at_home(main, tmp_path, DONE)


class _Words:
    """A recogniser that understands another word every 100 ms of what it is given."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def begin(
        self,
        *,
        language: str = "en-US",
        hints: Sequence[str] = (),
        partial: Callable[[str], None] = lambda text: None,
    ) -> Recognition:
        del language, hints
        return _Understanding(self.words, partial)


class _Understanding:
    def __init__(self, words: tuple[str, ...], partial: Callable[[str], None]) -> None:
        self._words = words
        self._partial = partial
        self._frames = 0

    def feed(self, frame: bytes) -> None:
        if frame == SILENCE:
            return
        self._frames += 1
        count, rest = divmod(self._frames, 5)
        if not rest and count <= len(self._words):
            self._partial(" ".join(self._words[:count]))

    async def finish(self) -> Heard:
        return Heard(" ".join(self._words), 0.5)

    def cancel(self) -> None:
        pass


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_partial_results(tmp_path: Path, method: str) -> None:
    """`partialResultCallback` is told what has been understood so far, each time that it is more,
    in order and numbered, with the call's own parameters; what it answers changes nothing."""

    async def main(home: House) -> None:
        home.service.sounds.recogniser = _Words("one", "two", "three")
        call, outcome = await home.call(
            '<Gather input="speech" action="/got" partialResultCallback="/partial"'
            f' partialResultCallbackMethod="{method}"/>',
            silence(500) + spoken("one two three") + silence(2000),
        )
        await home.settle()
        told = home.app.forms("/partial")
        assert [form["UnstableSpeechResult"] for form in told] == [
            "one",
            "one two",
            "one two three",
        ]
        assert [form["SequenceNumber"] for form in told] == ["0", "1", "2"]
        assert {form["CallSid"] for form in told} == {call.sid}
        assert not any("SpeechResult" in form for form in told)
        (form,) = home.app.forms("/got")
        assert form["SpeechResult"] == "one two three"
        assert keys_heard(outcome.heard) == ""

    at_home(main, tmp_path, {**DONE, "/partial": '<Play digits="9"/>'})


def test_no_partial_results(tmp_path: Path) -> None:
    """Without `partialResultCallback` nobody is told of anything but the whole."""

    async def main(home: House) -> None:
        home.service.sounds.recogniser = _Words("one", "two")
        await home.call(
            '<Gather input="speech" action="/got"/>',
            silence(500) + spoken("one two") + silence(2000),
        )
        await home.settle()
        assert [path for path, _ in home.app.asked] == ["/got"]

    at_home(main, tmp_path, DONE)
