"""Real UDP on loopback; time is virtual."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from bridge.engine.pace import COUNTED
from bridge.engine.rtp import REST, NoPortError, RtpPorts, RtpReceiver
from bridge.rtp import Packet
from tests.support.rtp import datagram, free_range, sender, sent
from tests.support.virtual import run_virtually

LOOPBACK = "127.0.0.1"


class Ear:
    """Keeps what a port delivers."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.troubles: list[str] = []
        self.slowings: list[str] = []

    def packet(self, packet: Packet) -> None:
        self.packets.append(packet)

    def trouble(self, message: str) -> None:
        self.troubles.append(message)

    def slowed(self, why: str) -> None:
        self.slowings.append(why)


@contextmanager
def pool(count: int) -> Iterator[RtpPorts]:
    ports = RtpPorts(LOOPBACK, free_range(count))
    try:
        yield ports
    finally:
        ports.close()


def receive(main: Callable[[RtpReceiver, Ear], Awaitable[None]]) -> None:
    """Run with one port of a range of one."""

    async def run() -> None:
        with pool(1) as ports:
            ear = Ear()
            receiver = ports.open(ear)
            await main(receiver, ear)
            receiver.close()

    run_virtually(run)


async def arrived() -> None:
    """All that has been sent on loopback has been read."""
    await asyncio.sleep(0.001)


def test_packets_arrive() -> None:
    """More packets than are read in one go arrive, in their order, from a source that is known."""

    async def main(receiver: RtpReceiver, ear: Ear) -> None:
        packets = sent(100)
        with sender(receiver.port) as carrier:
            carrier.send(*packets)
            await arrived()
            assert ear.packets == packets
            assert receiver.source == carrier.address
        assert (receiver.ignored, receiver.foreign, ear.troubles) == (0, 0, [])

    receive(main)


def test_a_flood() -> None:
    """A port that gets too much is not read for a while, from whomever it comes, and is told of;
    another port is read meanwhile, and this one afterwards."""

    async def main() -> None:
        with pool(2) as ports:
            ear, other = Ear(), Ear()
            receiver, bystander = ports.open(ear), ports.open(other)
            packets = sent(2 * COUNTED)
            with (
                sender(receiver.port) as carrier,
                sender(receiver.port) as stranger,
                sender(bystander.port) as calm,
            ):
                carrier.send(packets[0])
                await arrived()
                for at in range(0, COUNTED - 1, 32):  # no more than the kernel keeps
                    stranger.send(*[b"x"] * min(32, COUNTED - 1 - at))
                    await arrived()
                assert receiver.foreign == COUNTED - 1
                assert ear.slowings == [
                    "more than 1,000 packets a second: they are read more slowly"
                ]
                carrier.send(packets[1])
                calm.send(*packets[:3])
                await arrived()
                assert (len(ear.packets), len(other.packets)) == (1, 3)
                await asyncio.sleep(COUNTED / 1_000)
                assert ear.packets == packets[:2]
                assert not other.slowings
            receiver.close()
            bystander.close()

    run_virtually(main)


def test_the_end_of_a_flood() -> None:
    """A port that is given back in a rest is not read again, until it serves another tap."""

    async def main(receiver: RtpReceiver, ear: Ear) -> None:
        with sender(receiver.port) as carrier:
            for packet in sent(COUNTED):
                carrier.send(packet)
                await asyncio.sleep(0.0001)
            assert len(ear.slowings) == 1
            receiver.halt()
            carrier.send(*sent(1))
            await asyncio.sleep(1)
            assert len(ear.packets) == COUNTED

    receive(main)


def test_a_second_source_is_ignored() -> None:
    """Once a source has been heard nobody else is, whatever he sends; it is counted, told once."""

    async def main(receiver: RtpReceiver, ear: Ear) -> None:
        packets = sent(3)
        with sender(receiver.port) as carrier, sender(receiver.port) as attacker:
            carrier.send(packets[0])
            attacker.send(packets[1]._replace(payload=b"x" * 160), b"", datagram(packets[2]))
            carrier.send(*packets[1:])
            await arrived()
            assert ear.packets == packets
            assert receiver.foreign == 3
            (trouble,) = ear.troubles
            assert f"a second source, {LOOPBACK}:{attacker.address[1]}" in trouble

    receive(main)


def test_only_audio_makes_a_source() -> None:
    """What is no RTP, or no G.711, takes no place: the carrier comes after it and is heard."""

    async def main(receiver: RtpReceiver, ear: Ear) -> None:
        packets = sent(2)
        with sender(receiver.port) as carrier, sender(receiver.port) as other:
            other.send(b"hello", b"\x80\xc8" + bytes(26), packets[0]._replace(payload_type=18))
            carrier.send(*packets)
            await arrived()
            assert ear.packets == packets
            assert (receiver.ignored, receiver.foreign) == (3, 0)
            assert ear.troubles == ["a datagram is ignored: 5 bytes are too few for an RTP header"]
            carrier.send(b"hello", packets[0]._replace(payload_type=101))
            await arrived()
            assert receiver.ignored == 4
            assert ear.packets[2].payload_type == 101

    receive(main)


def test_another_type_alone() -> None:
    """RTP of another codec is named by its payload type."""

    async def main(receiver: RtpReceiver, ear: Ear) -> None:
        with sender(receiver.port) as carrier:
            carrier.send(*sent(3, payload_type=18))
            await arrived()
        assert ear.packets == []
        assert ear.troubles == ["a datagram is ignored: payload type 18 is neither PCMU nor PCMA"]

    receive(main)


def test_only_the_address_that_was_given() -> None:
    """Nothing is received at another address of this machine."""

    async def main(receiver: RtpReceiver, ear: Ear) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as carrier:
            carrier.sendto(datagram(sent(1)[0]), ("127.0.0.2", receiver.port))
        await arrived()
        assert ear.packets == []

    receive(main)


def test_halted() -> None:
    """A halted port reads nothing more, not even what has come already, and stays taken."""

    class Halting(Ear):
        receiver: RtpReceiver

        def packet(self, packet: Packet) -> None:
            super().packet(packet)
            self.receiver.halt()

    async def run() -> None:
        with pool(1) as ports:
            ear = Halting()
            ear.receiver = receiver = ports.open(ear)
            with sender(receiver.port) as carrier:
                carrier.send(*sent(3))
                await arrived()
                carrier.send(*sent(3))
                await arrived()
            assert len(ear.packets) == 1
            assert ports.in_use == 1
            receiver.close()

    run_virtually(run)


# The pool


def test_the_range() -> None:
    """The even ports are handed out, each once; then there is a clear error, and no harm done."""

    async def run() -> None:
        with pool(3) as ports:
            receivers = [ports.open(Ear()) for _ in range(3)]
            numbers = [receiver.port for receiver in receivers]
            assert len(set(numbers)) == 3
            assert all(number % 2 == 0 for number in numbers)
            assert ports.in_use == 3
            with pytest.raises(NoPortError, match=r"^all 3 RTP ports, the even ones of \d+ to \d+"):
                ports.open(Ear())
            assert ports.in_use == 3
            for receiver in receivers:
                receiver.close()
                receiver.close()
            assert ports.in_use == 0

    run_virtually(run)


def test_a_port_rests_before_it_is_used_again() -> None:
    """A port that was given back serves another tap some seconds later, in the same order."""

    async def run() -> None:
        with pool(2) as ports:
            first, second = ports.open(Ear()), ports.open(Ear())
            second.close()
            await asyncio.sleep(REST / 2)
            first.close()
            with pytest.raises(NoPortError, match="have been in the last 5 s"):
                ports.open(Ear())
            await asyncio.sleep(REST / 2)
            again = ports.open(Ear())
            assert again.port == second.port
            again.close()

    run_virtually(run)


def test_ports_whose_last_user_has_died() -> None:
    """Settled ports are none to be had before they have been silent, from the time of settling."""

    async def main() -> None:
        with pool(1) as ports:
            ports.settle()
            with pytest.raises(NoPortError):
                ports.open(Ear())
            await asyncio.sleep(REST)
            receiver = ports.open(Ear())
            receiver.close()

    run_virtually(main)


def test_a_carrier_that_does_not_stop_is_not_heard_elsewhere() -> None:
    """While something still comes to a port that was given back, it serves nobody."""

    async def run() -> None:
        with pool(1) as ports:
            receiver = ports.open(Ear())
            with sender(receiver.port) as carrier:
                receiver.close()
                for count in (1, 1, 1, 100):  # the last are more than one look takes
                    await asyncio.sleep(REST)
                    carrier.send(*sent(count))
                    with pytest.raises(NoPortError):
                        ports.open(Ear())
            await asyncio.sleep(REST)
            with pytest.raises(NoPortError):
                ports.open(Ear())
            await asyncio.sleep(REST - 0.01)
            with pytest.raises(NoPortError):
                ports.open(Ear())
            await asyncio.sleep(0.01)
            ear = Ear()
            receiver = ports.open(ear)
            with sender(receiver.port) as carrier:
                carrier.send(*sent(2))
                await arrived()
            assert ear.packets == sent(2)
            receiver.close()

    run_virtually(run)


def test_a_port_of_another_program() -> None:
    """A port that is taken outside is passed over, and tried again later."""

    async def run() -> None:
        with pool(2) as ports:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                low = int(str(ports._name).split()[0])
                other.bind((LOOPBACK, low))
                receiver = ports.open(Ear())
                assert receiver.port == low + 2
                with pytest.raises(NoPortError):
                    ports.open(Ear())
            again = ports.open(Ear())
            assert again.port == low
            for each in (receiver, again):
                each.close()

    run_virtually(run)


def test_an_address_that_is_not_ours() -> None:
    """Both the check at the start and a tap say that the address cannot be had."""

    async def run() -> None:
        ports = RtpPorts("192.0.2.1", range(40_000, 40_003))
        with pytest.raises(OSError, match="assign"):
            ports.check()
        with pytest.raises(NoPortError, match=r"UDP port 40000 of 192\.0\.2\.1 cannot be had: "):
            ports.open(Ear())
        assert ports.in_use == 0

    run_virtually(run)


def test_closing_the_pool() -> None:
    """A port in use when the pool is closed is unbound when it is given back."""

    async def run() -> None:
        with pool(2) as ports:
            ports.check()
            first, second = ports.open(Ear()), ports.open(Ear())
            first.close()
            ports.close()
            numbers = (first.port, second.port)
            second.close()
            for port in numbers:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                    other.bind((LOOPBACK, port))

    run_virtually(run)
