"""SignalWire's stream messages (S section 2.3): what the carrier's media socket speaks.

Like Twilio's but not the same: version 0.2.0, no streamSid on most messages, no body in `stop`,
no track in `dtmf`. Fields that SignalWire leaves out today are accepted when present.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.dialects import read_object, shown
from bridge.errors import PeerError


@dataclass(frozen=True, slots=True)
class Connected:
    version: str


@dataclass(frozen=True, slots=True)
class Start:
    """The stream's identity and format as the carrier states them."""

    stream_sid: str
    account_sid: str
    call_sid: str
    tracks: tuple[str, ...]
    encoding: str
    sample_rate: int
    channels: int
    custom_parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class Media:
    """One frame. `payload` is base64 text; `timestamp` is milliseconds since the stream began."""

    track: str
    timestamp: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Dtmf:
    digit: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of ours, come back because the audio before it has been played or cleared."""

    name: str


@dataclass(frozen=True, slots=True)
class Stop:
    pass


@dataclass(frozen=True, slots=True)
class Nonconforming:
    """A message that is ignored; `fault` says why."""

    fault: str


# The form the carrier's documentation shows, with one frame of 160 bytes: what nearly every
# message is. Anything else, however it is written, is left to the parser.
_FRAME = re.compile(
    rb'\{"event": ?"media", ?"sequenceNumber": ?"[0-9]{1,15}"'
    rb'(?:, ?"streamSid": ?"[!#-\[\]-~]*")?, ?"media": ?'
    rb'\{"track": ?"(inbound|outbound)", ?"chunk": ?"[0-9]{1,15}", ?"timestamp": ?"([0-9]{1,15})"'
    rb', ?"payload": ?"([A-Za-z0-9+/]{213}[AQgw]==)"\}(?:, ?"streamSid": ?"[!#-\[\]-~]*")?\}'
)
frame_in = _FRAME.fullmatch
"""Matches a media message of one 20 ms frame of mu-law: its track, timestamp and payload. What it
gives is what `decode` would; None says nothing but that `decode` is to be asked."""

Message = Connected | Start | Media | Dtmf | Mark | Stop | Nonconforming


def decode(data: bytes) -> Message:
    """Read one text message of the carrier's. Never raises."""
    try:
        message = read_object(data)
    except PeerError as error:
        return Nonconforming(str(error))
    match message.get("event"):
        case "media":
            return _media(message.get("media"))
        case "mark":
            return _named(message.get("mark"), "mark", "name", Mark)
        case "dtmf":
            return _named(message.get("dtmf"), "dtmf", "digit", Dtmf)
        case "connected":
            return Connected(_text(message.get("version")))
        case "start":
            return _start(message.get("start"))
        case "stop":
            return Stop()
        case event:
            return Nonconforming(f"unknown event {shown(event)}")


def _media(body: Any) -> Media | Nonconforming:
    if not isinstance(body, dict) or not isinstance(body.get("payload"), str):
        return Nonconforming("missing field media.payload")
    track = body.get("track", "inbound")
    if track not in ("inbound", "outbound"):
        return Nonconforming(f"unknown track {shown(track)}")
    return Media(track, _number(body.get("timestamp")), body["payload"].encode())


def _named(
    body: Any, message: str, field: str, kind: type[Mark] | type[Dtmf]
) -> Mark | Dtmf | Nonconforming:
    if not isinstance(body, dict) or not isinstance(body.get(field), str):
        return Nonconforming(f"missing field {message}.{field}")
    return kind(body[field])


def _start(body: Any) -> Start | Nonconforming:
    if not isinstance(body, dict):
        return Nonconforming("missing field start")
    media_format = body.get("mediaFormat")
    media_format = media_format if isinstance(media_format, dict) else {}
    tracks = body.get("tracks")
    custom = body.get("customParameters")
    return Start(
        stream_sid=_text(body.get("streamSid")),
        account_sid=_text(body.get("accountSid")),
        call_sid=_text(body.get("callSid")),
        tracks=tuple(map(_text, tracks)) if isinstance(tracks, list) else ("inbound",),
        encoding=_text(media_format.get("encoding", "audio/x-mulaw")).lower(),
        sample_rate=_number(media_format.get("sampleRate", 8000)),
        channels=_number(media_format.get("channels", 1)),
        custom_parameters=(
            {name: _text(value) for name, value in custom.items()}
            if isinstance(custom, dict)
            else {}
        ),
    )


def _text(value: Any) -> str:
    """A string, or a number written as one; anything else counts as empty."""
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


def _number(value: Any) -> int:
    """A count that may be written as a string; anything else is 0."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return 0
    return number if 0 <= number < 2**53 else 0


def media_template(stream_sid: str) -> bytes:
    """A bytes template for audio to the caller: fill with the base64 payload."""
    return b'{"event":"media","streamSid":%b,"media":{"payload":"%%b"}}' % _quoted(stream_sid)


def mark(stream_sid: str, name: str) -> bytes:
    return orjson.dumps({"event": "mark", "streamSid": stream_sid, "mark": {"name": name}})


def clear(stream_sid: str) -> bytes:
    return orjson.dumps({"event": "clear", "streamSid": stream_sid})


def _quoted(text: str) -> bytes:
    return orjson.dumps(text).replace(b"%", b"%%")
