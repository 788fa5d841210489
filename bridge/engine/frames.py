"""A peer's bytes cut into RFC 6455 frames, and the rules that a frame must keep.

The rules and their order are those of picows (`bridge.engine.fast`), so that a peer that breaks
one, or several at once, is told the same by either engine.
"""

from __future__ import annotations

from typing import NamedTuple

from websockets.exceptions import ProtocolError
from websockets.frames import Close, CloseCode, Opcode
from websockets.utils import apply_mask

_OPCODES = frozenset(Opcode)
_CONTROL = frozenset({Opcode.CLOSE, Opcode.PING, Opcode.PONG})
_LONGEST_CONTROL = 125
_LENGTH_SIZES = {126: 2, 127: 8}
_SHORTEST = {2: 126, 8: 65_536}  # a length that fits into fewer bytes must be in fewer
_CODES = frozenset({*range(1000, 1004), *range(1006, 1015)})


class ViolationError(Exception):
    """A breach of the protocol: the close code that the peer is told, and what it did."""

    def __init__(self, code: CloseCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Frame(NamedTuple):
    """`reserved`: whether a reserved bit is set."""

    opcode: int
    fin: bool
    reserved: bool
    payload: bytes


class FrameReader:
    """Holds what has come of a frame until the rest comes.

    `masked`: whether the peer must mask its frames, as a client must and a server must not.
    `max_size` bounds a data frame's payload, in bytes.
    """

    def __init__(self, *, masked: bool, max_size: int) -> None:
        self._masked = masked
        self._max_size = max_size
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        self._data += data

    def next(self) -> Frame | None:
        """The next frame, None until it is whole. Raises ViolationError, after which no more."""
        data = self._data
        if len(data) < 2:
            return None
        first, second = data[0], data[1]
        size_flag = second & 0x7F
        self._check_start(first, second)
        size_end = 2 + _LENGTH_SIZES.get(size_flag, 0)
        if len(data) < size_end:
            return None
        size = int.from_bytes(data[2:size_end], "big") if size_end > 2 else size_flag
        self._check_size(first, size, size_end - 2)
        start = size_end + 4 * self._masked
        end = start + size
        if len(data) < end:
            return None
        payload = bytes(data[start:end])
        if self._masked and payload:
            payload = apply_mask(payload, bytes(data[size_end:start]))
        del data[:end]
        return Frame(first & 0x0F, first >= 0x80, bool(first & 0x70), payload)

    def _check_start(self, first: int, second: int) -> None:
        opcode = first & 0x0F
        if opcode not in _OPCODES:
            raise ViolationError(CloseCode.PROTOCOL_ERROR, f"unknown opcode {opcode}")
        if opcode in _CONTROL and first < 0x80:
            raise ViolationError(CloseCode.PROTOCOL_ERROR, "a control frame in fragments")
        if (second >= 0x80) != self._masked:
            fault = "a frame without a mask" if self._masked else "a masked frame from a server"
            raise ViolationError(CloseCode.PROTOCOL_ERROR, fault)
        if opcode in _CONTROL and second & 0x7F > _LONGEST_CONTROL:
            raise ViolationError(CloseCode.PROTOCOL_ERROR, "a control frame of over 125 bytes")

    def _check_size(self, first: int, size: int, length: int) -> None:
        if length and (size < _SHORTEST[length] or size >= 1 << 63):
            raise ViolationError(CloseCode.PROTOCOL_ERROR, "a wrong form of a frame's length")
        if size > self._max_size and first & 0x0F not in _CONTROL:
            raise ViolationError(
                CloseCode.MESSAGE_TOO_BIG, f"a frame of {size} bytes; {self._max_size} may be sent"
            )


class Pieces:
    """Joins the fragments of a message. `begun`: one has begun whose end has not come.

    However many they are, they take the room of their bytes.
    """

    def __init__(self, max_size: int) -> None:
        self.begun = False
        self._max_size = max_size
        self._data = bytearray()
        self._opcode = Opcode.TEXT

    def add(self, opcode: Opcode, fin: bool, payload: bytes) -> tuple[Opcode, bytes] | None:
        """One data frame; returns the message that it ends. Raises ViolationError."""
        if self.begun != (opcode is Opcode.CONT):
            fault = "a message inside another" if self.begun else "a continuation of nothing"
            raise ViolationError(CloseCode.PROTOCOL_ERROR, fault)
        if len(self._data) + len(payload) > self._max_size:
            fault = f"a message of over {self._max_size} bytes"
            raise ViolationError(CloseCode.MESSAGE_TOO_BIG, fault)
        if not self.begun:
            if fin:
                return opcode, payload
            self._opcode = opcode
        self._data += payload
        self.begun = not fin
        if not fin:
            return None
        message = bytes(self._data)
        self._data.clear()
        return self._opcode, message


def check_close(payload: bytes, *, reserved: bool) -> None:
    """Hold a close frame against the rules; raises ViolationError."""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or (0 < code < 3000 and code not in _CODES):
        raise ViolationError(CloseCode.PROTOCOL_ERROR, "a close frame with a wrong code")
    if not is_utf8(payload[2:]):
        raise ViolationError(CloseCode.INVALID_DATA, "a close reason is not UTF-8")
    if reserved:
        raise ViolationError(CloseCode.PROTOCOL_ERROR, "reserved bits must be 0")
    try:
        Close.parse(payload)
    except ProtocolError as error:
        raise ViolationError(CloseCode.PROTOCOL_ERROR, "a close frame with a wrong code") from error


def is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
