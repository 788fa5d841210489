"""Waits for the end of processes that are not our own children."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def watched(pids: Iterable[int]) -> Iterator[Callable[[], bool]]:
    """Yields what waits until all of them have ended, and says whether they have."""
    files = [os.pidfd_open(pid) for pid in pids]
    try:
        yield lambda: all(select.select([file], [], [], 20)[0] for file in files)
    finally:
        for file in files:
            os.close(file)
