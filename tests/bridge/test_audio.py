from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.audio import FRAME_BYTES, FRAME_MS, SAMPLE_RATE, SILENCE, cut, level_dbfs
from tests.support.tones import decibels, mulaw_value, to_mulaw, tone


def test_the_constants_are_one_twilio_frame() -> None:
    assert FRAME_BYTES == SAMPLE_RATE * FRAME_MS // 1000
    assert mulaw_value(SILENCE) == 0


@given(st.binary(max_size=1_000))
def test_audio_is_cut_into_whole_frames(audio: bytes) -> None:
    """Nothing is lost or changed: frames of 20 ms, and less than one is left over."""
    frames, left = cut(audio)
    assert b"".join(frames) + left == audio
    assert {len(frame) for frame in frames} <= {FRAME_BYTES}
    assert len(left) < FRAME_BYTES


def test_levels_are_measured_in_decibels_below_full_scale() -> None:
    half = to_mulaw(tone(1000, 8000))
    assert level_dbfs(half) == pytest.approx(decibels(0.5 / math.sqrt(2)), abs=0.2)
    assert level_dbfs(bytes([SILENCE]) * 160) == level_dbfs(b"") == -math.inf


def test_importing_the_module_warns_of_nothing() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", "import bridge.audio"], check=True)
