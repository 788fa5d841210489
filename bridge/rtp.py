"""RTP (RFC 3550) with G.711, received only: packets in any order in, frames in good time out."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from bridge.codecs import ALAW_TO_MULAW
from bridge.errors import PeerError
from bridge.frames import PAUSE_MS, SAMPLES_PER_MS, Framer, Sink

PCMU, PCMA = 0, 8
"""Payload types (RFC 3551)."""

_HEADER = Struct("!BBHII")
_PLAIN = 0x80  # version 2, and neither padding, extension nor contributing sources
_MAX_AHEAD = 3000  # packets; RFC 3550 appendix A.1: further away, a sequence has begun anew
_MAX_BEHIND = 100
_MAX_HELD = 200  # packets that wait for one that is missing
_MAX_SILENCE = 8_000  # bytes put in the place of one loss; a longer one is a gap in the timestamps
_MAX_EARLY = 8_000  # samples that a sender's clock may run ahead of ours
_SEEN = (1 << 128) - 1


class Packet(NamedTuple):
    """One RTP packet, without padding, extension and contributing sources."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(data: bytes) -> Packet:
    """Read one datagram; raises PeerError when it is no RTP packet."""
    if len(data) < _HEADER.size:
        raise PeerError(f"{len(data)} bytes are too few for an RTP header")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        raise PeerError(f"RTP version {first >> 6}, not 2")
    if 64 <= second & 0x7F < 96:  # kept free for RTCP (RFC 5761 section 4)
        raise PeerError("an RTCP packet")
    payload = data[_HEADER.size :] if first == _PLAIN else data[slice(*_bounds(data, first))]
    return Packet(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, payload)


def _bounds(data: bytes, first: int) -> tuple[int, int]:
    """Where the payload begins and ends."""
    start, end = _HEADER.size + 4 * (first & 0x0F), len(data)
    if first & 0x10:
        words = int.from_bytes(data[start + 2 : start + 4], "big")
        start += 4 + 4 * words
    if first & 0x20:
        if data[-1] == 0:
            raise PeerError("RTP padding of no bytes")
        end -= data[-1]
    if start > end:
        raise PeerError(f"an RTP packet of {len(data)} bytes is shorter than its header says")
    return start, end


@dataclass(slots=True)
class RtpCounters:
    """What became of a source's packets. `lost` were never seen in time, `late` came after that.

    `strays` belong to no sequence that went on, `other` carry no G.711 audio. `restarts` counts new
    sources and clocks set anew. `silence_bytes` stand for lost audio, `padded_bytes` filled frames
    up.
    """

    packets: int = 0
    lost: int = 0
    late: int = 0
    duplicates: int = 0
    strays: int = 0
    other: int = 0
    restarts: int = 0
    silence_bytes: int = 0
    padded_bytes: int = 0


class JitterBuffer:
    """Puts one source's packets in order and gives their audio to `sink` in frames of 20 ms.

    A packet that is the next one passes at once. One that is ahead is held until those before it
    come, `window_ms` at most: what is missing then is lost, and silence takes its place. The first
    packets of a source are held as long, since an earlier one may follow. While any is held
    (`waiting`), call `tick`. Times are whole ms since the stream began.

    Time is the sender's, from the arrival of its first packet on. A source is replaced by another
    one, or by a sequence far from its own, when two packets of that have come in a row.
    """

    def __init__(self, sink: Sink, window_ms: int = 60) -> None:
        self.counters = RtpCounters()
        self._framer = Framer(sink)
        self._window = window_ms
        self._ssrc = -1
        self._next = 0  # the sequence number that is due
        self._starting = True
        self._seen = 0  # one bit for each packet before `_next`, the latest lowest
        self._held: dict[int, tuple[Packet, int]] = {}  # by sequence number; with its arrival
        self._held_since = 0
        self._stray: Packet | None = None
        self._stray_at = 0
        self._clock = -1  # the timestamp that is due; negative before a source's first
        self._missing = 0  # packets lost right before `_next`
        self._duration = 0  # samples of the last packet

    @property
    def waiting(self) -> bool:
        """Whether `tick` has something to do."""
        return bool(self._held)

    def receive(self, packet: Packet, now: int) -> None:
        """A packet that has arrived now."""
        self.counters.packets += 1
        if self._held:
            self.tick(now)
        ahead = _signed(packet.sequence - self._next, 16)
        if self._ssrc < 0:
            self._adopt(packet)
            ahead = 0
        elif packet.ssrc != self._ssrc or not -_MAX_BEHIND <= ahead < _MAX_AHEAD:
            self._suspect(packet, now)
            return
        if self._stray is not None:
            self._stray = None
            self.counters.strays += 1
        if ahead == 0 and not self._starting:
            self._release(packet, now)
            self._drain()
        elif ahead > 0 or self._starting:
            self._hold(packet, now)
        elif self._seen >> (-ahead - 1) & 1:
            self.counters.duplicates += 1
        else:
            self.counters.late += 1

    def tick(self, now: int) -> None:
        """Give up what has been missing for longer than the window."""
        while self._held and now - self._held_since > self._window:
            self._give_up()

    def end(self) -> None:
        """Nothing follows: give out all that is held."""
        while self._held:
            self._give_up()
        if self._stray is not None:
            self._stray = None
            self.counters.strays += 1
        self._framer.end()
        self.counters.padded_bytes = self._framer.padded

    # Sources

    def _adopt(self, packet: Packet) -> None:
        self._ssrc = packet.ssrc
        self._next = packet.sequence
        self._starting = True
        self._seen = self._missing = 0
        self._clock = -1

    def _suspect(self, packet: Packet, now: int) -> None:
        """A packet of another sequence: the second one in a row makes it the source's."""
        stray = self._stray
        if (
            stray is None
            or stray.ssrc != packet.ssrc
            or not 0 < abs(_signed(packet.sequence - stray.sequence, 16)) <= _MAX_BEHIND
        ):
            self.counters.strays += stray is not None
            self._stray, self._stray_at = packet, now
            return
        while self._held:
            self._give_up()
        self._stray = None
        self.counters.restarts += 1
        self._adopt(stray)
        self._hold(stray, self._stray_at)
        self._hold(packet, now)

    # Order

    def _hold(self, packet: Packet, now: int) -> None:
        if packet.sequence in self._held:
            self.counters.duplicates += 1
            return
        if not self._held:
            self._held_since = now
        self._held[packet.sequence] = packet, now
        if len(self._held) > _MAX_HELD:
            self._give_up()

    def _give_up(self) -> None:
        """Go on with the first packet that is held."""
        lowest = min(self._held, key=lambda sequence: _signed(sequence - self._next, 16))
        if self._starting:
            self._starting = False
        else:
            lost = _signed(lowest - self._next, 16)
            self.counters.lost += lost
            self._missing += lost
            self._seen = self._seen << lost & _SEEN
        self._next = lowest
        self._drain()

    def _drain(self) -> None:
        """Give out what is held and due."""
        if not self._held:
            return
        while (due := self._held.pop(self._next, None)) is not None:
            self._release(*due)
        if self._held:
            self._held_since = min(arrival for _, arrival in self._held.values())

    # Time

    def _release(self, packet: Packet, arrival: int) -> None:
        self._next = (packet.sequence + 1) & 0xFFFF
        self._seen = (self._seen << 1 | 1) & _SEEN
        payload = packet.payload
        if packet.payload_type == PCMA:
            payload = payload.translate(ALAW_TO_MULAW)
        elif packet.payload_type != PCMU:
            self.counters.other += 1
            return
        if packet.timestamp != self._clock or self._missing:
            self._mend(packet.timestamp, len(payload), arrival)
        self._framer.feed(payload)
        self._clock = (packet.timestamp + len(payload)) & 0xFFFF_FFFF
        self._duration = len(payload)

    def _mend(self, timestamp: int, size: int, arrival: int) -> None:
        """Bring the time up to a packet that does not follow on what came before."""
        framer = self._framer
        lost = self._missing * self._duration
        self._missing = 0
        if self._clock < 0:
            self._catch_up(arrival, size, 0 if framer.position == 0 else PAUSE_MS)
            return
        gap = _signed(timestamp - self._clock, 32)
        latest = arrival * SAMPLES_PER_MS + _MAX_EARLY
        if 0 < gap <= lost or (gap > 0 and framer.position + gap <= latest):
            silence = min(gap, lost, _MAX_SILENCE)
            self.counters.silence_bytes += silence
            framer.silence(silence)
            framer.skip(gap - silence)
        elif gap > 0 or gap < -self._duration:
            self.counters.restarts += 1
            self._catch_up(arrival, size, PAUSE_MS)

    def _catch_up(self, arrival: int, size: int, tolerance: int) -> None:
        """Take the time from the arrival of a packet whose sender's clock says nothing."""
        late = arrival * SAMPLES_PER_MS - size - self._framer.position
        if late >= tolerance * SAMPLES_PER_MS:
            self._framer.skip(late)


def _signed(difference: int, bits: int) -> int:
    """The shorter way round between two counters of so many bits."""
    half = 1 << bits - 1
    return (difference + half & (1 << bits) - 1) - half
