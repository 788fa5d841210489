"""What a service needs of this machine, as its settings say: certificates, sockets, ports."""

from __future__ import annotations

import ssl
from importlib import metadata

import structlog

from app.settings import Settings, SettingsError
from app.workers.siblings import Seat
from bridge.engine.connect import tls_context
from bridge.engine.rtp import NoPortError, RtpPorts
from bridge.engine.trial import fault_of_fast_frames
from bridge.engine.websocket import FAST

log = structlog.get_logger("equipment")


def tls_of(settings: Settings) -> ssl.SSLContext:
    try:
        return tls_context(str(settings.ca_file) if settings.ca_file else None)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"TWIML_BRIDGE_CA_FILE: {settings.ca_file}: {error}") from error


def fast_of(settings: Settings) -> bool:
    """Whether picows moves the frames: it is installed, wanted, and works.

    Where it does not, `auto` takes the other engine and says so in the log; `picows` is refused.
    """
    if settings.media_engine == "websockets":
        return False
    asked = settings.media_engine == "picows"
    if not FAST:
        if asked:
            raise SettingsError(
                "TWIML_BRIDGE_MEDIA_ENGINE: picows is not installed: pip install picows, or use"
                " auto"
            )
        return False
    if fault := fault_of_fast_frames():
        if asked:
            raise SettingsError(
                "TWIML_BRIDGE_MEDIA_ENGINE: the picows that is installed does not work with this"
                f" service ({fault}): install {_picows()}, or use auto"
            )
        log.error("picows does not work here, frames are moved more slowly", why=fault)
        return False
    return True


def _picows() -> str:
    """Which versions of picows this service is made for."""
    for line in metadata.requires("twiml-bridge") or ():
        if line.startswith("picows"):
            return line.partition(";")[0].strip()
    return "picows"


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
