"""The nouns of `<Dial>` and `<Refer>`: whom a call is put through to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from twiml.actions.element import Element, Text, Verb
from twiml.actions.streams import RECORDING_EVENTS
from twiml.actions.values import boolean, choice, http_method, number, text, words

CALL_EVENTS = "initiated ringing answered completed"


@dataclass(frozen=True)
class Party(Element):
    """What the nouns that ring a phone have in common.

    `url` is asked for a document that the answering party hears before the two are connected.
    """

    tag: str = ""
    url: str | None = text()
    method: str = http_method()
    status_callback_event: tuple[str, ...] = words(CALL_EVENTS)
    status_callback: str | None = text()
    status_callback_method: str = http_method()

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class _Detecting(Party):
    machine_detection: str | None = text()
    amd_status_callback_method: str = http_method()
    amd_status_callback: str | None = text()
    machine_detection_timeout: int | None = number()
    machine_detection_speech_threshold: int | None = number()
    machine_detection_speech_end_threshold: int | None = number()
    machine_detection_silence_timeout: int | None = number()


@dataclass(frozen=True)
class Number(_Detecting):
    """A phone number in the text."""

    tag: str = "Number"
    send_digits: str | None = text()
    byoc: str | None = text()


@dataclass(frozen=True)
class Sip(_Detecting):
    """A SIP address in the text, or `<Uri>`s."""

    tag: str = "Sip"
    username: str | None = text()
    password: str | None = text()

    CHILDREN: ClassVar[str] = "Headers Uri"

    @property
    def uris(self) -> list[Uri]:
        """Its `<Uri>`s as they are tried: lowest priority first, then the greatest weight, as in
        DNS."""
        uris = [part for part in self.children if isinstance(part, Uri)]
        return sorted(uris, key=lambda uri: (_whole(uri.priority, 65_535), -_whole(uri.weight, 0)))

    @property
    def headers(self) -> Iterator[tuple[str, Header]]:
        """Each of its headers that has a name, by that name."""
        for part in self.children:
            for header in part.children if isinstance(part, Headers) else ():
                if isinstance(header, Header) and (name := (header.name or "").strip()):
                    yield name, header


@dataclass(frozen=True)
class ReferSip(Element):
    """`<Sip>` inside `<Refer>`: an address and nothing else."""

    tag: str = "Sip"

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class Client(Party):
    """An app's user, by the identity in the text or in `<Identity>`."""

    tag: str = "Client"

    CHILDREN: ClassVar[str] = "Identity Parameter"


@dataclass(frozen=True)
class Application(Party):
    """A TwiML application, by the sid in the text or in `<ApplicationSid>`."""

    tag: str = "Application"
    customer_id: str | None = text()
    copy_parent_to: bool = boolean()

    CHILDREN: ClassVar[str] = "ApplicationSid Parameter"


@dataclass(frozen=True)
class WhatsApp(Party):
    tag: str = "WhatsApp"


@dataclass(frozen=True)
class Conference(Element):
    """A conference, by the name in the text."""

    tag: str = "Conference"
    muted: bool = boolean()
    beep: str = choice("true", "true false onEnter onExit")
    start_conference_on_enter: bool = boolean(True)
    end_conference_on_exit: bool = boolean()
    wait_url: str | None = text()
    wait_method: str = http_method()
    max_participants: int | None = number(low=2)
    record: str = choice("do-not-record", "do-not-record record-from-start")
    recording_configuration_id: str | None = text()
    region: str | None = choice(None, "us1 us2 ie1 sg1 br1 au1 jp1 de1")
    coach: str | None = text()
    trim: str | None = choice(None, "trim-silence do-not-trim")
    status_callback_event: tuple[str, ...] = words(
        "start end join leave mute hold modify speaker announcement"
    )
    status_callback: str | None = text()
    status_callback_method: str = http_method()
    recording_status_callback: str | None = text()
    recording_status_callback_method: str = http_method()
    recording_status_callback_event: tuple[str, ...] = words(RECORDING_EVENTS, ("completed",))
    event_callback_url: str | None = text()
    jitter_buffer_size: str | None = choice(None, "large medium small off")
    participant_label: str | None = text()

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class Queue(Verb):
    """The next caller of the queue named in the text."""

    tag: str = "Queue"
    url: str | None = text()
    method: str = http_method()
    reservation_sid: str | None = text()
    post_work_activity_sid: str | None = text()

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class Sim(Element):
    """A SIM card, by the sid in the text."""

    tag: str = "Sim"

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class Identity(Element):
    tag: str = "Identity"

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class ApplicationSid(Element):
    tag: str = "ApplicationSid"

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class Uri(Element):
    """One of several SIP addresses, tried by priority and weight."""

    tag: str = "Uri"
    priority: str | None = text()
    weight: str | None = text()
    username: str | None = text()
    password: str | None = text()

    TEXT: ClassVar[Text] = Text.PLAIN


@dataclass(frozen=True)
class Headers(Element):
    tag: str = "Headers"

    CHILDREN: ClassVar[str] = "Header"


@dataclass(frozen=True)
class Header(Element):
    tag: str = "Header"
    name: str | None = text()
    value: str | None = text()


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and re.fullmatch(r"[0-9]{1,9}", text) else default
