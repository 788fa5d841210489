from __future__ import annotations

import math
import subprocess
import sys

import pytest

from bridge.audio import FRAME_BYTES, FRAME_MS, SAMPLE_RATE, SILENCE, level_dbfs
from tests.support.tones import decibels, mulaw_value, to_mulaw, tone


def test_the_constants_are_one_twilio_frame() -> None:
    assert FRAME_BYTES == SAMPLE_RATE * FRAME_MS // 1000
    assert mulaw_value(SILENCE) == 0


def test_levels_are_measured_in_decibels_below_full_scale() -> None:
    half = to_mulaw(tone(1000, 8000))
    assert level_dbfs(half) == pytest.approx(decibels(0.5 / math.sqrt(2)), abs=0.2)
    assert level_dbfs(bytes([SILENCE]) * 160) == level_dbfs(b"") == -math.inf


def test_importing_the_module_warns_of_nothing() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", "import bridge.audio"], check=True)
