"""What outlives a process, and for how long."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class KeepingSettings(BaseModel):
    """Directory, database, and who may hear recordings."""

    model_config = ConfigDict(frozen=True)

    data_dir: Path = Field(
        Path("twiml-bridge-data"),
        description="Directory for what must outlive the process: the SQLite database and the"
        " recordings.",
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="Database in SQLAlchemy's form, such as postgresql+psycopg://user:pw@host/name,"
        " whose driver must be installed; empty: SQLite in the data directory.",
    )
    instance: str = Field(
        "main",
        pattern="^[A-Za-z0-9._-]{1,64}$",
        description="Name of this service among those that share its database; a restart under the"
        " same name delivers the callbacks it left.",
    )
    retention_days: float = Field(
        30.0,
        ge=0,
        description="Days for which ended calls and recordings are kept; 0: for ever.",
    )
    recording_auth: bool | None = Field(
        None,
        description="A recording's audio is given only with the account's credentials, as on Twilio"
        " when its account asks for that; false: to whoever knows its URL, so that `<Play>` can be"
        " given it. Unset: false in local mode, true outside it.",
    )
