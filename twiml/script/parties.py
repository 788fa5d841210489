"""Whom a `<Dial>` rings, as commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from urllib.parse import parse_qsl

from twiml.actions import (
    Client,
    Conference,
    Dial,
    Element,
    Identity,
    Number,
    Parameter,
    Party,
    Queue,
    Sip,
    Uri,
)
from twiml.script.activity import Line
from twiml.script.commands import DialLeg, Fields, Skip

MOST_LEGS = 10
"""Nouns in one `<Dial>`, as Twilio's pages of `<Number>` and `<Sip>` have it."""


def legs_of(line: Line, dial: Dial) -> tuple[list[DialLeg], list[Skip]]:
    """The parties to ring, in order, and what cannot be rung."""
    legs: list[DialLeg] = []
    skipped: list[Skip] = []
    if not dial.children:
        if address := dial.text.strip():
            legs.append(DialLeg(dial, "number", address, _caller_id(dial)))
        else:
            skipped.append(Skip(dial, "The <Dial> names nobody."))
    for noun in dial.children:
        found = list(_legs(line, dial, noun))
        legs += found
        if not found:
            skipped.append(Skip(dial, _why_not(noun)))
        if isinstance(noun, Number) and noun.machine_detection:
            skipped.append(Skip(dial, "A local call does not detect answering machines."))
    if len(legs) > MOST_LEGS:
        skipped.append(Skip(dial, f"Only the first {MOST_LEGS} parties of a <Dial> are rung."))
    return legs[:MOST_LEGS], skipped


def alone(dial: Dial) -> tuple[Conference | Queue | None, list[Skip]]:
    """The `<Conference>` or `<Queue>` of a `<Dial>`, and what stands beside it for nothing."""
    found = next((noun for noun in dial.children if isinstance(noun, Conference | Queue)), None)
    if found is None:
        return None, []
    return found, [
        Skip(dial, f"A <{noun.tag}> cannot stand beside a <{found.tag}>; it is skipped.")
        for noun in dial.children
        if noun is not found
    ]


def _why_not(noun: Element) -> str:
    if isinstance(noun, Number | Client | Sip):
        return f"The <{noun.tag}> names nobody; it is skipped."
    return f"A local call cannot dial <{noun.tag}>; it is skipped."


def _legs(line: Line, dial: Dial, noun: Element) -> Iterator[DialLeg]:
    match noun:
        case Number():
            yield from _leg(line, dial, noun, "number", noun.text, send_digits=noun.send_digits)
        case Client():
            given = (part.text for part in noun.children if isinstance(part, Identity))
            parameters = tuple(
                (part.name, part.value) for part in noun.children if isinstance(part, Parameter)
            )
            identity = next(given, noun.text)
            yield from _leg(line, dial, noun, "client", identity, parameters=parameters)
        case Sip():
            written: list[Sip | Uri] = [*noun.uris[:1]] or [noun]
            address, _, query = written[0].text.strip().partition("?")
            headers = tuple(parse_qsl(query, keep_blank_values=True))
            headers += tuple((name, header.value or "") for name, header in noun.headers)
            yield from _leg(line, dial, noun, "sip", address, headers=headers)


def _leg(
    line: Line,
    dial: Dial,
    noun: Party,
    kind: Literal["number", "client", "sip"],
    written: str,
    *,
    send_digits: str | None = None,
    parameters: Fields = (),
    headers: Fields = (),
) -> Iterator[DialLeg]:
    if address := written.strip():
        events = noun.status_callback_event or ("completed",)
        callback = line.callback(noun.status_callback, noun.status_callback_method, events)
        yield DialLeg(
            noun,
            kind,
            address,
            _caller_id(dial),
            send_digits or "",
            parameters,
            headers,
            callback,
        )


def _caller_id(dial: Dial) -> str:
    return (dial.caller_id or "").strip()
