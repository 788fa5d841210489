from __future__ import annotations

import pytest

from bridge.sound.speech import (
    MAX_PIECE,
    SILENT_DB,
    Bleep,
    Piece,
    Run,
    Silence,
    Style,
    Words,
    plain_speech,
    speech_of,
)
from bridge.sound.voices import Voice
from twiml.actions import Say
from twiml.parser import parse


def say(inner: str, attributes: str = "") -> Say:
    document = parse(f"<Response><Say{attributes}>{inner}</Say></Response>".encode())
    verb = document.actions[0]
    assert isinstance(verb, Say)
    return verb


def pieces(inner: str) -> tuple[Piece, ...]:
    return speech_of(say(inner)).pieces


def words(text: str, **style: float | str) -> Words:
    return Words((Run(text, Style(**style)),))  # type: ignore[arg-type]


def test_plain_text_is_one_breath() -> None:
    assert pieces("Hello\n   there") == (words("Hello there"),)


def test_nothing_to_say() -> None:
    assert pieces("") == ()
    assert pieces("  \n ") == ()


@pytest.mark.parametrize(
    ("tag", "ms"),
    [
        ('<break time="2s"/>', 2000),
        ('<break time="350ms"/>', 350),
        ('<break time="1.5s"/>', 1500),
        ('<break time="1h"/>', 250),
        ('<break time="600s"/>', 10_000),
        ('<break strength="strong"/>', 500),
        ('<break strength="x-strong" time="100ms"/>', 100),
        ("<break/>", 250),
    ],
)
def test_break(tag: str, ms: int) -> None:
    """A pause between words, as long as written; `time` counts before `strength`."""
    assert pieces(f"one {tag} two") == (words("one "), Silence(ms), words(" two"))


def test_no_break() -> None:
    assert pieces('one <break strength="none"/>two') == (words("one "), words("two"))


def test_sentences_and_paragraphs_have_a_pause_between() -> None:
    """None before the first and after the last; the longer one where two meet."""
    assert pieces("<p><s>a</s><s>b</s></p> <p>c</p>") == (
        words("a"),
        Silence(350),
        words("b"),
        Silence(600),
        words("c"),
    )


def test_prosody() -> None:
    assert pieces('<prosody rate="50%" pitch="+20%" volume="-6dB">x</prosody>') == (
        words("x", rate=0.5, pitch=1.2, volume_db=-6.0),
    )
    assert pieces('<prosody rate="x-fast" pitch="low" volume="silent">x</prosody>') == (
        words("x", rate=1.75, pitch=0.8, volume_db=SILENT_DB),
    )


def test_prosody_within_prosody_adds_up() -> None:
    inner = '<prosody rate="50%">a<prosody rate="50%" volume="+6dB">b</prosody></prosody>'
    assert pieces(inner) == (
        Words((Run("a", Style(rate=0.5)), Run("b", Style(rate=0.25, volume_db=6.0)))),
    )


def test_prosody_that_cannot_be_read_changes_nothing() -> None:
    assert pieces('<prosody rate="quick" pitch="" volume="11">x</prosody>') == (words("x"),)


def test_emphasis() -> None:
    """Strong is slower and louder, reduced the reverse."""
    (strong,), (reduced,) = (
        pieces(f'<emphasis level="{level}">x</emphasis>') for level in ("strong", "reduced")
    )
    assert isinstance(strong, Words)
    assert isinstance(reduced, Words)
    assert strong.runs[0].style.rate < 1 < reduced.runs[0].style.rate
    assert strong.runs[0].style.volume_db > 0 > reduced.runs[0].style.volume_db


def test_language_within() -> None:
    assert pieces('I say <lang xml:lang="de-DE">guten Tag</lang> to you') == (
        Words((Run("I say "), Run("guten Tag", Style(language="de-DE")), Run(" to you"))),
    )


def test_substitution_and_word() -> None:
    assert pieces('<sub alias="World Wide Web">WWW</sub> is <w role="amazon:NN">read</w>') == (
        Words((Run("World Wide Web"), Run(" is "), Run("read"))),
    )


def test_phoneme() -> None:
    """The symbols go along with the text, for an engine that knows them."""
    (piece,) = pieces('<phoneme alphabet="x-sampa" ph="pI&quot;kA:n">pecan</phoneme>')
    assert piece == Words((Run("pecan", Style(), ("x-sampa", 'pI"kA:n')),))


def test_say_as() -> None:
    assert pieces('<say-as interpret-as="digits">42</say-as>') == (words("4 2"),)


def test_expletive_is_covered() -> None:
    assert pieces('Oh <say-as interpret-as="expletive">drat</say-as>!') == (
        words("Oh "),
        Bleep(500),
        words("!"),
    )


def test_long_text_is_cut_at_sentences() -> None:
    """The first piece is short, so that speech begins at once; no letter is lost."""
    text = "This is the first sentence. " * 40
    cut = pieces(text)
    texts = [run.text for piece in cut if isinstance(piece, Words) for run in piece.runs]
    assert "".join(texts).split() == text.split()
    assert len(texts[0]) <= 100
    assert all(len(part) <= MAX_PIECE for part in texts)
    assert all(part.rstrip().endswith(".") for part in texts)


@pytest.mark.parametrize(
    "text", ["word " * 300, "x" * 2000, "あ" * 700, "一二三。" * 200, "a, " * 400]
)
def test_any_long_text_is_cut(text: str) -> None:
    cut = [piece for piece in pieces(text) if isinstance(piece, Words)]
    assert "".join(piece.runs[0].text for piece in cut).split() == text.split()
    assert max(len(piece.runs[0].text) for piece in cut) <= MAX_PIECE


def test_many_short_runs_are_cut_too() -> None:
    cut = pieces('<prosody rate="90%">ten letter</prosody>' * 100)
    assert len(cut) > 3
    assert sum(len(piece.runs) for piece in cut if isinstance(piece, Words)) == 100


def test_plain_speech() -> None:
    assert plain_speech(" Hello\n you ").pieces == (words("Hello you"),)


@pytest.mark.parametrize(
    ("attributes", "voice"),
    [
        ("", Voice("en-US", "male")),
        (' voice="woman"', Voice("en-US", "female", "woman")),
        (' voice="alice" language="de-DE"', Voice("de-DE", "female", "alice")),
        (' language="fr-FR"', Voice("fr-FR", "male")),
        (' voice="Polly.Amy"', Voice("en-GB", "female", "Polly.Amy")),
        (' voice="Polly.Matthew-Neural"', Voice("en-US", "male", "Polly.Matthew-Neural")),
        (' voice="Polly.Hans" language="en-US"', Voice("de-DE", "male", "Polly.Hans")),
        (
            ' voice="Google.es-ES-Standard-B"',
            Voice("es-ES", "male", "Google.es-ES-Standard-B"),
        ),
        (
            ' voice="Google.en-GB-Chirp3-HD-Aoede"',
            Voice("en-GB", "female", "Google.en-GB-Chirp3-HD-Aoede"),
        ),
        (
            ' voice="Polly.Nobody" language="it-IT"',
            Voice("it-IT", "male", "Polly.Nobody", known=False),
        ),
        (' voice="robot"', Voice("en-US", "male", "robot", known=False)),
    ],
)
def test_voices(attributes: str, voice: Voice) -> None:
    """Twilio's names as language and gender; a Polly or Google voice has its own language."""
    assert speech_of(say("x", attributes)).voice == voice


def test_the_default_voice_may_be_set() -> None:
    """For a setting: what is not written comes from it."""
    assert speech_of(say("x"), Voice("sv-SE", "female")).voice == Voice("sv-SE", "female")
