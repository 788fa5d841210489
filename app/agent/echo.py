"""The conversation: Twilio's messages in, messages to Twilio out; it knows no socket."""

from __future__ import annotations

import base64
from typing import Any

from app.agent.calls import Call

Message = dict[str, Any]

BYTES_PER_MS = 8
LEAD_IN = 60 * BYTES_PER_MS
"""Kept from before the first loud frame, so that soft first sounds are not cut off."""
PAUSE = 300 * BYTES_PER_MS
"""This much quiet ends an utterance."""
LONGEST = 30_000 * BYTES_PER_MS
"""The rest of a longer utterance is not repeated."""
SPEECH = 400
"""Mean level, of 32124 at most, above which a frame counts as speech."""


def _level(byte: int) -> int:
    """The magnitude of one mu-law byte (ITU-T G.711)."""
    byte = ~byte & 0xFF
    return (((byte & 0x0F) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84


LEVELS = [_level(byte) for byte in range(256)]


def is_speech(audio: bytes) -> bool:
    return sum(map(LEVELS.__getitem__, audio)) > SPEECH * len(audio)


class Echo:
    """Repeats the caller, utterance by utterance; falls silent when interrupted.

    `#` ends an utterance at once, `*` ends the conversation.
    """

    def __init__(self, call: Call, stream_sid: str) -> None:
        self.call = call
        self.stream_sid = stream_sid
        self.finished = False
        self.playing: list[str] = []  # marks of echoes not yet played to the end
        self.utterance = bytearray()
        self.before = b""
        self.quiet = 0

    def receive(self, message: Message) -> list[Message]:
        """Take one message; returns those to send. Raises ValueError for an unreadable one."""
        match message:
            case {"event": "media", "media": {"chunk": str(chunk), "payload": str(payload)}}:
                audio = base64.b64decode(payload, validate=True)
                self.call.received.count(chunk)
                return self.hear(audio)
            case {"event": "mark", "mark": {"name": str(name)}} if name in self.playing:
                self.playing.remove(name)
                self.call.marks_returned += 1
            case {"event": "dtmf", "dtmf": {"digit": str(digit)}}:
                self.call.digits.append(digit[:1])
                if digit == "#":
                    return self.say_back()
                if digit == "*":
                    self.end("star")
            case {"event": "stop"}:
                self.end("stop")
            case _:
                self.call.ignored += 1
        return []

    def hear(self, audio: bytes) -> list[Message]:
        speech = is_speech(audio)
        replies: list[Message] = []
        if not self.utterance:
            if not speech:
                self.before = (self.before + audio)[-LEAD_IN:]
                return []
            self.utterance += self.before
            if self.playing:  # the caller interrupts
                self.call.clears += 1
                replies.append({"event": "clear", "streamSid": self.stream_sid})
        self.utterance += audio[: LONGEST - len(self.utterance)]
        self.quiet = 0 if speech else self.quiet + len(audio)
        if self.quiet >= PAUSE:
            replies += self.say_back()
        return replies

    def say_back(self) -> list[Message]:
        if not self.utterance:
            return []
        audio = bytes(self.utterance)
        self.utterance.clear()
        self.before = b""
        self.quiet = 0
        self.call.echoes.append(audio)
        self.call.bytes_sent += len(audio)
        self.call.marks_sent += 1
        mark = f"echo-{self.call.marks_sent}"
        self.playing.append(mark)
        payload = base64.b64encode(audio).decode()
        return [
            {"event": "media", "streamSid": self.stream_sid, "media": {"payload": payload}},
            {"event": "mark", "streamSid": self.stream_sid, "mark": {"name": mark}},
        ]

    def end(self, how: str) -> None:
        self.finished = True
        self.call.ended = how
