"""The process of the default synthesiser where its package is not installed."""

from __future__ import annotations

import sys

from bridge.sound.espeak import answering
from bridge.sound.worker import serve

if __name__ == "__main__":
    sys.modules["espeakng_loader"] = None  # type: ignore[assignment]
    serve(sys.stdin.buffer, sys.stdout.buffer, answering)
