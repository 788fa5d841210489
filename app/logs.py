"""Structured logs: ids, codes, sizes and times. Never audio, parameters, digits, numbers, secrets.

A timeline entry is logged field by field from a list of harmless ones; the timeline keeps the rest.
"""

from __future__ import annotations

import logging
import re
import sys

import structlog

from app.settings import Settings
from bridge.timeline import Entry

SAFE = frozenset(
    {
        "attempts",
        "bidirectional",
        "close_code",
        "code",
        "column",
        "encoding",
        "event",
        "limit",
        "line",
        "marks",
        "method",
        "reason",
        "sample_rate",
        "seconds",
        "status",
        "stream",
        "track",
        "tracks",
        "verb",
        # A stream's counters
        "frames_sent",
        "frames_dropped",
        "audio_bytes",
        "discarded_bytes",
        "marks_received",
        "marks_echoed",
        "clears",
        "throttled",
        "carrier_throttled",
        "faults",
        # A tap's counters
        "received_bytes",
        "padded_bytes",
        "pause_ms",
        "packets",
        "lost",
        "late",
        "duplicates",
        "strays",
        "other",
        "restarts",
        "silence_bytes",
        "ignored",
        "foreign",
    }
)
_EXPLAINED = frozenset({"message", "advice", "url"})
_HIDDEN = re.compile(r"[0-9](?=[0-9]{2})")
_FREQUENT = frozenset({"mark.received", "mark.echoed", "clear"})

log = structlog.get_logger("call")


def log_entry(call_sid: str, entry: Entry) -> None:
    """Log a timeline entry. Warnings and errors also say what and how to mend it."""
    if entry.kind in _FREQUENT:
        return
    shown = SAFE if entry.level == "info" else SAFE | _EXPLAINED
    data = {k: value for k, value in entry.data.items() if k in shown and value is not None}
    if entry.kind == "stream.closed_by_app":
        data.pop("reason", None)  # the app's own words
    if "event" in data:  # structlog's own name for the first argument
        data["callback"] = data.pop("event")
    getattr(log, entry.level)(entry.kind, call=call_sid, at=entry.at, **data)


def masked(name: str) -> str:
    """A name that may be a phone number, with no more than the last two digits of each number."""
    return _HIDDEN.sub("*", name)


def configure(settings: Settings, worker: int | None = None) -> None:
    """Send every log line, ours and our libraries', to standard error in one form.

    `worker`: the number that each line of one of several processes carries.
    """

    def name_worker(
        _logger: object, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["worker"] = worker
        return event

    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        *([] if worker is None else [name_worker]),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "websockets", "asyncio", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers = []
        library.propagate = name != "uvicorn.access"
