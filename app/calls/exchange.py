"""What the calls of a service that runs them itself have in common."""

from __future__ import annotations

from collections.abc import Mapping

from app.calls.conferences import Conferences
from app.calls.handsets import Directory
from app.calls.queues import Queues


class Exchange:
    """Who can be rung, by the names of the settings, and where calls meet."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.directory = Directory(names)
        self.conferences = Conferences()
        self.queues = Queues()
