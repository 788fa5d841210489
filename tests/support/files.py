"""Audio files made by PyAV, and what their samples should be."""

from __future__ import annotations

import io
import math
from array import array
from fractions import Fraction

import av

from bridge.audio import audioop


def sweep(seconds: float, rate: int, channels: int = 1) -> array[int]:
    """A tone that glides from 300 to 3000 Hz: no two of its moments are alike."""
    samples = array("h")
    count = round(seconds * rate)
    for n in range(count):
        t = n / rate
        phase = 2 * math.pi * (300 * t + 2700 * t * t / (2 * seconds))
        samples.extend([round(12_000 * math.sin(phase))] * channels)
    return samples


def encoded(
    form: str, codec: str, samples: array[int], rate: int, channels: int = 1, **options: str
) -> bytes:
    """The samples (interleaved) as a file of that format and codec."""
    file = io.BytesIO()
    layout = "mono" if channels == 1 else "stereo"
    with av.open(file, "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        whole = av.AudioFrame(format="s16", layout=layout, samples=len(samples) // channels)
        whole.sample_rate = rate
        whole.time_base = Fraction(1, rate)
        whole.pts = 0
        whole.planes[0].update(samples.tobytes())
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout=layout,
            rate=rate,
            frame_size=stream.codec_context.frame_size or None,
        )
        for frame in [*resampler.resample(whole), *resampler.resample(None), None]:
            container.mux(stream.encode(frame))
    return file.getvalue()


def difference_db(one: bytes, other: bytes) -> float:
    """How loud the difference of two pieces of mu-law is, below the first; lower is more alike.

    Both are cut to the shorter, and shifted against each other by up to 4 ms.
    """
    best = math.inf
    first = audioop.ulaw2lin(one, 2)
    second = audioop.ulaw2lin(other, 2)
    for shift in range(-32, 33):
        a, b = first[2 * max(0, shift) :], second[2 * max(0, -shift) :]
        size = min(len(a), len(b))
        rest = audioop.rms(audioop.add(a[:size], audioop.mul(b[:size], 2, -1), 2), 2)
        best = min(best, 20 * math.log10(max(rest, 0.1) / audioop.rms(a[:size], 2)))
    return best
