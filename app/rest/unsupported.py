"""Parameters of Twilio's for what is not here: they are refused, since an app that sends one counts
on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from app.rest.forms import INVALID, Form
from app.telephony.orders import Refusal

_NO_CONFIGURATIONS = "recordings have no configurations here"

NEW_RECORDING: Mapping[str, str] = MappingProxyType(
    {"RecordingConfigurationId": _NO_CONFIGURATIONS}
)

NEW_CALL: Mapping[str, str] = MappingProxyType(
    {
        "RecordingConfigurationId": _NO_CONFIGURATIONS,
        "Byoc": "there are no trunks here",
        "CallReason": "no carrier is told why a call is made",
        "CallToken": "a forwarded call needs no token here",
        "Passports": "calls are not signed here",
        "ClientNotificationUrl": "phones get no push notifications here",
    }
)

NEW_PARTICIPANT: Mapping[str, str] = MappingProxyType(
    {
        **NEW_CALL,
        "Region": "conferences are mixed where this service runs",
        "JitterBufferSize": "it cannot be chosen here",
        "CallerDisplayName": "calls have no display names here",
        **dict.fromkeys(
            (
                "EmergencyCallerPosition",
                "EmergencyCallerLocation",
                "EmergencyName",
                "EmergencyAddress",
                "EmergencyZipCode",
                "EmergencyCity",
                "EmergencyState",
                "EmergencyCountry",
            ),
            "no emergency calls can be made here",
        ),
    }
)


def refuse(form: Form, unsupported: Mapping[str, str]) -> None:
    """Raise Refusal (20001) for the first of these parameters that a form has."""
    for name, why in unsupported.items():
        if name in form:
            raise Refusal(400, INVALID, f"{name} is not supported: {why}")
