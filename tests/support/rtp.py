"""RTP as a carrier sends it, and ports to send it to."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bridge.rtp import Packet

SSRC = 0x1234_5678


def payload_of(number: int, length: int = 160) -> bytes:
    """Audio of which no two packets near each other have the same."""
    return bytes((number * 7 + offset) % 199 + 1 for offset in range(length))


def sent(
    count: int,
    *,
    first: int = 0,
    timestamp: int = 0,
    length: int = 160,
    ssrc: int = SSRC,
    payload_type: int = 0,
) -> list[Packet]:
    """Packets of a sender who pauses for nothing."""
    return [
        Packet(
            payload_type,
            number == 0,
            (first + number) & 0xFFFF,
            (timestamp + number * length) & 0xFFFF_FFFF,
            ssrc,
            payload_of(number, length),
        )
        for number in range(count)
    ]


def joined(packets: list[Packet]) -> bytes:
    return b"".join(packet.payload for packet in packets)


def datagram(packet: Packet, *, sources: int = 0, extension: int = -1, padding: int = 0) -> bytes:
    """A packet on the wire, with so many contributing sources and words of extension."""
    first = 0x80 | sources | 0x10 * (extension >= 0) | 0x20 * (padding > 0)
    return b"".join(
        (
            bytes([first, packet.payload_type | 0x80 * packet.marker]),
            packet.sequence.to_bytes(2, "big"),
            packet.timestamp.to_bytes(4, "big"),
            packet.ssrc.to_bytes(4, "big"),
            bytes(range(4)) * sources,
            b"\xbe\xde" + extension.to_bytes(2, "big") + b"\xee" * 4 * extension
            if extension >= 0
            else b"",
            packet.payload,
            bytes(padding - 1) + bytes([padding]) if padding else b"",
        )
    )


class Sender:
    """A UDP socket that sends to one port of this machine."""

    def __init__(self, created: socket.socket, port: int) -> None:
        self.port = port
        self._socket = created

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()
        return host, port

    def send(self, *data: bytes | Packet) -> None:
        for each in data:
            datagram_ = each if isinstance(each, bytes) else datagram(each)
            self._socket.sendto(datagram_, ("127.0.0.1", self.port))


@contextmanager
def sender(port: int) -> Iterator[Sender]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as created:
        created.bind(("127.0.0.1", 0))
        yield Sender(created, port)


def free_range(count: int) -> range:
    """A range with `count` even ports that nobody has now, below those the system hands out."""
    begin = 12_000 + os.getpid() * 64 % 16_000
    for low in (12_000 + (begin + step - 12_000) % 16_000 for step in range(0, 16_000, 64)):
        with ExitStack() as stack:
            try:
                for port in range(low, low + 2 * count, 2):
                    probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return range(low, low + 2 * count)
    raise RuntimeError("no free UDP ports")
