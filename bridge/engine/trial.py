"""Whether the fast frames work with the picows that is installed, tried before they are relied on.

`bridge.engine.fast` uses parts of picows that are not its public interface. A version that has
changed them is found out here, at start-up, and not by the first call.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from bridge.engine.frames import Pieces

_SAID = (b"to the server", b"to the client")
_MAX_SIZE = 1024


def fault_of_fast_frames() -> str:
    """What keeps picows from moving frames here; empty when nothing does.

    The trial has a thread and an event loop of its own, and returns when it is over.
    """
    with ThreadPoolExecutor(max_workers=1) as threads:
        return threads.submit(lambda: asyncio.run(_trial())).result()


async def _trial() -> str:
    try:
        with _Wire() as to_server, _Wire() as to_client:
            said = _exchange(to_server, to_client)
    except Exception as error:  # noqa: BLE001 -- whatever it is, the other engine is there
        return f"{type(error).__name__}: {error}"
    return "" if said == list(_SAID) else f"of {list(_SAID)} came {said}"


def _exchange(to_server: _Wire, to_client: _Wire) -> list[bytes]:
    """What arrives when a client and a server have said a word each."""
    from bridge.engine.fast import FastFrames  # noqa: PLC0415 -- there may be no picows

    ends, ears = [], []
    for wire, is_client in ((to_server, True), (to_client, False)):
        ears.append(_Ear())
        transport = cast(asyncio.Transport, wire)
        ends.append(FastFrames(transport, ears[-1], Pieces(_MAX_SIZE), is_client, _MAX_SIZE))
    client, server = ends
    client.send_text(_SAID[0])
    server.feed(to_server.written)
    server.send_text(_SAID[1])
    client.feed(to_client.written)
    for end in ends:
        end.stop()
    return ears[1].heard + ears[0].heard


class _Wire(contextlib.AbstractContextManager["_Wire"]):
    """A transport that leads nowhere; its socket is there to be given options."""

    def __init__(self) -> None:
        self.written = b""
        self._socket = socket.socket()

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def write(self, data: bytes) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._socket if name == "socket" else default


class _Ear:
    """The owner of an end's frames."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def text(self, data: bytes) -> None:
        self.heard.append(data)

    def broken(self, code: int, fault: str) -> None:
        raise ValueError(f"{fault} ({code})")

    def _unexpected(self, *_: object) -> None:
        raise ValueError("something that nobody said")

    binary = frame = pause_writing = resume_writing = _unexpected
    eof_received = connection_lost = _unexpected
