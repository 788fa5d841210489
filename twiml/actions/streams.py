"""`<Start>`, `<Connect>` and `<Stop>`, and the nouns that carry a call's audio elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from twiml.actions.element import Element, Text, Verb
from twiml.actions.values import boolean, choice, http_method, language_tag, number, text, words

TRACKS = "inbound_track outbound_track both_tracks"
RECORDING_EVENTS = "in-progress completed absent"


class Track(StrEnum):
    """Which side of a call a stream carries, seen from the carrier."""

    INBOUND = "inbound_track"
    OUTBOUND = "outbound_track"
    BOTH = "both_tracks"

    @property
    def names(self) -> tuple[str, ...]:
        """The track names as Media Streams messages spell them, inbound first."""
        match self:
            case Track.INBOUND:
                return ("inbound",)
            case Track.OUTBOUND:
                return ("outbound",)
            case Track.BOTH:
                return ("inbound", "outbound")


@dataclass(frozen=True)
class Parameter(Element):
    """A name and value of the customer's; those of a stream arrive in `start.customParameters`."""

    tag: str = "Parameter"
    name: str = text("")
    value: str = text("")


@dataclass(frozen=True)
class Stream(Element):
    """A fork of the call's audio to the customer's WebSocket.

    `url` is as written. `connect_url` is what would be dialled: absolute, without query and
    fragment; None when the URL cannot be used. `status_callback` is absolute. `refusal` is the
    Twilio error number that keeps the stream from starting (31922, 31923, 31941, …), 0 when it may
    start; the document's diagnostics say the same in words.
    """

    tag: str = "Stream"
    url: str | None = text()
    name: str | None = text()
    track: Track = text(Track.INBOUND)
    status_callback: str | None = text()
    status_callback_method: str = http_method()
    connector_name: str | None = text()
    audio_format: str | None = text()
    sample_rate: str | None = text()
    connect_url: str | None = None
    refusal: int = 0
    refusal_reason: str = ""

    CHILDREN: ClassVar[str] = "Parameter"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(part for part in self.content if isinstance(part, Parameter))

    @property
    def custom_parameters(self) -> dict[str, str]:
        """As `start.customParameters` carries them; of a repeated name the last one stands."""
        return {parameter.name: parameter.value for parameter in self.parameters}


@dataclass(frozen=True)
class _Streaming(Verb):
    @property
    def streams(self) -> tuple[Stream, ...]:
        return tuple(noun for noun in self.content if isinstance(noun, Stream))


@dataclass(frozen=True)
class Start(_Streaming):
    """Begin streams that receive only, and go on with the next verb at once."""

    tag: str = "Start"
    action: str | None = text()
    method: str = http_method()

    CHILDREN: ClassVar[str] = "Recording Siprec Stream Transcription"


@dataclass(frozen=True)
class Connect(_Streaming):
    """Hand the call to a two-way stream (or another noun) and wait until that ends.

    `action` is asked for the next document, with `method`, when the noun has ended.
    """

    tag: str = "Connect"
    action: str | None = text()
    method: str = http_method()

    CHILDREN: ClassVar[str] = (
        "AiSession Autopilot Conversation ConversationRelay ConversationRelaySession Room Stream "
        "VirtualAgent"
    )


@dataclass(frozen=True)
class Stop(_Streaming):
    """End one-way streams by name."""

    tag: str = "Stop"

    CHILDREN: ClassVar[str] = "Siprec Stream Transcription"


@dataclass(frozen=True)
class Recording(Element):
    """A recording in the background, under `<Start>`."""

    tag: str = "Recording"
    recording_status_callback: str | None = text()
    recording_status_callback_method: str = http_method()
    recording_status_callback_event: tuple[str, ...] = words(RECORDING_EVENTS, ("completed",))
    trim: str | None = choice(None, "trim-silence do-not-trim")
    track: str = choice("both", "inbound outbound both")
    channels: str = choice("dual", "mono dual")
    recording_configuration_id: str | None = text()


@dataclass(frozen=True)
class Siprec(Element):
    tag: str = "Siprec"
    name: str | None = text()
    connector_name: str | None = text()
    track: str | None = choice(None, TRACKS)
    status_callback: str | None = text()
    status_callback_method: str = http_method()

    CHILDREN: ClassVar[str] = "Parameter"


@dataclass(frozen=True)
class Transcription(Element):
    tag: str = "Transcription"
    name: str | None = text()
    track: str | None = choice(None, TRACKS)
    status_callback_url: str | None = text()
    status_callback_method: str = http_method()
    inbound_track_label: str | None = text()
    outbound_track_label: str | None = text()
    partial_results: bool = boolean()
    language_code: str | None = language_tag()
    transcription_engine: str | None = text()
    profanity_filter: bool = boolean(True)
    speech_model: str | None = text()
    hints: str | None = text()
    enable_automatic_punctuation: bool = boolean(True)
    intelligence_service: str | None = text()

    CHILDREN: ClassVar[str] = "Config Parameter"


@dataclass(frozen=True)
class Config(Element):
    tag: str = "Config"
    name: str | None = text()
    value: str | None = text()


@dataclass(frozen=True)
class Room(Element):
    """A video room, by the name in the text."""

    tag: str = "Room"
    participant_identity: str | None = text()

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class Autopilot(Element):
    tag: str = "Autopilot"

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class VirtualAgent(Element):
    tag: str = "VirtualAgent"
    connector_name: str | None = text()
    language: str | None = language_tag()
    sentiment_analysis: bool = boolean()
    status_callback: str | None = text()
    status_callback_method: str = http_method()

    CHILDREN: ClassVar[str] = "Config Parameter"


@dataclass(frozen=True)
class Conversation(Element):
    tag: str = "Conversation"
    service_instance_sid: str | None = text()
    inbound_autocreation: bool = boolean()
    routing_assignment_timeout: int | None = number()
    inbound_timeout: int | None = number()
    url: str | None = text()
    method: str = http_method()
    record: str | None = choice(
        None,
        "do-not-record record-from-answer record-from-ringing record-from-answer-dual "
        "record-from-ringing-dual true false",
    )
    trim: str | None = choice(None, "trim-silence do-not-trim")
    recording_status_callback: str | None = text()
    recording_status_callback_method: str = http_method()
    recording_status_callback_event: tuple[str, ...] = words(RECORDING_EVENTS)
    status_callback: str | None = text()
    status_callback_method: str = http_method()
    status_callback_event: tuple[str, ...] = words(
        "call-initiated call-ringing call-answered call-completed"
    )


@dataclass(frozen=True)
class ConversationRelay(Element):
    tag: str = "ConversationRelay"
    url: str | None = text()
    language: str | None = text()
    tts_language: str | None = text()
    transcription_language: str | None = text()
    tts_provider: str | None = text()
    voice: str | None = text()
    transcription_provider: str | None = text()
    speech_model: str | None = text()
    profanity_filter: bool | None = boolean(None)
    dtmf_detection: bool | None = boolean(None)
    welcome_greeting: str | None = text()
    partial_prompts: bool | None = boolean(None)
    welcome_greeting_interruptible: str | None = text()
    interruptible: str | None = text()
    preemptible: bool | None = boolean(None)
    hints: str | None = text()
    intelligence_service: str | None = text()
    report_input_during_agent_speech: bool | None = boolean(None)
    elevenlabs_text_normalization: str | None = text()
    interrupt_sensitivity: str | None = text()
    debug: str | None = text()
    background_noise_reduction: str | None = text()
    speech_timeout: str | None = text()
    deepgram_smart_format: str | None = text()
    ignore_backchannel: str | None = text()
    events: str | None = text()
    partial_prompt_on_hangup: str | None = text()
    eager_eot_threshold: str | None = text()
    asr_smart_format: str | None = text()
    tts_text_normalization: str | None = text()
    tts_language_text_normalization: str | None = text()
    elevenlabs_language_text_normalization: str | None = text()
    include_in_prompt: str | None = text()
    customer_name: str | None = text()
    application_reconnect: str | None = text()
    echo_prompt_filtering: str | None = text()
    turn_detection: str | None = text()

    CHILDREN: ClassVar[str] = "Language Parameter"


@dataclass(frozen=True)
class Language(Element):
    tag: str = "Language"
    code: str | None = text()
    tts_provider: str | None = text()
    voice: str | None = text()
    transcription_provider: str | None = text()
    speech_model: str | None = text()
    hints: str | None = text()
    asr_smart_format: str | None = text()
    tts_text_normalization: str | None = text()
    tts_language_text_normalization: str | None = text()


@dataclass(frozen=True)
class AiSession(Element):
    tag: str = "AiSession"
    ai_connector: str | None = text()
    ai_session_configuration: str | None = text()


@dataclass(frozen=True)
class ConversationRelaySession(Element):
    tag: str = "ConversationRelaySession"
    connector: str | None = text()
    session_configuration: str | None = text()
