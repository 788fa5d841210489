"""What carriers and synthesisers speak, turned into mu-law at 8 kHz, and back for carriers."""

from __future__ import annotations

from typing import Literal

from bridge.audio import SAMPLE_RATE, AudioError, audioop
from bridge.resampling import LIVE, live_resampler, resample

_CARRIER_RATES = (8000, 16000, 24000)


def to_mulaw(pcm16: bytes, rate: int) -> bytes:
    """A whole piece of 16-bit mono audio at `rate` as mu-law at 8 kHz, of the same duration."""
    pcm32 = audioop.lin2lin(pcm16, 2, 4)
    return audioop.lin2ulaw(resample(pcm32, rate, SAMPLE_RATE, LIVE), 4)


class MulawDecoder:
    """Turns a carrier's frames into mu-law at 8 kHz, one direction of one call.

    `audio/x-mulaw` at 8000 passes unchanged; of PCMA at 8000 each byte becomes one of mu-law.
    `audio/x-L16` (signed 16-bit little-endian) at 8000, 16000 or 24000 is filtered, resampled and
    companded; state carries over from frame to frame, so frames may be cut anywhere, even within a
    sample.
    """

    def __init__(self, encoding: str, sample_rate: int) -> None:
        self._linear = _is_linear(encoding, sample_rate)
        self._table = ALAW_TO_MULAW if _is_alaw(encoding) else None
        self._resampler = live_resampler(sample_rate, SAMPLE_RATE)
        self._odd = b""

    def decode(self, payload: bytes) -> bytes:
        """The next bytes of mu-law that `payload` completes."""
        if not self._linear:
            return payload if self._table is None else payload.translate(self._table)
        payload = self._odd + payload
        whole = len(payload) & ~1
        payload, self._odd = payload[:whole], payload[whole:]
        if self._resampler is None:
            return audioop.lin2ulaw(payload, 2)
        return audioop.lin2ulaw(self._resampler.feed(audioop.lin2lin(payload, 2, 4)), 4)


class MulawEncoder:
    """Turns mu-law at 8 kHz into a carrier's encoding and rate, one direction of one call."""

    def __init__(self, encoding: str, sample_rate: int) -> None:
        self._linear = _is_linear(encoding, sample_rate)
        self._table = MULAW_TO_ALAW if _is_alaw(encoding) else None
        self._resampler = live_resampler(SAMPLE_RATE, sample_rate)

    def encode(self, mulaw: bytes) -> bytes:
        """`mulaw` as the carrier wants it: as long in time as it came."""
        if not self._linear:
            return mulaw if self._table is None else mulaw.translate(self._table)
        if self._resampler is None:
            return audioop.ulaw2lin(mulaw, 2)
        return audioop.lin2lin(self._resampler.feed(audioop.ulaw2lin(mulaw, 4)), 4, 2)


ALAW_TO_MULAW = audioop.lin2ulaw(audioop.alaw2lin(bytes(range(256)), 2), 2)
MULAW_TO_ALAW = audioop.lin2alaw(audioop.ulaw2lin(bytes(range(256)), 2), 2)
"""For `bytes.translate`: the mu-law code of each A-law code, and the other way round."""

_ALAW = ("audio/x-alaw", "audio/alaw", "audio/pcma", "pcma")
"""SignalWire offers PCMA for streams (S section 1.6) but documents no name of it for `start`: what
is read are the names that the codec has elsewhere."""


class G711Decoder:
    """Turns mu-law or A-law at 8000, 16000 or 24000 into mu-law at 8 kHz, one direction of a call.

    Mu-law at 8000 passes unchanged; state carries over, so audio may be cut anywhere.
    """

    def __init__(self, law: Literal["mulaw", "alaw"], sample_rate: int) -> None:
        if sample_rate not in _CARRIER_RATES:
            raise AudioError(
                f"{law} at {sample_rate} is not supported; use 8000, 16000 or 24000 a second"
            )
        self._linear = audioop.alaw2lin if law == "alaw" else audioop.ulaw2lin
        self._table = ALAW_TO_MULAW if law == "alaw" else None
        self._resampler = live_resampler(sample_rate, SAMPLE_RATE)

    def decode(self, payload: bytes) -> bytes:
        """The next bytes of mu-law that `payload` completes."""
        if self._resampler is not None:
            return audioop.lin2ulaw(self._resampler.feed(self._linear(payload, 4)), 4)
        return payload if self._table is None else payload.translate(self._table)


def _is_linear(encoding: str, sample_rate: int) -> bool:
    match encoding.lower(), sample_rate:
        case "audio/x-mulaw", 8000:
            return False
        case law, 8000 if law in _ALAW:
            return False
        case "audio/x-l16", 8000 | 16000 | 24000:
            return True
    raise AudioError(
        f"a stream of {encoding} at {sample_rate} is not supported; "
        "use audio/x-mulaw or PCMA at 8000, or audio/x-L16 at 8000, 16000 or 24000"
    )


def _is_alaw(encoding: str) -> bool:
    return encoding.lower() in _ALAW
