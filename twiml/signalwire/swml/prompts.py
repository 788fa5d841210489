"""What is asked of the caller: `<Gather>` as `prompt`, `<Record>` as `record` (S section 7.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from twiml.actions import Gather, Record
from twiml.signalwire.swml.expressions import ANYTHING_ENTERED, Step
from twiml.signalwire.swml.recordings import recording_callback
from twiml.signalwire.swml.speech import prompted
from twiml.signalwire.swml.writing import Writing

_ANY_NUMBER = 1000
"""`max_digits` where TwiML sets none. "Platform limit unknown"; both schemas take it."""
_FILLER = "silence: 1"
"""A prompt must play something."""
_LANGUAGE = "en-US"
_TIMEOUT = 5
"""Both of TwiML and of SWML by default, in seconds."""
_NOT_KEYS = re.compile(r"[^0-9*#]")
_SPEECH_ONLY = ("profanityFilter", "speechModel", "enhanced", "maxSpeechTime")


def gather(writing: Writing, action: Gather) -> Iterator[Step]:
    """Ask, and go on at the action's document when something was entered."""
    speech, digits = "speech" in action.input, "dtmf" in action.input
    writing.lose_attributes(action, ignored=() if speech else _SPEECH_ONLY)
    urls, voice = prompted(writing, action)
    prompt: dict[str, Any] = {"play": urls or [_FILLER], **voice}
    if digits:
        prompt |= _digits(action)
    elif action.timeout != _TIMEOUT:
        # Its key is one of those that turn digits on.
        why = "cannot be set when only speech is wanted."
        writing.lose(action, "timeout", why, f"SignalWire waits {_TIMEOUT} seconds for speech.")
    if speech:
        prompt |= _speech(writing, action)
    yield {"prompt": prompt}
    link = writing.own_action(action)
    if link is None:
        return
    transfer = {"transfer": {"dest": link}}
    if action.action_on_empty_result:
        yield transfer
    else:
        yield {"cond": [{"when": ANYTHING_ENTERED, "then": [transfer]}]}


def _digits(action: Gather) -> dict[str, Any]:
    keys: dict[str, Any] = {"max_digits": action.num_digits or _ANY_NUMBER}
    if terminators := _NOT_KEYS.sub("", action.finish_on_key):
        keys["terminators"] = terminators
    return keys | {"initial_timeout": action.timeout, "digit_timeout": action.timeout}


def _speech(writing: Writing, action: Gather) -> dict[str, Any]:
    keys: dict[str, Any] = {"speech_language": action.language or _LANGUAGE}
    # `auto` leaves it to the recogniser; without the attribute Twilio takes `timeout`.
    if action.speech_timeout != "auto":
        keys["speech_end_timeout"] = int(action.speech_timeout or action.timeout)
    written = writing.harmless(action.hints or "", action, "hints")
    hints = [hint.strip() for hint in written.split(",")]
    if any(hints):
        keys["speech_hints"] = [hint for hint in hints if hint]
    return keys


def record(writing: Writing, action: Record) -> Iterator[Step]:
    """Record, and go on at the action's document. SWML's defaults differ: all is written out."""
    writing.lose_attributes(action)
    told = recording_callback(writing, action)
    yield {
        "record": {
            "beep": action.play_beep,
            "terminators": _NOT_KEYS.sub("", action.finish_on_key),
            "initial_timeout": action.timeout,
            "end_silence_timeout": action.timeout,
            "max_length": action.max_length,
            # Only these events tell how long the recording is.
            **(told or writing.watched("Record")),
        }
    }
    link = writing.own_action(action)
    if link is None:
        return
    if writing.followed:
        why = "goes on at its action even if nothing was said."
        writing.lose(action, "", why, "The verbs after it are never reached.")
    yield {"transfer": {"dest": link}}
