"""Audio as this service carries it: raw mu-law, 8000 samples a second, one channel.

WAV files come in through `read_wav` and go out through `write_wav`; a carrier's live frames pass
through `MulawDecoder`, `MulawEncoder` and `G711Decoder`. Everything here is arithmetic on bytes: no
clock, no socket, and apart from the WAV files named by the caller, no I/O.
"""

from __future__ import annotations

import math
import os
import struct
import warnings
from array import array
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

with warnings.catch_warnings():  # deprecated in 3.11 and 3.12, a package of its own from 3.13
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop as audioop  # noqa: PLC0414 -- for the modules of sound too

SAMPLE_RATE = 8000
FRAME_MS = 20
FRAME_BYTES = 160
SILENCE = 0xFF

MAX_WAV_BYTES = 128 * 1024 * 1024
"""The largest WAV file `read_wav` takes unless told otherwise: 23 minutes at 48 kHz, 16 bits."""

_FULL_SCALE = 2.0**31 - 1
_MIN_RATE, _MAX_RATE, _MAX_CHANNELS = 1000, 384_000, 64
_CARRIER_RATES = (8000, 16000, 24000)
_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_WIDTHS = {_PCM: (1, 2, 3, 4), _FLOAT: (4, 8), _ALAW: (1,), _MULAW: (1,)}
_OTHER_FORMATS = {2: "MS ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x50: "MPEG", 0x55: "MP3"}
_SUBFORMAT_TAIL = bytes.fromhex("0000000010008000 00aa00389b71")
_UNKNOWN_SIZE = 0x7FFF_0000  # writers to a pipe put 0xFFFFFFFF or a little under 2 GiB here
_CONVERT = "convert it, for example: ffmpeg -i in.wav -ar 8000 -ac 1 -c:a pcm_s16le out.wav"


class AudioError(ValueError):
    """Audio that cannot be used; the text says what is wrong, where, and how to mend it."""


# --- WAV files ------------------------------------------------------------------------------


def read_wav(source: str | os.PathLike[str] | bytes, *, max_bytes: int = MAX_WAV_BYTES) -> bytes:
    """The audio of a WAV file, by path or as its bytes, as mu-law at 8 kHz, mono.

    PCM of 8 to 32 bits, 32- and 64-bit float, mu-law and A-law are read, with any number of
    channels (mixed with equal weight) at any rate from 1 to 384 kHz. Mu-law at 8 kHz mono comes
    back byte for byte. Raises AudioError, and nothing else, for input that cannot be used.
    """
    data, name = _load(source, max_bytes)
    form, samples = _parse(data, name)
    if (form.tag, form.channels, form.rate) == (_MULAW, 1, SAMPLE_RATE):
        return bytes(samples)
    mono = _mix(_to_pcm32(form, samples), form.channels)
    return audioop.lin2ulaw(_resample(mono, form.rate, SAMPLE_RATE), 4)


def to_mulaw(pcm16: bytes, rate: int) -> bytes:
    """A whole piece of 16-bit mono audio at `rate` as mu-law at 8 kHz, of the same duration."""
    pcm32 = audioop.lin2lin(pcm16, 2, 4)
    return audioop.lin2ulaw(_resample(pcm32, rate, SAMPLE_RATE, _LIVE), 4)


def write_wav(
    path: str | os.PathLike[str], mulaw: bytes, *, encoding: Literal["mulaw", "pcm16"] = "mulaw"
) -> None:
    """Write mu-law audio as a WAV file: unchanged ("mulaw") or as 16-bit PCM ("pcm16")."""
    if encoding == "mulaw":
        form = struct.pack("<HHIIHHH", _MULAW, 1, SAMPLE_RATE, SAMPLE_RATE, 1, 8, 0)
        chunks = [(b"fmt ", form), (b"fact", struct.pack("<I", len(mulaw))), (b"data", mulaw)]
    else:
        form = struct.pack("<HHIIHH", _PCM, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
        chunks = [(b"fmt ", form), (b"data", audioop.ulaw2lin(mulaw, 2))]
    body = b"WAVE" + b"".join(
        name + struct.pack("<I", len(chunk)) + chunk + bytes(len(chunk) % 2)
        for name, chunk in chunks
    )
    Path(path).write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


@dataclass(frozen=True, slots=True)
class _Format:
    """What a `fmt ` chunk says about the samples; `width` is bytes per sample."""

    tag: int
    channels: int
    rate: int
    width: int


def _load(source: str | os.PathLike[str] | bytes, max_bytes: int) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        data, name = source, "WAV data"
    else:
        name = os.fspath(source)
        try:
            with Path(source).open("rb") as file:
                data = file.read(max_bytes + 1)
        except (OSError, ValueError) as error:
            raise AudioError(f"{name}: cannot be read: {error}") from error
    if len(data) > max_bytes:
        raise AudioError(f"{name}: larger than {max_bytes} bytes; use a shorter recording")
    return data, name


def _parse(data: bytes, name: str) -> tuple[_Format, memoryview]:
    """The format and the sample bytes of a RIFF/WAVE file, cut to whole sample frames."""
    if data[:4] == b"RIFX":
        raise AudioError(f"{name}: big-endian WAV (RIFX) is not supported; {_CONVERT}")
    if data[:4] not in {b"RIFF", b"RF64"} or data[8:12] != b"WAVE":
        raise AudioError(f"{name}: not a WAV file (no RIFF/WAVE header at byte 0); {_CONVERT}")
    form: _Format | None = None
    offset = 12
    while offset + 8 <= len(data):
        chunk, size = struct.unpack_from("<4sI", data, offset)
        start, offset = offset + 8, offset + 8 + size + size % 2
        if chunk == b"fmt ":
            form = _parse_format(data[start : start + size], f"{name}: byte {start}")
        elif chunk == b"data":
            if form is None:
                raise AudioError(f"{name}: byte {start - 8}: data before the fmt chunk; {_CONVERT}")
            end = _end_of_data(data, start, size, name)
            step = form.width * form.channels
            return form, memoryview(data)[start : end - (end - start) % step]
    raise AudioError(f"{name}: truncated: no data chunk in {len(data)} bytes; copy the file again")


def _end_of_data(data: bytes, start: int, size: int, name: str) -> int:
    """Where the samples end. A writer that could not seek back left no true size: take it all."""
    riff_end = 8 + int(struct.unpack_from("<I", data, 4)[0])
    if size >= _UNKNOWN_SIZE or (size == 0 and riff_end != len(data)):
        return len(data)
    if start + size > len(data):
        raise AudioError(
            f"{name}: truncated: the data chunk at byte {start - 8} promises {size} bytes, "
            f"{len(data) - start} follow; copy the file again"
        )
    return start + size


def _parse_format(chunk: bytes, where: str) -> _Format:
    if len(chunk) < 16:
        raise AudioError(f"{where}: truncated fmt chunk ({len(chunk)} of 16 bytes); {_CONVERT}")
    tag, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and chunk[26:40] == _SUBFORMAT_TAIL:
        tag = int.from_bytes(chunk[24:26], "little")
    width = (bits + 7) // 8
    if tag not in _WIDTHS:
        known = _OTHER_FORMATS.get(tag, "unknown")
        raise AudioError(f"{where}: WAV format number {tag} ({known}) is not supported; {_CONVERT}")
    if width not in _WIDTHS[tag]:
        raise AudioError(f"{where}: {bits} bits in WAV format {tag} are not supported; {_CONVERT}")
    if not 1 <= channels <= _MAX_CHANNELS or align != channels * width:
        raise AudioError(
            f"{where}: {channels} channels of {width} bytes in blocks of {align} bytes "
            f"do not fit (1 to {_MAX_CHANNELS} channels are read); {_CONVERT}"
        )
    if not _MIN_RATE <= rate <= _MAX_RATE:
        raise AudioError(
            f"{where}: {rate} samples a second are outside {_MIN_RATE} to {_MAX_RATE}; {_CONVERT}"
        )
    return _Format(tag, channels, rate, width)


def _to_pcm32(form: _Format, samples: memoryview) -> bytes:
    if form.tag == _MULAW:
        return audioop.ulaw2lin(samples, 4)
    if form.tag == _ALAW:
        return audioop.alaw2lin(samples, 4)
    if form.tag == _FLOAT:
        return _float_to_pcm32(array("f" if form.width == 4 else "d", bytes(samples)))
    if form.width == 1:  # 8-bit WAV is unsigned
        return audioop.lin2lin(audioop.bias(samples, 1, -128), 1, 4)
    return audioop.lin2lin(samples, form.width, 4)


def _float_to_pcm32(samples: array[float]) -> bytes:
    try:
        return array("i", map(int, map(_FULL_SCALE.__mul__, samples))).tobytes()
    except (OverflowError, ValueError):  # beyond full scale, infinite, or not a number
        clipped = (max(-1.0, min(1.0, 0.0 if math.isnan(s) else s)) for s in samples)
        return array("i", [int(s * _FULL_SCALE) for s in clipped]).tobytes()


def _mix(pcm32: bytes, channels: int) -> bytes:
    if channels == 1:
        return pcm32
    interleaved = array("i", pcm32)
    mono = bytes(len(pcm32) // channels)
    for channel in range(channels):
        mono = audioop.add(mono, audioop.mul(interleaved[channel::channels], 4, 1 / channels), 4)
    return mono


# --- live frames ----------------------------------------------------------------------------


class MulawDecoder:
    """Turns a carrier's frames into mu-law at 8 kHz, one direction of one call.

    `audio/x-mulaw` at 8000 passes unchanged. `audio/x-L16` (signed 16-bit little-endian) at
    8000, 16000 or 24000 is filtered, resampled and companded; state carries over from frame to
    frame, so frames may be cut anywhere, even within a sample.
    """

    def __init__(self, encoding: str, sample_rate: int) -> None:
        self._linear = _is_linear(encoding, sample_rate)
        self._resampler = _live_resampler(sample_rate, SAMPLE_RATE)
        self._odd = b""

    def decode(self, payload: bytes) -> bytes:
        """The next bytes of mu-law that `payload` completes."""
        if not self._linear:
            return payload
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
        self._resampler = _live_resampler(SAMPLE_RATE, sample_rate)

    def encode(self, mulaw: bytes) -> bytes:
        """`mulaw` as the carrier wants it: as long in time as it came."""
        if not self._linear:
            return mulaw
        if self._resampler is None:
            return audioop.ulaw2lin(mulaw, 2)
        return audioop.lin2lin(self._resampler.feed(audioop.ulaw2lin(mulaw, 4)), 4, 2)


ALAW_TO_MULAW = audioop.lin2ulaw(audioop.alaw2lin(bytes(range(256)), 2), 2)
"""For `bytes.translate`: the mu-law code of each A-law code."""


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
        self._resampler = _live_resampler(sample_rate, SAMPLE_RATE)

    def decode(self, payload: bytes) -> bytes:
        """The next bytes of mu-law that `payload` completes."""
        if self._resampler is not None:
            return audioop.lin2ulaw(self._resampler.feed(self._linear(payload, 4)), 4)
        return payload if self._table is None else payload.translate(self._table)


def _is_linear(encoding: str, sample_rate: int) -> bool:
    match encoding.lower(), sample_rate:
        case "audio/x-mulaw", 8000:
            return False
        case "audio/x-l16", 8000 | 16000 | 24000:
            return True
    raise AudioError(
        f"a stream of {encoding} at {sample_rate} is not supported; "
        "use audio/x-mulaw at 8000, or audio/x-L16 at 8000, 16000 or 24000"
    )


def level_dbfs(mulaw: bytes) -> float:
    """The level (RMS) of mu-law audio in dB below full scale; minus infinity for silence."""
    rms = audioop.rms(audioop.ulaw2lin(mulaw, 2), 2)
    return 20 * math.log10(rms / 32768) if rms else -math.inf


# --- resampling -----------------------------------------------------------------------------
#
# A polyphase FIR filter (Kaiser-windowed sinc) on 32-bit samples. The arithmetic is done by
# audioop a whole column of samples at a time, which makes it fast without numpy: output phase p
# is the sum, over the taps of p, of an input column times the tap.

_BLOCKS = 4096  # per pass over a file, so that the working set stays in the processor's cache
_HEADROOM = 4  # partial sums of a sinc filter exceed full scale
_MAX_PHASES = 320  # 11.025 kHz to 8 kHz is 441:320; odder ratios are taken to the nearest


@dataclass(frozen=True, slots=True)
class _Quality:
    """A filter by its reach (in samples of the lower rate, either side), the shape of its Kaiser
    window, and its -6 dB point as a part of the lower rate's half."""

    reach: int
    beta: float
    cutoff: float


_FILE = _Quality(reach=24, beta=5.65, cutoff=0.925)  # flat to 3.4 kHz, 60 dB down from 4 kHz
_LIVE = _Quality(reach=8, beta=3.4, cutoff=0.9)  # flat to 3 kHz, 40 dB down from 4.2 kHz, 1 ms late


@dataclass(frozen=True, slots=True)
class _Filter:
    """Makes `up` samples of `down`, `delay` output samples late.

    `phases` has, for each of the `up` samples, the taps as (position, gain); positions count from
    the oldest of the `history` input samples that precede the `down` new ones.
    """

    down: int
    up: int
    delay: int
    history: int
    phases: tuple[tuple[tuple[int, float], ...], ...]


def _resample(pcm32: bytes, rate_in: int, rate_out: int, quality: _Quality = _FILE) -> bytes:
    """A whole recording at another rate, aligned with the original and of the same duration."""
    ratio = Fraction(rate_in, rate_out).limit_denominator(_MAX_PHASES)
    if ratio == 1:
        return pcm32
    fir = _design(ratio, quality)
    length = math.ceil(len(pcm32) // 4 / ratio)
    tail = math.ceil((fir.delay + 1) * ratio) + fir.down
    padded = memoryview(pcm32 + bytes(4 * tail))
    step = 4 * _BLOCKS * fir.down
    feed = _Resampler(fir).feed
    output = b"".join(feed(padded[start : start + step]) for start in range(0, len(padded), step))
    return output[4 * fir.delay :][: 4 * length]


def _live_resampler(rate_in: int, rate_out: int) -> _Resampler | None:
    return None if rate_in == rate_out else _Resampler(_live_filter(rate_in, rate_out))


@cache
def _live_filter(rate_in: int, rate_out: int) -> _Filter:
    return _design(Fraction(rate_in, rate_out), _LIVE)


class _Resampler:
    """Applies a filter to a stream of 32-bit mono samples."""

    def __init__(self, fir: _Filter) -> None:
        self._fir = fir
        self._pending = bytes(4 * fir.history)

    def feed(self, pcm32: bytes | memoryview) -> bytes:
        """The samples that `pcm32` completes."""
        down, up = self._fir.down, self._fir.up
        buffer = self._pending + pcm32
        blocks = (len(buffer) // 4 - self._fir.history) // down
        self._pending = buffer[4 * blocks * down :]
        samples = array("i", buffer)
        columns = [memoryview(samples[column::down]) for column in range(down)]
        output = array("i", bytes(4 * blocks * up))
        for phase, taps in enumerate(self._fir.phases):
            total = bytes(4 * blocks)
            for position, gain in taps:
                row, column = divmod(position, down)
                part = columns[column][row : row + blocks]
                total = audioop.add(total, audioop.mul(part, 4, gain), 4)
            output[phase::up] = array("i", audioop.mul(total, 4, _HEADROOM))
        return output.tobytes()


@cache
def _design(ratio: Fraction, quality: _Quality) -> _Filter:
    """The prototype runs at `up` times the input rate, and output n is centred on its sample
    n * down: phase p uses every `up`-th tap from (p * down) % up on, the newest input first."""
    down, up = ratio.numerator, ratio.denominator
    delay = quality.reach * math.ceil(up / down)  # in whole output samples, which centres them
    centre = delay * down
    cutoff = quality.cutoff / max(up, down)  # of the lower rate, at the prototype's
    half = [_sinc(i * cutoff) * _kaiser(i / centre, quality.beta) for i in range(centre + 1)]
    prototype = half[:0:-1] + half
    history = 2 * centre // up
    phases = []
    for phase in range(up):
        newest = history + phase * down // up
        gains = prototype[phase * down % up :: up]
        scale = 1 / (_HEADROOM * math.fsum(gains))
        phases.append(tuple((newest - k, gain * scale) for k, gain in enumerate(gains)))
    return _Filter(down, up, delay, history, tuple(phases))


def _sinc(x: float) -> float:
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0


def _kaiser(x: float, beta: float) -> float:
    """The Kaiser window at -1 <= x <= 1, but for a constant factor."""
    square = (beta / 2) ** 2 * (1 - x * x)
    term = total = 1.0
    k = 1
    while term > total * 1e-9:
        term *= square / (k * k)
        total += term
        k += 1
    return total
