"""Everything an operator can set: environment variables `TWIML_BRIDGE_…`, or the same in `.env`.

The table in docs/settings.md is made from this class.
"""

from __future__ import annotations

import json
import os
import re
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.workers.place import MAX_WORKERS
from bridge.backlog import WhenSlow
from bridge.limits import StreamLimits

LOCAL_AUTH_TOKEN = "local-auth-token"  # noqa: S105 -- a public constant, for laptops only
Method = Literal["GET", "POST"]


class SettingsError(Exception):
    """The settings do not make a service; the message names each one and how to mend it."""


class Settings(BaseSettings):
    """Settings of one service. Secrets are never printed."""

    model_config = SettingsConfigDict(
        env_prefix="TWIML_BRIDGE_", env_file=".env", extra="ignore", frozen=True
    )

    local: bool = Field(
        False,
        description="Local mode: plain ws/http and private addresses are allowed, the example"
        " agent is mounted at /agent. For laptops and tests, never for the internet.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port for HTTP and all WebSockets.")
    workers: str = Field(
        "1",
        description="Processes that share the port and the calls: a number, or `auto` for one on"
        " each core.",
    )
    public_url: str = Field(
        "",
        description="Where SignalWire reaches this service, such as https://bridge.example.com."
        " Needed outside local mode.",
    )
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
    ca_file: Path | None = Field(
        None, description="PEM file of authorities trusted besides the system's."
    )
    media_engine: Literal["auto", "picows", "websockets"] = Field(
        "auto",
        description="What moves media frames: picows, or the slower websockets library where no"
        " wheel of picows exists; auto takes the faster of those installed.",
    )
    max_calls: int = Field(
        2_000,
        ge=1,
        description="Calls at once, in all workers together; more are answered busy.",
    )
    call_hours: float = Field(
        4.0, gt=0, le=24, description="Longest call, and life of its URLs (Twilio: 4 hours)."
    )
    shutdown_seconds: float = Field(
        8.0,
        gt=0,
        description="Time for stop messages and callbacks after SIGTERM; a second more to exit.",
    )
    request_seconds: float = Field(
        10.0,
        gt=0,
        le=300,
        description="Time for an HTTP request, head and body, to come in, and for a new connection"
        " to say anything; a slower client is answered 408. Media sockets have times of their own.",
    )
    stream_connect_seconds: float = Field(
        5.0, gt=0, le=30, description="Time for your WebSocket to accept a stream."
    )
    stream_close_seconds: float = Field(
        1.0, gt=0, le=30, description="Time for the closing handshake and unsent messages."
    )
    stream_message_bytes: int = Field(
        8 * 1024 * 1024, ge=1024, description="Largest message taken from your WebSocket."
    )
    stream_unsent_bytes: int = Field(
        96 * 1024,
        ge=4096,
        description="High-water mark of a WebSocket that is read too slowly, in bytes unsent;"
        " beyond it frames wait in the stream's backlog, as many as fit in"
        " TWIML_BRIDGE_STREAM_CONNECT_SECONDS.",
    )
    stream_when_slow: WhenSlow = Field(
        WhenSlow.DROP_OLDEST,
        description="What becomes of audio when that is full too (31930): the oldest or the newest"
        " frames are dropped, or the stream is closed. A stream's own choice is written in its URL:"
        " wss://…#slow=close.",
    )
    stream_messages_per_second: int = Field(
        5_000,
        ge=50,
        description="Messages a second taken from your WebSocket, in the mean; one that sends more"
        " quickly is read more slowly, and nothing is lost.",
    )
    carrier_messages_per_second: int = Field(
        1_000,
        ge=200,
        description="The same for a media socket of SignalWire's, where a stream of both tracks is"
        " 100 a second; and for the packets of an RTP port, where what is not read in time is"
        " lost.",
    )
    carrier_idle_seconds: float = Field(
        30.0,
        gt=0,
        description="A media socket silent for so long is warned of (31953) and pinged; after as"
        " long again without an answer it is given up.",
    )
    rtp_host: str = Field(
        "",
        description="Public IPv4 address at which SignalWire's taps reach this service over RTP;"
        " empty: they come over WebSockets.",
    )
    rtp_bind: str = Field(
        "0.0.0.0",  # noqa: S104
        description="Local IPv4 address to receive RTP at.",
    )
    rtp_ports: str = Field(
        "40000-40100",
        description="UDP ports for RTP, of which the even ones are used: one for each track that is"
        " streamed at once. Workers share them out evenly.",
    )
    rtp_jitter_ms: int = Field(
        60,
        ge=0,
        le=1000,
        description="How long an RTP packet waits for those that were sent before it.",
    )
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
    api_keys: SecretStr = Field(
        SecretStr(""),
        description="API keys for the REST door beside the auth token, as SK…:secret, separated by"
        " commas.",
    )
    recording_auth: bool | None = Field(
        None,
        description="A recording's audio is given only with the account's credentials, as on Twilio"
        " when its account asks for that; false: to whoever knows its URL, so that `<Play>` can be"
        " given it. Unset: false in local mode, true outside it.",
    )
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
    signalwire_space: str = Field(
        "",
        description="SignalWire space, such as example.signalwire.com, where REST places calls and"
        " controls those that SignalWire carries; empty: it does neither.",
    )
    signalwire_project: str = Field("", description="Project id there.")
    signalwire_token: SecretStr = Field(SecretStr(""), description="API token there.")
    operator_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token for /calls and, in local mode, for phones; empty: both are served"
        " in local mode only, to this machine.",
    )
    log_level: Literal["debug", "info", "warning", "error", "critical"] = Field(
        "info", description="Least severity that is logged."
    )
    log_format: Literal["json", "console"] = Field("json", description="How logs are written.")

    @field_validator("rtp_host", "rtp_bind")
    @classmethod
    def _address(cls, value: str, info: ValidationInfo) -> str:
        """An IPv4 address; only `rtp_host` may be empty."""
        if value or info.field_name == "rtp_bind":
            try:
                IPv4Address(value)
            except ValueError:
                raise ValueError("write an IPv4 address, such as 203.0.113.7") from None
        return value

    @field_validator("rtp_ports")
    @classmethod
    def _ports(cls, value: str) -> str:
        low, high = _bounds(value)
        if not 1024 <= low <= high <= 65535 or (low == high and low % 2):
            raise ValueError("write two ports from 1024 to 65535, such as 40000-40100")
        return value

    @field_validator("workers")
    @classmethod
    def _workers(cls, value: str) -> str:
        if value != "auto" and not (
            re.fullmatch("[0-9]{1,2}", value) and 1 <= int(value) <= MAX_WORKERS
        ):
            raise ValueError(f"write a number from 1 to {MAX_WORKERS}, or auto")
        return value

    @field_validator("api_keys")
    @classmethod
    def _keys(cls, value: SecretStr) -> SecretStr:
        for pair in filter(None, value.get_secret_value().split(",")):
            if re.fullmatch(r"SK[0-9a-fA-F]{32}:.+", pair.strip()) is None:
                raise ValueError("write SK… with 32 hex digits, a colon and the key's secret")
        return value

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

    @field_validator("signalwire_space")
    @classmethod
    def _space(cls, value: str) -> str:
        if value and re.fullmatch(r"(https?://)?[A-Za-z0-9.-]+(:[0-9]{1,5})?", value) is None:
            raise ValueError("write the space's host, such as example.signalwire.com")
        return value

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
    def signing_token(self) -> str:
        """The token that signs requests to the customer."""
        return self.auth_token.get_secret_value() or LOCAL_AUTH_TOKEN

    @property
    def recordings_guarded(self) -> bool:
        """Whether a recording's audio needs credentials."""
        return not self.local if self.recording_auth is None else self.recording_auth

    @property
    def keys(self) -> dict[str, str]:
        """The secret of each API key."""
        pairs = filter(None, self.api_keys.get_secret_value().split(","))
        return dict(pair.strip().split(":", 1) for pair in pairs)

    @property
    def phone_names(self) -> dict[str, str]:
        """Whom each dialled name reaches."""
        names: dict[str, str] = json.loads(self.phones)
        return names

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

    @property
    def base_url(self) -> str:
        """Where this service is reached, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def worker_count(self) -> int:
        """How many processes there are to be."""
        return min(_cores(), MAX_WORKERS) if self.workers == "auto" else int(self.workers)

    @property
    def rtp_range(self) -> range:
        """The UDP ports that RTP may use."""
        low, high = _bounds(self.rtp_ports)
        return range(low, high + 1)

    @property
    def limits(self) -> StreamLimits:
        return StreamLimits(
            connect_time=self.stream_connect_seconds,
            message_size=self.stream_message_bytes,
            unsent_size=self.stream_unsent_bytes,
            waiting_frames=int(self.stream_connect_seconds * 50 * 2) + 1,
            close_time=self.stream_close_seconds,
            when_slow=self.stream_when_slow,
            message_rate=self.stream_messages_per_second,
            carrier_rate=self.carrier_messages_per_second,
            carrier_idle=self.carrier_idle_seconds,
            reorder_time=self.rtp_jitter_ms / 1000,
        )


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _bounds(ports: str) -> tuple[int, int]:
    """Both ends of a range such as 40000-40100; zeros when it is none."""
    found = re.fullmatch("([0-9]{1,5})-([0-9]{1,5})", ports)
    return (int(found[1]), int(found[2])) if found else (0, 0)


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
