"""The contracts plugin, seen from outside: pytest run on small suites of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.plugin import load

ROOT = Path(__file__).parents[2]

SUITE = """
import pytest

@pytest.mark.contract("T1", "T2")
def test_two_lines(): pass

@pytest.mark.contract("T2")
def test_spoils_a_line(): assert False

@pytest.mark.contract("S1")
def test_sure(): pass

@pytest.mark.contract("S1", "S2")
@pytest.mark.skip
def test_skipped(): pass

@pytest.mark.contract("W1")
@pytest.mark.xfail
def test_expected_to_fail(): assert False

@pytest.fixture
def broken():
    yield
    raise RuntimeError

@pytest.mark.contract("W2")
def test_broken_at_the_end(broken): pass

@pytest.mark.contract("W3")
@pytest.mark.parametrize("n", [1, 2])
def test_each(n): pass

def test_unmarked(): pass
"""


def run(folder: Path, suite: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_suite.py").write_text(suite)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = contract(*ids): claims\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:asyncio", "-p", "tests.contracts.plugin"]
    return subprocess.run(
        [*command, *options],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_counts_what_is_proved(tmp_path: Path, workers: list[str]) -> None:
    result = run(tmp_path, SUITE, "--contracts", *workers)

    lines = result.stdout.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("open: "))
    left = " ".join(lines[first:-1]).split()
    assert {"T2", "S2", "W1", "W2"} <= set(left)
    assert not {"T1", "S1", "W3", "S75"} & set(left)
    assert re.fullmatch(r"contracts: T 1/\d+ S 1/\d+ W 1/\d+", lines[-1])
    assert result.returncode == pytest.ExitCode.TESTS_FAILED


def test_runs_only_what_is_marked(tmp_path: Path) -> None:
    result = run(tmp_path, SUITE, "--contracts", "-v")

    assert "test_sure PASSED" in result.stdout
    assert "test_unmarked" not in result.stdout
    assert "1 deselected" in result.stdout


def test_is_silent_without_the_option(tmp_path: Path) -> None:
    result = run(tmp_path, SUITE, "-v")

    assert "test_unmarked PASSED" in result.stdout
    assert "contracts:" not in result.stdout
    assert "open:" not in result.stdout


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
@pytest.mark.parametrize(
    ("claim", "complaint"),
    [
        ('"T999"', "unknown contract line 'T999'"),
        ("7", "unknown contract line 7"),
        ('"S75"', "S75 is listed as unchecked"),
        ("", "takes ids"),
    ],
)
def test_refuses_a_claim_that_cannot_stand(
    tmp_path: Path, workers: list[str], claim: str, complaint: str
) -> None:
    suite = f"import pytest\n\n@pytest.mark.contract({claim})\ndef test_claim(): pass\n"

    result = run(tmp_path, suite, *workers)

    assert "test_suite.py::test_claim: " in result.stdout + result.stderr
    assert complaint in result.stdout + result.stderr
    assert " passed" not in result.stdout
    assert result.returncode != pytest.ExitCode.OK


def test_every_line_is_listed_in_few_words() -> None:
    lines = load()

    for letter, last in (("T", 98), ("S", 80), ("W", 64)):
        expected = [f"{letter}{n}" for n in range(1, last + 1)]
        assert [line for line in lines if line[0] == letter] == expected
    assert all(0 < len(table["text"]) <= 80 for table in lines.values())
    assert {key for table in lines.values() for key in table} == {"text", "unchecked"}
