"""Counts which lines of the contracts' checklists the tests prove.

A test claims lines with `@pytest.mark.contract("T42", …)`. A line is proved when at least one
test that claims it passed and none that ran did otherwise; a skipped test proves nothing.
"""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Generator
from pathlib import Path

import pytest

CONTRACTS = ("twilio", "signalwire", "sdk_wire")
PROPERTY = "contract"


def load(folder: Path = Path(__file__).parent) -> dict[str, dict[str, str]]:
    """Every line's id with its table, in the contracts' order."""
    lines: dict[str, dict[str, str]] = {}
    for name in CONTRACTS:
        lines |= tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    return lines


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--contracts",
        action="store_true",
        help="run only tests that prove a contract's lines, and end with the count of proved lines",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Contracts(config), "contracts-tally")


class Contracts:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.lines = load()
        self.passed: set[str] = set()
        self.disproved: set[str] = set()

    def complaint(self, mark: pytest.Mark) -> str | None:
        """Why a claim cannot stand."""
        if not mark.args or mark.kwargs:
            return "contract(...) takes ids such as 'T42'"
        for line in mark.args:
            if line not in self.lines:
                return f"unknown contract line {line!r}"
            if "unchecked" in self.lines[line]:
                return f"{line} is listed as unchecked"
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Fail the collection of a false claim; note the sound ones, for the reports to carry."""
        report = yield
        for item in report.result or ():
            if not isinstance(item, pytest.Item):
                continue
            for mark in item.iter_markers("contract"):
                if complaint := self.complaint(mark):
                    report.outcome = "failed"
                    report.longrepr = f"{item.nodeid}: {complaint}"
                    return report
                item.user_properties += [(PROPERTY, line) for line in mark.args]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if not self.config.getoption("contracts"):
            return
        unmarked = [item for item in items if item.get_closest_marker("contract") is None]
        if unmarked:
            self.config.hook.pytest_deselected(items=unmarked)
            items[:] = [item for item in items if item.get_closest_marker("contract")]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        claimed = {str(value) for name, value in report.user_properties if name == PROPERTY}
        if report.failed or hasattr(report, "wasxfail"):
            self.disproved |= claimed
        elif report.when == "call" and report.passed:
            self.passed |= claimed

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None]:
        yield
        if self.config.getoption("contracts") and not hasattr(self.config, "workerinput"):
            terminal = self.config.get_terminal_writer()
            terminal.line()
            terminal.line(self.tally())

    def tally(self) -> str:
        """The open ids of each contract, and last one line of counts."""
        report: list[str] = []
        counts = ["contracts:"]
        checkable = [line for line, table in self.lines.items() if "unchecked" not in table]
        proved = self.passed - self.disproved
        for letter in dict.fromkeys(line[0] for line in checkable):
            lines = [line for line in checkable if line[0] == letter]
            left = [line for line in lines if line not in proved]
            if left:
                report += textwrap.wrap(f"open: {' '.join(left)}", 96, subsequent_indent="      ")
            counts.append(f"{letter} {len(lines) - len(left)}/{len(lines)}")
        return "\n".join([*report, " ".join(counts)])
