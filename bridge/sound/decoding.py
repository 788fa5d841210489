"""Audio files of any common form as 8 kHz mu-law, decoded while they are read.

Blocking: run it in a thread. PyAV (FFmpeg) does the work. It is given bytes and nothing else: a
playlist that names other files or addresses is refused, for those are not checked by the guard.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, NoReturn, Protocol

import av
import av.error
from av.audio.resampler import AudioResampler

from bridge.audio import SAMPLE_RATE, AudioError, audioop

PIECE_BYTES = SAMPLE_RATE // 5
"""Audio is handed on in pieces of at least 200 ms."""

_FORMS = "aac,ac3,aiff,amr,asf,au,caf,flac,gsm,matroska,mov,mp3,mulaw,ogg,w64,wav"
"""The demuxers that are trusted: containers of audio, none that follows references."""

_RAW = {
    "audio/basic": "mulaw",
    "audio/gsm": "gsm",
    "audio/mulaw": "mulaw",
    "audio/ulaw": "mulaw",
    "audio/x-gsm": "gsm",
    "audio/x-mulaw": "mulaw",
    "audio/x-ulaw": "mulaw",
}
"""Files without a header, which only their content type tells."""

_OPTIONS = {"format_whitelist": _FORMS, "protocol_whitelist": ""}
_RAW_OPTIONS = {"sample_rate": str(SAMPLE_RATE)}
_MIN_RATE = 1000
_HEADS = (b"RIFF", b"RF64", b".snd", b"FORM", b"ID3", b"OggS", b"fLaC")
_LATE_INDEX = b"ftyp"


class Readable(Protocol):
    """A file: `read` gives at most so many bytes, none at the end."""

    def read(self, size: int = -1, /) -> bytes: ...


class _Stream:
    """What PyAV reads: a file that cannot be searched, with the bytes already looked at."""

    def __init__(self, source: Readable, head: bytes) -> None:
        self._source = source
        self._head = head

    def read(self, size: int) -> bytes:
        if self._head:
            part, self._head = self._head[:size], self._head[size:]
            return part
        return self._source.read(size)


def decode(
    source: IO[bytes], name: str, content_type: str = "", *, searchable: bool = True
) -> Iterator[bytes]:
    """The audio of a file as mu-law pieces, mixed to one channel.

    `name` is for messages. A file whose index may be at its end (MP4) is searched; any other is
    read from front to back, unless `searchable` says that it costs nothing. Raises AudioError for
    what holds no audio that can be decoded; what can be decoded of a damaged file is played.
    """
    head = source.read(16)
    if searchable or head[4:8] == _LATE_INDEX:
        source.seek(0)
        file: Any = source
    else:
        file = _Stream(source, head)
    raw = None if head.startswith(_HEADS) else _RAW.get(content_type.partition(";")[0].strip())
    try:
        with av.open(
            file,
            format=raw,
            options=_OPTIONS | (_RAW_OPTIONS if raw == "mulaw" else {}),
            metadata_errors="ignore",
            io_open=_refuse,
        ) as container:
            if not container.streams.audio:
                raise AudioError(f"{name} holds no audio")
            yield from _pieces(container, container.streams.audio[0], name)
    except av.error.FFmpegError as error:
        raise AudioError(f"{name} is not audio that can be played: {_words(error)}") from error


def _pieces(container: Any, stream: Any, name: str) -> Iterator[bytes]:
    resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    waiting = bytearray()
    decoded = False
    failure: av.error.FFmpegError | None = None
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError as error:  # one bad packet; the next may do
            failure = error
            continue
        for frame in frames:
            if frame.sample_rate < _MIN_RATE:  # a second of it would be a flood of ours
                raise AudioError(f"{name} has {frame.sample_rate} samples a second, too few")
            decoded = True
            waiting += _mulaw(resampler.resample(frame))
        while len(waiting) >= PIECE_BYTES:
            yield bytes(waiting[:PIECE_BYTES])
            del waiting[:PIECE_BYTES]
    if not decoded:
        raise AudioError(
            f"{name} holds no audio that can be decoded"
            + (f": {_words(failure)}" if failure else "")
        )
    waiting += _mulaw(resampler.resample(None))
    if waiting:
        yield bytes(waiting)


def _mulaw(frames: list[Any]) -> bytes:
    return b"".join(
        audioop.lin2ulaw(bytes(frame.planes[0])[: 2 * frame.samples], 2) for frame in frames
    )


def _refuse(*_: object) -> NoReturn:
    raise AudioError("a file that refers to other files is not played")


def _words(error: av.error.FFmpegError) -> str:
    return str(error.strerror or error).lower()
