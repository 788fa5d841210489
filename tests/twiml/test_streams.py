from __future__ import annotations

import pytest

from twiml.actions import Connect, Room, Start, Stop, Stream, Track
from twiml.document import Document
from twiml.parser import parse

URL = "wss://c.example/media"


def read(inner: str, *, base_url: str | None = None) -> tuple[Document, Stream]:
    """A document with one verb in it, and the first stream of that verb."""
    document = parse(f"<Response>{inner}</Response>", base_url=base_url)
    (verb,) = document.actions
    assert isinstance(verb, Start | Connect | Stop)
    return document, verb.streams[0]


def start(attributes: str = "", inner: str = "") -> tuple[Document, Stream]:
    return read(f'<Start><Stream url="{URL}" {attributes}>{inner}</Stream></Start>')


def codes(document: Document) -> list[int]:
    return [found.code for found in document.diagnostics]


@pytest.mark.contract("T21")
def test_defaults() -> None:
    """Track inbound_track, statusCallbackMethod POST, nothing else."""
    document, stream = start()
    assert codes(document) == []
    assert stream == Stream(url=URL, connect_url=URL, attributes=(("url", URL),))
    assert stream.track is Track.INBOUND
    assert stream.status_callback_method == "POST"


@pytest.mark.contract("T10")
def test_an_unknown_attribute_does_not_keep_a_stream_from_starting() -> None:
    """It is a warning that names the attribute that was meant."""
    document, stream = start('Track="both_tracks"')
    assert codes(document) == [12200]
    assert "track" in document.diagnostics[0].advice
    assert stream.refusal == 0
    assert stream.track is Track.INBOUND


@pytest.mark.contract("T26", "T27")
@pytest.mark.parametrize("written", ["inbound_track", "outbound_track", "both_tracks"])
def test_tracks(written: str) -> None:
    """Start takes the three tracks, Connect the inbound one alone."""
    assert start(f'track="{written}"')[1].track == written
    document, stream = read(f'<Connect><Stream url="{URL}" track="{written}"/></Connect>')
    refused = written != "inbound_track"
    assert codes(document) == [31941] * refused
    assert stream.refusal == 31941 * refused


@pytest.mark.contract("T27")
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("both", "both_tracks"),
        ("mixed_track", "both_tracks"),
        ("Inbound_Track", "inbound_track"),
        ("outbound", "outbound_track"),
        ("", "inbound_track, outbound_track or both_tracks"),
    ],
)
def test_other_tracks(written: str, meant: str) -> None:
    """Any other value is 31941, and the advice says what was likely meant."""
    document, stream = start(f'track="{written}"')
    assert (stream.refusal, codes(document)) == (31941, [31941])
    assert meant in document.diagnostics[0].advice
    assert stream.refusal_reason == document.diagnostics[0].message


@pytest.mark.contract("T31")
@pytest.mark.parametrize(("size", "refusal"), [(499, 0), (500, 31900)])
@pytest.mark.parametrize("name", ["n", "ü" * 250])
def test_parameter_sizes(name: str, size: int, refusal: int) -> None:
    """Name and value of 499 characters together pass; of 500, the stream is refused."""
    value = "v" * (size - len(name))
    document, stream = start(inner=f'<Parameter name="{name}" value="{value}"/>')
    assert stream.refusal == refusal
    assert codes(document) == [31900] * (refusal > 0)
    assert document.usable


def test_parameters_are_bounded_each_and_not_in_sum() -> None:
    """Many parameters together may be longer."""
    inner = "".join(f'<Parameter name="p{n}" value="{"v" * 400}"/>' for n in range(100))
    document, stream = start(inner=inner)
    assert codes(document) == []
    assert len(stream.parameters) == 100


def test_parameters() -> None:
    """Values are verbatim, an absent one is empty, of a repeated name the last stands."""
    document, stream = start(
        inner='<Parameter name="a" value=" 1&#10; "/><Parameter name="b"/>'
        '<Parameter value="x"/><Parameter name="" value="y"/><Parameter name="a" value="2"/>'
    )
    assert stream.custom_parameters == {"a": "2", "b": ""}
    assert [given.name for given in stream.parameters] == ["a", "b"]
    assert codes(document) == [12200, 12200, 12200]
    assert stream.refusal == 0


def test_a_connector_is_refused() -> None:
    """We have none, so every name is unknown; the url beside it need not be there."""
    document, stream = read('<Start><Stream connectorName="x"/></Start>')
    assert codes(document) == [31940]
    assert (stream.refusal, stream.connector_name) == (31940, "x")


def test_the_first_reason_is_the_refusal() -> None:
    """Everything wrong is reported; the stream is refused for the first of it."""
    document, stream = read('<Connect><Stream url="http://c.example/" track="both"/></Connect>')
    assert codes(document) == [31922, 31941]
    assert stream.refusal == 31922


@pytest.mark.contract("T23")
def test_a_missing_url() -> None:
    """Without a url a stream cannot start."""
    document, stream = read("<Start><Stream/></Start>")
    assert codes(document) == [31923]
    assert (stream.refusal, stream.connect_url, stream.url) == (31923, None, None)


@pytest.mark.contract("T24")
def test_a_query_string_is_dropped_loudly() -> None:
    """The stream starts without it; the advice spells the Parameter; values are not repeated."""
    document, stream = read(f'<Start><Stream url="{URL}?token=s3cret#f"/></Start>')
    assert stream.connect_url == URL
    assert stream.refusal == 0
    (found,) = document.diagnostics
    assert found.code == 12200
    assert '<Parameter name="token"' in found.advice
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("written", "base", "used", "warned"),
    [
        ("https://a.example/e?x=1#rc=2", None, "https://a.example/e?x=1#rc=2", 0),
        ("http://a.example/e", None, "http://a.example/e", 0),
        ("e", "https://a.example/v/x", "https://a.example/v/e", 0),
        ("e", None, None, 1),
        ("wss://a.example/", None, None, 1),
        ("https://", "https://a.example/", None, 1),
        ("", "https://a.example/", None, 0),
    ],
)
def test_status_callbacks(written: str, base: str | None, used: str | None, warned: int) -> None:
    """An absolute http URL is used, a relative one read against the document, others dropped."""
    inner = f'<Start><Stream url="{URL}" statusCallback="{written}"/></Start>'
    document, stream = read(inner, base_url=base)
    assert stream.status_callback == used
    assert codes(document) == [12200] * warned
    assert stream.refusal == 0


@pytest.mark.parametrize(
    ("written", "used", "warned"), [("GET", "GET", 0), ("POST", "POST", 0), ("put", "POST", 1)]
)
def test_status_callback_methods(written: str, used: str, warned: int) -> None:
    """GET and POST are taken, anything else is a warning and POST."""
    document, stream = start(f'statusCallbackMethod="{written}"')
    assert stream.status_callback_method == used
    assert codes(document) == [12200] * warned


@pytest.mark.parametrize(
    ("attributes", "warned"),
    [
        ('audioFormat="audio/x-mulaw" sampleRate="8000"', 0),
        ('audioFormat="PCMU"', 0),
        ('audioFormat="l16" sampleRate="16000"', 2),
        ('audioFormat=""', 1),
    ],
)
def test_audio_formats(attributes: str, warned: int) -> None:
    """They are kept as written; what we will not send is warned about and starts all the same."""
    document, stream = start(attributes)
    assert codes(document) == [12200] * warned
    assert stream.refusal == 0
    assert all("audio/x-mulaw at 8000 Hz" in found.message for found in document.diagnostics)


def test_a_second_connect_stream_is_refused() -> None:
    """One Connect has one stream; the other is kept, refused, so that it can be reported."""
    document = parse(f"<Response><Connect>{f'<Stream url={URL!r}/>' * 3}</Connect></Response>")
    (connect,) = document.actions
    assert isinstance(connect, Connect)
    assert [stream.refusal for stream in connect.streams] == [0, 31900, 31900]
    assert codes(document) == [31900, 31900]


def test_stop_needs_a_name_only() -> None:
    """In Stop neither url nor track matter; a nameless stream is a warning."""
    document, stream = read('<Stop><Stream name="a" track="x" url="?"/></Stop>')
    assert codes(document) == []
    assert (stream.name, stream.refusal, stream.connect_url) == ("a", 0, None)
    assert codes(read("<Stop><Stream/></Stop>")[0]) == [12200]


@pytest.mark.contract("T12")
@pytest.mark.parametrize(
    ("verb", "noun", "code"),
    [
        ("Start", "stream", 14300),
        ("Start", "Room", 14300),
        ("Start", "x:Stream", 14300),
        ("Stop", "Recording", 14300),
        ("Connect", "Siprec", 12200),
    ],
)
def test_unknown_nouns(verb: str, noun: str, code: int) -> None:
    """Under Start and Stop an error of its own, under Connect a schema warning; left out."""
    document = parse(f'<Response xmlns:x="urn:x"><{verb}><{noun}/></{verb}><Hangup/></Response>')
    assert codes(document) == [code]
    assert document.usable
    assert len(document.actions) == 2
    first = document.actions[0]
    assert isinstance(first, Start | Connect | Stop)
    assert first.children == ()


def test_other_nouns_are_carried() -> None:
    """What is no stream but known stays, with its attributes and children."""
    document = parse(
        '<Response><Connect action="/a" method="GET"><Room participantIdentity="p">r</Room>'
        "</Connect></Response>"
    )
    (connect,) = document.actions
    assert isinstance(connect, Connect)
    (room,) = connect.children
    assert isinstance(room, Room)
    assert (room.text, room.participant_identity) == ("r", "p")
    assert (connect.action, connect.method, connect.streams) == ("/a", "GET", ())
    assert codes(document) == []


@pytest.mark.contract("T28")
@pytest.mark.parametrize(
    ("tracks", "found"),
    [
        (("inbound_track",) * 4, []),
        (("inbound_track",) * 5, [31900]),
        (("both_tracks",) * 2, []),
        (("both_tracks",) * 3, [31900]),
        (("both_tracks", "inbound_track", "both_tracks", "outbound_track"), [31900]),
    ],
)
def test_a_fifth_track_is_reported(tracks: tuple[str, ...], found: list[int]) -> None:
    """Four tracks of one document are fine; what goes beyond is told, and left to the call."""
    inner = "".join(f'<Stream url="wss://c.example/" track="{track}"/>' for track in tracks)
    document = parse(f"<Response><Start>{inner}</Start><Pause/></Response>")
    assert codes(document) == found
    first = document.actions[0]
    assert isinstance(first, Start)
    assert [stream.refusal for stream in first.streams] == [0] * len(tracks)


@pytest.mark.contract("T30")
def test_a_name_in_use_is_reported() -> None:
    """Of two streams of one name the second is told of, unless the first is stopped between."""
    started = '<Start><Stream url="wss://c.example/" name="a"/></Start>'
    stopped = '<Stop><Stream name="a"/></Stop>'
    assert codes(parse(f"<Response>{started}{started}</Response>")) == [31900]
    assert codes(parse(f"<Response>{started}{stopped}{started}</Response>")) == []
