"""The customer's app: how it is asked, and how it asks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

LOCAL_AUTH_TOKEN = "local-auth-token"  # noqa: S105 -- a public constant, for laptops only
Method = Literal["GET", "POST"]


class CustomerSettings(BaseModel):
    """Webhooks of the customer's, and what it knows us by."""

    model_config = ConfigDict(frozen=True)

    auth_token: SecretStr = Field(
        SecretStr(""),
        description="Signs requests to your app (X-Twilio-Signature), as your Twilio auth token"
        f" did. Needed outside local mode; there it defaults to `{LOCAL_AUTH_TOKEN}`.",
    )
    account_sid: str = Field(
        "",
        pattern="^(AC[0-9a-f]{32})?$",
        description="AccountSid your app sees; empty: made from SignalWire's project id.",
    )
    voice_url: str = Field("", description="Your app's URL that answers calls with TwiML.")
    voice_method: Method = Field("POST", description="Method for it.")
    voice_fallback_url: str = Field("", description="Asked when the voice URL fails.")
    voice_fallback_method: Method = Field("POST", description="Method for it.")
    status_callback: str = Field(
        "", description="Told what SignalWire reports of a call, its end above all."
    )
    status_callback_method: Method = Field("POST", description="Method for it.")
    routes_file: Path | None = Field(
        None,
        description="TOML file with the six keys above (voice_url, …) per called number; a number's"
        " table takes nothing from the settings.",
    )
    ca_file: Path | None = Field(
        None, description="PEM file of authorities trusted besides the system's."
    )
    api_keys: SecretStr = Field(
        SecretStr(""),
        description="API keys for the REST door beside the auth token, as SK…:secret, separated by"
        " commas.",
    )

    @field_validator("api_keys")
    @classmethod
    def _keys(cls, value: SecretStr) -> SecretStr:
        for pair in filter(None, value.get_secret_value().split(",")):
            if re.fullmatch(r"SK[0-9a-fA-F]{32}:.+", pair.strip()) is None:
                raise ValueError("write SK… with 32 hex digits, a colon and the key's secret")
        return value

    @property
    def signing_token(self) -> str:
        """The token that signs requests to the customer."""
        return self.auth_token.get_secret_value() or LOCAL_AUTH_TOKEN

    @property
    def keys(self) -> dict[str, str]:
        """The secret of each API key."""
        pairs = filter(None, self.api_keys.get_secret_value().split(","))
        return dict(pair.strip().split(":", 1) for pair in pairs)
