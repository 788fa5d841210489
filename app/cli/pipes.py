"""What a command does when nobody reads its output any more, as in `… | head`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import typer

UNREAD = 141
"""128 and SIGPIPE: what a shell says of a tool that this signal has ended."""


@contextlib.contextmanager
def while_read() -> Iterator[None]:
    """End the command quietly, with a status of its own, when its output is closed."""
    try:
        yield
    except BrokenPipeError:
        # What is left in the buffers must not complain once more at the end of the process.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())
        raise typer.Exit(UNREAD) from None
