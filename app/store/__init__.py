"""State that outlives a process: calls, streams, recordings, conferences, callbacks not sent."""

from app.store.database import open_store, prepare
from app.store.store import Store

__all__ = ["Store", "open_store", "prepare"]
