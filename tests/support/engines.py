"""Which engine moves the frames of a test's sockets. The `fast` fixture chooses."""

from __future__ import annotations

from bridge.engine.websocket import FAST


class chosen:  # noqa: N801 -- a namespace
    """What sockets that a test makes without saying otherwise are."""

    fast = FAST
