"""A thousand ways to cut audio into messages: every byte is compared with what was sent."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from random import Random

import pytest

from bridge.audio import FRAME_BYTES
from bridge.dialects import signalwire
from bridge.identity import Identity
from bridge.playout import SILENCE, Playout
from bridge.stream import MarkSet, MediaStream
from tests.support.chunks import SID, carrier_media, chunks, customer_media

WAYS = 1_000
CARRIER_SID = "7d56a1b2-0000-4000-8000-000000000001"
IDENTITY = Identity(
    account_sid="AC" + "0" * 32,
    call_sid="CA" + "1" * 32,
    stream_sid=SID,
    name=None,
    tracks=("inbound",),
    bidirectional=True,
)


def opened() -> MediaStream:
    stream = MediaStream(IDENTITY)
    stream.opened()
    return stream


class Caller:
    """Plays what a customer sends, and keeps what a carrier would be sent for it."""

    def __init__(self) -> None:
        self.stream = opened()
        self.playout = Playout()
        self.heard = b""
        self._template = signalwire.media_template(CARRIER_SID)

    def receive(self, data: bytes) -> None:
        """One message of the customer's, as a session takes it."""
        payload = self.stream.received_frame(data)
        if payload is not None:
            assert self.playout.play_payload(payload) == 0
            return
        request = self.stream.received(data)
        match request:
            case bytes():
                assert self.playout.play(request) == 0
            case MarkSet(name=name):
                self.playout.mark(name)
            case _:
                pytest.fail(f"{data[:80]!r} asked for {request}")

    def step(self, rng: Random) -> bool:
        """20 ms: what is sent is read with a JSON parser, without the silence that fills up."""
        padded = self.playout.padded
        if rng.random() < 0.5:
            payload = self.playout.take_payload()
        else:
            frame = self.playout.take()
            payload = base64.b64encode(frame) if frame is not None else None
        if payload is None:
            return False
        sent = json.loads(self._template % payload)
        assert sent["streamSid"] == CARRIER_SID
        audio = base64.b64decode(sent["media"]["payload"], validate=True)
        assert len(audio) == FRAME_BYTES
        size = FRAME_BYTES - (self.playout.padded - padded)
        assert audio[size:] == SILENCE[size:]
        self.heard += audio[:size]
        return True


@pytest.mark.contract("T68")
def test_from_the_customer_to_the_caller() -> None:
    """T68: Payloads of any size, in any JSON, are played in order and whole, a thousand ways.

    In every second way the caller listens while they come, and pieces are filled up with silence.
    """
    for way in range(WAYS):
        rng = Random(way)
        audio = rng.randbytes(rng.randrange(6_000))
        caller = Caller()
        for piece in chunks(rng, audio):
            caller.receive(customer_media(rng, piece))
            while way % 2 and rng.random() < 0.4:
                caller.step(rng)
        while caller.step(rng) or caller.step(rng):
            pass
        assert caller.heard == audio, f"way {way}"
        assert way % 2 or caller.playout.padded == -len(audio) % FRAME_BYTES
        assert caller.stream.counters.audio_bytes == len(audio)
        assert caller.stream.counters.faults == 0


@pytest.mark.contract("T60", "T61")
def test_from_the_carrier_to_the_customer() -> None:
    """T60, T61: Frames of any length become frames of 160 bytes, a thousand ways, none lost.

    Timestamps advance by 20 ms a frame, chunks and sequence numbers by 1.
    """
    for way in range(WAYS):
        rng = Random(way)
        audio = rng.randbytes(rng.randrange(6_000))
        stream = opened()
        sent = 0
        out: list[bytes] = []
        for piece in chunks(rng, audio):
            data = carrier_media(rng, piece, sent // 8)
            sent += len(piece)
            found = signalwire.frame_in(data)
            if found is not None:
                message = stream.frame("inbound", found[3], int(found[2]))
                out += [message] if message is not None else []
            else:
                media = signalwire.decode(data)
                assert isinstance(media, signalwire.Media)
                out += stream.audio(media.track, media.payload, media.timestamp)
        messages = [json.loads(data) for data in out]
        frames = [base64.b64decode(m["media"]["payload"], validate=True) for m in messages]
        assert {len(frame) for frame in frames} <= {FRAME_BYTES}
        assert b"".join(frames) == audio[: len(audio) - len(audio) % FRAME_BYTES], f"way {way}"
        stamps = [int(m["media"]["timestamp"]) for m in messages]
        assert all(after - before == 20 for before, after in pairwise(stamps))
        assert [m["media"]["chunk"] for m in messages] == [str(n + 1) for n in range(len(frames))]
        assert [m["sequenceNumber"] for m in messages] == [str(n + 2) for n in range(len(frames))]
        assert stream.counters.faults == 0


@pytest.mark.contract("T69", "T70")
def test_ten_minutes_at_once() -> None:
    """T69, T70: Ten minutes sent faster than they are played come out to the byte, and no more."""
    rng = Random(69)
    ten_minutes = rng.randbytes(4_800_000)
    caller = Caller()
    for at in range(0, len(ten_minutes), 99_999):
        caller.receive(customer_media(rng, ten_minutes[at : at + 99_999]))
    assert caller.playout.play(b"x") == 1
    heard: list[bytes] = []
    while (frame := caller.playout.take()) is not None:
        heard.append(frame)
    assert b"".join(heard) == ten_minutes


@pytest.mark.contract("T71", "T72", "T73", "T75")
def test_marks_among_the_pieces() -> None:
    """T71, T72, T73, T75: Marks between pieces of any size return once, in order and in time.

    In time: with the frame that has the last byte before the mark, at once when none waits.
    """
    for way in range(WAYS // 4):
        rng = Random(way)
        caller = Caller()
        sent = 0
        waiting: list[tuple[int, str]] = []
        for piece in chunks(rng, rng.randbytes(rng.randrange(3_000))):
            caller.receive(customer_media(rng, piece))
            sent += len(piece)
            if rng.random() < 0.5:
                name = rng.choice(["a", "b", "müll \n", ""])
                body = {"event": "mark", "streamSid": SID, "mark": {"name": name}}
                caller.receive(json.dumps(body).encode())
                waiting.append((sent, name))
            while rng.random() < 0.4:
                _returned(caller, waiting)
                caller.step(rng)
        _returned(caller, waiting)
        while caller.step(rng) or caller.step(rng):
            _returned(caller, waiting)
        assert waiting == [], f"way {way}"


def _returned(caller: Caller, waiting: list[tuple[int, str]]) -> None:
    """What is due now is exactly what has been passed by now."""
    passed = [name for at, name in waiting if at <= len(caller.heard)]
    assert caller.playout.due() == passed
    del waiting[: len(passed)]
