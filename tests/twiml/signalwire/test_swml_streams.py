"""Streams in SWML, in both dialects."""

from __future__ import annotations

import pytest

from tests.twiml.signalwire.ours import between, every_step, lost, steps, swml
from twiml.signalwire.swml import FAILED_EVENT, Dialect

FULL, STRICT = Dialect.FULL, Dialect.STRICT


def methods(inner: str, dialect: Dialect) -> list[str]:
    return [next(iter(step)) for step in between(inner, dialect)]


@pytest.mark.contract("S27")
@pytest.mark.parametrize("track", ["inbound_track", "outbound_track", "both_tracks", ""])
def test_start(track: str) -> None:
    """By its name, which is its control id, on the track that is wanted."""
    written = f'track="{track}"' if track else ""
    stream, _ = between(f'<Start><Stream url="wss://c.example/" name="x" {written}/></Start>')
    keys = stream["stream"]
    assert (keys["name"], keys["control_id"]) == ("x", "x")
    assert keys["track"] == (track or "inbound_track")


def test_a_stream_without_a_name_gets_ours() -> None:
    """The one that goes with its link; a tap needs none."""
    start = '<Start><Stream url="wss://c.example/"/></Start>'
    keys = between(start)[0]["stream"]
    assert (keys["name"], keys["control_id"]) == ("stream1", "stream1")
    assert "control_id" not in between(start, STRICT)[0]["tap"]
    assert between(start.replace("Start", "Connect"))[0]["connect"]["name"] == "stream1"


@pytest.mark.parametrize(
    ("track", "taps"),
    [
        ("inbound_track", [("x", "speak")]),
        ("outbound_track", [("x", "listen")]),
        ("both_tracks", [("x", "speak"), ("x-listen", "listen")]),
    ],
)
def test_taps(track: str, taps: list[tuple[str, str]]) -> None:
    """One for each track, never both in one."""
    start = f'<Start><Stream url="wss://c.example/" name="x" track="{track}"/></Start>'
    made = [step["tap"] for step in between(start, STRICT) if "tap" in step]
    assert [(tap["control_id"], tap["direction"]) for tap in made] == taps
    assert {tap["codec"] for tap in made} == {"PCMU"}


@pytest.mark.contract("S28")
def test_stop() -> None:
    """By name; in the strict dialect both taps that there may be."""
    stop = '<Stop><Stream name="x"/></Stop>'
    assert between(stop) == [{"stop_stream": {"control_id": "x"}}]
    assert between(stop, STRICT) == [
        {"stop_tap": {"control_id": "x"}},
        {"stop_tap": {"control_id": "x-listen"}},
    ]
    translation, _ = swml("<Stop><Stream/><Siprec name='s'/></Stop>")
    assert lost(translation) == ["Stream", "Siprec"]


def test_what_is_stopped_is_what_was_started() -> None:
    """Whatever is in the name."""
    start, _, stop = between(
        '<Start><Stream url="wss://c.example/" name="a ${b}"/></Start>'
        '<Stop><Stream name="a ${b}"/></Stop>'
    )
    assert start["stream"]["control_id"] == stop["stop_stream"]["control_id"] == "a $ {b}"


@pytest.mark.contract("S29")
def test_connect() -> None:
    """To our own socket, realtime wherever the dialect has the word."""
    connect = '<Connect><Stream url="wss://c.example/"/></Connect>'
    keys = between(connect)[0]["connect"]
    assert keys["to"].startswith("stream:wss://")
    assert keys["realtime"] is True
    translation, _ = swml(connect, STRICT)
    assert steps(translation)[1] == {"connect": {"to": "stream:wss://us.example/media/1"}}
    assert lost(translation) == ["Stream"]
    assert "realtime" in translation.losses[0].why


@pytest.mark.parametrize("dialect", Dialect)
def test_after_a_connect(dialect: Dialect) -> None:
    """The action's document, after which nothing can come, or else the next verb."""
    stream = '<Stream url="wss://c.example/"/>'
    say = "<Say>x</Say>"
    assert methods(f'<Connect action="/a">{stream}</Connect>{say}', dialect) == [
        *("connect", "cond", "transfer")
    ]
    assert methods(f"<Connect>{stream}</Connect>{say}", dialect) == ["connect", "cond", "play"]
    assert methods(f'<Connect action="tel:1">{stream}</Connect>{say}', dialect) == [
        *("connect", "cond", "play")
    ]
    assert methods(f'<Connect action="/a"><Room>r</Room></Connect>{say}', dialect) == [
        *("join_room", "transfer")
    ]
    assert methods(f'<Connect action="/a"><AiSession/></Connect>{say}', dialect) == ["play"]


@pytest.mark.contract("S30", "S31")
@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("verb", ["Start", "Connect"])
@pytest.mark.parametrize(
    "url", ["wss://c.example/m?token=1", "ws://c.example/", "https://c.example/", "/m?x=1#y"]
)
def test_the_customers_stream_url_never_reaches_signalwire(
    verb: str, url: str, dialect: Dialect
) -> None:
    """Whatever the customer wrote, SignalWire's wss URL is ours, without a query string."""
    translation, _ = swml(f'<{verb}><Stream url="{url}"/></{verb}>', dialect)
    for step in steps(translation):
        for method, keys in step.items():
            if method in ("stream", "tap", "connect"):
                media = keys.get("url") or keys.get("uri") or keys["to"]
                assert media.removeprefix("stream:").startswith("wss://us.example/")
                assert "?" not in media
    assert "c.example" not in translation.output


@pytest.mark.contract("S32")
@pytest.mark.parametrize("verb", ["Start", "Connect"])
def test_custom_parameters_are_strings(verb: str) -> None:
    """Verbatim, the last of a name; in the strict dialect we deliver them ourselves."""
    inner = (
        f'<{verb}><Stream url="wss://c.example/"><Parameter name="n" value="1"/>'
        f'<Parameter name="e"/><Parameter name="n" value="&quot;&#10;&lt;"/></Stream></{verb}>'
    )
    (keys,) = between(inner)[0].values()
    assert keys["custom_parameters"] == {"n": '"\n<', "e": ""}
    translation, _ = swml(inner, STRICT)
    assert "custom_parameters" not in translation.output
    assert not any(loss.element == "Parameter" for loss in translation.losses)
    (keys,) = between(inner.replace("Parameter", "Other"))[0].values()
    assert "custom_parameters" not in keys


@pytest.mark.parametrize("dialect", Dialect)
def test_a_stream_that_signalwire_cannot_begin_is_reported(dialect: Dialect) -> None:
    """To the address that is told of the stream, each tap's to its own, within seconds."""
    translation, _ = swml(
        '<Start><Stream url="wss://c.example/" track="both_tracks"/></Start>'
        '<Connect><Stream url="wss://c.example/"/></Connect>',
        dialect,
    )
    requests = [step["request"] for step in every_step(steps(translation)) if "request" in step]
    assert [request["url"].rpartition("/")[0] for request in requests] == (
        ["https://us.example/stream"] * 2
        if dialect is FULL
        else ["https://us.example/tapped"] * 2 + ["https://us.example/stream"]
    )
    for request in requests:
        assert request["method"] == "POST"
        assert request["body"] == {"event_type": FAILED_EVENT}
        assert 0 < request["connect_timeout"] <= request["timeout"] <= 5


@pytest.mark.parametrize("dialect", Dialect)
def test_refused_streams_are_left_out(dialect: Dialect) -> None:
    """Listed, with a loss; the others run, and so does the action."""
    translation, links = swml(
        '<Start><Stream url="http://c.example/"/><Stream url="wss://c.example/2"/></Start>'
        '<Connect action="/a"><Stream url="wss://c.example/" track="both_tracks"/></Connect>',
        dialect,
    )
    assert [(stream.refusal, two_way) for stream, two_way in translation.refused] == [
        *((31922, False), (31941, True))
    ]
    assert lost(translation) == ["Stream", "Stream"]
    assert "31922" in translation.losses[0].why
    assert links.given[0][1] == "wss://c.example/2"
    assert list(steps(translation)[-1]) == ["transfer"]


def test_what_a_stream_cannot_carry() -> None:
    """Start's action, and a stream's format."""
    translation, _ = swml(
        '<Start action="/a" method="GET"><Stream url="wss://c.example/" sampleRate="8000" '
        'audioFormat="audio/x-mulaw"/></Start>'
    )
    assert lost(translation) == ["Start action", "Stream sampleRate", "Stream audioFormat"]


def test_rooms_have_plain_names() -> None:
    """Other characters are replaced, and that is told."""
    translation, _ = swml('<Connect><Room participantIdentity="p">a b/${c}</Room></Connect>')
    assert steps(translation)[1] == {"join_room": {"name": "a_b___c_"}}
    assert lost(translation) == ["Room participantIdentity", "Room"]


def test_background_recordings() -> None:
    """Dual channels are stereo; the tracks have SWML's words."""
    (keys,) = between('<Start><Recording channels="mono" track="outbound"/></Start>')[0].values()
    assert keys == {"stereo": False, "direction": "listen"}
    translation, _ = swml(
        '<Start><Recording recordingStatusCallback="tel:1" trim="trim-silence" '
        'recordingStatusCallbackEvent="absent" recordingConfigurationId="c"/></Start>'
    )
    assert lost(translation) == [
        *("Recording trim", "Recording recordingStatusCallbackEvent"),
        *("Recording recordingConfigurationId", "Recording recordingStatusCallback"),
    ]
