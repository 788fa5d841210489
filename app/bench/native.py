"""Builds the benchmark's C programs on the spot, where there is a C compiler."""

from __future__ import annotations

import os
import shlex
import shutil
from importlib.resources import as_file, files
from pathlib import Path

from app.bench.children import output
from app.bench.errors import BuildError

SOURCES = {"load": ("load.c", "sockets.c", "talk.c"), "relay": ("relay.c",)}
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra")
_BUILD = 60.0  # seconds


def compiler() -> list[str] | None:
    """The C compiler's command: `CC` if that is set, else cc, gcc or clang; None without any."""
    named = shlex.split(os.environ.get("CC", ""))
    for command in [named] if named else [["cc"], ["gcc"], ["clang"]]:
        if path := shutil.which(command[0]):
            return [path, *command[1:]]
    return None


async def build(program: str, directory: Path, *more: str) -> Path:
    """Compile a program of SOURCES into a directory; raises BuildError.

    `more` are further options of the compiler.
    """
    command = compiler()
    if command is None:
        raise BuildError("there is no C compiler (cc, gcc, clang, or CC)")
    target = directory / program
    with as_file(files(__package__).joinpath("native")) as source:
        status, told = await output(
            *command,
            *FLAGS,
            *more,
            "-o",
            str(target),
            *(str(source / name) for name in SOURCES[program]),
            within=_BUILD,
        )
    if status:
        lines = told.splitlines()
        raise BuildError("\n".join([f"{command[0]} cannot build {program}:", *lines[:5]]))
    return target
