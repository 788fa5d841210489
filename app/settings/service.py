"""The service itself: where it is, how much it takes, what it tells its operator."""

from __future__ import annotations

import os
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from app.workers.place import MAX_WORKERS


class ServiceSettings(BaseModel):
    """Address, processes, bounds and logs."""

    model_config = ConfigDict(frozen=True)

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
    max_calls: int = Field(
        2_000,
        ge=1,
        description="Calls at once, in all workers together; more are answered busy.",
    )
    call_hours: float = Field(
        4.0, gt=0, le=24, description="Longest call, and life of its URLs (Twilio: 4 hours)."
    )
    request_seconds: float = Field(
        10.0,
        gt=0,
        le=300,
        description="Time for an HTTP request, head and body, to come in, and for a new connection"
        " to say anything; a slower client is answered 408. Media sockets have times of their own.",
    )
    shutdown_seconds: float = Field(
        8.0,
        gt=0,
        description="Time for stop messages and callbacks after SIGTERM; a second more to exit.",
    )
    operator_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token for /calls and, in local mode, for phones; empty: both are served"
        " in local mode only, to this machine.",
    )
    log_level: Literal["debug", "info", "warning", "error", "critical"] = Field(
        "info", description="Least severity that is logged."
    )
    log_format: Literal["json", "console"] = Field("json", description="How logs are written.")

    @field_validator("workers")
    @classmethod
    def _workers(cls, value: str) -> str:
        if value != "auto" and not (
            re.fullmatch("[0-9]{1,2}", value) and 1 <= int(value) <= MAX_WORKERS
        ):
            raise ValueError(f"write a number from 1 to {MAX_WORKERS}, or auto")
        return value

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


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
