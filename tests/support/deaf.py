"""The process of the offline recogniser where its package is not installed."""

from __future__ import annotations

import sys

from bridge.sound.sphinx import answering
from bridge.sound.worker import serve

if __name__ == "__main__":
    sys.modules["pocketsphinx"] = None  # type: ignore[assignment]
    serve(sys.stdin.buffer, sys.stdout.buffer, answering)
