"""What is spoken and played, in SWML."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twiml.signalwire.ours import BASE, Ours, between, lost, steps, swml
from twiml.actions import Say
from twiml.document import Document
from twiml.signalwire.swml import Dialect, translate
from twiml.signalwire.swml.voices import POLLY


def spoken(say: str) -> str:
    ((_, keys),) = between(say)[0].items()
    url: str = keys["url"]
    return url


@pytest.mark.contract("S11")
def test_say_becomes_a_say_url() -> None:
    """Its text on one line, entities resolved."""
    assert spoken("<Say>Fish &amp; chips</Say>") == "say:Fish & chips"
    assert spoken("<Say>\n  one\n  two&#x2028;three\t</Say>") == "say:one two three"
    assert between("<Say> </Say><Say/>") == []


@pytest.mark.contract("S10")
@given(st.text())
def test_spoken_text_is_one_harmless_line(text: str) -> None:
    """Whatever is said: no line break, nothing to evaluate."""
    translation = translate(Document((Say(content=(text,)),)), Ours(), BASE)
    for step in steps(translation):
        url = step.get("play", {}).get("url", "say:")
        assert url.startswith("say:")
        assert len(url.splitlines()) == 1
        assert "${" not in url
        assert "%{" not in url


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${call.from}", "$ {call.from}"),
        ("%{x}", "% {x}"),
        ("$${x}", "$$ {x}"),
        ("%%{x}", "%% {x}"),
        ("$%{x}", "$% {x}"),
    ],
)
def test_the_customers_text_is_not_evaluated(text: str, said: str) -> None:
    """The brace is parted from the sign, and a loss says so."""
    translation, _ = swml(f"<Say>{text}</Say>")
    assert steps(translation)[1] == {"play": {"url": f"say:{said}"}}
    assert [str(loss) for loss in translation.losses] == [
        (
            "line 1: <Say> holds ${ or %{, which SignalWire would evaluate. "
            "A blank is put before the brace."
        )
    ]
    (plain,) = between("<Say>a $ and {b} cost 5%</Say>")
    assert plain == {"play": {"url": "say:a $ and {b} cost 5%"}}


def test_ssml() -> None:
    """The elements that SignalWire lists, in SSML's root; of others the words alone."""
    translation, _ = swml(
        '<Say>Hi <break time="1s"/><prosody rate="slow" x="1">you <w role="r">there</w></prosody>'
        " &amp; <lang xml:lang='de-DE'>Grüße</lang></Say>"
    )
    assert steps(translation)[1] == {
        "play": {
            "url": 'say:<speak>Hi <break time="1s"/><prosody rate="slow">you there</prosody>'
            ' &amp; <lang xml:lang="de-DE">Grüße</lang></speak>'
        }
    }
    assert lost(translation) == ["w"]
    assert spoken("<Say>a<w>b</w>c</Say>") == "say:abc"
    assert spoken("<Say><break/></Say>") == "say:<speak><break/></speak>"


def test_text_that_looks_like_ssml_is_text() -> None:
    """As Twilio reads it out."""
    assert spoken("<Say>&lt;speak&gt;x&lt;/speak&gt;</Say>") == (
        "say:<speak>&lt;speak&gt;x&lt;/speak&gt;</speak>"
    )


def test_the_bound_of_4096_characters() -> None:
    """One character more is left out, with a loss; SSML that is too long loses its mark-up."""
    translation, _ = swml(f"<Say>{'x' * 4096}</Say>")
    assert len(steps(translation)[1]["play"]["url"]) == len("say:") + 4096
    assert translation.losses == ()
    translation, _ = swml(f"<Say>{'x' * 4097}</Say>")
    assert len(steps(translation)[1]["play"]["url"]) == len("say:") + 4096
    assert lost(translation) == ["Say"]

    room = 4096 - len("<speak><s></s></speak>")
    translation, _ = swml(f"<Say><s>{'x' * room}</s></Say>")
    assert steps(translation)[1]["play"]["url"].endswith("x</s></speak>")
    assert translation.losses == ()
    translation, _ = swml(f"<Say><s>{'x' * room}</s>y</Say>")
    assert steps(translation)[1]["play"]["url"] == "say:" + "x" * room + " y"
    assert lost(translation) == ["Say"]


@pytest.mark.contract("S12")
def test_loops() -> None:
    """A few are written out, more of them are jumps, of which there are 100 at most."""
    assert between('<Say loop="3">a</Say>') == [{"play": {"urls": ["say:a"] * 3}}]
    assert between('<Play loop="2">/a</Play>') == [
        {"play": {"urls": ["https://us.example/file/1"] * 2}}
    ]
    assert between('<Play digits="1w" loop="2"/>') == [{"send_digits": {"digits": "1w1w"}}]
    assert len(between(f'<Say loop="2">{"x" * 2045}</Say>')) == 3
    for loop, jumps, losses in ((11, 10, 0), (101, 100, 0), (102, 100, 1), (0, 100, 1)):
        translation, _ = swml(f'<Say loop="{loop}">a</Say>')
        assert steps(translation)[1:-1] == [
            {"label": "again-1"},
            {"play": {"url": "say:a"}},
            {"goto": {"label": "again-1", "max": jumps}},
        ]
        assert lost(translation) == ["Say loop"] * losses
        assert all("101 times" in loss.instead for loss in translation.losses)
    (label, tones, _) = between('<Play digits="1" loop="0"/>')
    assert (label, tones) == ({"label": "again-1"}, {"send_digits": {"digits": "1"}})


@pytest.mark.contract("S13")
def test_tones() -> None:
    """Play's digits are sent; what is no tone is not, and is told."""
    assert between('<Play digits="ww1#*9"/>') == [{"send_digits": {"digits": "ww1#*9"}}]
    translation, _ = swml('<Play digits="1-${2}"/><Play digits="-"/>')
    assert steps(translation)[1:-1] == [{"send_digits": {"digits": "12"}}]
    assert lost(translation) == ["Play digits", "Play digits"]
    assert between('<Play digits="1">/a</Play>') == [
        {"send_digits": {"digits": "1"}},
        {"play": {"url": "https://us.example/file/1"}},
    ]


@pytest.mark.contract("S14")
def test_play_urls_are_absolute() -> None:
    """Read against the document's own."""
    _, links = swml("<Play>hold music.mp3</Play><Play>//cdn.example/a</Play>")
    assert links.given == [
        ("file", "https://customer.example/voice/hold%20music.mp3"),
        ("file", "https://cdn.example/a"),
    ]


@pytest.mark.contract("S9")
def test_pauses_are_milliseconds() -> None:
    """A whole number of them."""
    assert between('<Pause/><Pause length="2"/>') == [{"sleep": 1000}, {"sleep": 2000}]


@pytest.mark.parametrize(
    ("attributes", "keys"),
    [
        ("", {}),
        ('voice="man"', {"say_voice": "Polly.Matthew", "say_gender": "male"}),
        ('voice="woman"', {"say_voice": "Polly.Salli", "say_gender": "female"}),
        (
            'voice="alice" language="fr-FR"',
            {"say_voice": "Polly.Celine", "say_gender": "female", "say_language": "fr-FR"},
        ),
        (
            'language="de-DE"',
            {"say_voice": "Polly.Marlene", "say_gender": "female", "say_language": "de-DE"},
        ),
        ('voice="Polly.Amy-Neural"', {"say_voice": "Polly.Amy-Neural"}),
        (
            'voice="Polly.Hans" language="de-DE"',
            {"say_voice": "Polly.Hans", "say_language": "de-DE"},
        ),
        ('voice="Google.en-GB-Wavenet-A"', {"say_voice": "gcloud.en-GB-Wavenet-A"}),
    ],
)
def test_voices(attributes: str, keys: dict[str, str]) -> None:
    """SignalWire's spelling of Twilio's voices, without a loss."""
    translation, _ = swml(f"<Say {attributes}>x</Say>")
    assert steps(translation)[1] == {"play": {"url": "say:x"} | keys}
    assert translation.losses == ()


@pytest.mark.parametrize(
    ("attributes", "keys", "losses"),
    [
        (
            'voice="ElevenLabs.x"',
            {"say_voice": "Polly.Salli", "say_gender": "female"},
            ["Say voice"],
        ),
        ('language="xx-XX"', {"say_gender": "female", "say_language": "xx-XX"}, ["Say language"]),
        (
            'voice="man" language="ko-KR"',
            {"say_gender": "male", "say_language": "ko-KR"},
            ["Say voice"],
        ),
        (
            'voice="Polly.${x}"',
            {"say_voice": "Polly.Salli", "say_gender": "female"},
            ["Say voice"],
        ),
    ],
)
def test_voices_that_swml_lacks(attributes: str, keys: dict[str, str], losses: list[str]) -> None:
    """Somebody else speaks, and a loss says so."""
    translation, _ = swml(f"<Say {attributes}>x</Say>", Dialect.STRICT)
    assert steps(translation)[1] == {"play": {"url": "say:x"} | keys}
    assert lost(translation) == losses


def test_every_polly_voice_is_one_word() -> None:
    """The table's names are as Polly writes them."""
    for language, names in POLLY.items():
        assert re.fullmatch(r"[a-z]{2}-[A-Z]{2}", language)
        assert all(name is None or re.fullmatch(r"[A-Z][a-z]+", name) for name in names)
