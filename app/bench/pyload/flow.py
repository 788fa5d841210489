"""What the load's frames say of themselves, and what is learnt from those that arrive."""

from __future__ import annotations

import base64
import binascii
import random
import struct
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

ROUND = 20_000_000
"""Nanoseconds from one frame to the next."""
TO_APP, TO_CALLER = 0, 1
_STAMP = struct.Struct("=IIIHHQ")  # run, call, number, way, leg, ns
_STAMP_TEXT, _TEXT = 32, 216


class Sender:
    """Who sends frames: a carrier's leg, or the app behind a call's two-way stream."""

    def __init__(self, run: int, call: int, way: int, leg: int) -> None:
        self.run = run
        self.key = (call, way, leg)
        self.number = 0
        seed = random.Random(call << 8 ^ leg << 4 ^ way)  # noqa: S311 -- it only tells calls apart
        self.filler = base64.b64encode(seed.randbytes(160 - _STAMP.size))

    def write(self, now: int) -> bytes:
        call, way, leg = self.key
        stamp = _STAMP.pack(self.run, call, self.number, way, leg, now)
        self.number += 1
        return binascii.b2a_base64(stamp, newline=False) + self.filler


class Receiver:
    """Who takes a sender's frames. `took` holds each one's ns on its way, 0 until it comes."""

    def __init__(self, sender: Sender, room: int, warm: int) -> None:
        self.sender = sender
        self.took = [0] * room
        self.warm = warm
        self.last = self.arrived = 0
        self.faults = dict.fromkeys(("doubled", "misrouted", "corrupt", "disordered", "foreign"), 0)

    def take(self, text: bytes, now: int) -> None:
        try:
            run, call, number, way, leg, sent = _STAMP.unpack(
                binascii.a2b_base64(text[:_STAMP_TEXT])
            )
        except (ValueError, struct.error):
            self.faults["corrupt"] += 1
            return
        if len(text) != _TEXT:
            self.faults["corrupt"] += 1
        elif run != self.sender.run:
            self.faults["foreign"] += 1
        elif (call, way, leg) != self.sender.key:
            self.faults["misrouted"] += 1
        elif (
            number >= min(self.sender.number, len(self.took))
            or sent > now
            or text[_STAMP_TEXT:] != self.sender.filler
        ):
            self.faults["corrupt"] += 1
        elif self.took[number]:
            self.faults["doubled"] += 1
        else:
            self.took[number] = max(1, now - sent)
            self.arrived += 1
            self.faults["disordered"] += number < self.last
            self.last = number

    @property
    def complete(self) -> bool:
        return self.arrived >= self.sender.number


def times(counts: Mapping[int, int]) -> dict[str, float]:
    """Percentiles in microseconds of values in nanoseconds, each with how often it was seen."""
    ordered = sorted(counts)
    ranks = list(accumulate(counts[value] for value in ordered))
    count = ranks[-1] if ranks else 0

    def at(per_mille: int) -> float:
        wanted = max(1, -(-count * per_mille // 1000))
        return ordered[bisect_left(ranks, wanted)] / 1000 if count else 0.0

    return {"count": count, "p50": at(500), "p99": at(990), "p999": at(999), "max": at(1000)}


def summary(receivers: list[Receiver]) -> dict[str, Any]:
    faults = dict.fromkeys(("doubled", "misrouted", "corrupt", "disordered", "foreign"), 0)
    time_: Counter[int] = Counter()
    beyond: Counter[int] = Counter()
    for receiver in receivers:
        timed = [took for took in receiver.took[receiver.warm :] if took]
        least = min(min(timed, default=0), ROUND)
        time_.update(timed)
        beyond.update(took - least for took in timed)
        for name, count in receiver.faults.items():
            faults[name] += count
    sent = sum(receiver.sender.number for receiver in receivers)
    arrived = sum(receiver.arrived for receiver in receivers)
    return {
        "sent": sent,
        "lost": sent - arrived,
        **faults,
        "time": times(time_),
        "beyond": times(beyond),
    }
