"""The verbs around the streams: what a call asks, records, dials and does at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from twiml.actions.element import Element, Text, Verb
from twiml.actions.streams import RECORDING_EVENTS, Parameter
from twiml.actions.values import (
    boolean,
    choice,
    http_method,
    language_tag,
    number,
    numbers,
    seconds_or_auto,
    text,
    words,
)

_CARDS = "visa mastercard amex maestro discover optima jcb diners-club enroute"


@dataclass(frozen=True)
class Gather(Verb):
    """Play what is in it, and collect digits, speech or both.

    `timeout` is in seconds, between keys and before the first. Without `num_digits` only
    `finish_on_key` or the time-out ends the digits; an empty `finish_on_key` is none.
    """

    tag: str = "Gather"
    input: tuple[str, ...] = words("dtmf speech", ("dtmf",))
    action: str | None = text()
    method: str = http_method()
    timeout: int = number(5)
    speech_timeout: str | None = seconds_or_auto()
    max_speech_time: int | None = number(low=1)
    profanity_filter: bool = boolean(True)
    finish_on_key: str = text("#")
    num_digits: int | None = number(low=1)
    partial_result_callback: str | None = text()
    partial_result_callback_method: str = http_method()
    language: str | None = language_tag()
    hints: str | None = text()
    barge_in: bool = boolean(True)
    debug: bool = boolean()
    action_on_empty_result: bool = boolean()
    speech_model: str | None = text()
    enhanced: bool = boolean()

    CHILDREN: ClassVar[str] = "Pause Play Say"


@dataclass(frozen=True)
class Record(Verb):
    """Record what the caller says; `timeout` and `max_length` are in seconds."""

    tag: str = "Record"
    action: str | None = text()
    method: str = http_method()
    timeout: int = number(5)
    finish_on_key: str = text("1234567890*#")
    max_length: int = number(3600, low=1)
    play_beep: bool = boolean(True)
    trim: str = choice("trim-silence", "trim-silence do-not-trim")
    recording_status_callback: str | None = text()
    recording_status_callback_method: str = http_method()
    recording_status_callback_event: tuple[str, ...] = words(RECORDING_EVENTS, ("completed",))
    transcribe: bool = boolean()
    transcribe_callback: str | None = text()
    recording_configuration_id: str | None = text()


@dataclass(frozen=True)
class Dial(Verb):
    """Put the caller through to the number in the text, or to the nouns.

    `timeout` (ringing) and `time_limit` (the connected call) are in seconds.
    """

    tag: str = "Dial"
    action: str | None = text()
    method: str = http_method()
    timeout: int = number(30)
    hangup_on_star: bool = boolean()
    time_limit: int = number(14_400, low=1)
    caller_id: str | None = text()
    record: str = choice(
        "do-not-record",
        "do-not-record record-from-answer record-from-ringing record-from-answer-dual "
        "record-from-ringing-dual",
    )
    trim: str | None = choice(None, "trim-silence do-not-trim")
    recording_status_callback: str | None = text()
    recording_configuration_id: str | None = text()
    recording_status_callback_method: str = http_method()
    recording_status_callback_event: tuple[str, ...] = words(RECORDING_EVENTS, ("completed",))
    answer_on_bridge: bool = boolean()
    ring_tone: str | None = choice(
        None,
        "at au bg br be ch cl cn cz de dk ee es fi fr gr hu il in it lt jp mx my nl no nz ph pl "
        "pt ru se sg th uk us us-old tw ve za",
    )
    recording_track: str = choice("both", "both inbound outbound")
    sequential: bool = boolean()
    refer_url: str | None = text()
    refer_method: str = http_method()
    events: str | None = choice(None, "call-progress-event")
    passports: str | None = text()

    CHILDREN: ClassVar[str] = "Application Client Conference Number Queue Sim Sip WhatsApp"
    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class Enqueue(Verb):
    """Let the caller wait in the queue named in the text, with the document at `wait_url`."""

    tag: str = "Enqueue"
    action: str | None = text()
    max_queue_size: int | None = number(low=1)
    method: str = http_method()
    wait_url: str | None = text()
    wait_url_method: str = http_method()
    workflow_sid: str | None = text()

    CHILDREN: ClassVar[str] = "Task"
    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class Task(Element):
    """A TaskRouter task: its attributes, in JSON, are the text."""

    tag: str = "Task"
    priority: int | None = number()
    timeout: int | None = number()

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class Leave(Verb):
    """Leave the queue that the caller waits in."""

    tag: str = "Leave"


@dataclass(frozen=True)
class Echo(Verb):
    """Play the caller's own voice back."""

    tag: str = "Echo"


@dataclass(frozen=True)
class Redirect(Verb):
    """Go on with the document at the URL in the text instead of the rest of this one."""

    tag: str = "Redirect"
    method: str = http_method()

    TEXT: ClassVar[Text] = Text.PLAIN

    @property
    def url(self) -> str:
        """As written, without the blanks around it; empty for this very document."""
        return self.text.strip()


@dataclass(frozen=True)
class Reject(Verb):
    """Turn an unanswered call away."""

    tag: str = "Reject"
    reason: str = choice("rejected", "rejected busy")

    CHILDREN: ClassVar[str] = "Parameter"


@dataclass(frozen=True)
class Hangup(Verb):
    """End the call."""

    tag: str = "Hangup"

    CHILDREN: ClassVar[str] = "Parameter"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(part for part in self.content if isinstance(part, Parameter))


@dataclass(frozen=True)
class Refer(Verb):
    """Transfer the caller's SIP call to the address in `<Sip>`."""

    tag: str = "Refer"
    action: str | None = text()
    method: str = http_method()

    CHILDREN: ClassVar[str] = "Sip"


@dataclass(frozen=True)
class Sms(Verb):
    """Send the text as a message."""

    tag: str = "Sms"
    to: str | None = text()
    from_: str | None = text()
    action: str | None = text()
    method: str = http_method()
    status_callback: str | None = text()

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class Pay(Verb):
    """Take a payment by keys."""

    tag: str = "Pay"
    input: str = choice("dtmf", "dtmf")
    action: str | None = text()
    bank_account_type: str | None = choice(
        None, "consumer-checking consumer-savings commercial-checking commercial-savings"
    )
    status_callback: str | None = text()
    status_callback_method: str = http_method()
    timeout: int = number(5)
    max_attempts: int = number(1, low=1)
    security_code: bool = boolean(True)
    postal_code: str | None = text()
    min_postal_code_length: int | None = number()
    payment_connector: str | None = text()
    payment_method: str = choice("credit-card", "ach-debit credit-card")
    token_type: str | None = choice(None, "one-time reusable payment-method")
    charge_amount: str | None = text()
    currency: str | None = text()
    description: str | None = text()
    valid_card_types: tuple[str, ...] = words(_CARDS)
    language: str | None = language_tag()

    CHILDREN: ClassVar[str] = "Parameter Prompt"


@dataclass(frozen=True)
class Prompt(Verb):
    """What `<Pay>` says at one of its steps."""

    tag: str = "Prompt"
    for_: str | None = choice(
        None,
        "payment-card-number expiration-date security-code postal-code payment-processing "
        "bank-account-number bank-routing-number",
    )
    error_type: tuple[str, ...] = words(
        "timeout invalid-card-number invalid-card-type invalid-date invalid-security-code "
        "internal-error input-matching-failed"
    )
    card_type: tuple[str, ...] = words(_CARDS)
    attempt: tuple[int, ...] = numbers()
    require_matching_inputs: bool = boolean()

    CHILDREN: ClassVar[str] = "Pause Play Say"
