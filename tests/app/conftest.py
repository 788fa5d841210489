"""Every test of this folder sees only the settings that it makes itself."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.main import Server
from tests.app.running import serving


@pytest.fixture(autouse=True, scope="session")
def no_settings_around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No variable of ours in the environment, no `.env` in the working directory."""
    with pytest.MonkeyPatch.context() as patch:
        for name in tuple(os.environ):
            if name.upper().startswith("TWIML_BRIDGE_"):
                patch.delenv(name)
        patch.chdir(tmp_path_factory.mktemp("empty"))
        yield


@pytest.fixture(autouse=True)
def own_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test works in a directory of its own."""
    monkeypatch.chdir(tmp_path)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    """A service for tests that change nothing about it."""
    async with serving() as running:
        yield running
