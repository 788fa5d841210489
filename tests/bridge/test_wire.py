"""Golden sockets: what SignalWire sends, and byte for byte what the customer gets for it.

`fixtures/wire/carrier.jsonl` is a call as SignalWire's dialect has it; the other files are the
customer's sockets of a two-way stream and of a one-way stream of both tracks.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.dialects import signalwire
from bridge.identity import Identity
from bridge.ids import alias
from bridge.stream import MediaStream

WIRE = Path(__file__).parents[2] / "fixtures" / "wire"


def lines(name: str) -> list[bytes]:
    return (WIRE / f"{name}.jsonl").read_bytes().splitlines()


def customer_of(start: signalwire.Start, tracks: tuple[str, ...], *, two_way: bool) -> MediaStream:
    return MediaStream(
        Identity(
            account_sid=alias("AC", start.account_sid),
            call_sid=alias("CA", start.call_sid),
            stream_sid=alias("MZ", start.stream_sid),
            name=None,
            tracks=tracks,
            bidirectional=two_way,
            custom_parameters={"who": "J&J"},
        )
    )


def translate(tracks: tuple[str, ...], *, two_way: bool) -> list[bytes]:
    """Run the carrier's messages through a stream; everything that is due to the customer."""
    sent: list[bytes | None] = []
    stream: MediaStream | None = None
    for line in lines("carrier"):
        message = signalwire.decode(line)
        if isinstance(message, signalwire.Start):
            stream = customer_of(message, tracks, two_way=two_way)
            sent += stream.opened()
        elif stream is not None:
            match message:
                case signalwire.Media(track=track, timestamp=timestamp, payload=payload):
                    sent += stream.audio(track, payload, timestamp)
                case signalwire.Dtmf(digit=digit):
                    sent.append(stream.dtmf(digit))
                case signalwire.Mark(name=name):
                    sent.append(stream.mark(name))
                case signalwire.Stop():
                    sent.append(stream.stop())
    return [message for message in sent if message is not None]


@pytest.mark.contract("T62", "T63", "T67", "S50", "S51", "S52", "S53", "S57", "S58")
@pytest.mark.parametrize(
    ("golden", "tracks", "two_way"),
    [("two-way", ("inbound",), True), ("both-tracks", ("inbound", "outbound"), False)],
)
def test_golden_sockets(golden: str, tracks: tuple[str, ...], two_way: bool) -> None:
    """T62, T63, T67: The customer's messages are the golden ones, byte for byte and key for key."""
    assert translate(tracks, two_way=two_way) == lines(golden)
