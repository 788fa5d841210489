"""State that outlives a process: calls, recordings, conferences, callbacks not sent."""

from app.store.database import abandoned, open_store, prepare
from app.store.store import Store

__all__ = ["Store", "abandoned", "open_store", "prepare"]
