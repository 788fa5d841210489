"""`<Start>`, `<Connect>` and `<Stop>` of streams, on the call's line."""

from __future__ import annotations

from app.calls.shell import Desk, Does
from twiml.script import CloseStream, OpenStream, StopStream


class Streams:
    """The line has the streams; their ends are reported by the line's owner."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.does: Does = {OpenStream: self._open, CloseStream: self._close, StopStream: self._stop}

    def _open(self, command: OpenStream) -> None:
        self._desk.line.begin_stream(command.stream, bidirectional=command.bidirectional)

    def _close(self, command: CloseStream) -> None:
        for session in self._desk.line.streams:
            if session.source is command.stream:
                session.stop()

    def _stop(self, command: StopStream) -> None:
        if not self._desk.line.stop_stream(command.name):
            self._desk.tell("stream.unknown", "warning", name=command.name)
