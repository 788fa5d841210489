"""What every live call shares: clock, connector, webhooks, limits."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bridge.engine.clock import Wheel
from bridge.engine.connect import StreamConnector
from bridge.engine.rtp import RtpPorts
from bridge.engine.sender import CallbackSender
from bridge.engine.webhook import Webhooks
from bridge.ids import RandomBytes
from bridge.limits import StreamLimits


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Engine:
    """The service's media machinery. One per process; every leg and stream is given it."""

    connector: StreamConnector
    webhooks: Webhooks
    sender: CallbackSender
    limits: StreamLimits = field(default_factory=StreamLimits)
    wheel: Wheel = field(default_factory=Wheel)
    random_bytes: RandomBytes = secrets.token_bytes
    now: Callable[[], datetime] = utc_now
    ports: RtpPorts | None = None
    """Where taps come in over RTP; None: over WebSockets."""
