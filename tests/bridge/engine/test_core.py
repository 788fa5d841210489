from __future__ import annotations

from datetime import UTC

from bridge.engine.core import utc_now
from bridge.ids import is_sid, mint
from bridge.limits import StreamLimits
from bridge.playout import TEN_MINUTES
from tests.support.calls import running_engine


def test_the_clock_on_the_wall_is_utc() -> None:
    """Times are taken in UTC."""
    assert utc_now().tzinfo is UTC


async def test_defaults() -> None:
    """An engine has real randomness and, like Twilio, buffers ten minutes."""
    async with running_engine() as engine:
        assert is_sid(mint("MZ", engine.random_bytes), "MZ")
        assert engine.limits == StreamLimits()
        assert engine.limits.playout_bytes == TEN_MINUTES
