"""What can go wrong with a call, in Twilio's numbers.

BridgeError
├── CustomerError   the customer's app or document is at fault; carries Twilio's number
├── PeerError       the other end of a socket broke its protocol
└── MisuseError     our own caller used an object out of turn
"""

from __future__ import annotations

STREAM_TITLES = {
    31900: "Stream failed",
    31901: "Stream - no answer to the connection request",
    31902: "Stream - connection refused",
    31903: "Stream - connection broken abruptly",
    31904: "Stream - host unreachable",
    31910: "Stream - TLS failure",
    31920: "Stream - WebSocket handshake failed",
    31921: "Stream - closed by the application's server",
    31922: "Stream - URL scheme is not wss",
    31923: "Stream - malformed URL",
    31924: "Stream - WebSocket protocol violation",
    31930: "Stream - application reads too slowly, call audio discarded",
    31931: "Stream - over 10 minutes buffered, application's audio discarded",
    31940: "Stream - connectorName unknown",
    31941: "Stream - unsupported track value",
    31950: "Stream - undecodable message",
    31951: "Stream - non-conforming message",
    31953: "Stream - inbound audio stopped",
}
"""Our wording of Twilio's catalogue (T section 13)."""


class BridgeError(Exception):
    """The root of all errors this package raises on purpose."""


class CustomerError(BridgeError):
    """The customer's app, URL or document is at fault.

    `code` is Twilio's number, `advice` says how to mend it.
    """

    def __init__(self, code: int, message: str, advice: str = "") -> None:
        super().__init__(f"{code} {message}" + (f" ({advice})" if advice else ""))
        self.code = code
        self.message = message
        self.advice = advice


class PeerError(BridgeError):
    """The other end of a socket sent something its protocol does not allow."""


class MisuseError(BridgeError):
    """Our own code used a protocol object in a state that does not allow it."""
