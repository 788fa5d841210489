"""What Twilio's Python library prints is read back as the values that went in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import (
    Connect as BuiltConnect,
)
from twilio.twiml.voice_response import (
    Start as BuiltStart,
)
from twilio.twiml.voice_response import (
    Stop as BuiltStop,
)
from twilio.twiml.voice_response import (
    VoiceResponse,
)

from twiml.actions import Connect, Start, Stop, Stream, Track
from twiml.parser import parse

AWKWARD = (
    "",
    " ",
    "plain",
    "\"quotes\" 'and' apostrophes",
    "a & b &amp; c",
    "<Response> ]]> </Response>",
    "line\nbreak",
    "tab\there",
    "Grüße 你好 \U0001f600 e\u0301 \u202e",
    "{json: [1]}",
)
URL = "wss://c.example/media"
BASE = "https://a.example/voice"

# Characters XML has, but for the carriage return: the library writes it raw, and XML then reads
# it as a blank.
values = st.text(
    st.characters(min_codepoint=32, codec="utf-8", exclude_characters="\ufffe\uffff"), max_size=80
)


def back(built: VoiceResponse) -> tuple[object, Stream]:
    document = parse(str(built).encode(), base_url=BASE)
    assert document.errors == ()
    (verb,) = document.actions
    assert isinstance(verb, Start | Connect | Stop)
    return verb, verb.streams[0]


@pytest.mark.contract("T20")
@pytest.mark.parametrize("value", AWKWARD)
def test_start_stream(value: str) -> None:
    """Every attribute and parameter of a Start's stream comes back."""
    built, verb = VoiceResponse(), BuiltStart(action=value, method="GET")
    stream = verb.stream(
        url=URL,
        name=value,
        track="both_tracks",
        status_callback="https://a.example/s?x=1&y=2",
        status_callback_method="GET",
        audio_format="audio/x-mulaw",
        sample_rate="8000",
    )
    stream.parameter(name="fixed", value=value)
    stream.parameter(name=f"n{value}", value="fixed")
    built.append(verb)
    read, noun = back(built)
    assert isinstance(read, Start)
    assert (read.action, read.method) == (value, "GET")
    assert (noun.url, noun.connect_url, noun.name, noun.track) == (URL, URL, value, Track.BOTH)
    assert noun.status_callback == "https://a.example/s?x=1&y=2"
    assert noun.status_callback_method == "GET"
    assert (noun.audio_format, noun.sample_rate) == ("audio/x-mulaw", "8000")
    assert noun.custom_parameters == {"fixed": value, f"n{value}": "fixed"}


@pytest.mark.contract("T20")
@pytest.mark.parametrize("value", AWKWARD)
def test_connect_stream(value: str) -> None:
    """Every attribute and parameter of a Connect's stream comes back."""
    built, verb = VoiceResponse(), BuiltConnect(action=value)
    verb.stream(url=URL, name=value).parameter(name="p", value=value)
    built.append(verb)
    read, noun = back(built)
    assert isinstance(read, Connect)
    assert (read.action, read.method) == (value, "POST")
    assert (noun.name, noun.track) == (value, Track.INBOUND)
    assert noun.custom_parameters == {"p": value}


@pytest.mark.contract("T20")
@pytest.mark.parametrize("value", AWKWARD)
def test_stop_stream(value: str) -> None:
    """The name of the stream to stop comes back."""
    built, verb = VoiceResponse(), BuiltStop()
    verb.stream(name=value)
    built.append(verb)
    read, noun = back(built)
    assert isinstance(read, Stop)
    assert noun.name == value


def test_connector_name() -> None:
    """A connector is read, and refused for not being here."""
    built, verb = VoiceResponse(), BuiltStart()
    verb.stream(connector_name="Dialogflow & co")
    built.append(verb)
    document = parse(str(built))
    (start,) = document.actions
    assert isinstance(start, Start)
    assert start.streams[0].connector_name == "Dialogflow & co"


@given(values, st.dictionaries(values.filter(bool), values, max_size=4))
def test_any_value_comes_back(name: str, parameters: dict[str, str]) -> None:
    """Names and parameters survive the library's escaping and our reading, whatever they are."""
    built, verb = VoiceResponse(), BuiltConnect()
    stream = verb.stream(url=URL, name=name)
    for key, value in parameters.items():
        stream.parameter(name=key, value=value)
    built.append(verb)
    _, noun = back(built)
    assert noun.name == name
    assert noun.custom_parameters == parameters
