"""SignalWire: what proves that it asks, its dialect, and its own REST."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class SignalWireSettings(BaseModel):
    """Keys, dialect and space."""

    model_config = ConfigDict(frozen=True)

    signalwire_signing_key: SecretStr = Field(
        SecretStr(""),
        description="SignalWire's signing key (PSK_…). Without one only loopback may call the"
        " webhooks.",
    )
    signalwire_signing_key_previous: SecretStr = Field(
        SecretStr(""), description="The key before a rotation; also accepted."
    )
    swml_dialect: Literal["full", "strict"] = Field(
        "full",
        description="SWML as SignalWire documents it, or only what the schema of its published"
        " package accepts: no `stream`, so one-way streams are taps.",
    )
    signalwire_space: str = Field(
        "",
        description="SignalWire space, such as example.signalwire.com, where REST places calls and"
        " controls those that SignalWire carries; empty: it does neither.",
    )
    signalwire_project: str = Field("", description="Project id there.")
    signalwire_token: SecretStr = Field(SecretStr(""), description="API token there.")

    @field_validator("signalwire_space")
    @classmethod
    def _space(cls, value: str) -> str:
        if value and re.fullmatch(r"(https?://)?[A-Za-z0-9.-]+(:[0-9]{1,5})?", value) is None:
            raise ValueError("write the space's host, such as example.signalwire.com")
        return value

    @property
    def signalwire_url(self) -> str:
        """Where SignalWire's REST is, without a slash at the end; empty when it is not used."""
        space = self.signalwire_space
        if not space or "://" in space:
            return space
        return f"https://{space}" if "." in space else f"https://{space}.signalwire.com"

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """SignalWire's keys that are valid now, the current one first."""
        keys = (self.signalwire_signing_key, self.signalwire_signing_key_previous)
        return tuple(key.get_secret_value() for key in keys if key.get_secret_value())
