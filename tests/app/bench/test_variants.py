"""Settings of the service as they are given to a benchmark."""

from __future__ import annotations

import pytest

from app.bench.errors import BenchError
from app.bench.variants import environment, variants


def test_environment() -> None:
    """A value may hold anything; variables that are not the service's own are passed on."""
    assert environment(["TWIML_BRIDGE_LOG_LEVEL=debug", "PYTHONMALLOC=malloc=1,2:3"]) == {
        "TWIML_BRIDGE_LOG_LEVEL": "debug",
        "PYTHONMALLOC": "malloc=1,2:3",
    }


def test_variants() -> None:
    """A name that is given again has one variable more."""
    written = ["a:X=1", "b c:TWIML_BRIDGE_LOG_LEVEL=debug", "a:Y=2:3"]
    expected = {"a": {"X": "1", "Y": "2:3"}, "b c": {"TWIML_BRIDGE_LOG_LEVEL": "debug"}}
    assert variants(written) == expected


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("TWIML_BRIDGE_LOG_LEVEL", "NAME=VALUE, not 'TWIML_BRIDGE_LOG_LEVEL'"),
        ("=1", "NAME=VALUE, not '=1'"),
        ("TWIML_BRIDGE_LOGLEVEL=debug", "there is no setting TWIML_BRIDGE_LOGLEVEL"),
    ],
)
def test_misuse(written: str, message: str) -> None:
    """A setting that there is not would leave the service as it was, and is refused."""
    for read in (lambda: environment([written]), lambda: variants([f"name:{written}"])):
        with pytest.raises(BenchError, match=message):
            read()


@pytest.mark.parametrize("written", ["X=1", ":X=1", ""])
def test_no_name(written: str) -> None:
    with pytest.raises(BenchError, match="NAME:VARIABLE=VALUE, not"):
        variants([written])
