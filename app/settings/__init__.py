"""Everything an operator can set: environment variables `TWIML_BRIDGE_…`, or the same in `.env`.

The table in docs/settings.md is made from this class; its fields stand, by subject, in the modules
beside this one.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.settings.customer import LOCAL_AUTH_TOKEN as LOCAL_AUTH_TOKEN
from app.settings.customer import CustomerSettings
from app.settings.handsets import HandsetSettings
from app.settings.keeping import KeepingSettings
from app.settings.media import MediaSettings
from app.settings.service import ServiceSettings
from app.settings.signalwire import SignalWireSettings


class SettingsError(Exception):
    """The settings do not make a service; the message names each one and how to mend it."""


class Settings(  # the fields of the last base come first
    HandsetSettings,
    KeepingSettings,
    MediaSettings,
    SignalWireSettings,
    CustomerSettings,
    ServiceSettings,
    BaseSettings,
):
    """Settings of one service. Secrets are never printed."""

    model_config = SettingsConfigDict(
        env_prefix="TWIML_BRIDGE_", env_file=".env", extra="ignore", frozen=True
    )

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        missing = []
        if self.signalwire_space:
            if not self.signalwire_project:
                missing.append("TWIML_BRIDGE_SIGNALWIRE_PROJECT (the project id)")
            if not self.signalwire_token.get_secret_value():
                missing.append("TWIML_BRIDGE_SIGNALWIRE_TOKEN (an API token)")
            if missing:
                raise ValueError(f"for TWIML_BRIDGE_SIGNALWIRE_SPACE set {'; '.join(missing)}")
            if self.signalwire_space.startswith("http://") and not self.local:
                raise ValueError("TWIML_BRIDGE_SIGNALWIRE_SPACE is reached by https only")
        if not self.local:
            if not self.public_url:
                missing.append("TWIML_BRIDGE_PUBLIC_URL (https://… where SignalWire reaches us)")
            elif not re.match(r"https://[^/?#]", self.public_url):
                missing.append("TWIML_BRIDGE_PUBLIC_URL must begin with https:// and a host")
            if not self.auth_token.get_secret_value():
                missing.append("TWIML_BRIDGE_AUTH_TOKEN (your Twilio auth token, or a new secret)")
            if self.rtp_host and not IPv4Address(self.rtp_host).is_global:
                missing.append("TWIML_BRIDGE_RTP_HOST to an address that the internet can reach")
        if missing:
            raise ValueError("set " + "; ".join(missing) + "; or use local mode (--local)")
        return self

    @property
    def recordings_guarded(self) -> bool:
        """Whether a recording's audio needs credentials."""
        return not self.local if self.recording_auth is None else self.recording_auth


def load(**overrides: object) -> Settings:
    """Settings from the environment and `.env`; `overrides` (from the command line) win.

    Raises SettingsError with one line for each setting that is wrong.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = []
        for fault in error.errors(include_url=False, include_input=False):
            name = ".".join(map(str, fault["loc"]))
            message = fault["msg"].removeprefix("Value error, ")
            lines.append(f"TWIML_BRIDGE_{name.upper()}: {message}" if name else message)
        raise SettingsError("\n".join(lines)) from error
