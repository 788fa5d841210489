"""What networks do to a connection, and what that must come to."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tests.support.relay import Link


class Effect(Enum):
    """`PASSES`: all gets through, later or in pieces. `ENDS`: the connection is gone, and the
    bridge's system knows it. `HANGS`: nothing gets through, and nobody says so."""

    PASSES = "passes"
    ENDS = "ends"
    HANGS = "hangs"


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    effect: Effect
    strike: Callable[[Link], None]

    def __str__(self) -> str:
        return self.name


def _latency(link: Link) -> None:
    for way in link.ways:
        way.latency = 0.15


def _jitter(link: Link) -> None:
    chance = random.Random(7)
    for way in link.ways:
        way.jitter = lambda: chance.uniform(0, 0.1)


def _narrow(link: Link) -> None:
    for way in link.ways:
        way.bandwidth = 40_000


def _single_bytes(link: Link) -> None:
    for way in link.ways:
        way.pieces = itertools.repeat(1)


def _odd_pieces(link: Link) -> None:
    chance = random.Random(7)
    for way in link.ways:
        way.pieces = iter(lambda: chance.randint(1, 97), 0)


def _slow_close(link: Link) -> None:
    """What the peer says from now on comes half a minute late, its end of the connection too."""
    link.back.latency = 30.0


def _starved(link: Link) -> None:
    for way in link.ways:
        way.bandwidth = 100


LATENCY = Fault("latency", Effect.PASSES, _latency)
JITTER = Fault("jitter", Effect.PASSES, _jitter)
NARROW = Fault("narrow", Effect.PASSES, _narrow)
SINGLE_BYTES = Fault("single bytes", Effect.PASSES, _single_bytes)
ODD_PIECES = Fault("odd pieces", Effect.PASSES, _odd_pieces)
RESET = Fault("reset", Effect.ENDS, Link.reset)
HALF_CLOSE = Fault("half-close", Effect.ENDS, Link.half_close)
SLOW_CLOSE = Fault("slow close", Effect.HANGS, _slow_close)
STARVED = Fault("starved", Effect.HANGS, _starved)
NOT_READING = Fault("not reading", Effect.HANGS, Link.stop_reading)
BLACK_HOLE = Fault("black hole", Effect.HANGS, Link.black_hole)

FAULTS = (
    LATENCY,
    JITTER,
    NARROW,
    SINGLE_BYTES,
    ODD_PIECES,
    RESET,
    HALF_CLOSE,
    SLOW_CLOSE,
    STARVED,
    NOT_READING,
    BLACK_HOLE,
)
