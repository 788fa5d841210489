from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.codecs import G711Decoder
from bridge.errors import PeerError
from bridge.playout import SILENCE
from bridge.rtp import JitterBuffer, Packet, RtpCounters, parse
from tests.support.framed import Framed
from tests.support.rtp import SSRC, datagram, joined, sent

SEQUENCES = st.sampled_from([0, 1, 40_000, 65_500, 65_534, 65_535])
TIMESTAMPS = st.sampled_from([0, 160, 1 << 31, (1 << 32) - 1, (1 << 32) - 800])
LENGTHS = st.sampled_from([80, 160, 240, 480, 100])


PACKETS = st.builds(
    Packet,
    st.integers(0, 63) | st.integers(96, 127),
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF_FFFF),
    st.integers(0, 0xFFFF_FFFF),
    st.binary(max_size=400),
)


@given(PACKETS, st.integers(0, 15), st.integers(-1, 8), st.integers(0, 255))
def test_headers(packet: Packet, sources: int, extension: int, padding: int) -> None:
    """A packet is read whatever optional parts it has."""
    data = datagram(packet, sources=sources, extension=extension, padding=padding)
    assert parse(data) == packet


def test_a_packet_by_hand() -> None:
    """The fields are where RFC 3550 section 5.1 has them."""
    data = bytes.fromhex("80 88 0102 03040506 0708090a") + b"audio"
    assert parse(data) == Packet(8, True, 0x0102, 0x03040506, 0x0708090A, b"audio")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "0 bytes are too few"),
        ("80 00 0001 00000000 000000", "11 bytes are too few"),
        ("00 00 0001 00000000 00000000", "version 0"),
        ("c0 00 0001 00000000 00000000", "version 3"),
        ("80 c8 0006 00000000 00000000", "RTCP"),
        ("81 c9 0007 00000000 00000000", "RTCP"),
        ("81 00 0001 00000000 00000000", "shorter than its header says"),
        ("90 00 0001 00000000 00000000", "shorter than its header says"),
        ("90 00 0001 00000000 00000000 bede0001", "shorter than its header says"),
        ("a0 00 0001 00000000 00000000 0003", "shorter than its header says"),
        ("a0 00 0001 00000000 00000000 0000", "padding of no bytes"),
    ],
)
def test_what_is_no_rtp(data: str, why: str) -> None:
    """A datagram that breaks the format is refused, and the reason says how."""
    with pytest.raises(PeerError, match=why):
        parse(bytes.fromhex(data))


@given(st.binary(max_size=60))
def test_any_datagram(data: bytes) -> None:
    """Whatever comes is a packet that fits into the datagram, or is refused."""
    try:
        packet = parse(data)
    except PeerError:
        return
    assert len(packet.payload) <= len(data) - 12


# The jitter buffer


class Ear(Framed):
    """A buffer and the frames that it has given out."""

    def __init__(self, window_ms: int = 60) -> None:
        super().__init__()
        self.buffer = JitterBuffer(self.take, window_ms)

    def hears(self, arrivals: list[tuple[int, Packet]]) -> None:
        """Packets with the ms at which they arrive; the clock ticks every 20 ms in between."""
        now = 0
        for at, packet in arrivals:
            while now + 20 <= at:
                now += 20
                self.buffer.tick(now)
            self.buffer.receive(packet, at)
        self.buffer.end()

    def counted(self, **counters: int) -> bool:
        """Whether these are the counters, all others but `packets` being 0."""
        wanted = asdict(RtpCounters()) | counters
        got = asdict(self.buffer.counters) | {"packets": 0}
        assert got == wanted
        return True


def timed(packets: list[Packet], *, begin: int = 0, every: int = 20) -> list[tuple[int, Packet]]:
    return [(begin + every * number, packet) for number, packet in enumerate(packets)]


def test_the_next_packet_passes_at_once() -> None:
    """After the first ones, which an earlier one might follow, nothing waits."""
    ear = Ear()
    packets = sent(10)
    for at, packet in timed(packets[:4]):
        ear.buffer.receive(packet, at)
        assert ear.times == []
        assert ear.buffer.waiting
    ear.buffer.tick(61)
    assert ear.times == [0, 20, 40, 60]
    for at, packet in timed(packets[4:], begin=80):
        ear.buffer.receive(packet, at)
        assert not ear.buffer.waiting
        assert ear.times[-1] == at
    assert ear.audio == joined(packets)


@pytest.mark.parametrize("begin", [20, 100, 5_000])
def test_the_first_packet_has_the_time_of_its_arrival(begin: int) -> None:
    """A source that begins later than the stream is as much later on the stream's clock."""
    ear = Ear()
    ear.hears(timed(sent(3, timestamp=777), begin=begin))
    assert ear.times == [begin - 20, begin, begin + 20]


def test_alaw_becomes_mulaw() -> None:
    """Payload type 8 is converted, also in the midst of payload type 0."""
    ear = Ear()
    packets = sent(2) + sent(4, payload_type=8)[2:]
    ear.hears(timed(packets))
    decode = G711Decoder("alaw", 8000).decode
    assert ear.audio == joined(packets[:2]) + decode(joined(packets[2:]))


@st.composite
def journeys(draw: st.DrawFn, window: int = 60) -> tuple[list[Packet], list[tuple[int, int]]]:
    """Packets of any length and numbering, and an order in which they may arrive.

    The order is of (ms, index); none is later than the window, measured from when it was sent.
    """
    length = draw(LENGTHS)
    count = draw(st.integers(1, 60))
    packets = sent(count, first=draw(SEQUENCES), timestamp=draw(TIMESTAMPS), length=length)
    delays = draw(st.lists(st.integers(0, window), min_size=count, max_size=count))
    order = sorted((n * length // 8 + delay, n) for n, delay in enumerate(delays))
    return packets, order


@given(journeys())
def test_any_order_within_the_window(journey: tuple[list[Packet], list[tuple[int, int]]]) -> None:
    """Packets that change places within the window give the audio as it was sent, 20 ms apart."""
    packets, order = journey
    ear = Ear()
    ear.hears([(at, packets[number]) for at, number in order])
    audio = joined(packets)
    filling = -len(audio) % 160
    assert ear.audio == audio + SILENCE[:filling]
    assert [at - ear.times[0] for at in ear.times] == [20 * n for n in range(len(ear.frames))]
    assert ear.counted(padded_bytes=filling)
    assert ear.buffer.counters.packets == len(packets)


@given(journeys(), st.data())
def test_losses_and_duplicates(
    journey: tuple[list[Packet], list[tuple[int, int]]], data: st.DataObject
) -> None:
    """Whatever is lost or comes twice, each byte that came is once where it was when sent.

    Silence is everywhere else, and both are counted exactly.
    """
    packets, order = journey
    numbers = range(len(packets))
    lost = data.draw(st.sets(st.sampled_from(numbers), max_size=len(packets) - 1))
    twice = data.draw(st.sets(st.sampled_from(numbers), max_size=10)) - lost
    arrivals = [(at, number) for at, number in order if number not in lost]
    arrivals += [(at + 5, number) for at, number in order if number in twice]
    arrivals.sort()
    ear = Ear()
    ear.hears([(at, packets[number]) for at, number in arrivals])
    kept = sorted(set(numbers) - lost)
    length = len(packets[0].payload)
    expected = b"".join(
        SILENCE[:1] * length if number in lost else packets[number].payload
        for number in range(kept[0], kept[-1] + 1)
    )
    got = bytearray(SILENCE[:1] * (len(expected) + 160))
    for at, frame in ear.frames:
        place = (at - ear.times[0]) * 8
        got[place : place + 160] = frame
    assert got[: len(expected)] == expected
    inner = [number for number in lost if kept[0] < number < kept[-1]]
    counters = ear.buffer.counters
    assert counters.lost == len(inner)
    assert counters.duplicates == len(twice)
    assert (counters.late, counters.strays, counters.restarts) == (0, 0, 0)
    assert counters.silence_bytes <= len(inner) * length
    heard = len(ear.audio) - counters.silence_bytes - counters.padded_bytes
    assert heard == len(kept) * length


@pytest.mark.parametrize("window", [0, 20, 60, 200])
@pytest.mark.parametrize("ticks", [False, True])
def test_the_window_is_kept(window: int, ticks: bool) -> None:
    """A missing packet is waited for as long as the window says, and then given up."""
    for late in (False, True):
        ear = Ear(window)
        packets = sent(3)
        ear.buffer.receive(packets[0], 0)
        ear.buffer.tick(window + 1)
        assert ear.times == [0]
        ear.buffer.receive(packets[2], 500)
        if ticks:
            ear.buffer.tick(500 + window + late)
        ear.buffer.receive(packets[1], 500 + window + late)
        assert ear.times == [0, 20, 40]
        middle = SILENCE if late else packets[1].payload
        assert ear.audio == packets[0].payload + middle + packets[2].payload
        assert ear.counted(lost=late, late=late, silence_bytes=160 * late)


def test_each_gap_has_its_own_window() -> None:
    """What comes behind a second gap waits for its own time, not for that of the first."""
    ear = Ear()
    packets = sent(7)
    ear.buffer.receive(packets[0], 0)
    ear.buffer.tick(61)
    ear.buffer.receive(packets[2], 100)
    ear.buffer.receive(packets[4], 140)
    ear.buffer.tick(161)
    assert ear.times == [0, 20, 40]
    ear.buffer.receive(packets[3], 200)
    assert ear.times == [0, 20, 40, 60, 80]
    assert ear.counted(lost=1, silence_bytes=160)


def test_late_is_not_twice() -> None:
    """A packet that was given up and comes is late; one that had come and comes is a duplicate."""
    ear = Ear()
    packets = sent(10)
    ear.hears(
        [
            *timed([packets[n] for n in (0, 1, 3, 4, 5, 6)]),
            (200, packets[2]),
            (200, packets[1]),
            (200, packets[6]),
            *timed(packets[7:], begin=201),
        ]
    )
    assert ear.audio == joined(packets[:2]) + SILENCE + joined(packets[3:])
    assert ear.counted(lost=1, late=1, duplicates=2, silence_bytes=160)


def test_a_long_loss_is_a_gap() -> None:
    """Of a long loss a second is filled with silence; the rest is a gap of the timestamps."""
    ear = Ear()
    packets = sent(200)
    ear.hears([*timed(packets[:5]), *timed(packets[105:], begin=2_100)])
    assert ear.audio == joined(packets[:5]) + SILENCE * 50 + joined(packets[105:])
    assert ear.times[54:56] == [54 * 20, 105 * 20]
    assert ear.counted(lost=100, silence_bytes=8_000)


def test_a_pause_of_the_sender() -> None:
    """A sender that is silent for a while loses nothing: the timestamps have a gap."""
    ear = Ear()
    packets = sent(5) + sent(3, first=5, timestamp=8_000 * 60)
    ear.hears([*timed(packets[:5]), *timed(packets[5:], begin=60_000)])
    assert ear.audio == joined(packets)
    assert ear.times == [0, 20, 40, 60, 80, 60_000, 60_020, 60_040]
    assert ear.counted()


def test_other_payloads_take_their_turn() -> None:
    """Keys and comfort noise have sequence numbers too: they are no losses, and give no audio."""
    ear = Ear()
    packets = sent(6)
    for number in (2, 3):
        packets[number] = packets[number]._replace(payload_type=101, payload=b"\5\0\0\0")
    ear.hears(timed(packets))
    assert ear.audio == joined(packets[:2]) + joined(packets[4:])
    assert ear.times == [0, 20, 80, 100]
    assert ear.counted(other=2)


def test_losses_around_another_payload() -> None:
    """Losses on either side of it are both filled with silence; its own time is a gap."""
    ear = Ear()
    packets = sent(7)
    packets[3] = packets[3]._replace(payload_type=13, payload=b"\1")
    ear.hears([pair for pair in timed(packets) if pair[1].sequence not in (2, 4)])
    assert ear.audio == joined(packets[:2]) + SILENCE * 2 + joined(packets[5:])
    assert ear.times == [0, 20, 40, 60, 100, 120]
    assert ear.counted(lost=2, other=1, silence_bytes=320)


def test_a_pause_after_a_loss() -> None:
    """A loss that has been filled is not filled again where the sender pauses."""
    ear = Ear()
    packets = sent(5) + sent(3, first=5, timestamp=80_000)
    arrivals = [*timed(packets[:5]), *timed(packets[5:], begin=10_000)]
    ear.hears([pair for pair in arrivals if pair[1].sequence != 2])
    assert ear.audio == joined(packets[:2]) + SILENCE + joined(packets[3:])
    assert ear.times == [0, 20, 40, 60, 80, 10_000, 10_020, 10_040]
    assert ear.counted(lost=1, silence_bytes=160)


def test_a_sender_who_hurries() -> None:
    """Minutes that come at once keep their times, losses and all."""
    ear = Ear()
    packets = sent(1_000)
    ear.hears([(0, packet) for packet in packets if packet.sequence not in (700, 800, 801)])
    expected = [SILENCE if n in (700, 800, 801) else p.payload for n, p in enumerate(packets)]
    assert ear.audio == b"".join(expected)
    assert ear.times == [20 * n for n in range(1_000)]
    assert ear.counted(lost=3, silence_bytes=480)


@given(SEQUENCES, SEQUENCES, st.permutations(range(4)))
def test_another_source(first: int, second: int, order: list[int]) -> None:
    """A new SSRC, or a sequence begun anew, goes on where the old one ended, in any first order."""
    ear = Ear()
    old = sent(10, first=first)
    new = sent(10, first=second + 5_000, timestamp=99, ssrc=SSRC + 1)
    ear.hears([*timed(old), *((200, new[number]) for number in order), *timed(new[4:], begin=280)])
    assert ear.audio == joined(old) + joined(new)
    assert ear.times == [20 * n for n in range(20)]
    assert ear.counted(restarts=1)


@pytest.mark.parametrize("ssrc", [SSRC, SSRC + 1])
@pytest.mark.parametrize(("begin", "time"), [(3_000, 2_980), (320, 300), (319, 100), (100, 100)])
def test_a_source_that_begins_anew_after_a_pause(ssrc: int, begin: int, time: int) -> None:
    """The time of a pause is kept: a new sequence that is 200 ms late has that of its arrival."""
    ear = Ear()
    packets = sent(5) + sent(5, first=20_000, ssrc=ssrc)
    ear.hears([*timed(packets[:5]), *timed(packets[5:], begin=begin)])
    assert ear.audio == joined(packets)
    assert ear.times[4:7] == [80, time, time + 20]
    assert ear.counted(restarts=1)


def test_what_waits_when_another_source_begins() -> None:
    """Packets of the old source that wait for a lost one are heard before the new one's."""
    ear = Ear()
    old, new = sent(5), sent(5, first=20_000, ssrc=SSRC + 1)
    arrivals = [*timed(old), *timed(new, begin=100)]
    ear.hears([pair for pair in arrivals if pair[1] is not old[3]])
    assert ear.audio == joined(old[:3]) + SILENCE + old[4].payload + joined(new)
    assert ear.times == [20 * n for n in range(10)]
    assert ear.counted(restarts=1, lost=1, silence_bytes=160)


def test_a_stray_packet() -> None:
    """One packet of nowhere, or several that do not belong together, change nothing."""
    ear = Ear()
    packets = sent(8)
    (other,) = sent(1, first=9_000, ssrc=7)
    strays = [other, other._replace(ssrc=8), other, packets[0]._replace(sequence=50_000), other]
    ear.hears(
        [*timed(packets[:4]), *((70, stray) for stray in strays), *timed(packets[4:], begin=80)]
    )
    assert ear.audio == joined(packets)
    assert ear.counted(strays=5)


def test_two_sources_at_once() -> None:
    """Of two sources that send in turns the first one is heard."""
    ear = Ear()
    first, second = sent(20), sent(20, first=77, ssrc=SSRC + 1)
    arrivals = [pair for both in zip(timed(first), timed(second), strict=True) for pair in both]
    ear.hears(arrivals)
    assert ear.audio == joined(first)
    assert ear.counted(strays=20)


@pytest.mark.parametrize("jump", [1_000_000, -1_000_000, 1 << 31])
def test_a_clock_that_is_set_anew(jump: int) -> None:
    """Timestamps that jump while the sequence goes on do not move the time."""
    ear = Ear()
    packets = sent(5) + sent(5, first=5, timestamp=(800 + jump) & 0xFFFF_FFFF)
    ear.hears(timed(packets))
    assert ear.audio == joined(packets)
    assert ear.times == [20 * n for n in range(10)]
    assert ear.counted(restarts=1)


def test_a_little_overlap_is_no_jump() -> None:
    """A sender whose timestamps are a few samples short loses no audio and no time."""
    ear = Ear()
    packets = [
        packet._replace(timestamp=packet.timestamp - 3 * number)
        for number, packet in enumerate(sent(5, timestamp=1_000))
    ]
    ear.hears(timed(packets))
    assert ear.audio == joined(packets)
    assert ear.times == [0, 20, 40, 60, 80]
    assert ear.counted()


def test_little_is_kept() -> None:
    """A flood of packets ahead of a gap is given out rather than stored."""
    ear = Ear(1_000)
    packets = sent(1_000)
    ear.buffer.receive(packets[0], 0)
    ear.buffer.tick(1_001)
    for packet in packets[2:]:
        ear.buffer.receive(packet, 1_100)
    assert ear.audio == packets[0].payload + SILENCE + joined(packets[2:])
    assert ear.counted(lost=1, silence_bytes=160)


NEAR = st.builds(
    Packet,
    st.sampled_from([0, 0, 0, 8, 13]),
    st.booleans(),
    st.integers(0, 40) | st.integers(0, 0xFFFF),
    st.integers(0, 6_400) | st.integers(0, 0xFFFF_FFFF),
    st.sampled_from([1, 1, 1, 2]),
    st.binary(max_size=200).map(lambda data: data.replace(b"\xff", b"\0")),
)


@given(st.lists(st.tuples(st.integers(0, 100), NEAR), max_size=60))
def test_any_packets_at_any_time(journey: list[tuple[int, Packet]]) -> None:
    """Whatever comes when: time never goes back, and each packet is heard or counted."""
    ear = Ear()
    now = 0
    arrivals = []
    for wait, packet in journey:
        now += wait
        arrivals.append((now, packet))
    ear.hears(arrivals)
    assert all(len(frame) == 160 for frame in (frame for _, frame in ear.frames))
    assert all(later - earlier >= 20 for earlier, later in pairwise(ear.times))
    assert not ear.buffer.waiting
    counters = ear.buffer.counters
    unheard = counters.late + counters.duplicates + counters.strays + counters.other
    assert counters.packets == len(journey)
    assert unheard <= len(journey)
    if unheard == 0:
        heard = len(ear.audio) - counters.silence_bytes - counters.padded_bytes
        assert heard == sum(len(packet.payload) for _, packet in journey)
