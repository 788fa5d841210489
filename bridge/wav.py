"""WAV files, read as mu-law at 8 kHz and written. No I/O but the files that the caller names."""

from __future__ import annotations

import math
import os
import struct
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bridge.audio import SAMPLE_RATE, AudioError, audioop
from bridge.resampling import resample

MAX_WAV_BYTES = 128 * 1024 * 1024
"""The largest WAV file `read_wav` takes unless told otherwise: 23 minutes at 48 kHz, 16 bits."""

_FULL_SCALE = 2.0**31 - 1
_MIN_RATE, _MAX_RATE, _MAX_CHANNELS = 1000, 384_000, 64
_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_WIDTHS = {_PCM: (1, 2, 3, 4), _FLOAT: (4, 8), _ALAW: (1,), _MULAW: (1,)}
_OTHER_FORMATS = {2: "MS ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x50: "MPEG", 0x55: "MP3"}
_SUBFORMAT_TAIL = bytes.fromhex("0000000010008000 00aa00389b71")
_UNKNOWN_SIZE = 0x7FFF_0000  # writers to a pipe put 0xFFFFFFFF or a little under 2 GiB here
_CONVERT = "convert it, for example: ffmpeg -i in.wav -ar 8000 -ac 1 -c:a pcm_s16le out.wav"


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
    return audioop.lin2ulaw(resample(mono, form.rate, SAMPLE_RATE), 4)


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
