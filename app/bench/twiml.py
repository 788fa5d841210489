"""How fast documents are read, checked and translated, beside lxml's bare parse of the same bytes.

A machine's speed changes while it is measured. Each round therefore runs every piece of work once
on every document, in short turns, and a ratio compares turns of the same round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.resources import files
from platform import python_version
from statistics import median
from typing import Any

import orjson
from lxml import etree

from app.cli.choices import Dialect, Language
from app.cli.translation import Translate, translator
from app.lint import Report
from twiml.parser import parse

DOCUMENTS = ("connect", "menu", "dial", "long")
"""Typical documents that come with the package, the smallest first and the longest last."""
BASELINE = "lxml"

_URL = "https://app.example.com/voice"
_TURN = 0.004
"""Seconds that one turn is to take: long for the clock, short for what else the machine does."""
_ROUNDS = 3

Work = Callable[[bytes], object]


@dataclass(slots=True)
class Result:
    """What one piece of work did with one document: documents per second, round by round."""

    document: str
    size: int
    work: str
    rates: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return median(self.rates)

    def times(self, baseline: Result) -> float:
        """How many times the baseline's time this takes."""
        return median(
            theirs / ours for theirs, ours in zip(baseline.rates, self.rates, strict=True)
        )


def works() -> dict[str, Work]:
    """Everything that is measured, by name; all of it begins with a document's bytes."""
    parser = etree.XMLParser()
    found: dict[str, Work] = {
        BASELINE: lambda data: etree.fromstring(data, parser),
        "parse": lambda data: parse(data, base_url=_URL),
        "lint": lambda data: orjson.dumps(Report("-", parse(data, base_url=_URL), _URL).record),
        "cxml": _translating(translator(Language.CXML)),
    }
    for dialect in Dialect:
        found[f"swml {dialect}"] = _translating(translator(Language.SWML, dialect))
    return found


def measure(seconds: float) -> list[Result]:
    """Run every piece of work on every document, in rounds, for about so long."""
    began = time.perf_counter()
    turns: list[tuple[Result, Work, bytes, int]] = []
    for name in DOCUMENTS:
        data = files(__package__).joinpath(f"{name}.xml").read_bytes()
        for title, work in works().items():
            result = Result(name, len(data), title)
            turns.append((result, work, data, _repeats(work, data)))
    done = 0
    while done < _ROUNDS or time.perf_counter() - began < seconds:
        for result, work, data, repeats in turns:
            result.rates.append(repeats / _timed(work, data, repeats))
        done += 1
    return [result for result, *_ in turns]


def table(results: list[Result]) -> Iterator[str]:
    """Results for a person, line by line."""
    baseline = _baselines(results)
    rounds = len(results[0].rates)
    yield f"Python {python_version()}, lxml {version('lxml')}; medians of {rounds} rounds"
    yield f"{'document':<10}{'bytes':>8}  {'work':<12}{'per second':>12}{'time / lxml':>13}"
    for result in results:
        first = result.work == BASELINE
        document, size = (result.document, f"{result.size:,}") if first else ("", "")
        times = result.times(baseline[result.document])
        yield (
            f"{document:<10}{size:>8}  {result.work:<12}{result.per_second:>12,.0f}{times:>13.2f}"
        )


def record(results: list[Result]) -> dict[str, Any]:
    """Results in plain data."""
    baseline = _baselines(results)
    return {
        "python": python_version(),
        "lxml": version("lxml"),
        "rounds": len(results[0].rates),
        "results": [
            {
                "document": result.document,
                "bytes": result.size,
                "work": result.work,
                "per_second": round(result.per_second, 1),
                "per_second_min": round(min(result.rates), 1),
                "per_second_max": round(max(result.rates), 1),
                "times_lxml": round(result.times(baseline[result.document]), 3),
            }
            for result in results
        ],
    }


def _baselines(results: list[Result]) -> dict[str, Result]:
    return {result.document: result for result in results if result.work == BASELINE}


def _translating(translate: Translate) -> Work:
    return lambda data: translate(parse(data, base_url=_URL), _URL).output


def _repeats(work: Work, data: bytes) -> int:
    """How often a document goes into one turn; finding out warms everything up."""
    repeats = 1
    while (taken := _timed(work, data, repeats)) < _TURN:
        repeats = max(2 * repeats, int(repeats * _TURN / max(taken, 1e-9)))
    return repeats


def _timed(work: Work, data: bytes, repeats: int) -> float:
    began = time.perf_counter()
    for _ in range(repeats):
        work(data)
    return time.perf_counter() - began
