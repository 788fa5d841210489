"""What a service needs of this machine, as its settings say: certificates, sockets, ports."""

from __future__ import annotations

import ssl

from app.settings import Settings, SettingsError
from app.workers.siblings import Seat
from bridge.engine.connect import tls_context
from bridge.engine.rtp import NoPortError, RtpPorts
from bridge.engine.websocket import FAST


def tls_of(settings: Settings) -> ssl.SSLContext:
    try:
        return tls_context(str(settings.ca_file) if settings.ca_file else None)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"TWIML_BRIDGE_CA_FILE: {settings.ca_file}: {error}") from error


def fast_of(settings: Settings) -> bool:
    """Whether picows moves the frames."""
    if settings.media_engine == "picows" and not FAST:
        raise SettingsError(
            "TWIML_BRIDGE_MEDIA_ENGINE: picows is not installed: pip install picows, or use auto"
        )
    return FAST and settings.media_engine != "websockets"


def ports_of(settings: Settings, seat: Seat) -> RtpPorts | None:
    """Where taps come in over RTP, if they do: this worker's share of the ports."""
    if not settings.rtp_host:
        return None
    ports = RtpPorts(
        settings.rtp_bind,
        share(settings.rtp_range, seat),
        rate=settings.carrier_messages_per_second,
    )
    try:
        ports.check()
        if seat.place.life:
            ports.settle()
    except NoPortError as error:
        raise SettingsError(f"TWIML_BRIDGE_RTP_PORTS: {error}") from error
    except OSError as error:
        raise SettingsError(
            f"TWIML_BRIDGE_RTP_BIND: {settings.rtp_bind}: {error.strerror or error};"
            " use an address of this machine, or 0.0.0.0 for all"
        ) from error
    return ports


def share(ports: range, seat: Seat) -> range:
    """The ports that one worker's taps use: as many even ones for each; raises SettingsError."""
    even = [port for port in ports if port % 2 == 0]
    count, number = seat.board.count, seat.place.number
    if len(even) < count:
        raise SettingsError(
            f"TWIML_BRIDGE_RTP_PORTS has {len(even)} even ports for {count} workers: widen it"
        )
    if count == 1:
        return ports
    first, end = (len(even) * at // count for at in (number, number + 1))
    return range(even[first], even[end - 1] + 1)
