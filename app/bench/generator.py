"""The load: a process that plays the carrier and the customers' apps (native/load.c, or pyload)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.bench.children import PYTHON, Child, Event
from app.bench.errors import ChildError

OPENING = 40.0
"""Seconds in which all the calls of a stage must be up."""
ROUND = 0.020


@dataclass(frozen=True, slots=True)
class Leg:
    """One carrier's socket of a call: where it connects, and whose audio it brings.

    It feeds the apps' sockets `first` and the `count - 1` after it. SignalWire opens one socket for
    each stream; a feed with several forks has a `count` above 1. `two_way`: what the app behind
    stream 0 says is played here.
    """

    host: str
    port: int
    path: str
    bearer: str = ""
    first: int = 0
    count: int = 1
    two_way: bool = True


@dataclass(frozen=True, slots=True)
class Times:
    """How long frames took, in milliseconds."""

    p50: float
    p99: float
    p999: float
    max: float

    @classmethod
    def read(cls, microseconds: dict[str, float]) -> Times:
        return cls(**{name: microseconds[name] / 1000 for name in ("p50", "p99", "p999", "max")})


@dataclass(frozen=True, slots=True)
class Way:
    """One direction of a run: every frame that was sent, and what became of it.

    `time` is from the sender to the receiver. `beyond` is the same without what a play-out's clock
    may take: each receiver's least time, 20 ms at most.
    """

    sent: int
    lost: int
    doubled: int
    misrouted: int
    corrupt: int
    disordered: int
    time: Times
    beyond: Times

    @classmethod
    def read(cls, event: dict[str, Any]) -> Way:
        return cls(
            **{name: event[name] for name in ("sent", "lost", "doubled", "corrupt", "disordered")},
            misrouted=event["misrouted"] + event["foreign"],
            time=Times.read(event["time"]),
            beyond=Times.read(event["beyond"]),
        )

    @property
    def faults(self) -> dict[str, int]:
        """What went wrong with frames, by name, where it did."""
        names = ("lost", "doubled", "misrouted", "corrupt", "disordered")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run, or of one call's talk.

    `late` is how far behind its own schedule the load sent; `cpu` its CPU seconds in the measured
    part. `lost_sockets` and `dialect` count sockets that the candidate closed too early and those
    on which it did not speak the dialect that is due.
    """

    calls: int
    lost_sockets: int
    dialect: int
    cpu: float
    late: Times
    to_app: Way
    to_caller: Way

    @classmethod
    def read(cls, event: Event) -> Report:
        return cls(
            event["calls"],
            event["lost_sockets"],
            event["dialect"],
            event["cpu_seconds"],
            Times.read(event["late"]),
            Way.read(event["to_app"]),
            Way.read(event["to_caller"]),
        )

    @property
    def faults(self) -> dict[str, int]:
        """Everything that must not be, by name; empty when the run was clean."""
        found = {f"{name} to the app": count for name, count in self.to_app.faults.items()}
        found |= {f"{name} to the caller": count for name, count in self.to_caller.faults.items()}
        if self.lost_sockets:
            found["sockets closed"] = self.lost_sockets
        if self.dialect:
            found["sockets with the wrong dialect"] = self.dialect
        return found


@dataclass(frozen=True, slots=True)
class Window:
    """A run's frames, 50 a second: some to warm up, a silence to settle, those that are timed."""

    warm: int = 50
    rest: int = 15
    frames: int = 500

    @property
    def seconds(self) -> float:
        return (self.warm + self.rest + self.frames) * ROUND


@dataclass(slots=True)
class Generator:
    """The running load. `native` tells whether it is the C program."""

    child: Child
    port: int
    native: bool
    _last: int = 0

    @classmethod
    async def start(cls, program: Path | None, cores: Collection[int] = ()) -> Generator:
        """Start the C program, or without one the Python program that does the same."""
        command = [str(program)] if program else [sys.executable, "-m", "app.bench.pyload"]
        child = await Child.start("the load", *command, cores=cores, environment=PYTHON)
        try:
            listening = await child.event(20, type="listening")
        except ChildError:
            await child.stop()
            raise
        return cls(child, listening["port"], program is not None)

    def new_id(self) -> int:
        """A call's number; none is used twice."""
        self._last += 1
        return self._last

    def open(self, call: int, legs: Sequence[Leg], streams: int) -> None:
        """Begin to set a call up; an event `up` or `down` follows."""
        self.child.send(f"call {call} {len(legs)} {streams}")
        for index, leg in enumerate(legs):
            self.child.send(
                f"leg {call} {index} {leg.first} {leg.count} {leg.two_way:d}"
                f" {leg.host} {leg.port} {leg.path} {leg.bearer or '-'}"
            )

    async def opened(self, calls: int, within: float = OPENING) -> list[Event]:
        """Wait until so many calls are up or down; returns what was said of each."""
        found: list[Event] = []
        try:
            async with asyncio.timeout(within):
                while len(found) < calls:
                    event = await self.child.any_event()
                    if event["type"] in ("up", "down"):
                        found.append(event)
        except TimeoutError:
            pass
        return found

    def run(self, window: Window) -> None:
        """Let all calls talk; the events `measuring`, `measured` and `report` follow."""
        self.child.send(f"run {window.warm} {window.rest} {window.frames}")

    def talk(self, call: int, frames: int) -> None:
        """Let one call talk and end; the events `report` and `ended` of this call follow."""
        self.child.send(f"talk {call} {frames}")

    async def stop_calls(self) -> Event:
        """End all calls as the carrier does; returns how many were told and how many forced."""
        self.child.send("stop")
        return await self.child.event(20, type="stopped")

    async def close(self) -> None:
        await self.child.stop()
