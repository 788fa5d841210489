"""`<Transcription>` as `live_transcribe` (S sections 1.4 and 7.2).

Whose words are transcribed, and where they are sent, can be said. What SignalWire posts there is
in a form of its own that is not documented, so it cannot be put into Twilio's.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from twiml.actions import Transcription
from twiml.signalwire.swml.expressions import Step
from twiml.signalwire.swml.vocabulary import FATES
from twiml.signalwire.swml.writing import Writing

_LANGUAGE = "en-US"
_ENGINES = frozenset({"deepgram", "google"})
_REMOTE, _LOCAL = "remote-caller", "local-caller"
_DIRECTIONS = MappingProxyType({"inbound_track": [_REMOTE], "outbound_track": [_LOCAL]})
_NOT_STARTED = "It is not started."


def transcribe(writing: Writing, noun: Transcription) -> Iterator[Step]:
    """Begin to transcribe, if there is somebody to be told."""
    url, method = noun.status_callback_url, noun.status_callback_method
    link = writing.callback(noun, "statusCallbackUrl", url, method) if url else None
    if link is None:
        writing.lose(noun, "", "has no statusCallbackUrl that can be told.", _NOT_STARTED)
        return
    writing.lose_attributes(noun, "Start")
    for child in noun.children:
        writing.lose_element(child)
    start: dict[str, Any] = {
        "webhook": link,
        "lang": noun.language_code or _LANGUAGE,
        "direction": _DIRECTIONS.get(noun.track or "", [_REMOTE, _LOCAL]),
    }
    if noun.transcription_engine in _ENGINES:
        start["speech_engine"] = noun.transcription_engine
    elif noun.transcription_engine:
        why = "is not an engine that SWML has."
        writing.lose(noun, "transcriptionEngine", why, "SignalWire's default engine transcribes.")
    told = (
        "as parameters under SignalWire's names" if writing.links.ours else "in SignalWire's JSON"
    )
    why = "is told in SignalWire's own form."
    writing.lose(noun, "", why, f"The statusCallbackUrl gets it {told}.")
    yield {"live_transcribe": {"action": {"start": start}}}


def transcribe_no_more(writing: Writing, noun: Transcription) -> Step:
    """Stop: "live transcription of the call", whatever its name."""
    if noun.name:
        fate = FATES[noun.tag, "name"]
        writing.lose(noun, "name", fate.why, fate.instead)
    return {"live_transcribe": {"action": "stop"}}
