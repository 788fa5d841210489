"""Media: what moves it, and the bounds of its sockets and ports."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from bridge.backlog import WhenSlow
from bridge.limits import StreamLimits


class MediaSettings(BaseModel):
    """Engine, streams to the customer, sockets and RTP ports of the carrier."""

    model_config = ConfigDict(frozen=True)

    media_engine: Literal["auto", "picows", "websockets"] = Field(
        "auto",
        description="What moves media frames: picows, or the slower websockets library where no"
        " wheel of picows exists; auto takes the faster of those installed.",
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


def _bounds(ports: str) -> tuple[int, int]:
    """Both ends of a range such as 40000-40100; zeros when it is none."""
    found = re.fullmatch("([0-9]{1,5})-([0-9]{1,5})", ports)
    return (int(found[1]), int(found[2])) if found else (0, 0)
