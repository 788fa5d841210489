"""Twilio Media Streams messages (T sections 5 and 6): what a customer's socket speaks.

Encoders return one compact JSON object in the key order seen on the wire. Media is written from
a byte template: the base64 text passes through untouched.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.dialects import read_object, shown
from bridge.errors import PeerError

_PAYLOAD_SIZE = 216  # characters of base64 for the 160 bytes of a frame
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ENDS = (b"A==", b"Q==", b"g==", b"w==")  # 160 bytes leave four bits of the last character unused

CONNECTED = b'{"event":"connected","protocol":"Call","version":"1.0.0"}'


def start(
    *,
    sequence: int,
    account_sid: str,
    call_sid: str,
    stream_sid: str,
    tracks: tuple[str, ...],
    custom_parameters: dict[str, str],
) -> bytes:
    """The second message. `tracks` are `inbound` and `outbound`."""
    return orjson.dumps(
        {
            "event": "start",
            "sequenceNumber": str(sequence),
            "start": {
                "accountSid": account_sid,
                "streamSid": stream_sid,
                "callSid": call_sid,
                "tracks": list(tracks),
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": custom_parameters,
            },
            "streamSid": stream_sid,
        }
    )


def media_template(stream_sid: str, track: str) -> bytes:
    """A bytes template for one track's media: fill with sequence, chunk, timestamp, payload."""
    return (
        b'{"event":"media","sequenceNumber":"%%d","media":{"track":"%b","chunk":"%%d",'
        b'"timestamp":"%%d","payload":"%%b"},"streamSid":"%b"}'
        % (track.encode(), stream_sid.encode())
    )


def dtmf(*, sequence: int, stream_sid: str, digit: str) -> bytes:
    return orjson.dumps(
        {
            "event": "dtmf",
            "streamSid": stream_sid,
            "sequenceNumber": str(sequence),
            "dtmf": {"track": "inbound_track", "digit": digit},
        }
    )


def mark(*, sequence: int, stream_sid: str, name: str) -> bytes:
    return orjson.dumps(
        {
            "event": "mark",
            "sequenceNumber": str(sequence),
            "streamSid": stream_sid,
            "mark": {"name": name},
        }
    )


def stop(*, sequence: int, stream_sid: str, account_sid: str, call_sid: str) -> bytes:
    return orjson.dumps(
        {
            "event": "stop",
            "sequenceNumber": str(sequence),
            "streamSid": stream_sid,
            "stop": {"accountSid": account_sid, "callSid": call_sid},
        }
    )


@dataclass(frozen=True, slots=True)
class Media:
    """Audio to play to the caller: raw mu-law, 8000 bytes a second, of any length."""

    audio: bytes
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """The customer wants `name` back when everything sent before it has been played."""

    name: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Clear:
    """The customer wants silence now."""

    fault: str = ""


@dataclass(frozen=True, slots=True)
class Nonconforming:
    """A message that is ignored; `fault` says why."""

    fault: str


Message = Media | Mark | Clear | Nonconforming
"""What a customer sent. `fault` is not empty when the message breaks the protocol (31951)."""


def decode(data: bytes, stream_sid: str) -> Message:
    """Read one text message of a customer's. Never raises.

    Twilio warns of a missing or extra field and of a wrong streamSid (31951). What it then does
    with the message is not documented: one that lacks something is ignored here, one that only
    has something more is obeyed.
    """
    try:
        message = read_object(data)
    except PeerError as error:
        return Nonconforming(str(error))
    event = message.get("event")
    if event not in ("media", "mark", "clear"):
        return Nonconforming(f"unknown event {shown(event)}")
    if message.get("streamSid") != stream_sid:
        if "streamSid" not in message:
            return Nonconforming("missing field streamSid")
        return Nonconforming(f"wrong streamSid {shown(message['streamSid'])}")
    allowed = 2 if event == "clear" else 3
    fault = _extra(message, _TOP[event]) if len(message) > allowed else ""
    if event == "media":
        return _media(message.get("media"), fault)
    if event == "mark":
        return _mark(message.get("mark"), fault)
    return Clear(fault)


class Reader:
    """Reads one customer's messages: as `decode` does, and faster once it knows their form.

    Whoever sends audio writes every message alike but for the payload. What stands around it is
    learnt from the first; where it recurs, the payload is cut out and nothing is parsed.
    """

    def __init__(self, stream_sid: str) -> None:
        self._stream_sid = stream_sid
        self._before = b""
        self._after = b""
        self._frame_size = 0

    def payload(self, data: bytes) -> bytes | None:
        """The payload, in base64, of one frame of 160 bytes in the known form; else None."""
        if (
            len(data) != self._frame_size
            or not data.startswith(self._before)
            or not data.endswith(self._after)
        ):
            return None
        payload = data[len(self._before) : -len(self._after)]
        if payload.translate(None, _ALPHABET) != b"==" or not payload.endswith(_ENDS):
            return None
        return payload

    def audio(self, data: bytes) -> bytes | None:
        """The audio of a message in the known form; None says only that it is to be decoded."""
        before, after = self._before, self._after
        if (
            not before
            or not data.startswith(before)
            or not data.endswith(after)
            or len(data) < len(before) + len(after)  # they may share a quotation mark
        ):
            return None
        try:
            return binascii.a2b_base64(data[len(before) : -len(after)], strict_mode=True)
        except binascii.Error:
            return None

    def decode(self, data: bytes) -> Message:
        """Read a message of any form."""
        message = decode(data, self._stream_sid)
        if isinstance(message, Media) and not message.fault and message.audio:
            self._learn(data, message)
        return message

    def _learn(self, data: bytes, message: Media) -> None:
        payload = b'"%b"' % base64.b64encode(message.audio)
        if data.count(payload) != 1:
            return
        before, _, after = data.partition(payload)
        before, after = before + b'"', b'"' + after
        # What was found may be another string of the same letters: try it with another.
        if decode(before + b"AAAA" + after, self._stream_sid) == Media(b"\0\0\0"):
            self._before, self._after = before, after
            self._frame_size = len(before) + _PAYLOAD_SIZE + len(after)


_TOP = {
    "media": ("event", "streamSid", "media"),
    "mark": ("event", "streamSid", "mark"),
    "clear": ("event", "streamSid"),
}


def _media(body: Any, fault: str) -> Media | Nonconforming:
    if not isinstance(body, dict):
        return Nonconforming("missing field media")
    payload = body.get("payload")
    if not isinstance(payload, str):
        return Nonconforming("missing field media.payload")
    try:
        audio = binascii.a2b_base64(payload, strict_mode=True)
    except ValueError:
        # Some libraries break lines or leave the padding out. The audio is plain all the same.
        bare = "".join(payload.split()).rstrip("=")
        try:
            audio = binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
        except ValueError as error:
            return Nonconforming(f"media.payload is not base64: {error}")
        fault = fault or "media.payload is base64 with line breaks or without padding"
    if len(body) > 1:
        fault = fault or _extra(body, ("payload",), "media.")
    return Media(audio, fault)


def _mark(body: Any, fault: str) -> Mark | Nonconforming:
    if not isinstance(body, dict):
        return Nonconforming("missing field mark")
    name = body.get("name")
    if not isinstance(name, str):
        return Nonconforming("missing field mark.name")
    if len(body) > 1:
        fault = fault or _extra(body, ("name",), "mark.")
    return Mark(name, fault)


def _extra(body: dict[str, Any], known: tuple[str, ...], prefix: str = "") -> str:
    names = [prefix + name for name in body if name not in known]
    return f"extra field {shown(names[0])}" if names else ""


def encode_audio(audio: bytes) -> bytes:
    """Raw audio as a media payload."""
    return base64.b64encode(audio)
