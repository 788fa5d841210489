"""Packages of the JavaScript peers: fetched once, and left out with a reason. npm is a stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.bench import packages
from app.bench.errors import MissingError


@pytest.fixture
def bin_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH but for the shell's own."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


async def test_fetched_once(bin_directory: Path, tmp_path: Path) -> None:
    """npm runs in a directory of the lock file's own, and not again for the same lock file."""
    calls = tmp_path / "calls"
    script(bin_directory / "npm", f'echo "$*" >> {calls}')
    directory = await packages.prepare("node", 20, tmp_path / "cache")
    assert directory.parent == tmp_path / "cache"
    files = {"package.json", "package-lock.json", "relay.mjs", "dialect.mjs"}
    assert files <= {path.name for path in directory.iterdir()}
    assert await packages.prepare("node", 20, tmp_path / "cache") == directory
    assert calls.read_text() == f"ci --prefix {directory} --no-audit --no-fund\n"
    assert await packages.prepare("bun", 20, tmp_path / "cache") != directory


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo npm error code ENOTFOUND; exit 1", "could not fetch its packages: .*ENOTFOUND"),
        ("exit 1", "could not fetch its packages: see npm ci"),
        ("exec /bin/sleep 20", "could not fetch its packages: .*ETIMEDOUT"),
    ],
)
async def test_not_to_be_had(bin_directory: Path, tmp_path: Path, text: str, reason: str) -> None:
    """What npm says is the reason, and the next run tries again."""
    script(bin_directory / "npm", text)
    for _ in range(2):
        with pytest.raises(MissingError, match=reason):
            await packages.prepare("node", 0.5, tmp_path / "cache")


async def test_no_npm(bin_directory: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="there is no npm"):
        await packages.prepare("node", 20, tmp_path)


async def test_no_room(bin_directory: Path, tmp_path: Path) -> None:
    script(bin_directory / "npm", "exit 0")
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(MissingError, match="cannot be written"):
        await packages.prepare("node", 20, tmp_path / "cache")


async def test_which_node(bin_directory: Path) -> None:
    """Node.js 20 is needed, and says so itself."""
    with pytest.raises(MissingError, match=r"there is no Node\.js"):
        await packages.node()
    node = bin_directory / "node"
    script(node, "echo v18.19.0")
    with pytest.raises(MissingError, match=r"Node\.js 20 is needed, this is v18\.19\.0"):
        await packages.node()
    script(node, "exit 1")
    with pytest.raises(MissingError, match="broken"):
        await packages.node()
    script(node, "echo v20.1.0")
    assert await packages.node() == str(node)


def test_where_packages_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/tmp/cache")
    assert packages.cache_directory() == Path("/var/tmp/cache/twiml-bridge/bench")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert packages.cache_directory() == Path("/home/someone/.cache/twiml-bridge/bench")
