"""What a SWML webhook's JSON says of its call, in Twilio's words. Pure.

The body has four objects: `call`, `vars`, `envs`, `params` (S section 1.5); all but the first may
be missing. Whatever has another type than documented counts as missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.call import CallStatus, Parties
from bridge.callbacks import FormFields
from bridge.ids import alias

_STATES = {
    "answered": CallStatus.IN_PROGRESS,
    "ending": CallStatus.COMPLETED,
    "ended": CallStatus.COMPLETED,
}


@dataclass(frozen=True, slots=True)
class SwmlCall:
    """The `call` object, and the script's variables as text. Ids are SignalWire's own."""

    call_id: str
    project_id: str
    parties: Parties
    status: CallStatus
    parent_id: str
    peer_id: str
    sip_headers: FormFields
    variables: Mapping[str, str]

    @property
    def sid(self) -> str:
        return alias("CA", self.call_id)

    @property
    def extra(self) -> FormFields:
        """What the first webhook says beside the standard parameters."""
        parent = (("ParentCallSid", alias("CA", self.parent_id)),) if self.parent_id else ()
        return parent + self.sip_headers


def read_call(body: Mapping[str, Any]) -> SwmlCall | None:
    """The call that a webhook is about; None when it names none."""
    call = part(body, "call")
    call_id = text(call, "call_id")
    if not call_id:
        return None
    return SwmlCall(
        call_id=call_id,
        project_id=text(call, "project_id"),
        parties=Parties(
            text(call, "from_number") or text(call, "from"),
            text(call, "to_number") or text(call, "to"),
            "outbound-api" if text(call, "direction") == "outbound" else "inbound",
        ),
        status=_STATES.get(text(call, "call_state"), CallStatus.RINGING),
        parent_id=text(part(call, "parent"), "call_id"),
        peer_id=text(part(call, "peer"), "call_id"),
        sip_headers=tuple(_sip_headers(call.get("headers"))),
        variables={name: as_text(value) for name, value in part(body, "vars").items()},
    )


def of_leg(call: SwmlCall, parent_sid: str) -> FormFields:
    """The standard parameters of a leg that the call `parent_sid` has dialled."""
    fields = [
        ("CallSid", call.sid),
        ("From", call.parties.from_),
        ("To", call.parties.to),
        ("Direction", "outbound-dial"),
        ("CallStatus", call.status.value),
        ("ParentCallSid", parent_sid),
    ]
    return tuple((name, value) for name, value in fields if value)


def _sip_headers(headers: object) -> list[tuple[str, str]]:
    """The INVITE's own headers as `SipHeader_X-…`; Twilio passes on those that begin with X-."""
    found = headers if isinstance(headers, list) else ()
    return [
        (f"SipHeader_{text(header, 'name')}", text(header, "value"))
        for header in found
        if isinstance(header, dict) and text(header, "name")[:2].upper() == "X-"
    ]


# Reading JSON that may be anything


def part(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object inside an object; an empty one when there is none."""
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def text(value: Mapping[str, Any], key: str) -> str:
    """A member as text; empty when there is none."""
    return as_text(value.get(key))


def as_text(value: object) -> str:
    """A string, number or truth value as a form has it; empty for anything else."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            return ""


def number(value: Mapping[str, Any], key: str) -> float | None:
    """A member as a number, also from digits in a string; None when there is none."""
    try:
        found = float(text(value, key))
    except ValueError:
        return None
    return found if abs(found) < 1e18 else None
