"""What cXML has of TwiML's vocabulary, as data: from the attribute tables of its verb pages.

An element that is not here has no cXML page and is left out of a translation; so is an attribute
that its element does not list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from twiml.schema import ROOT, RULES, Rule


class Link(Enum):
    """What a URL in an attribute is for."""

    DOCUMENT = "document"
    CALLBACK = "callback"


@dataclass(frozen=True, slots=True)
class Address:
    """An attribute that holds a URL, and the one beside it that holds the method, if any."""

    attribute: str
    link: Link
    method: str | None


@dataclass(frozen=True, slots=True)
class Word:
    """An element of cXML: attributes carried as they are, attributes exchanged, children."""

    plain: frozenset[str]
    addresses: tuple[Address, ...]
    children: frozenset[str]

    def address(self, attribute: str) -> Address | None:
        return next((found for found in self.addresses if found.attribute == attribute), None)

    def is_method(self, attribute: str) -> bool:
        return any(found.method == attribute for found in self.addresses)


_ACTION = Address("action", Link.DOCUMENT, "method")
_URL = Address("url", Link.DOCUMENT, "method")
_STATUS = Address("statusCallback", Link.CALLBACK, "statusCallbackMethod")
_RECORDING = Address("recordingStatusCallback", Link.CALLBACK, "recordingStatusCallbackMethod")


def _word(plain: str = "", *addresses: Address, children: str = "") -> Word:
    return Word(frozenset(plain.split()), addresses, frozenset(children.split()))


_SSML = tuple(name for name in RULES["Say"].children if name != "w")


def _ssml(rule: Rule) -> Word:
    return Word(frozenset(rule.attributes), (), frozenset(rule.children).intersection(_SSML))


WORDS = MappingProxyType(
    {
        "Say": _word("voice language loop", children=" ".join(_SSML)),
        "Play": _word("loop digits"),
        "Pause": _word("length"),
        "Gather": _word(
            "input numDigits finishOnKey timeout speechTimeout language hints profanityFilter "
            "enhanced speechModel actionOnEmptyResult",
            _ACTION,
            Address("partialResultCallback", Link.CALLBACK, "partialResultCallbackMethod"),
            children="Say Play Pause",
        ),
        "Record": _word(
            "finishOnKey maxLength playBeep timeout trim transcribe recordingStatusCallbackEvent",
            _ACTION,
            _RECORDING,
            Address("transcribeCallback", Link.CALLBACK, None),
        ),
        "Dial": _word(
            "answerOnBridge callerId hangupOnStar record recordingStatusCallbackEvent "
            "recordingTrack ringTone timeLimit timeout trim",
            _ACTION,
            _RECORDING,
            children="Number Sip Conference Queue",
        ),
        "Number": _word("sendDigits statusCallbackEvent", _URL, _STATUS),
        "Sip": _word("username password statusCallbackEvent", _URL, _STATUS),
        "Conference": _word(
            "beep coach endConferenceOnExit maxParticipants muted record "
            "recordingStatusCallbackEvent startConferenceOnEnter statusCallbackEvent trim",
            Address("waitUrl", Link.DOCUMENT, "waitMethod"),
            Address("eventCallbackUrl", Link.CALLBACK, None),
            _RECORDING,
            _STATUS,
        ),
        "Queue": _word("", _URL),
        "Enqueue": _word("", _ACTION, Address("waitUrl", Link.DOCUMENT, "waitUrlMethod")),
        "Leave": _word(),
        "Hangup": _word(),
        "Reject": _word("reason"),
        "Refer": _word("", _ACTION, children="Sip"),
        "Sms": _word("to from", _ACTION, Address("statusCallback", Link.CALLBACK, None)),
        "Echo": _word(),
        # SignalWire's own form; the attribute names agree, but for the connector.
        "Pay": _word(
            "input bankAccountType timeout maxAttempts securityCode postalCode "
            "minPostalCodeLength paymentMethod tokenType chargeAmount currency description "
            "validCardTypes language",
            Address("action", Link.DOCUMENT, None),
            _STATUS,
            children="Parameter Prompt",
        ),
        "Prompt": _word(
            "for errorType cardType attempt requireMatchingInputs", children="Say Play Pause"
        ),
        "Parameter": _word("name value"),
        "Room": _word(),
        **{name: _ssml(RULES[name]) for name in _SSML},
    }
)

VERBS = (frozenset(WORDS) & frozenset(ROOT.children)) - {"Prompt", "Queue"}
"""Those of `WORDS` that may stand in `<Response>`; a prompt and a queue may not, in cXML."""
