"""What cXML has of TwiML's vocabulary, as data: from the attribute tables of its verb pages.

An element that is not in `WORDS` has no cXML page and is left out of a translation; so is an
attribute that its element does not list. `FATES` says why, and what happens instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from twiml.schema import ROOT, RULES, Rule
from twiml.signalwire.losses import Fate


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

NOT_IN_CXML = "has no counterpart in cXML."

_CONFIGURATION = Fate(NOT_IN_CXML, "The recording is kept as SignalWire keeps it.")
_DETECTION = Fate(NOT_IN_CXML, "The parties are joined whoever or whatever has answered.")
_FORMAT = Fate(NOT_IN_CXML, "Your consumer gets mu-law at 8000 Hz.")
_NEXT = "The call goes on with the next verb."
_NOT_DIALLED = Fate(NOT_IN_CXML, "It is not dialled.")
_OWN_CONSUMER = Fate(NOT_IN_CXML, "Use <Connect><Stream> with a consumer of your own.")
_UNASKED = Fate(NOT_IN_CXML, "It is never asked.")
_UNTOLD = Fate(NOT_IN_CXML, "It is never told anything.")

FATES = MappingProxyType(
    {
        ("Gather", "bargeIn"): Fate(NOT_IN_CXML, "What is entered may interrupt what is played."),
        ("Gather", "debug"): Fate(NOT_IN_CXML, "Nothing is added to what the action is told."),
        ("Gather", "maxSpeechTime"): Fate(NOT_IN_CXML, "SignalWire's own recogniser decides."),
        ("Record", "recordingConfigurationId"): _CONFIGURATION,
        ("Dial", "events"): _UNTOLD,
        ("Dial", "passports"): Fate(NOT_IN_CXML, "The call carries none."),
        ("Dial", "recordingConfigurationId"): _CONFIGURATION,
        ("Dial", "referUrl"): _UNASKED,
        ("Dial", "sequential"): Fate(
            NOT_IN_CXML,
            "All are dialled at once. Dial one number at a time and go on in the action URL.",
        ),
        ("Number", "byoc"): Fate(NOT_IN_CXML, "SignalWire carries the call."),
        ("Number", "machineDetection"): _DETECTION,
        ("Sip", "machineDetection"): _DETECTION,
        ("Conference", "jitterBufferSize"): Fate(NOT_IN_CXML, "SignalWire chooses one."),
        ("Conference", "participantLabel"): Fate(NOT_IN_CXML, "The party goes by its CallSid."),
        ("Conference", "recordingConfigurationId"): _CONFIGURATION,
        ("Conference", "region"): Fate(NOT_IN_CXML, "SignalWire chooses one."),
        ("Queue", "reservationSid"): Fate(NOT_IN_CXML, "Whoever waits longest is put through."),
        ("Queue", "postWorkActivitySid"): Fate(NOT_IN_CXML, "No activity follows."),
        ("Enqueue", "maxQueueSize"): Fate(NOT_IN_CXML, "The queue takes any number of calls."),
        ("Enqueue", "workflowSid"): Fate(NOT_IN_CXML, "No workflow is started."),
        ("Pay", "paymentConnector"): Fate(
            "names a connector of a Twilio account.",
            "Without a connector of SignalWire's own no payment can be taken.",
        ),
        ("Start", "action"): _UNASKED,
        ("Stream", "audioFormat"): _FORMAT,
        ("Stream", "sampleRate"): _FORMAT,
        ("Room", "participantIdentity"): Fate(NOT_IN_CXML, "SignalWire names the participant."),
        ("AiSession", ""): _OWN_CONSUMER,
        ("Application", ""): _NOT_DIALLED,
        ("Autopilot", ""): _OWN_CONSUMER,
        ("Client", ""): Fate(NOT_IN_CXML, "It is not dialled. Dial a <Number> or a <Sip> address."),
        ("Conversation", ""): _OWN_CONSUMER,
        ("ConversationRelay", ""): Fate(
            NOT_IN_CXML, "Use <Connect><Stream> with your own speech recognition and synthesis."
        ),
        ("ConversationRelaySession", ""): _OWN_CONSUMER,
        ("Headers", ""): Fate(
            NOT_IN_CXML, "The call carries none of them; write them into the address's query."
        ),
        ("Parameter", ""): Fate(NOT_IN_CXML, "It is not passed on."),
        ("Prompt", ""): Fate("means nothing outside <Pay>.", _NEXT),
        ("Queue", ""): Fate("means nothing outside <Dial>.", _NEXT),
        ("Recording", ""): Fate(NOT_IN_CXML, "Use <Record>, or the record attribute of <Dial>."),
        ("Sim", ""): _NOT_DIALLED,
        ("Siprec", ""): Fate(NOT_IN_CXML, "Use <Start><Stream> with both tracks."),
        ("Task", ""): Fate(NOT_IN_CXML, "Keep the task's attributes on your side, by CallSid."),
        ("Transcription", ""): Fate(
            NOT_IN_CXML, "Use <Start><Stream> and transcribe in your own consumer."
        ),
        ("Uri", ""): Fate(NOT_IN_CXML, "It is not dialled. Write one address into the <Sip>."),
        ("VirtualAgent", ""): _OWN_CONSUMER,
        ("WhatsApp", ""): _NOT_DIALLED,
        ("w", ""): Fate(NOT_IN_CXML, "Its words are spoken all the same."),
    }
)
"""By element and attribute; the attribute is empty for the whole element.

An attribute that is neither carried nor here means nothing without another that is here.
"""
UNKNOWN = Fate(NOT_IN_CXML, "It is left out.")
"""What becomes of an element that cannot come from the parser."""
