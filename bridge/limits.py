"""Bounds of the media path, each with where it comes from. All are settings."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.backlog import WhenSlow
from bridge.playout import TEN_MINUTES


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Bounds of one stream. Times in seconds, sizes in bytes.

    `connect_time`: TCP, TLS and upgrade together; Twilio documents none for streams, its webhooks
    have 5 s to connect (T section 9).
    `message_size`: ten minutes of mu-law in one base64 message, which Twilio would buffer
    (T section 7), fit in 6.4 MB.
    `unsent_size`: high-water mark of a socket whose peer reads slowly, about six seconds of frames.
    Beyond it frames wait in the stream's backlog until a quarter of it is left.
    `waiting_frames`: bound of that backlog, which also keeps what comes while the customer's socket
    opens: `connect_time` of both tracks.
    `when_slow`: what is lost when the backlog is full.
    `message_rate`: messages a second taken from a customer, in the mean; a quicker one is read more
    slowly and loses nothing. A large message counts once more for each KiB.
    `carrier_rate`: the same for a carrier's socket, and for the packets of an RTP port; ten times
    what both tracks of a stream are.
    `silent_time`: a customer's machine that acknowledges nothing for so long is given up.
    `close_time`: for the closing handshake and what is still unsent.
    `carrier_idle`: a carrier's socket that says nothing for this long is pinged, and given up after
    as long again without an answer.
    `reorder_time`: how long an RTP packet waits for one that was sent before it; three of 20 ms.
    """

    connect_time: float = 5.0
    message_size: int = 8 * 1024 * 1024
    unsent_size: int = 96 * 1024
    waiting_frames: int = 500
    when_slow: WhenSlow = WhenSlow.DROP_OLDEST
    message_rate: int = 5_000
    carrier_rate: int = 1_000
    silent_time: float = 30.0
    close_time: float = 1.0
    carrier_idle: float = 30.0
    playout_bytes: int = TEN_MINUTES
    reorder_time: float = 0.06
