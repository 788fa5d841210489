"""`twiml-bridge bench`: what is measured and how it is told, not how fast it is."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from typer.testing import CliRunner

from app.bench.calls import Result as Calls
from app.bench.calls import table as counted
from app.bench.twiml import BASELINE, DOCUMENTS, Result, measure, record, table, works
from app.cli import cli
from twiml.document import FETCHED
from twiml.parser import parse


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_are_typical(name: str) -> None:
    """They ship with the package, nothing is wrong with them, and each has a stream."""
    data = files("app.bench").joinpath(f"{name}.xml").read_bytes()
    document = parse(data, base_url="https://app.example.com/voice")
    assert document.diagnostics == ()
    assert document.actions
    assert b"<Stream " in data
    assert len(data) <= FETCHED.max_bytes


def test_what_is_measured() -> None:
    """lxml's bare parse, reading, checking and translating, each from the same bytes."""
    measured = works()
    assert list(measured)[:4] == [BASELINE, "parse", "lint", "cxml"]
    for work in measured.values():
        assert work(b"<Response><Hangup/></Response>") is not None


def test_every_work_has_its_turn_in_every_round() -> None:
    """On every document, at least three times, however short the time."""
    results = measure(0.0)
    expected = [(name, work) for name in DOCUMENTS for work in works()]
    assert [(result.document, result.work) for result in results] == expected
    assert {len(result.rates) for result in results} == {3}
    assert all(rate > 0 for result in results for rate in result.rates)


def test_medians_and_ratios() -> None:
    """A ratio is the median of the rounds' own ratios, whatever the machine did in between."""
    baseline = Result("a", 9, BASELINE, [100.0, 400.0, 90.0])
    ours = Result("a", 9, "parse", [50.0, 100.0, 30.0])
    assert ours.per_second == 50.0
    assert ours.times(baseline) == 3.0
    assert baseline.times(baseline) == 1.0
    told = record([baseline, ours])["results"][1]
    assert (told["per_second"], told["per_second_min"], told["per_second_max"]) == (50, 30, 100)
    assert told["times_lxml"] == 3.0
    lines = list(table([baseline, ours]))
    assert lines[0].endswith("medians of 3 rounds")
    assert lines[-1].split() == ["parse", "50", "3.00"]


def test_the_command() -> None:
    """A table, or JSON."""
    runner = CliRunner()
    shown = runner.invoke(cli, ["bench", "twiml", "--seconds", "0.1"])
    assert shown.exit_code == 0
    assert len(shown.stdout.splitlines()) == 2 + len(DOCUMENTS) * len(works())
    told = runner.invoke(cli, ["bench", "twiml", "--seconds", "0.1", "--json"])
    found = json.loads(told.stdout)
    assert found["rounds"] >= 3
    assert {result["document"] for result in found["results"]} == set(DOCUMENTS)


def test_misuse() -> None:
    """No time is no measurement."""
    assert CliRunner().invoke(cli, ["bench", "twiml", "--seconds", "0"]).exit_code == 2


def test_local_calls() -> None:
    """A few real calls go through whole; what was counted is told for people and machines."""
    told = CliRunner().invoke(cli, ["bench", "calls", "--calls", "4", "--json"])
    found = json.loads(told.stdout)
    assert (found["calls"], found["whole"]) == (4, 4)
    assert found["frames_heard"] > 4 * 150
    assert set(found["late_ms"]) == {"median", "p99", "max"}
    assert told.exit_code == (1 if found["underruns"] else 0)


def test_lateness() -> None:
    """Shares of the clock's turns, and all that the table has."""
    result = Calls(2, whole=1, underruns=3, seconds=2.0, cpu_seconds=1.0, late=[0.001, 0.002, 0.1])
    assert [result.late_ms(share) for share in (0.5, 1.0)] == [2.0, 100.0]
    lines = list(counted(result))
    assert lines[0].endswith("2, 1 of them whole")
    assert lines[2].split() == ["underruns", "3"]
    assert "50 % of one" in lines[4]
