"""SignalWire's tap over a WebSocket: one direction of a call as raw audio, without a time.

SignalWire documents no format for it. What is read here is third-party evidence (S section 1.7):
one text message such as `{"content-type":"audio/mulaw;rate=8000"}`, then binary messages of raw
mu-law. Nothing depends on more than that: the header is read tolerantly and may be absent, and
binary messages may have any length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bridge.audio import SAMPLE_RATE, AudioError
from bridge.codecs import G711Decoder
from bridge.dialects import read_object, shown
from bridge.errors import PeerError
from bridge.frames import PAUSE_MS, SAMPLES_PER_MS, Framer, Sink

Direction = Literal["speak", "listen"]

TRACKS: dict[Direction, str] = {"speak": "inbound", "listen": "outbound"}
"""SignalWire's words, what the party says and what it hears, as tracks (S section 1.4)."""

DIRECTIONS: dict[str, Direction] = {track: direction for direction, track in TRACKS.items()}

_LAWS: dict[str, Literal["mulaw", "alaw"]] = {
    "mulaw": "mulaw",
    "ulaw": "mulaw",
    "pcmu": "mulaw",
    "basic": "mulaw",
    "alaw": "alaw",
    "pcma": "alaw",
}
_SETTLE_MS = 60  # in which the rest of a backlog comes in, if late audio was held up on the way


@dataclass(frozen=True, slots=True)
class Format:
    """What a tap's header promises: `mulaw` or `alaw`, and samples a second."""

    law: Literal["mulaw", "alaw"] = "mulaw"
    sample_rate: int = SAMPLE_RATE


def read_header(data: bytes) -> Format:
    """Read a tap's first text message.

    Raises PeerError when it is no header, AudioError when it names audio that we cannot use.
    """
    try:
        message = read_object(data)
    except PeerError as error:
        raise PeerError(f"the header is {error}") from error
    for key, value in message.items():
        if "".join(filter(str.isalpha, key)).lower() == "contenttype":
            if isinstance(value, str):
                return _format(value)
            raise PeerError(f"the content type is {shown(value)}")
    raise PeerError("the header names no content type")


def _format(content_type: str) -> Format:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    law = _LAWS.get(kind.removeprefix("audio/").removeprefix("x-"))
    values = {"rate": str(SAMPLE_RATE), "channels": "1"}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        values[name.strip()] = value.strip(' "')
    if law is None or values["channels"] != "1" or not values["rate"].isdecimal():
        raise AudioError(
            f"a tap of {shown(content_type)} is not supported; use PCMU or PCMA with one channel"
        )
    return Format(law, int(values["rate"][:9]))


@dataclass(slots=True)
class TapCounters:
    """What came through a tap's socket: `received_bytes` as sent, `padded_bytes` of silence added
    to fill frames up, `pause_ms` without audio."""

    received_bytes: int = 0
    padded_bytes: int = 0
    pause_ms: int = 0
    faults: int = 0


class TapReader:
    """Makes frames of 20 ms from a tap's messages; times are in ms since the stream began.

    A tap says nothing of time, so audio is taken to be continuous from its first byte on. If it
    falls `PAUSE_MS` behind the clock, the carrier was silent in between, or the network held it up;
    only in the latter case is a backlog on its way. So late audio is held for a moment (`waiting`;
    call `tick` meanwhile) and then stamped anew if it is still late.

    A fault is told to `fault` the first time, and counted after that.
    """

    def __init__(self, sink: Sink) -> None:
        self.counters = TapCounters()
        self.fault = ""
        self._framer = Framer(sink)
        self._decoder = G711Decoder("mulaw", SAMPLE_RATE)
        self._headed = False
        self._started = False
        self._held: list[bytes] = []
        self._held_since = 0
        self._held_until = 0

    @property
    def waiting(self) -> bool:
        """Whether `tick` has something to do."""
        return bool(self._held)

    def text(self, data: bytes) -> Format | None:
        """A text message: the format if it is the header. Raises AudioError for an unusable one."""
        if self._headed:
            self._found(f"a text message of {len(data)} bytes behind the header")
            return None
        try:
            given = read_header(data)
            self._decoder = G711Decoder(given.law, given.sample_rate)
        except PeerError as error:
            self._found(str(error))
            return None
        self._headed = True
        return given

    def binary(self, data: bytes, now: int) -> None:
        """Audio that has arrived now."""
        self.counters.received_bytes += len(data)
        audio = self._decoder.decode(data)
        if not self._started:
            self._start(now, len(audio))
        if self._held:
            self._held.append(audio)
            self._held_until = now
        elif now - self._end_ms(len(audio)) < PAUSE_MS:
            self._framer.feed(audio)
        else:
            self._held.append(audio)
            self._held_since = self._held_until = now

    def tick(self, now: int) -> None:
        """Give out what was held, once no backlog can explain that it is late."""
        if self._held and now - self._held_since >= _SETTLE_MS:
            self._release()

    def end(self) -> None:
        """The tap has ended: give out everything."""
        self._release()
        self._framer.end()
        self.counters.padded_bytes = self._framer.padded

    def _start(self, now: int, size: int) -> None:
        self._started = True
        self._framer.skip(max(0, now * SAMPLES_PER_MS - size))
        if not self._headed:
            self._found("audio came before any header: taken as mu-law at 8000")

    def _release(self) -> None:
        held, self._held = self._held, []
        late = self._held_until - self._end_ms(sum(map(len, held)))
        if held and late >= PAUSE_MS:
            self.counters.pause_ms += late
            self._framer.skip(late * SAMPLES_PER_MS)
        for audio in held:
            self._framer.feed(audio)

    def _end_ms(self, size: int) -> int:
        """When so many further bytes would end."""
        return (self._framer.position + size) // SAMPLES_PER_MS

    def _found(self, fault: str) -> None:
        self.counters.faults += 1
        self.fault = self.fault or fault
