"""Audio as this service carries it: raw mu-law, 8000 samples a second, one channel.

WAV files are `bridge.wav`'s, other encodings `bridge.codecs`'.
"""

from __future__ import annotations

import math
import warnings

with warnings.catch_warnings():  # deprecated in 3.11 and 3.12, a package of its own from 3.13
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop as audioop  # noqa: PLC0414 -- for all who do arithmetic on audio

SAMPLE_RATE = 8000
FRAME_MS = 20
FRAME_BYTES = 160
SILENCE = 0xFF


class AudioError(ValueError):
    """Audio that cannot be used; the text says what is wrong, where, and how to mend it."""


def cut(audio: bytes) -> tuple[list[bytes], bytes]:
    """The whole frames of 20 ms that audio begins with, and the bytes that are left over."""
    end = len(audio) - len(audio) % FRAME_BYTES
    return [audio[at : at + FRAME_BYTES] for at in range(0, end, FRAME_BYTES)], audio[end:]


def level_dbfs(mulaw: bytes) -> float:
    """The level (RMS) of mu-law audio in dB below full scale; minus infinity for silence."""
    rms = audioop.rms(audioop.ulaw2lin(mulaw, 2), 2)
    return 20 * math.log10(rms / 32768) if rms else -math.inf
