"""The C programs are built on the spot, without a warning; where they cannot be, it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.bench import native
from app.bench.errors import BuildError
from tests.app.bench.conftest import needs_compiler


@needs_compiler
@pytest.mark.parametrize("program", native.SOURCES)
async def test_no_warnings(program: str, tmp_path: Path) -> None:
    """Both programs are built where a warning is an error."""
    built = await native.build(program, tmp_path, "-Werror")
    assert built == tmp_path / program
    assert built.stat().st_mode & 0o100


async def test_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No compiler is a reason, in one sentence."""
    monkeypatch.setenv("CC", "no-such-compiler")
    assert native.compiler() is None
    with pytest.raises(BuildError, match="there is no C compiler"):
        await native.build("relay", tmp_path)


async def test_a_compiler_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a compiler says is passed on, its first lines."""
    script = tmp_path / "cc"
    script.write_text("#!/bin/sh\nfor n in 1 2 3 4 5 6 7; do echo fault $n >&2; done; exit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("CC", f"{script} -pipe")
    assert native.compiler() == [str(script), "-pipe"]
    with pytest.raises(BuildError) as caught:
        await native.build("load", tmp_path)
    assert str(caught.value).splitlines()[1:] == [f"fault {n}" for n in range(1, 6)]
