"""What happened on a call, in order: the one record that logs, pages and the CLI are views of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `at` is seconds since the call began; `kind` is dotted, such as
    `stream.started`; `level` is info, warning or error."""

    at: float
    kind: str
    level: str
    data: dict[str, Any]


Observer = Callable[[Entry], None]
_MAX_ERRORS = 100


@dataclass(slots=True)
class Timeline:
    """A bounded list of entries. The oldest beyond `limit` are dropped and counted.

    `errors` keeps the first hundred errors apart, so that busy streams do not crowd them out.
    """

    clock: Callable[[], float]
    limit: int = 2_000
    observer: Observer | None = None
    dropped: int = 0
    began: float = field(init=False)
    errors: list[Entry] = field(init=False, default_factory=list)
    _entries: deque[Entry] = field(init=False, default_factory=deque)

    def __post_init__(self) -> None:
        self.began = self.clock()

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries)

    def add(self, kind: str, level: str = "info", /, **data: Any) -> None:
        """Record that something happened now."""
        entry = Entry(round(self.clock() - self.began, 4), kind, level, data)
        if level == "error" and len(self.errors) < _MAX_ERRORS:
            self.errors.append(entry)
        if len(self._entries) >= self.limit:
            self._entries.popleft()
            self.dropped += 1
        self._entries.append(entry)
        if self.observer is not None:
            self.observer(entry)
