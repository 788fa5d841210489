"""A call's record for a person to read."""

from __future__ import annotations

from typing import Any

import typer

from bridge.call import Call
from bridge.stream import MediaStream
from bridge.timeline import Entry

_COLOURS = {"warning": "yellow", "error": "red"}
_UNSAID = frozenset({"signed", "quote", "carrier_gaps_ms"})


def print_timeline(call: Call) -> None:
    """Every entry, one a line: seconds, what, and the fields that say something."""
    short = {
        media.identity.stream_sid: media.identity.name or f"{media.identity.stream_sid[:6]}…"
        for media in call.streams
    }
    for entry in call.timeline.entries:
        typer.secho(_line(entry, short), fg=_COLOURS.get(entry.level))


def _line(entry: Entry, short: dict[str, str]) -> str:
    fields = [
        f"{key}={_shown(short.get(value, value) if key == 'stream' else value)}"
        for key, value in entry.data.items()
        if key not in _UNSAID and value not in (None, "", 0)
    ]
    return f"  {entry.at:8.3f}s  {entry.kind:<20} {'  '.join(fields)}".rstrip()


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def stream_line(media: MediaStream) -> str:
    """One stream's counters in a sentence."""
    counters = media.counters
    verb = "connect" if media.identity.bidirectional else "start"
    text = (
        f"{verb} stream {media.identity.name or media.identity.stream_sid}:"
        f" {counters.frames_sent} frames to the app, {counters.frames_dropped} lost"
    )
    if media.identity.bidirectional:
        text += (
            f"; {counters.audio_bytes / 8000:.2f} s of audio back,"
            f" marks {counters.marks_echoed}/{counters.marks_received},"
            f" {counters.clears} clears"
        )
    return text
