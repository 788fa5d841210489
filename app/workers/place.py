"""Which worker a call lives in. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

MAX_WORKERS = 64
HOME = 0
"""The worker in which all calls live that this service runs itself, with the phones that they ring,
their conferences and their queues: what has to meet is in one process."""
_LIVES = 256


@dataclass(frozen=True, slots=True)
class Place:
    """One life of one worker: `number` from 0, and how often it has been replaced, modulo 256."""

    number: int
    life: int

    @property
    def mark(self) -> bytes:
        """The two bytes that name it in a token."""
        return bytes((self.number, self.life % _LIVES))

    @classmethod
    def of(cls, mark: bytes) -> Place:
        return cls(*mark)


def ranked(key: str, count: int) -> list[int]:
    """The numbers of `count` workers in the order in which they are to have what `key` names.

    Rendezvous hashing: each takes an equal share, and when one is away its share falls to all
    others alike.
    """

    def weight(number: int) -> bytes:
        return hashlib.blake2b(f"{number} {key}".encode(), digest_size=8).digest()

    return sorted(range(count), key=weight)
