"""The media contract's lines are each proved by a test that names its line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
LINES = [f"T{number}" for number in range(42, 83)]


def claims() -> Iterator[set[str]]:
    """Each marked test: the lines that both its mark and its docstring name."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            marks = {
                argument.value
                for decorator in node.decorator_list
                if isinstance(decorator, ast.Call)
                and ast.unparse(decorator.func) == "pytest.mark.contract"
                for argument in decorator.args
                if isinstance(argument, ast.Constant)
            }
            named = set(re.findall(r"\bT\d+\b", ast.get_docstring(node) or ""))
            yield {str(mark) for mark in marks} & named


@pytest.fixture(scope="module")
def named() -> set[str]:
    """Every line that some test names, from one reading of all tests."""
    return set().union(*claims())


@pytest.mark.parametrize("line", LINES)
def test_named(line: str, named: set[str]) -> None:
    """Some test is marked with the line and says so in its docstring."""
    assert line in named
