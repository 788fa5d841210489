"""What is read from /proc."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.bench import machine
from app.bench.machine import Core, Layout, Usage

pytestmark = pytest.mark.skipif(not machine.supported(), reason="needs Linux")

STAT = "4242 (a (bad) name) S 77 4242 4242 0 -1 4194560 1 0 0 0 150 50 30 20 20 0 3 0 100 1 1 1 1 1"


def test_texts() -> None:
    """Fields are found behind a name with brackets; ticks and nanoseconds become seconds."""
    tick = os.sysconf("SC_CLK_TCK")
    assert machine.parse_list("0,2-4\n") == {0, 2, 3, 4}
    assert machine.parse_parent(STAT) == 77
    assert machine.parse_cpu(STAT) == 250 / tick
    assert machine.parse_schedstat("1500000000 250000000 7\n") == (1.5, 0.25)
    stat = (
        "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 100 20 30 5000 1 2 3 4 0 0\ncpu1 1 0 1 9 0 0 0 0 0 0\nx 1\n"
    )
    assert machine.parse_cores(stat) == {0: Core(150 / tick, 4 / tick), 1: Core(2 / tick, 0.0)}


@pytest.fixture
def family() -> Iterator[subprocess.Popen[str]]:
    """A process with a child; both work a little and then wait."""
    child = "sum(range(3_000_000)); print('done', flush=True); input()"
    parent = (
        "import subprocess, sys;"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdin=subprocess.PIPE);"
        "input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.communicate("\n", timeout=20)


def test_a_process_and_its_child(family: subprocess.Popen[str]) -> None:
    """CPU, memory, files and threads of a process are those of its whole family."""
    assert family.stdout is not None
    assert family.stdout.readline() == "done\n"
    members = machine.tree(family.pid)
    assert len(members) == 2
    assert members[0] == family.pid
    together = machine.usage(members)
    alone = machine.usage(members[1:])
    assert together.cpu > alone.cpu > 0
    assert together.rss > alone.rss > 2**20
    assert together.files >= 6
    assert together.threads >= 2


def test_placement(family: subprocess.Popen[str]) -> None:
    """Where all threads of a family may run; what we start stays where we are told to stay."""
    class_ = os.sched_getscheduler(0)
    everywhere = tuple(sorted(os.sched_getaffinity(0)))
    assert family.stdout is not None
    family.stdout.readline()
    assert machine.placement(machine.tree(family.pid)) == {(everywhere, class_)}
    os.sched_setaffinity(family.pid, {everywhere[0]})
    placed = {((everywhere[0],), class_), (everywhere, class_)}
    assert machine.placement(machine.tree(family.pid)) == placed
    with machine.staying_on((everywhere[-1],)):
        assert machine.placement([os.getpid()]) >= {((everywhere[-1],), class_)}
    assert os.sched_getaffinity(0) == set(everywhere)


def test_a_process_that_has_ended() -> None:
    """It is left out; nothing fails."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert machine.usage([ended.pid]) == Usage()


def test_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured has a core of its own where there are two, a physical one if possible."""
    monkeypatch.setattr(machine, "siblings", lambda core: {core - 1} if core % 2 else set())
    assert machine.layout({0, 2}) == Layout(2, (0,))
    assert machine.layout({0, 1}) == Layout(1, (0,), siblings=True)
    assert machine.layout({2, 5, 3}) == Layout(5, (2, 3))
    assert machine.layout({4, 5, 3}) == Layout(5, (3,))
    assert not machine.layout({0, 1}).shared
    assert machine.layout({3}) == Layout(3, (3,))
    assert machine.layout({3}).shared
    assert set(machine.cores()) >= os.sched_getaffinity(0)
