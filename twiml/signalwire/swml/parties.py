"""Whom a call is put through to: the nouns of `<Dial>` as destinations of `connect`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, quote

from twiml.actions import Client, Element, Identity, Number, Party, Sip, Uri
from twiml.signalwire.swml.speech import tones
from twiml.signalwire.swml.writing import Writing

Destination = dict[str, Any]

_PUNCTUATION = re.compile(r"[\s().-]")
_NUMBER = re.compile(r"\+?[0-9*#]+")
_SIP = re.compile(r"(?i:sips?):[^\s?]+")
_EVENTS = MappingProxyType(
    {
        "initiated": "created",
        "ringing": "ringing",
        "answered": "answered",
        "completed": "ended",
    }
)
"""TwiML's call events in SignalWire's words (S section 7.3)."""


def destinations(writing: Writing, noun: Element) -> Iterator[Destination]:
    """Where one noun of a `<Dial>` leads to: nowhere, one place, or one for each `<Uri>`."""
    match noun:
        case Number():
            number = dialled(noun.text)
            if number is None:
                writing.lose(noun, "", "is not a phone number.", "It is not dialled.")
            else:
                yield {"to": number} | _party(writing, noun)
        case Sip():
            yield from _sip(writing, noun)
        case Client():
            yield from _client(writing, noun)
        case _:
            writing.lose_element(noun)


def dialled(text: str) -> str | None:
    """A phone number without its punctuation; None if it is none.

    Nothing else may stand there: SWML would take `queue:` or `stream:` for other destinations.
    """
    number = _PUNCTUATION.sub("", text)
    return number if _NUMBER.fullmatch(number) else None


def caller(caller_id: str) -> str:
    """A caller id for `from`: a number, a SIP address, or a client as the address of one."""
    text = caller_id.strip()
    if text.startswith("client:"):
        return _address(text.removeprefix("client:"))
    return dialled(text) or text


def sip_address(text: str) -> str | None:
    """A SIP address without the headers in its query; None if it is none."""
    address = text.strip().partition("?")[0]
    return address if _SIP.fullmatch(address) else None


def is_sip(text: str) -> bool:
    return sip_address(text) is not None


def _sip(writing: Writing, noun: Sip) -> Iterator[Destination]:
    written: list[Sip | Uri] = [*noun.uris] or [noun]
    more = [
        {
            "name": writing.harmless(name, header, "name"),
            "value": writing.harmless(header.value or "", header, "value"),
        }
        for name, header in noun.headers
    ]
    common = _party(writing, noun)
    for element in written:
        address = sip_address(element.text)
        if address is None:
            writing.lose(element, "", "is not a SIP address.", "It is not dialled.")
            continue
        destination: Destination = {"to": writing.harmless(address, element)}
        query = parse_qsl(element.text.strip().partition("?")[2], keep_blank_values=True)
        headers = [
            {"name": writing.harmless(name, element), "value": writing.harmless(value, element)}
            for name, value in query
        ] + more
        if headers:
            destination["headers"] = headers
        for key, secret in (
            ("username", element.username or noun.username),
            ("password", element.password or noun.password),
        ):
            if secret:
                destination[key] = writing.harmless(secret, element, key)
        yield destination | common


def _client(writing: Writing, noun: Client) -> Iterator[Destination]:
    identity = next((part.text for part in noun.children if isinstance(part, Identity)), noun.text)
    if not identity.strip():
        writing.lose(noun, "", "names nobody.", "It is not dialled.")
        return
    for part in noun.children:
        if not isinstance(part, Identity):
            writing.lose_element(part)
    address = _address(identity)
    why = "has no exact counterpart in SWML."
    instead = f"SignalWire's resource {address} is dialled; it has to exist in your space."
    writing.lose(noun, "", why, instead)
    yield {"to": address} | _party(writing, noun)


def _address(identity: str) -> str:
    return "/private/" + quote(identity.strip(), safe="")


def _party(writing: Writing, noun: Party) -> Destination:
    """What every noun may say about its own leg."""
    writing.lose_attributes(noun, "Dial")
    keys: Destination = {}
    confirm = writing.document(noun, "url", noun.url, noun.method) if noun.url else None
    digits = (
        tones(writing, noun, "sendDigits", noun.send_digits) if isinstance(noun, Number) else ""
    )
    if digits:
        keys["confirm"] = [{"send_digits": {"digits": digits}}]
        if confirm is not None:
            why = "cannot stand beside sendDigits: one document or the other."
            writing.lose(noun, "url", why, "The digits are sent.")
    elif confirm is not None:
        keys["confirm"] = confirm
    if noun.status_callback:
        link = writing.callback(
            noun, "statusCallback", noun.status_callback, noun.status_callback_method
        )
        if link is not None:
            wanted = noun.status_callback_event or ("completed",)
            keys["call_state_url"] = link
            keys["call_state_events"] = [_EVENTS[word] for word in _EVENTS if word in wanted]
    return keys
