"""The voice schema as data: which elements TwiML has, where they may stand, what they may carry.

From Twilio's helper libraries (twilio-python 9.13.0, twilio-node 6.2.0). Element and attribute
names are case-sensitive; attributes are camelCase. Only names are held here; what a value may be
is the business of whoever reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Text(Enum):
    """Whether an element's own text means anything."""

    NONE = "none"
    PLAIN = "plain"
    MIXED = "mixed"
    """Text and elements in one sequence, whitespace included: `<Say>` and SSML."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What the schema says about one element."""

    name: str
    attributes: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    text: Text = Text.NONE


def _rule(name: str, attributes: str = "", children: str = "", text: Text = Text.NONE) -> Rule:
    return Rule(name, tuple(attributes.split()), tuple(children.split()), text)


_RULES = (
    _rule(
        "Response",
        children=(
            "Connect Dial Echo Enqueue Gather Hangup Leave Pause Pay Play Prompt Queue Record "
            "Redirect Refer Reject Say Sms Start Stop"
        ),
    ),
    _rule(
        "Connect",
        attributes="action method",
        children=(
            "AiSession Autopilot Conversation ConversationRelay ConversationRelaySession Room "
            "Stream VirtualAgent"
        ),
    ),
    _rule(
        "Dial",
        attributes=(
            "action method timeout hangupOnStar timeLimit callerId record trim "
            "recordingStatusCallback recordingConfigurationId recordingStatusCallbackMethod "
            "recordingStatusCallbackEvent answerOnBridge ringTone recordingTrack sequential "
            "referUrl referMethod events passports"
        ),
        children="Application Client Conference Number Queue Sim Sip WhatsApp",
        text=Text.PLAIN,
    ),
    _rule("Echo"),
    _rule(
        "Enqueue",
        attributes="action maxQueueSize method waitUrl waitUrlMethod workflowSid",
        children="Task",
        text=Text.PLAIN,
    ),
    _rule(
        "Gather",
        attributes=(
            "input action method timeout speechTimeout maxSpeechTime profanityFilter finishOnKey "
            "numDigits partialResultCallback partialResultCallbackMethod language hints bargeIn "
            "debug actionOnEmptyResult speechModel enhanced"
        ),
        children="Pause Play Say",
    ),
    _rule("Hangup", children="Parameter"),
    _rule("Leave"),
    _rule("Pause", attributes="length"),
    _rule("Play", attributes="loop digits", text=Text.PLAIN),
    _rule("Queue", attributes="url method reservationSid postWorkActivitySid", text=Text.PLAIN),
    _rule(
        "Record",
        attributes=(
            "action method timeout finishOnKey maxLength playBeep trim recordingStatusCallback "
            "recordingStatusCallbackMethod recordingStatusCallbackEvent transcribe "
            "transcribeCallback recordingConfigurationId"
        ),
    ),
    _rule("Redirect", attributes="method", text=Text.PLAIN),
    _rule("Reject", attributes="reason", children="Parameter"),
    _rule(
        "Say",
        attributes="voice loop language",
        children="break emphasis lang p phoneme prosody s say-as sub w",
        text=Text.MIXED,
    ),
    _rule("Sms", attributes="to from action method statusCallback", text=Text.PLAIN),
    _rule(
        "Pay",
        attributes=(
            "input action bankAccountType statusCallback statusCallbackMethod timeout maxAttempts "
            "securityCode postalCode minPostalCodeLength paymentConnector paymentMethod tokenType "
            "chargeAmount currency description validCardTypes language"
        ),
        children="Parameter Prompt",
    ),
    _rule(
        "Prompt",
        attributes="for errorType cardType attempt requireMatchingInputs",
        children="Pause Play Say",
    ),
    _rule("Start", attributes="action method", children="Recording Siprec Stream Transcription"),
    _rule("Stop", children="Siprec Stream Transcription"),
    _rule("Refer", attributes="action method", children="Sip"),
    _rule(
        "Stream",
        attributes=(
            "name connectorName url track statusCallback statusCallbackMethod audioFormat "
            "sampleRate"
        ),
        children="Parameter",
    ),
    _rule(
        "Siprec",
        attributes="name connectorName track statusCallback statusCallbackMethod",
        children="Parameter",
    ),
    _rule(
        "Transcription",
        attributes=(
            "name track statusCallbackUrl statusCallbackMethod inboundTrackLabel "
            "outboundTrackLabel partialResults languageCode transcriptionEngine profanityFilter "
            "speechModel hints enableAutomaticPunctuation intelligenceService"
        ),
        children="Config Parameter",
    ),
    _rule("Config", attributes="name value"),
    _rule("Parameter", attributes="name value"),
    _rule(
        "Recording",
        attributes=(
            "recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent "
            "trim track channels recordingConfigurationId"
        ),
    ),
    _rule("break", attributes="strength time"),
    _rule(
        "emphasis",
        attributes="level",
        children="break emphasis lang phoneme prosody say-as sub w",
        text=Text.MIXED,
    ),
    _rule(
        "lang",
        attributes="xml:lang",
        children="break emphasis lang p phoneme prosody s say-as sub w",
        text=Text.MIXED,
    ),
    _rule("p", children="break emphasis lang phoneme prosody s say-as sub w", text=Text.MIXED),
    _rule("phoneme", attributes="alphabet ph", text=Text.MIXED),
    _rule(
        "prosody",
        attributes="volume rate pitch",
        children="break emphasis lang p phoneme prosody s say-as sub w",
        text=Text.MIXED,
    ),
    _rule("s", children="break emphasis lang phoneme prosody say-as sub w", text=Text.MIXED),
    _rule("say-as", attributes="interpret-as format", text=Text.MIXED),
    _rule("sub", attributes="alias", text=Text.MIXED),
    _rule(
        "w",
        attributes="role",
        children="break emphasis phoneme prosody say-as sub",
        text=Text.MIXED,
    ),
    _rule("Task", attributes="priority timeout", text=Text.PLAIN),
    _rule(
        "Client",
        attributes=("url method statusCallbackEvent statusCallback statusCallbackMethod"),
        children="Identity Parameter",
        text=Text.PLAIN,
    ),
    _rule(
        "Conference",
        attributes=(
            "muted beep startConferenceOnEnter endConferenceOnExit waitUrl waitMethod "
            "maxParticipants record recordingConfigurationId region coach trim "
            "statusCallbackEvent statusCallback statusCallbackMethod recordingStatusCallback "
            "recordingStatusCallbackMethod recordingStatusCallbackEvent eventCallbackUrl "
            "jitterBufferSize participantLabel"
        ),
        text=Text.PLAIN,
    ),
    _rule(
        "Number",
        attributes=(
            "sendDigits url method statusCallbackEvent statusCallback statusCallbackMethod byoc "
            "machineDetection amdStatusCallbackMethod amdStatusCallback machineDetectionTimeout "
            "machineDetectionSpeechThreshold machineDetectionSpeechEndThreshold "
            "machineDetectionSilenceTimeout"
        ),
        text=Text.PLAIN,
    ),
    _rule("Sim", text=Text.PLAIN),
    _rule(
        "Sip",
        attributes=(
            "username password url method statusCallbackEvent statusCallback statusCallbackMethod "
            "machineDetection amdStatusCallbackMethod amdStatusCallback machineDetectionTimeout "
            "machineDetectionSpeechThreshold machineDetectionSpeechEndThreshold "
            "machineDetectionSilenceTimeout"
        ),
        children="Headers Uri",
        text=Text.PLAIN,
    ),
    _rule(
        "Application",
        attributes=(
            "url method statusCallbackEvent statusCallback statusCallbackMethod customerId "
            "copyParentTo"
        ),
        children="ApplicationSid Parameter",
        text=Text.PLAIN,
    ),
    _rule(
        "WhatsApp",
        attributes=("url method statusCallbackEvent statusCallback statusCallbackMethod"),
        text=Text.PLAIN,
    ),
    _rule("ApplicationSid", text=Text.PLAIN),
    _rule("Uri", attributes="priority weight username password", text=Text.PLAIN),
    _rule("Headers", children="Header"),
    _rule("Header", attributes="name value"),
    _rule("Identity", text=Text.PLAIN),
    _rule("Room", attributes="participantIdentity", text=Text.PLAIN),
    _rule("Autopilot", text=Text.PLAIN),
    _rule(
        "VirtualAgent",
        attributes=("connectorName language sentimentAnalysis statusCallback statusCallbackMethod"),
        children="Config Parameter",
    ),
    _rule(
        "Conversation",
        attributes=(
            "serviceInstanceSid inboundAutocreation routingAssignmentTimeout inboundTimeout url "
            "method record trim recordingStatusCallback recordingStatusCallbackMethod "
            "recordingStatusCallbackEvent statusCallback statusCallbackMethod statusCallbackEvent"
        ),
    ),
    _rule(
        "ConversationRelay",
        attributes=(
            "url language ttsLanguage transcriptionLanguage ttsProvider voice "
            "transcriptionProvider speechModel profanityFilter dtmfDetection welcomeGreeting "
            "partialPrompts welcomeGreetingInterruptible interruptible preemptible hints "
            "intelligenceService reportInputDuringAgentSpeech elevenlabsTextNormalization "
            "interruptSensitivity debug backgroundNoiseReduction speechTimeout "
            "deepgramSmartFormat ignoreBackchannel events partialPromptOnHangup eagerEotThreshold "
            "asrSmartFormat ttsTextNormalization ttsLanguageTextNormalization "
            "elevenlabsLanguageTextNormalization includeInPrompt customerName "
            "applicationReconnect echoPromptFiltering turnDetection"
        ),
        children="Language Parameter",
    ),
    _rule("AiSession", attributes="aiConnector aiSessionConfiguration"),
    _rule("ConversationRelaySession", attributes="connector sessionConfiguration"),
    _rule(
        "Language",
        attributes=(
            "code ttsProvider voice transcriptionProvider speechModel hints asrSmartFormat "
            "ttsTextNormalization ttsLanguageTextNormalization"
        ),
    ),
)

RULES = MappingProxyType({rule.name: rule for rule in _RULES})

ROOT = RULES["Response"]

_REFER_SIP = _rule("Sip", text=Text.PLAIN)
"""`<Sip>` inside `<Refer>` is an address only; the rule of that name in `RULES` is `<Dial>`'s."""

_PARENTS = MappingProxyType(
    {name: tuple(rule.name for rule in _RULES if name in rule.children) for name in RULES}
)


def rule_for(name: str, parent: str) -> Rule | None:
    """The rule of an element below `parent`; None when it is unknown or may not stand there."""
    if name not in RULES[parent].children:
        return None
    if (parent, name) == ("Refer", "Sip"):
        return _REFER_SIP
    return RULES[name]


def parents_of(name: str) -> tuple[str, ...]:
    """The elements that `name` may stand in; empty for the root and for unknown names."""
    return _PARENTS.get(name, ())
