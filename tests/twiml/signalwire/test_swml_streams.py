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
    """Each with a loss and, in its place, a request that tells us; the others run, and so does the
    action."""
    translation, links = swml(
        '<Start><Stream url="http://c.example/"/><Stream url="wss://c.example/2"/></Start>'
        '<Connect action="/a"><Stream url="wss://c.example/" track="both_tracks"/></Connect>',
        dialect,
    )
    refused = [loss for loss in translation.losses if "is refused" in loss.why]
    assert [loss.element for loss in refused] == ["Stream", "Stream"]
    assert "31922" in refused[0].why
    assert "when the call has come to it" in refused[0].instead
    _, first, *_, second, action = steps(translation)
    assert links.given[0] == ("unopened", "http://c.example/", "one")
    assert ("unopened", "wss://c.example/", "two") in links.given
    for step, number in (
        (first, 1),
        (second, links.given.index(("unopened", "wss://c.example/", "two")) + 1),
    ):
        assert step["request"]["url"] == f"https://us.example/stream/{number}"
        assert step["request"]["body"] == {"event_type": FAILED_EVENT}
    assert list(action) == ["transfer"]
    assert translation.refused == ()


def test_a_refused_stream_answers_no_call() -> None:
    """Telling of it is nothing that anybody hears: a Reject, or a bridged answer, comes first."""
    bad = '<Start><Stream url="http://c.example/"/></Start>'
    translation, _ = swml(f"{bad}<Reject/>")
    assert [next(iter(step)) for step in steps(translation)] == ["request", "hangup"]
    translation, _ = swml(f'{bad}<Dial answerOnBridge="true">+1</Dial>')
    assert [next(iter(step)) for step in steps(translation)] == ["request", "connect", "hangup"]


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    "noun", ['<ConversationRelay url="wss://x.example/"/>', "<AiSession/>", "<Room/>", ""]
)
def test_an_action_that_is_never_asked(noun: str, dialect: Dialect) -> None:
    """When nothing in a Connect is left that could end, its action is a loss."""
    translation, _ = swml(f'<Connect action="/a">{noun}</Connect><Say>x</Say>', dialect)
    assert [next(iter(step)) for step in steps(translation)] == ["answer", "play", "hangup"]
    assert lost(translation)[-1] == "Connect action"
    assert translation.losses[-1].instead == "The call goes on with the next verb."
    translation, _ = swml(f"<Connect>{noun}</Connect>", dialect)
    assert "Connect action" not in lost(translation)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    ("track", "directions"),
    [
        ("inbound_track", ["remote-caller"]),
        ("outbound_track", ["local-caller"]),
        ("both_tracks", ["remote-caller", "local-caller"]),
        ("", ["remote-caller", "local-caller"]),
    ],
)
def test_whose_words_are_transcribed(track: str, directions: list[str], dialect: Dialect) -> None:
    """The caller's are those of the inbound track."""
    written = f'track="{track}"' if track else ""
    noun = f'<Transcription statusCallbackUrl="/t" {written}/>'
    (step,) = between(f"<Start>{noun}</Start>", dialect)
    start = step["live_transcribe"]["action"]["start"]
    assert start["direction"] == directions
    assert start["lang"] == "en-US"
    assert "speech_engine" not in start


def test_what_a_transcription_cannot_carry() -> None:
    """Everything else; the form in which it is told is a loss always."""
    translation, _ = swml(
        '<Start><Transcription name="n" statusCallbackUrl="/t" inboundTrackLabel="a" '
        'outboundTrackLabel="b" partialResults="true" transcriptionEngine="own" '
        'profanityFilter="false" speechModel="m" hints="h" enableAutomaticPunctuation="false" '
        'intelligenceService="GA1"><Config name="a" value="b"/><Parameter name="c" value="d"/>'
        '</Transcription></Start><Stop><Transcription name="n"/></Stop>'
    )
    assert lost(translation) == [
        *("Transcription name", "Transcription inboundTrackLabel"),
        *("Transcription outboundTrackLabel", "Transcription partialResults"),
        *("Transcription profanityFilter", "Transcription speechModel", "Transcription hints"),
        *("Transcription enableAutomaticPunctuation", "Transcription intelligenceService"),
        *("Config", "Parameter", "Transcription transcriptionEngine", "Transcription"),
        "Transcription name",
    ]
    assert "under SignalWire's names" in translation.losses[-2].instead


@pytest.mark.parametrize(
    ("written", "lost_ones"),
    [
        ("", ["Transcription"]),
        ('statusCallbackUrl="tel:1"', ["Transcription statusCallbackUrl", "Transcription"]),
    ],
)
def test_a_transcription_that_nobody_would_hear_of(written: str, lost_ones: list[str]) -> None:
    """It is not begun."""
    inner = f"<Start><Transcription {written}/></Start>"
    assert between(inner) == []
    translation, _ = swml(inner)
    assert lost(translation) == lost_ones
    assert translation.losses[-1].instead == "It is not started."


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
