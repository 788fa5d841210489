"""A document with its own URLs, and what cXML makes of it with no service behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.addresses import PlainLinks, dialled
from twiml.actions import Action, Connect, Play, Redirect, Say, Start, Stop, Stream
from twiml.document import Document
from twiml.parser import parse
from twiml.signalwire.cxml import translate
from twiml.signalwire.links import NOWHERE
from twiml.signalwire.translation import Translation

BASE = "https://app.example/voice/answer"
FOLDER = Path(__file__).parents[2] / "fixtures" / "twiml"
BENCH = Path(__file__).parents[2] / "app" / "bench"
STREAMING = (Start, Connect, Stop)
APART = {
    "e15004_actions": "an action that is no URL becomes no redirect",
    "real_dial_forward_everything": "a conference's recording is `failed` in cXML, not `absent`",
    "relative_urls_of_an_http_document": "its base is an http one",
    "stop_ignores_what_starts": "of what stands in a Stop, only the name is carried",
    "w12200_empty_names_and_urls": "something lost stands on a line with something kept",
    "w12200_queries_and_fragments": "nothing is left of a URL that is a query alone",
}
"""Documents that rightly read otherwise, and why."""
DOCUMENTS = sorted([*FOLDER.glob("*.xml"), *BENCH.glob("*.xml")])


def read(data: bytes | str, base_url: str = "") -> Document:
    return parse(data, base_url=base_url or NOWHERE)


def translated(inner: str, base_url: str = "") -> Translation:
    document = read(f"<Response>{inner}</Response>", base_url)
    assert document.usable
    return translate(document, PlainLinks(base_url), base_url)


def body(translation: Translation) -> str:
    """The verbs of a translation, without the declaration, the root and the indentation."""
    return "".join(line.strip() for line in translation.output.split("\n")[2:-2])


def streams(document: Document) -> list[Stream]:
    owners = [verb for verb in document.actions if isinstance(verb, STREAMING)]
    return [stream for owner in owners for stream in owner.streams]


@pytest.mark.parametrize(
    ("url", "base_url", "target"),
    [
        ("wss://c.example/m?a=1#f", "", "wss://c.example/m"),
        ("WSS://c.example/m", "", "wss://c.example/m"),
        ("media", "", None),
        ("/media", "", None),
        ("//c.example/media", "", None),
        ("/media", BASE, "wss://app.example/media"),
        ("//c.example/media", BASE, "wss://c.example/media"),
        ("ws://c.example/", BASE, None),
        ("", BASE, None),
    ],
)
def test_what_is_dialled(url: str, base_url: str, target: str | None) -> None:
    """The URL less its query; none for a refused stream or a URL that is relative to nothing."""
    (stream,) = streams(
        read(f'<Response><Start><Stream url="{url}"/></Start></Response>', base_url)
    )
    assert dialled(stream, base_url) == target


def test_a_stopped_stream_is_not_dialled() -> None:
    """Whatever URL it has."""
    xml = '<Response><Stop><Stream name="a" url="wss://c.example/"/></Stop></Response>'
    (stream,) = streams(read(xml))
    assert dialled(stream, BASE) is None


@pytest.mark.contract("S37")
def test_streams_keep_their_attributes() -> None:
    """Order, absence and values are the customer's; only `realtime` is added, where it must be."""
    inner = (
        '<Start><Stream track="both_tracks" url="wss://c.example/1" name="a" '
        'statusCallback="https://c.example/s" statusCallbackMethod="GET">'
        '<Parameter name="k" value="v"/></Stream></Start>'
        '<Start><Stream url="wss://c.example/2"/></Start>'
    )
    assert body(translated(inner)) == inner
    two_way = translated('<Connect><Stream url="wss://c.example/3"/></Connect>')
    assert body(two_way) == ('<Connect><Stream url="wss://c.example/3" realtime="true"/></Connect>')
    assert two_way.losses == ()


@pytest.mark.contract("S31")
def test_streams_lose_their_query() -> None:
    """SignalWire takes none either; absolute URLs and relative ones are cut alike."""
    inner = '<Start><Stream url="wss://c.example/m?a=1"/><Stream url="m?a=1#f"/></Start>'
    cut = '<Start><Stream url="wss://c.example/m"/><Stream url="m"/></Start>'
    assert body(translated(inner)) == cut


@pytest.mark.parametrize(
    ("base_url", "written", "callback"),
    [
        ("", "/s", "/s"),
        (BASE, "/s", "https://app.example/s"),
        ("", "https://c.example/s", "https://c.example/s"),
        ("", "ftp://c.example/", ""),
        (BASE, "", ""),
    ],
)
def test_status_callbacks(base_url: str, written: str, callback: str) -> None:
    """Absolute where a base makes them so, as written where none does, none if not usable."""
    (stream,) = streams(
        read(
            "<Response><Start><Stream url='wss://c.example/' statusCallbackMethod='GET' "
            f"statusCallback='{written}'/></Start></Response>",
            base_url,
        )
    )
    link = PlainLinks(base_url).media(stream, bidirectional=False)
    assert (link.status_callback, link.status_callback_method) == (callback, "GET")
    assert (link.bearer, link.name) == ("", "")


def test_without_a_base_relative_urls_stay() -> None:
    """Every one of them as written, with the methods written and no others."""
    inner = (
        '<Gather action="../a?b=1" partialResultCallback="p" partialResultCallbackMethod="GET">'
        '<Play>m.mp3</Play></Gather><Gather method="GET"/><Record/>'
        '<Dial action="next" method="GET"><Number url="/w">1</Number></Dial>'
        '<Enqueue waitUrl="">q</Enqueue><Redirect method="GET">here</Redirect>'
    )
    assert body(translated(inner)) == inner
    assert translated(inner).losses == ()


def test_with_a_base_relative_urls_become_absolute() -> None:
    """Read against the document's own URL; nothing else changes."""
    inner = '<Gather action="../a"/><Play>m.mp3</Play><Redirect>/here?x=1</Redirect>'
    assert body(translated(inner, BASE)) == (
        '<Gather action="https://app.example/a"/><Play>https://app.example/voice/m.mp3</Play>'
        "<Redirect>https://app.example/here?x=1</Redirect>"
    )


def test_what_is_no_url_is_a_loss() -> None:
    """Other schemes are left out whether the document has a URL or not."""
    for base_url in ("", BASE):
        translation = translated('<Dial action="mailto:a">1</Dial><Play>rtmp://a/</Play>', base_url)
        assert body(translation) == "<Dial>1</Dial>"
        assert [loss.element for loss in translation.losses] == ["Dial", "Play"]


def test_a_method_that_signalwire_refuses_is_left_out() -> None:
    """TwiML takes POST for it, and so does cXML without it."""
    inner = '<Gather action="/a" method="put"/><Redirect method="get">/b</Redirect>'
    assert body(translated(inner)) == '<Gather action="/a"/><Redirect>/b</Redirect>'


@pytest.mark.contract("S36")
@pytest.mark.parametrize(("attribute", "method"), [("", ""), (' method="GET"', ' method="GET"')])
def test_a_connect_action_becomes_a_redirect(attribute: str, method: str) -> None:
    """With the method as written; what follows the verb stays where it was."""
    inner = f'<Connect action="/a"{attribute}><Stream url="wss://c.example/"/></Connect><Echo/>'
    assert body(translated(inner)).endswith(f"</Connect><Redirect{method}>/a</Redirect><Echo/>")


def test_verbs_that_never_run_stay() -> None:
    """SignalWire does not run them either."""
    inner = "<Say>a</Say><Pause/><Hangup/><Say>b</Say><Reject/><Redirect>/x</Redirect><Leave/>"
    assert body(translated(inner)) == inner


def test_the_placeholder_shows_nowhere() -> None:
    """It stands for a URL that nobody knows; nothing is to be sent there."""
    for path in DOCUMENTS:
        document = read(path.read_bytes())
        if document.usable:
            assert "base.invalid" not in translate(document, PlainLinks(""), "").output


def _unheard(verb: Action) -> bool:
    if isinstance(verb, Say):
        return not verb.children and not verb.text.strip()
    return isinstance(verb, Play) and not verb.text.strip() and not verb.digits


@pytest.mark.contract("S34")
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("base_url", ["", BASE])
def test_a_translation_reads_as_what_it_was_made_from(path: Path, base_url: str) -> None:
    """Our own parser sees the same verbs and streams, but for what is listed as a loss.

    SignalWire demands (S sections 2.1, 7.5): no query string in a stream's URL, `realtime` on a
    two-way stream, a Redirect for a Connect's action.
    """
    document = read(path.read_bytes(), base_url)
    if not document.usable or path.stem in APART:
        return
    translation = translate(document, PlainLinks(base_url), base_url)
    again = read(translation.output, base_url)
    found = [found.code for found in again.diagnostics if "realtime" not in found.message]
    # Names and tracks are left to the call, so that is said again.
    assert [code for code in found if code != 31900] == []
    lost = {loss.line for loss in translation.losses if not loss.attribute}
    # A Start, Connect or Stop with nothing in it does nothing, and some verbs are not heard.
    kept = [verb for verb in document.actions if verb.children or not isinstance(verb, STREAMING)]
    kept = [verb for verb in kept if not _unheard(verb)]
    if not lost:
        assert [_plain(verb) for verb in _without_actions(kept)] == [
            _plain(verb) for verb in again.actions
        ]
    written = [stream for stream in streams(document) if stream.line not in lost]
    assert [_stream(stream, base_url) for stream in streams(again)] == [
        _stream(stream, base_url) for stream in written
    ]


def _without_actions(verbs: list[Action]) -> list[Action]:
    """Connect's action as the Redirect that stands for it."""
    found: list[Action] = []
    for verb in verbs:
        if isinstance(verb, Connect) and verb.action and verb.streams:
            found += [replace(verb, action=None), Redirect(content=(verb.action,))]
        else:
            found.append(verb)
    return found


def _plain(verb: Action) -> str:
    """A verb's name and its words; URLs may have become absolute, and streams are told apart."""
    return verb.tag if verb.tag in ("Play", "Redirect") else f"{verb.tag} {verb.text}".strip()


def _stream(stream: Stream, base_url: str) -> tuple[object, ...]:
    return (
        dialled(stream, base_url),
        stream.name or None,
        stream.track,
        stream.custom_parameters,
        stream.status_callback,
        stream.status_callback and stream.status_callback_method,
    )


@pytest.mark.parametrize(
    ("track", "directions"),
    [
        ("inbound_track", ["speak"]),
        ("outbound_track", ["listen"]),
        ("both_tracks", ["speak", "listen"]),
    ],
)
def test_taps(track: str, directions: list[str]) -> None:
    """A tap for each track, all to the customer's socket, and nobody watches."""
    xml = (
        f'<Response><Start><Stream url="wss://c.example/m?a=1" track="{track}" '
        'statusCallback="https://c.example/s"/></Start></Response>'
    )
    (stream,) = streams(read(xml))
    links = PlainLinks("")
    assert links.watch("Dial") == ""
    assert [tap.direction for tap in links.taps(stream)] == directions
    assert {(tap.uri, tap.status_url) for tap in links.taps(stream)} == {
        ("wss://c.example/m", "https://c.example/s")
    }
