"""Fetches the packages of the JavaScript peers, once, into the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
from importlib.resources import as_file, files
from pathlib import Path

from app.bench.children import output
from app.bench.errors import MissingError

_OLDEST_NODE = 20


def cache_directory() -> Path:
    """Where packages are kept between runs (XDG base directories)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "twiml-bridge" / "bench"


async def node() -> str:
    """The path of a Node.js that is new enough; raises MissingError."""
    path = shutil.which("node")
    if path is None:
        raise MissingError("there is no Node.js")
    status, told = await output(path, "--version", within=20)
    major = told.strip().removeprefix("v").partition(".")[0]
    if status or not major.isdecimal() or int(major) < _OLDEST_NODE:
        raise MissingError(f"Node.js {_OLDEST_NODE} is needed, this is {told.strip() or 'broken'}")
    return path


async def prepare(peer: str, within: float, cache: Path | None = None) -> Path:
    """A directory with a peer's program and its locked packages; raises MissingError.

    The packages are fetched by `npm ci`, unless an earlier run has done so for the same lock file;
    `within` bounds that, in seconds.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise MissingError("there is no npm to fetch its packages with")
    with as_file(files(__package__).joinpath("peers")) as peers:
        lock = (peers / peer / "package-lock.json").read_bytes()
        name = f"{peer}-{hashlib.sha256(lock).hexdigest()[:16]}"
        directory = (cache or cache_directory()) / name
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for source in (*(peers / peer).iterdir(), peers / "dialect.mjs"):
                if source.is_file():
                    shutil.copyfile(source, directory / source.name)
        except OSError as error:
            raise MissingError(f"{directory} cannot be written: {error.strerror}") from error
    done = directory / ".fetched"
    if not done.exists():
        command = (npm, "ci", "--prefix", str(directory), "--no-audit", "--no-fund")
        status, told = await output(*command, within=within)
        if status:
            reason = next((line for line in told.splitlines() if "code E" in line), "")
            raise MissingError(f"npm could not fetch its packages: {reason or 'see npm ci'}")
        done.touch()
    return directory
