"""What the command line names: files, folders of files, standard input, URLs."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

_SUFFIXES = (".xml", ".twiml")


class TargetError(Exception):
    """A target that leads to no document; the message names it and says how to mend it."""


@dataclass(frozen=True, slots=True)
class Target:
    """One document to be read. `listed` when a folder led to it and not the user."""

    name: str
    listed: bool = False

    @property
    def is_url(self) -> bool:
        return is_url(self.name)

    @property
    def shown(self) -> str:
        """The name as text, whatever bytes a file's name is made of."""
        return os.fsencode(self.name).decode("utf-8", "replace")

    def read(self, most: int) -> bytes:
        """The first `most` bytes of a file or of standard input; raises OSError."""
        if self.name == "-":
            stdin: TextIO | None = sys.stdin
            if stdin is None:
                raise OSError("standard input is closed")
            return stdin.buffer.read(most)
        with open(self.name, "rb", opener=_regular if self.listed else None) as file:
            return file.read(most)


def is_url(name: str) -> bool:
    return name.lower().startswith(("http://", "https://"))


def expand(name: str) -> Iterator[Target]:
    """The documents that a name stands for, a folder's in order; raises TargetError."""
    if name == "-" or is_url(name):
        yield Target(name)
        return
    try:
        folder = stat.S_ISDIR(Path(name).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        hint = "; a URL begins with http:// or https://" if "://" in name else ""
        raise TargetError(f"{Target(name).shown}: no such file or directory{hint}") from None
    except (OSError, ValueError):
        folder = False  # reading it says why it cannot be read
    if not folder:
        yield Target(name)
        return
    found = False
    for target in _below(name):
        found = True
        yield target
    if not found:
        raise TargetError(f"{Target(name).shown}: no *.xml or *.twiml file in this directory")


def _below(folder: str) -> Iterator[Target]:
    """A folder's own files by name, then each of its folders'; links to folders are left alone."""
    unread: list[str] = []
    for parent, folders, files in os.walk(folder, onerror=lambda e: unread.append(e.filename)):
        folders.sort()
        for file in sorted(files):
            if file.lower().endswith(_SUFFIXES):
                yield Target(os.path.join(parent, file), listed=True)  # noqa: PTH118
    for path in unread:
        yield Target(path, listed=True)


def _regular(path: str, flags: int) -> int:
    """Opens a regular file only: a pipe that happens to lie in a folder would never end."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is not a regular file")
    return descriptor
