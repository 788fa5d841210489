"""What of TwiML's vocabulary SWML does not have, and what becomes of it, as data.

Whatever is not here is carried, or means nothing without something that is here.
"""

from __future__ import annotations

from types import MappingProxyType

from twiml.signalwire.losses import Fate

NOT_IN_SWML = "has no counterpart in SWML."

_COMPLETED = Fate("names other events than completed.", "Only completed is reported.")
_SILENCE = Fate(NOT_IN_SWML, "Silence stays in the recording.", only="trim-silence")
_CONFIGURATION = Fate(NOT_IN_SWML, "The recording is kept as SignalWire keeps it.")
_UNASKED = Fate(NOT_IN_SWML, "It is never asked.")
_UNTOLD = Fate(NOT_IN_SWML, "It is never told anything.")
_DETECTION = Fate(NOT_IN_SWML, "The parties are joined whoever or whatever has answered.")
_NEXT = "The call goes on with the next verb."
_OWN_CONSUMER = "Use <Connect><Stream> with a consumer of your own."
_NOT_DIALLED = Fate(NOT_IN_SWML, "It is not dialled.")
_RECOGNISER = Fate(NOT_IN_SWML, "SignalWire's own recogniser decides.")
_UNLABELLED = Fate(NOT_IN_SWML, "The track goes by SignalWire's own name.")

FATES = MappingProxyType(
    {
        ("Gather", "bargeIn"): Fate(NOT_IN_SWML, "What is entered may interrupt what is played."),
        ("Gather", "debug"): Fate(NOT_IN_SWML, "Nothing is added to what the action is told."),
        ("Gather", "enhanced"): _RECOGNISER,
        ("Gather", "maxSpeechTime"): _RECOGNISER,
        ("Gather", "profanityFilter"): _RECOGNISER,
        ("Gather", "speechModel"): _RECOGNISER,
        ("Gather", "partialResultCallback"): Fate(NOT_IN_SWML, "Only the end result is told."),
        ("Record", "recordingStatusCallbackEvent"): _COMPLETED,
        ("Record", "recordingConfigurationId"): _CONFIGURATION,
        ("Record", "trim"): _SILENCE,
        ("Record", "transcribe"): Fate(NOT_IN_SWML, "Transcribe the RecordingUrl yourself."),
        ("Record", "transcribeCallback"): _UNTOLD,
        ("Dial", "events"): _UNTOLD,
        ("Dial", "hangupOnStar"): Fate(NOT_IN_SWML, "The * key ends nothing."),
        ("Dial", "passports"): Fate(NOT_IN_SWML, "The call carries none."),
        ("Dial", "recordingStatusCallbackEvent"): _COMPLETED,
        ("Dial", "recordingConfigurationId"): _CONFIGURATION,
        ("Dial", "referUrl"): _UNASKED,
        ("Dial", "trim"): _SILENCE,
        ("Number", "byoc"): Fate(NOT_IN_SWML, "SignalWire carries the call."),
        ("Number", "machineDetection"): _DETECTION,
        ("Sip", "machineDetection"): _DETECTION,
        ("Conference", "eventCallbackUrl"): _UNTOLD,
        ("Conference", "jitterBufferSize"): Fate(NOT_IN_SWML, "SignalWire chooses one."),
        ("Conference", "participantLabel"): Fate(NOT_IN_SWML, "The party goes by its CallSid."),
        ("Conference", "recordingConfigurationId"): _CONFIGURATION,
        ("Queue", "url"): _UNASKED,
        ("Queue", "reservationSid"): Fate(NOT_IN_SWML, "Whoever waits longest is put through."),
        ("Queue", "postWorkActivitySid"): Fate(NOT_IN_SWML, "No activity follows."),
        ("Enqueue", "maxQueueSize"): Fate(NOT_IN_SWML, "The queue takes any number of calls."),
        ("Enqueue", "workflowSid"): Fate(NOT_IN_SWML, "No workflow is started."),
        ("Start", "action"): _UNASKED,
        ("Stream", "audioFormat"): Fate(NOT_IN_SWML, "Your consumer gets mu-law at 8000 Hz."),
        ("Stream", "sampleRate"): Fate(NOT_IN_SWML, "Your consumer gets mu-law at 8000 Hz."),
        ("Room", "participantIdentity"): Fate(NOT_IN_SWML, "SignalWire names the participant."),
        ("Recording", "recordingStatusCallbackEvent"): _COMPLETED,
        ("Recording", "recordingConfigurationId"): _CONFIGURATION,
        ("Recording", "trim"): _SILENCE,
        ("Transcription", "name"): Fate(NOT_IN_SWML, "A <Stop> ends whatever is transcribed."),
        ("Transcription", "inboundTrackLabel"): _UNLABELLED,
        ("Transcription", "outboundTrackLabel"): _UNLABELLED,
        ("Transcription", "partialResults"): Fate(NOT_IN_SWML, "SignalWire decides what it tells."),
        ("Transcription", "profanityFilter"): _RECOGNISER,
        ("Transcription", "speechModel"): _RECOGNISER,
        ("Transcription", "hints"): _RECOGNISER,
        ("Transcription", "enableAutomaticPunctuation"): _RECOGNISER,
        ("Transcription", "intelligenceService"): Fate(NOT_IN_SWML, "Nothing is analysed."),
        ("AiSession", ""): Fate(NOT_IN_SWML, _OWN_CONSUMER),
        ("Application", ""): _NOT_DIALLED,
        ("Autopilot", ""): Fate(NOT_IN_SWML, _OWN_CONSUMER),
        ("Config", ""): Fate(NOT_IN_SWML, "It is not passed on."),
        ("Conversation", ""): Fate(NOT_IN_SWML, _OWN_CONSUMER),
        ("ConversationRelay", ""): Fate(
            NOT_IN_SWML, "Use <Connect><Stream> with your own speech recognition and synthesis."
        ),
        ("ConversationRelaySession", ""): Fate(NOT_IN_SWML, _OWN_CONSUMER),
        ("Leave", ""): Fate("cannot be said while a call waits in a queue.", _NEXT),
        ("Parameter", ""): Fate(NOT_IN_SWML, "It is not passed on."),
        ("Pay", ""): Fate(
            "names a connector of a Twilio account; SWML's needs a URL that is given the card.",
            "No payment is taken. " + _NEXT,
        ),
        ("Prompt", ""): Fate("means nothing outside <Pay>.", _NEXT),
        ("Queue", ""): Fate("means nothing outside <Dial>.", _NEXT),
        ("Sim", ""): _NOT_DIALLED,
        ("Siprec", ""): Fate(NOT_IN_SWML, "Use <Start><Stream> with both tracks."),
        ("Task", ""): Fate(NOT_IN_SWML, "Keep the task's attributes on your side, by CallSid."),
        ("VirtualAgent", ""): Fate(NOT_IN_SWML, _OWN_CONSUMER),
        ("WhatsApp", ""): _NOT_DIALLED,
        ("w", ""): Fate(NOT_IN_SWML, "Its words are spoken all the same."),
    }
)
"""By element and attribute; the attribute is empty for the whole element."""
UNKNOWN = Fate(NOT_IN_SWML, "It is left out.")
"""What becomes of an element that cannot come from the parser."""
