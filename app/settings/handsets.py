"""Calls that we run ourselves: who is reached, and who understands speech."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, Field, field_validator


class HandsetSettings(BaseModel):
    """Phones and speech of local calls."""

    model_config = ConfigDict(frozen=True)

    speech_processes: int = Field(
        2,
        ge=1,
        le=64,
        description="Utterances that `<Gather>` understands at once on local calls, each in a"
        " process of 110 MB; who speaks beyond that waits, 10 s at most.",
    )
    phones: str = Field(
        "{}",
        description="Local mode: whom a dialled number, `client:` or `sip:` name reaches, as JSON:"
        " the name of a connected phone, `busy`, `no-answer`, or `wav:` and a file that is said."
        ' Such as {"+15550001111": "alice", "sip:desk@example.com": "busy"}.',
    )

    @field_validator("phones")
    @classmethod
    def _phones(cls, value: str) -> str:
        try:
            names = json.loads(value)
        except ValueError:
            names = None
        if not isinstance(names, dict) or not all(
            isinstance(name, str) and name for name in names.values()
        ):
            raise ValueError('write a JSON object of texts, such as {"+15550001111": "alice"}')
        return value

    @property
    def phone_names(self) -> dict[str, str]:
        """Whom each dialled name reaches."""
        names: dict[str, str] = json.loads(self.phones)
        return names
