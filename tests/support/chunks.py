"""Audio cut anyhow, in messages that are written anyhow; `Random(seed)` makes it repeatable."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from random import Random

SID = "MZ" + "2" * 32


def chunks(rng: Random, audio: bytes) -> Iterator[bytes]:
    """`audio` in pieces: whole frames in a row, odd ones, crumbs, long ones, empty ones."""
    at = 0
    while at < len(audio):
        kind = rng.randrange(6)
        sizes = {
            0: [160] * rng.randrange(1, 6),
            1: [rng.choice([1, 2, 3, 7, 79, 81, 159, 161, 319, 321])],
            2: [rng.randrange(1, 400)],
            3: [0],
            4: [rng.randrange(400, 3_000)],
            5: [1] * rng.randrange(1, 5),
        }[kind]
        for size in sizes:
            yield audio[at : at + size]
            at += size


def customer_media(rng: Random, audio: bytes) -> bytes:
    """A customer's media message: keys in any order, with and without blanks, escaped or not."""
    payload = base64.b64encode(audio).decode()
    fields = [("event", "media"), ("streamSid", SID), ("media", {"payload": payload})]
    if rng.random() < 0.2:
        rng.shuffle(fields)
    return _written(rng, dict(fields))


def carrier_media(rng: Random, audio: bytes, at: int, track: str = "inbound") -> bytes:
    """The carrier's."""
    payload = base64.b64encode(audio).decode()
    media = {"track": track, "chunk": "1", "timestamp": str(at), "payload": payload}
    fields = [("event", "media"), ("sequenceNumber", "9"), ("media", media)]
    if rng.random() < 0.2:
        rng.shuffle(fields)
    return _written(rng, dict(fields))


def _written(rng: Random, message: dict[str, object]) -> bytes:
    style = rng.randrange(8)
    if style == 0:
        return json.dumps(message, indent=1).encode()
    text = json.dumps(message, separators=None if style == 1 else (",", ":"))
    return (text.replace("/", "\\/") if style == 2 else text).encode()
