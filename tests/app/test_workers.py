"""What workers share, and how sockets change hands, within one process."""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.equipment import share
from app.main import shared_listeners
from app.settings import SettingsError, load
from app.workers import handover
from app.workers.board import Board
from app.workers.handover import Hatch, give
from app.workers.place import MAX_WORKERS, Place, ranked
from app.workers.resources import Subject, subject_of
from app.workers.siblings import Seat, Siblings
from app.workers.supervisor import HUNG, Supervisor, wait_before

# Whose a call is


def test_every_worker_gets_an_equal_share_of_calls() -> None:
    """Of many calls each worker has about as many as any other: within five standard deviations."""
    for count in (1, 2, 3, 8):
        first = Counter(ranked(f"CA{number:032x}", count)[0] for number in range(8000))
        mean = 8000 / count
        assert sorted(first) == list(range(count))
        assert all(abs(calls - mean) <= 5 * mean**0.5 for calls in first.values())


@given(st.text(), st.integers(1, MAX_WORKERS))
def test_the_order_is_of_all_workers_and_always_the_same(key: str, count: int) -> None:
    """Each worker is in it once; one more worker changes nothing between the others."""
    order = ranked(key, count)
    assert sorted(order) == list(range(count))
    assert [number for number in ranked(key, count + 1) if number != count] == order


@pytest.mark.parametrize(
    ("request_line", "keys", "rings"),
    [
        ("POST Calls.json", (), True),
        ("GET Calls.json", (), False),
        ("GET Calls/CA1.json", ("CA1",), False),
        ("POST Calls/CA1", ("CA1",), False),
        ("POST Calls/CA1/Streams/mine.json", ("CA1",), False),
        ("DELETE Calls/CA1/Recordings/RE1.json", ("CA1",), False),
        ("GET Recordings/RE1.wav", (), False),
        ("GET Conferences.json", (), False),
        ("POST Conferences/CF1.json", ("CF1",), False),
        ("GET Conferences/CF1/Participants.json", ("CF1",), False),
        ("POST Conferences/CF1/Participants.json", (), True),
        ("POST Conferences/CF1/Participants/CA1.json", ("CF1", "CA1"), False),
        ("GET ", (), False),
    ],
)
def test_what_a_rest_request_is_about(
    request_line: str, keys: tuple[str, ...], rings: bool
) -> None:
    """Calls and conferences that are named, and phones that are to ring."""
    method, _, path = request_line.partition(" ")
    found = subject_of(method, f"/2010-04-01/Accounts/AC1/{path}")
    assert (found.keys, found.rings) == (keys, rings)
    assert subject_of(method, f"/2010-04-01/Else/AC1/{path}") == Subject()


def test_a_place_is_two_bytes() -> None:
    """Its mark names it, and lives beyond the 256th begin anew."""
    assert Place.of(Place(3, 7).mark) == Place(3, 7)
    assert Place.of(Place(63, 256 + 5).mark) == Place(63, 5)


def test_the_board_is_seen_by_other_processes() -> None:
    """What a forked process writes is read by the one that forked it."""
    script = """if True:
        import os
        from app.workers.board import Board
        board = Board(2)
        pid = os.fork()
        if pid == 0:
            board.publish(1, 7, 2.5)
            os._exit(0)
        os.waitpid(pid, 0)
        print([board.calls(0), board.calls(1), board.beat(0), board.beat(1)])
    """
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert told.stdout == b"[0, 7, 0.0, 2.5]\n"


def test_a_death_on_the_board() -> None:
    """It takes a worker's calls off and counts them; calls may live elsewhere from then on."""
    board = Board(2)
    board.publish(1, 7, 1.0)
    assert board.settled
    assert board.died(1) == 7
    assert (board.calls(1), board.life(1), board.deaths, board.calls_lost) == (0, 1, 1, 7)
    assert (board.life(0), board.settled) == (0, False)
    other = Board(2)
    other.stray(0)
    assert not other.settled


def test_who_is_alive() -> None:
    """A place is alive in its own life only; the 257th has the mark of the first."""
    board = Board(2)
    siblings = Siblings(Seat(Place(0, 0), b"", board, Path()))
    assert siblings.is_alive(Place(1, 0))
    board.died(1)
    assert not siblings.is_alive(Place(1, 0))
    assert siblings.is_alive(Place(1, 1))
    assert not siblings.is_alive(Place(2, 0))
    for _ in range(255):
        board.died(1)
    assert siblings.is_alive(Place(1, 0))


def test_a_worker_that_stands_still_gets_no_new_calls() -> None:
    """It is told by the time since its last sign; a death is told by the same, sooner or later."""
    now = 100.0
    siblings = Siblings(Seat(Place(0, 0), b"", Board(2), Path()), clock=lambda: now)
    assert not siblings.is_turning(1)
    siblings.board.publish(1, 0, 98.0)
    assert siblings.is_turning(1)
    now += 3
    assert not siblings.is_turning(1)
    siblings.publish(4)
    assert siblings.is_turning(0)
    assert siblings.board.calls(0) == 4


def test_one_process_has_no_siblings() -> None:
    """Nothing is marked, shared or asked."""
    seat = Seat.sole()
    assert seat.mark == b""
    siblings = Siblings(seat)
    assert not siblings
    assert siblings.calls == 0
    assert asyncio.run(siblings.ask("/calls")) == ()


def test_ports_are_shared_out() -> None:
    """Workers get as many even ports each as there are, none twice; too few are a fault."""
    for ports, count in ((range(40000, 40101), 3), (range(40001, 40008), 3), (range(5, 40), 1)):
        board = Board(count)
        shares = [
            list(share(ports, Seat(Place(number, 0), b"", board, Path())))
            for number in range(count)
        ]
        even = [port for part in shares for port in part if port % 2 == 0]
        assert even == [port for port in ports if port % 2 == 0]
        sizes = [sum(port % 2 == 0 for port in part) for part in shares]
        assert max(sizes) - min(sizes) <= 1
    with pytest.raises(SettingsError, match="2 even ports for 3 workers"):
        share(range(40000, 40003), Seat(Place(0, 0), b"", Board(3), Path()))


# Sockets that change hands


@asynccontextmanager
async def hatch(path: Path, taken: list[tuple[socket.socket, bytes]]) -> AsyncIterator[Path]:
    async def take(given: socket.socket, read: bytes) -> None:
        taken.append((given, read))

    opened = Hatch(path, take)
    try:
        yield path
    finally:
        await opened.close()
        for given, _ in taken:
            given.close()


async def test_sockets_change_hands(tmp_path: Path) -> None:
    """Many at once, with requests of any size, each with its own; the giver's end can be closed."""
    taken: list[tuple[socket.socket, bytes]] = []
    pairs = [socket.socketpair() for _ in range(200)]
    reads = [bytes([number % 256]) * (number**2 * 20) for number in range(200)]
    async with hatch(tmp_path / "0.sockets", taken) as path:
        await asyncio.gather(
            *(give(path, ours.fileno(), read) for (ours, _), read in zip(pairs, reads, strict=True))
        )
        for ours, _ in pairs:
            ours.close()
        assert sorted(read for _, read in taken) == sorted(reads)
        for given, read in taken:
            given.sendall(struct.pack(">I", reads.index(read)))
        for number, (_, theirs) in enumerate(pairs):
            assert struct.unpack(">I", theirs.recv(4))[0] == reads.index(reads[number])
            theirs.close()


async def test_a_hatch_that_nobody_is_behind(tmp_path: Path) -> None:
    """There is none, its worker has died, or it dies before it takes the socket: not taken."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        path = tmp_path / "0.sockets"
        with pytest.raises(FileNotFoundError):
            await give(path, ours.fileno(), b"x")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        with pytest.raises(ConnectionRefusedError):
            await give(path, ours.fileno(), b"x")
        async with hatch(path, []):
            pass  # a new worker's, at the same place

        async def refuse(_given: socket.socket, _read: bytes) -> None:
            raise OSError("no")

        failing = Hatch(path, refuse)
        with pytest.raises(ConnectionResetError, match="before it took"):
            await give(path, ours.fileno(), b"x")
        await failing.close()
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)  # nobody has closed it


async def test_a_hatch_that_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that hangs takes nothing: the giver gives up in time."""
    monkeypatch.setattr(handover, "PATIENCE", 0.05)
    path = tmp_path / "0.sockets"
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        for _ in range(5):  # more than fit into its backlog
            with pytest.raises(TimeoutError):
                await give(path, ours.fileno(), b"x")


@pytest.mark.parametrize(
    ("message", "with_descriptor"),
    [
        (struct.pack(">I", 3) + b"abc", False),
        (struct.pack(">I", 3) + b"ab", True),
        (b"\0", True),
        (struct.pack(">I", 2**31) + b"abc", True),
    ],
)
async def test_what_is_no_handover(tmp_path: Path, message: bytes, with_descriptor: bool) -> None:
    """It is not taken, its descriptor is closed, and the next one is."""
    taken: list[tuple[socket.socket, bytes]] = []
    loop = asyncio.get_running_loop()
    async with hatch(tmp_path / "0.sockets", taken) as path:
        ours, theirs = socket.socketpair()
        with theirs, socket.socket(socket.AF_UNIX) as line:
            line.setblocking(False)
            line.connect(str(path))
            if with_descriptor:
                socket.send_fds(line, [message], [ours.fileno()])
            else:
                line.send(message)
            ours.close()
            line.shutdown(socket.SHUT_WR)
            assert await loop.sock_recv(line, 1) == b""
            theirs.setblocking(False)
            assert await loop.sock_recv(theirs, 1) == b""  # the last end is closed
        assert taken == []
        ours, theirs = socket.socketpair()
        with ours, theirs:
            await give(path, ours.fileno(), b"next")
        assert [read for _, read in taken] == [b"next"]


# The parent


def test_a_worker_that_dies_again_and_again_waits() -> None:
    """The first death in a row costs no time; then the wait doubles up to half a minute."""
    assert [wait_before(deaths) for deaths in range(1, 9)] == [0, 1, 2, 4, 8, 16, 30, 30]


@contextmanager
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_hangs_is_killed() -> None:
    """After so many looks without a sign of its event loop, and not before; others are let be."""
    settings = load(local=True, port=0)
    listeners = shared_listeners(settings, 2)
    parent = Supervisor(settings, listeners, Path())
    with child() as hanging, child() as sound:
        for worker, process in zip(parent.workers, (hanging, sound), strict=True):
            worker.pid, worker.ready = process.pid, True
        parent.watch()
        for look in range(HUNG):
            assert hanging.poll() is None, look
            parent.board.publish(1, 0, float(look))
            parent.watch()
        assert hanging.wait() == -signal.SIGKILL
        assert sound.poll() is None
    for listener in listeners:
        listener.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux deals connections out")
def test_connections_are_dealt_out_evenly() -> None:
    """Of 400 connections in one burst each of four sockets gets its share, by chance."""
    listeners = shared_listeners(load(local=True, port=0), 4)
    address = listeners[0].getsockname()
    assert {listener.getsockname() for listener in listeners} == {address}
    clients = [socket.create_connection(address) for _ in range(400)]
    got = []
    for listener in listeners:
        listener.setblocking(False)
        got.append(0)
        with suppress(BlockingIOError):
            while True:
                listener.accept()[0].close()
                got[-1] += 1
    assert sum(got) == 400
    assert min(got) >= 50  # 100 on the average; less by chance once in many millions
    for used in (*listeners, *clients):
        used.close()
