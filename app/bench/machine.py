"""What Linux tells of processes and cores: CPU time, waiting, memory, steal (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_NS = 1e-9


@dataclass(frozen=True, slots=True)
class Usage:
    """A process with its children. Seconds since they began; bytes; numbers.

    `waited` is the time in which they could have run and another was on the core.
    """

    cpu: float = 0.0
    waited: float = 0.0
    rss: int = 0
    files: int = 0
    threads: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.cpu + other.cpu,
            self.waited + other.waited,
            self.rss + other.rss,
            self.files + other.files,
            self.threads + other.threads,
        )


@dataclass(frozen=True, slots=True)
class Core:
    """One core's seconds since the machine began: for processes, and stolen by its host."""

    busy: float
    stolen: float


def supported() -> bool:
    """Whether this machine tells what a benchmark needs; only Linux does."""
    return (PROC / "self" / "stat").exists() and hasattr(os, "sched_setaffinity")


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            try:
                parent = parse_parent((entry / "stat").read_text())
            except OSError:  # it has just ended
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for known in found:
        found.extend(parents.get(known, ()))
    return found


def usage(members: Iterable[int]) -> Usage:
    """What these processes have used together; those that have ended are left out."""
    total = Usage()
    for member in members:
        try:
            total += _of_one(PROC / str(member))
        except OSError:
            continue
    return total


def _of_one(entry: Path) -> Usage:
    # A thread's schedstat has in nanoseconds what stat has in hundredths of a second.
    cpu = waited = 0.0
    threads = list((entry / "task").iterdir())
    try:
        for thread in threads:
            ran, queued = parse_schedstat((thread / "schedstat").read_text())
            cpu += ran
            waited += queued
    except OSError:
        cpu, waited = 0.0, 0.0
    if not cpu:
        cpu = parse_cpu((entry / "stat").read_text())
    pages = int((entry / "statm").read_text().split()[1])
    return Usage(cpu, waited, pages * _PAGE, len(list((entry / "fd").iterdir())), len(threads))


def placement(members: Iterable[int]) -> set[tuple[tuple[int, ...], int]]:
    """On which cores these processes' threads may run, and in which scheduling class."""
    found = set()
    for member in members:
        for entry in (PROC / str(member) / "task").glob("*"):
            try:
                cores_ = tuple(sorted(os.sched_getaffinity(int(entry.name))))
                found.add((cores_, os.sched_getscheduler(int(entry.name))))
            except ProcessLookupError:  # it has just ended
                continue
    return found


def cores() -> dict[int, Core]:
    """Each core by its number."""
    return parse_cores((PROC / "stat").read_text())


def raise_file_limit() -> int:
    """Let this process and its children open as many files as they may; returns how many."""
    import resource  # noqa: PLC0415 -- there is none on Windows, where only `supported` is asked

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


# Texts of /proc


def _fields(stat: str) -> list[str]:
    # The second field is the command's name in brackets, which may hold spaces and brackets.
    return stat.rpartition(")")[2].split()


def parse_parent(stat: str) -> int:
    return int(_fields(stat)[1])


def parse_cpu(stat: str) -> float:
    """Seconds in user and system mode, with those of children that were waited for."""
    return sum(map(int, _fields(stat)[11:15])) / _TICK


def parse_schedstat(text: str) -> tuple[float, float]:
    """Seconds on a core, and seconds of waiting for one."""
    ran, queued, *_ = text.split()
    return int(ran) * _NS, int(queued) * _NS


def parse_cores(stat: str) -> dict[int, Core]:
    found = {}
    for line in stat.splitlines():
        name, *numbers = line.split()
        if name.startswith("cpu") and name != "cpu":
            user, nice, system, _idle, _wait, _irq, _softirq, stolen, *_ = map(int, numbers)
            found[int(name[3:])] = Core((user + nice + system) / _TICK, stolen / _TICK)
    return found


def parse_list(text: str) -> set[int]:
    """Numbers and ranges with commas between them, such as 0,2-3."""
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


@dataclass(frozen=True, slots=True)
class Layout:
    """Which cores the measured process has, and which the load and the rest.

    `siblings`: the load has nothing but other threads of the measured physical core.
    """

    measured: int
    load: tuple[int, ...]
    siblings: bool = False

    @property
    def shared(self) -> bool:
        """Whether there is one core only, so that the load slows down what it measures."""
        return self.load == (self.measured,)


@contextmanager
def staying_on(cores_: Iterable[int]) -> Iterator[None]:
    """Keep this process, and what it starts, on these cores for a while."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores_)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def siblings(core: int) -> set[int]:
    """The cores that are threads of the same physical one; empty where that is not told."""
    told = PROC.parent / f"sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"
    try:
        return parse_list(told.read_text()) - {core}
    except OSError:
        return set()


def layout(usable: Iterable[int] | None = None) -> Layout:
    """The last core that we may use is for what is measured, the others are for the load.

    Threads of the same physical core are the load's only where there is no other.
    """
    *others, last = sorted(os.sched_getaffinity(0) if usable is None else usable)
    shared = siblings(last)
    apart = tuple(core for core in others if core not in shared)
    return Layout(last, apart or tuple(others) or (last,), bool(others) and not apart)
