"""Audio made and measured by tests: noise, music, what a detector hears."""

from __future__ import annotations

import json
import math
import random
from array import array
from collections.abc import Iterator
from functools import cache

from bridge.audio import FRAME_BYTES, audioop
from bridge.sound.dtmf import DtmfDetector
from bridge.sound.espeak import Espeak, request_for
from bridge.sound.speech import Words, plain_speech
from bridge.sound.voices import DEFAULT_VOICE, Voice
from bridge.sound.waves import amplitude, silence


def frames_of(mulaw: bytes) -> Iterator[bytes]:
    """Frames of 20 ms, the last filled up with silence."""
    mulaw += silence(20)[: -len(mulaw) % FRAME_BYTES]
    for at in range(0, len(mulaw), FRAME_BYTES):
        yield mulaw[at : at + FRAME_BYTES]


def wav_of(mulaw: bytes) -> bytes:
    """A WAV file of mu-law at 8 kHz, in memory."""
    size = len(mulaw)
    head = b"RIFF" + (size + 50).to_bytes(4, "little") + b"WAVEfmt "
    head += (18).to_bytes(4, "little") + b"\x07\x00\x01\x00" + (8000).to_bytes(4, "little")
    head += (8000).to_bytes(4, "little") + b"\x01\x00\x08\x00\x00\x00"
    head += b"fact" + (4).to_bytes(4, "little") + size.to_bytes(4, "little")
    return head + b"data" + size.to_bytes(4, "little") + mulaw


def keys_heard(mulaw: bytes) -> str:
    """The keys that the detector hears, with silence after the audio."""
    detector = DtmfDetector()
    return "".join(map(detector.feed, frames_of(mulaw + silence(60))))


def with_noise(mulaw: bytes, dbm0: float, rng: random.Random) -> bytes:
    """Audio with white noise of that level."""
    rms = amplitude(dbm0) / math.sqrt(2)
    samples = array("h", audioop.ulaw2lin(mulaw, 2))
    noisy = [max(-32768, min(32767, round(s + rng.gauss(0, rms)))) for s in samples]
    return audioop.lin2ulaw(array("h", noisy).tobytes(), 2)


def chords(seconds: float, rng: random.Random) -> bytes:
    """Something like music: chords of one to four plucked notes with overtones and vibrato."""
    samples = array("h")
    while len(samples) < seconds * 8000:
        roots = [220 * 2 ** (rng.randrange(36) / 12) for _ in range(rng.randrange(1, 5))]
        fall = rng.choice((0.5, 1, 1.5))
        parts = [(r * h, rng.random() / h**fall) for r in roots for h in range(1, 8)]
        decay, vibrato = 4 * rng.random(), 0.01 * rng.random()
        for n in range(rng.randrange(800, 4800)):
            t = n / 8000
            bend = vibrato * math.sin(2 * math.pi * 5 * t)
            wave = sum(a * math.sin(2 * math.pi * f * (t + bend)) for f, a in parts if f < 3800)
            samples.append(max(-32768, min(32767, round(6000 * math.exp(-decay * t) * wave))))
    return audioop.lin2ulaw(samples.tobytes(), 2)


@cache
def spoken(text: str, voice: Voice = DEFAULT_VOICE) -> bytes:
    """A text in the default synthesiser's voice, made in this process."""
    parts: list[bytes] = []
    for piece in plain_speech(text, voice).pieces:
        assert isinstance(piece, Words)
        asked = json.loads(request_for(piece, voice))
        parts.append(engine().speak(asked["markup"], asked["language"], asked["gender"]))
    return b"".join(parts)


@cache
def engine() -> Espeak:
    """The engine of this process, which may have only one."""
    return Espeak()


def level_of(mulaw: bytes, hertz: float) -> float:
    """The level of one frequency in dBm0; audio should last whole periods of it."""
    samples = array("h", audioop.ulaw2lin(mulaw, 2))
    step = 2 * math.pi * hertz / 8000
    real = math.fsum(s * math.cos(step * n) for n, s in enumerate(samples))
    imaginary = math.fsum(s * math.sin(step * n) for n, s in enumerate(samples))
    peak = 2 * math.hypot(real, imaginary) / len(samples)
    return 20 * math.log10(max(peak, 1e-9) / 32767) + 3.17
