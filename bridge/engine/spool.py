"""A file that is still being downloaded: written by the event loop, read by threads."""

from __future__ import annotations

import asyncio
import io
import os
import tempfile
import threading

from bridge.errors import CustomerError

_IN_MEMORY = 512 * 1024
"""A file that is no larger never reaches the disk."""


class Aborted(Exception):  # noqa: N818 -- nothing is wrong: nobody listens any more
    """Tells the reading thread to end."""


class Spool:
    """Bytes of a download. `ahead` is how many may come before a reader asks for them."""

    def __init__(self, ahead: int) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 -- see `close`
        self._changed = threading.Condition()
        self._loop = asyncio.get_running_loop()
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._ahead = ahead
        self._wanted_to = 0
        self._aborted = False
        self._complete = False
        self.size: int | None = None
        """How large the whole is, as far as the server says."""
        self.written = 0
        self.error: CustomerError | None = None

    # The writer, on the event loop

    async def write(self, part: bytes) -> None:
        """Add bytes; waits while readers are far behind."""
        with self._changed:
            if not self._aborted:
                self._file.seek(0, os.SEEK_END)
                self._file.write(part)
                self.written += len(part)
                self._changed.notify_all()
            if self.written < self._wanted_to + self._ahead:
                return
            self._wanted.clear()
        await self._wanted.wait()

    def finish(self, error: CustomerError | None = None) -> None:
        """Nothing more will come; `error` says why, when it should have."""
        with self._changed:
            self.error = self.error or error
            self._complete = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Nobody wants it any more: readers end."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()

    def close(self) -> None:
        """Free the file; after the readers have ended."""
        self.abort()
        self._file.close()

    # The readers, in threads

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`; waits for the first of them. b"" when none will come,
        which `error` may explain. Raises Aborted."""
        with self._changed:
            self._want(offset + size)
            while not (self.written > offset or self._complete or self._aborted):
                self._changed.wait()
            if self._aborted:
                raise Aborted
            if self.written <= offset:
                return b""
            self._file.seek(offset)
            return self._file.read(min(size, self.written - offset))

    def whole_size(self) -> int:
        """The size of the whole; waits for it where the server does not tell."""
        with self._changed:
            if self.size is not None:
                return self.size
            self._want(1 << 62)
            while not (self._complete or self._aborted):
                self._changed.wait()
            if self._aborted:
                raise Aborted
            return self.written

    def _want(self, offset: int) -> None:
        if offset > self._wanted_to:
            self._wanted_to = offset
            self._loop.call_soon_threadsafe(self._wanted.set)


class SpoolReader(io.RawIOBase):
    """A spool from its beginning, as a file."""

    def __init__(self, spool: Spool) -> None:
        super().__init__()
        self._spool = spool
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        self._at = max(0, offset + (self._spool.whole_size() if base is None else base))
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            return self.readall()
        part = self._spool.read_at(self._at, size) if size else b""
        self._at += len(part)
        return part

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)
