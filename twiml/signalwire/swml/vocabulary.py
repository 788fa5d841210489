"""What SWML has of TwiML's vocabulary, and what becomes of the rest, as data.

An attribute that its element does not list in `CARRIED` is a loss wherever it is written and is
not at its default. `FATES` has the words for those that need better ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Fate:
    """Why something is lost, and what happens instead. `only` is the one value that is."""

    why: str
    instead: str = ""
    only: object = None


_ACTION = "action method"
_URL = "url method"
_STATUS = "statusCallback statusCallbackMethod"
_RECORDING = "recordingStatusCallback recordingStatusCallbackMethod"
_PARTY = f"{_URL} {_STATUS} statusCallbackEvent"

CARRIED = MappingProxyType(
    {
        name: frozenset(attributes.split())
        for name, attributes in {
            "Say": "voice language loop",
            "Play": "loop digits",
            "Pause": "length",
            "Gather": f"{_ACTION} input timeout speechTimeout finishOnKey numDigits language hints "
            "actionOnEmptyResult partialResultCallbackMethod",
            "Record": f"{_ACTION} {_RECORDING} timeout finishOnKey maxLength playBeep",
            "Dial": f"{_ACTION} {_RECORDING} timeout timeLimit callerId record answerOnBridge "
            "ringTone recordingTrack sequential referMethod",
            "Number": f"{_PARTY} sendDigits amdStatusCallbackMethod",
            "Sip": f"{_PARTY} username password amdStatusCallbackMethod",
            "Uri": "priority weight username password",
            "Header": "name value",
            "Client": _PARTY,
            "Conference": f"{_STATUS} {_RECORDING} muted beep startConferenceOnEnter "
            "endConferenceOnExit waitUrl waitMethod maxParticipants record region coach trim "
            "statusCallbackEvent recordingStatusCallbackEvent",
            "Queue": "method",
            "Enqueue": f"{_ACTION} waitUrl waitUrlMethod",
            "Leave": "",
            "Hangup": "",
            "Reject": "reason",
            "Redirect": "method",
            "Refer": _ACTION,
            "Sms": f"to from {_ACTION} statusCallback",
            "Start": "method",
            "Connect": _ACTION,
            "Stop": "",
            "Stream": f"{_STATUS} url name track connectorName",
            "Room": "",
            "Recording": f"{_RECORDING} track channels",
        }.items()
    }
)
"""What each element's attributes become is for its translator; methods go with their URL."""

_COMPLETED_ONLY = Fate("has other events than completed.", "Only completed is reported.")
_SILENCE_STAYS = Fate(
    "has no counterpart in SWML.", "Silence stays in the recording.", only="trim-silence"
)
_NO_CONFIGURATION = Fate("has no counterpart in SWML.", "The recording is SignalWire's own.")
_DETECTION = Fate("has no counterpart in SWML.", "The call goes on without detecting machines.")

FATES = MappingProxyType(
    {
        ("Gather", "bargeIn"): Fate(
            "has no counterpart in SWML.", "What the caller enters interrupts what is played."
        ),
        ("Record", "recordingStatusCallbackEvent"): _COMPLETED_ONLY,
        ("Record", "trim"): _SILENCE_STAYS,
        ("Record", "recordingConfigurationId"): _NO_CONFIGURATION,
        ("Dial", "recordingStatusCallbackEvent"): _COMPLETED_ONLY,
        ("Dial", "trim"): _SILENCE_STAYS,
        ("Dial", "recordingConfigurationId"): _NO_CONFIGURATION,
        ("Recording", "recordingStatusCallbackEvent"): _COMPLETED_ONLY,
        ("Recording", "trim"): _SILENCE_STAYS,
        ("Recording", "recordingConfigurationId"): _NO_CONFIGURATION,
        **{
            (noun, name): _DETECTION
            for noun in ("Number", "Sip")
            for name in ("machineDetection", "amdStatusCallback")
        },
    }
)
"""By element and attribute; the attribute is empty for the whole element."""
