"""Where the head of an HTTP message ends in what comes over a connection."""

from __future__ import annotations

from collections.abc import Iterator

MAX_HEAD = 64 * 1024
_END = b"\r\n\r\n"


class Head:
    """Cuts off a head line by line, so that nothing behind it goes where the head goes."""

    def __init__(self) -> None:
        self._size = 0
        self._last = b""

    @property
    def whole(self) -> bool:
        """Whether the empty line has come."""
        return self._last == _END

    @property
    def too_large(self) -> bool:
        return self._size > MAX_HEAD and not self.whole

    def lines(self, data: bytes) -> Iterator[bytes]:
        """The lines of the head in `data`; the last may go on in what comes next."""
        at = 0
        while at < len(data) and not self.whole:
            end = data.find(b"\n", at) + 1 or len(data)
            self._size += end - at
            self._last = (self._last + data[max(at, end - len(_END)) : end])[-len(_END) :]
            yield data[at:end]
            at = end
