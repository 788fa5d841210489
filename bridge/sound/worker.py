"""How a process that does one kind of work is asked and answers, over its standard streams.

Each message is a byte that says what it is, four bytes of length (big-endian) and the content.
Requests and answers come in turn.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO

HEADER = struct.Struct(">cI")
REQUEST, ANSWER, REFUSED = b"q", b"a", b"r"
MAX_CONTENT = 64 * 1024 * 1024


class Refusal(Exception):  # noqa: N818 -- an answer of its own kind, in words for a person
    """The work cannot be done; the text says why and how to mend it."""


def serve(
    source: BinaryIO, target: BinaryIO, prepare: Callable[[], Callable[[bytes], bytes]]
) -> None:
    """Answer requests until `source` ends. `prepare` loads what the answers need, at the first
    request, so that a refusal to load is an answer too."""
    answer: Callable[[bytes], bytes] | None = None
    while (request := read_message(source)) is not None:
        try:
            if answer is None:
                answer = prepare()
            reply = ANSWER, answer(request[1])
        except Refusal as refusal:
            reply = REFUSED, str(refusal).encode()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the asker is told
            reply = REFUSED, f"{type(error).__name__}: {error}".encode()
        target.write(message(*reply))
        target.flush()


def message(kind: bytes, content: bytes) -> bytes:
    return HEADER.pack(kind, len(content)) + content


def read_message(source: BinaryIO) -> tuple[bytes, bytes] | None:
    """The next message as its kind and content; None when the stream has ended."""
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    kind, size = HEADER.unpack(header)
    content = source.read(size)
    return (kind, content) if len(content) == size else None
